"""Chances: what the states of tracks say of the ids that the grammar lets come next.

Legend: R requests, K tracks, C columns, D width.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from generalist.model.cache import Prefix
from generalist.model.modeling import GeneralistModel
from generalist.sequence.automaton import Automaton, Constraint, State
from generalist.sequence.runs import runs
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["certain", "on_device", "probabilities", "slots"]


@lru_cache(maxsize=64)
def _moved(automaton: Automaton, device: torch.device) -> Automaton:
    return automaton.on(lambda table: torch.from_numpy(table).to(device))


def on_device(automaton: Automaton, device: torch.device) -> Automaton:
    """The tables as tensors of a device; kept, because a task is asked again and again."""
    return _moved(automaton, device)


@lru_cache(maxsize=64)
def certain(automaton: Automaton, vocabulary: Vocabulary) -> Tensor:
    """``runs`` of tables on a device, on that device."""
    held = runs(automaton.on(lambda table: np.asarray(table.cpu())), vocabulary)  # type: ignore[attr-defined]
    return torch.from_numpy(held).to(automaton.class_of.device)


def slots(ids: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Which label each of ``ids`` points at, -1 for those that are none."""
    label = vocabulary["label"]
    return torch.where((ids >= label.start) & (ids < label.stop), ids - label.start, -1)


def probabilities(
    model: GeneralistModel,
    prefix: Prefix,
    constraint: Constraint,
    state: State,
    hidden: Tensor,
    vocabulary: Vocabulary,
    among: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The ids possible after states (R, K, D) (C,) and their probabilities (R, K, C), which are told among what is
    allowed, or among all of the ids ``among`` (sorted; what is allowed is of them).

    Rows that have ended allow nothing; their probabilities are zeros.
    """
    label = vocabulary["label"]
    allowed = constraint.allowed(state)
    columns = allowed.columns if among is None else among
    scores = model.logits(prefix, hidden, columns, (label.start, label.stop))
    if among is None:
        scores = scores.masked_fill(~allowed.mask.view_as(scores), -torch.inf)
        return columns, scores.softmax(-1).nan_to_num(0.0)
    chances = scores.softmax(-1)[..., torch.searchsorted(among, allowed.columns)]
    return allowed.columns, chances.masked_fill(~allowed.mask.view_as(chances), 0.0)
