"""Reading: what the tokens of a track spell, unit by unit, and the answer that one track alone gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from generalist.sequence.frame import Frame
from generalist.sequence.grammar import Literal, Node, leaves
from generalist.sequence.matching import match
from generalist.sequence.sample import Answer
from generalist.sequence.things import MASKS
from generalist.sequence.units import UNITS
from generalist.sequence.writing import after
from generalist.sequence.written import Written

__all__ = ["Found", "fill", "read"]

Found = tuple[str, Any, float]
"""A unit's name, or fixed words; its value, None of fixed words; the geometric mean of its tokens' probabilities."""

SAYS = ("text", "docid", "ngram", "code", "label", "number")
"""Units whose value is the text of an answer."""


def read(tree: Node, written: Written, track: int, frame: Frame) -> list[Found]:
    """What one track's tokens spell, in their order."""
    ids = written.ids(track)
    parts = match(tree, ids, frame)
    if parts is None and ids and ids[-1] == frame.vocabulary.eos:
        parts = match(tree, ids[:-1], frame)
    found: list[Found] = []
    for part in parts or []:
        sure = float(np.exp(np.log(np.maximum(written.chosen[track, part.start : part.stop], 1e-9)).mean()))
        if isinstance(part.unit, Literal):
            found.append((part.unit.text, None, sure))
            continue
        name, tokens = part.unit.name, ids[part.start : part.stop]
        value = UNITS[name].decode(tokens, frame, _weights(written, track, part.start, tokens, frame))
        found.append((name, value, sure))
        frame = after(name, tokens, frame)
    return found


def _weights(written: Written, track: int, start: int, ids: Sequence[int], frame: Frame) -> list[Any] | None:
    """The distributions behind tokens, each over its own block (of ``pixels``, their planes), or None where the
    decoder kept none."""
    if not written.known:
        return None
    blocks = map(frame.vocabulary.block_of, ids)
    return [
        written.plane(track, step) if block.name == "pixels" else written.weights(track, step, block)
        for step, block in enumerate(blocks, start)
    ]


def fill(answer: Answer, tree: Node, found: Sequence[Found], confidence: float) -> None:
    """Fills an answer that is not about places, or not only, with what its one track spells."""
    record = {name: value for name, value, _ in found}
    if answer.scores is None:
        answer.scores = np.asarray([confidence], np.float32)
    shape = next((record[name] for name in MASKS if name in record), None)
    if shape is not None and answer.masks is None:
        answer.masks = shape[None]
    if "label" in record and answer.labels is None:
        answer.labels = (record["label"],)
    answer.number = record.get("number")
    if any(leaf.name in SAYS for leaf in leaves(tree)):
        answer.text = str(next((record[name] for name in SAYS if name in record), ""))
