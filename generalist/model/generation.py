"""Our grammar inside Hugging Face's ``generate``: a logits processor that leaves only what a Constraint allows."""

from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from generalist.model.decode import on_device
from generalist.sequence.automaton import Automaton, Constraint

__all__ = ["GrammarLogitsProcessor"]


class GrammarLogitsProcessor(LogitsProcessor):
    """Keeps ``generate`` inside the grammar of a task with one track, e.g. caption or ask.

    The state of every row is read anew from what it has written: nothing has to be told when beams are reordered.

    Args:
        constraint: of the task, ``task.constraint(request)``. Answers that point at labels need ``model.decode``, which
            knows their names.
        begin: length of ``input_ids`` as given to ``generate``, where answers begin.
        end: the end token, which a row whose answer is complete writes so that ``generate`` leaves it.
    """

    def __init__(self, constraint: Constraint, begin: int, end: int):
        self.constraint, self.begin, self.end = constraint, begin, end

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (R, S), scores (R, V): the scores with minus infinity wherever the grammar allows nothing."""
        held: Any = self.constraint
        constraint = on_device(held, scores.device) if isinstance(held, Automaton) else held
        state = constraint.start(len(input_ids))
        for written in input_ids[:, self.begin :].T:
            state = constraint.advance(state, written)
        allowed = constraint.allowed(state)
        out = torch.full_like(scores, float("-inf"))
        out[:, allowed.columns] = scores[:, allowed.columns].masked_fill(~allowed.mask, float("-inf"))
        done = constraint.done(state)
        out[done, self.end] = 0.0
        return out
