"""``code``: a document by the ``doc`` tokens that stand for it (DSI, Tay et al. 2022; TIGER, Rajput et al. 2023)."""

from collections.abc import Sequence

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, Repeat, of_block
from generalist.sequence.units.unit import Weights
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["LONGEST", "Code", "code_ids", "code_of"]

LONGEST = 10
"""Tokens of a code when the task file does not say: more than any document needs."""


def code_ids(code: str, vocabulary: Vocabulary) -> list[int]:
    """Token ids of a code, numbers of the ``doc`` block with spaces between: ``"12 70 192"``.

    Raises:
        ValueError: it is empty, or something else.
    """
    numbers = code.split()
    if not numbers or not all(number.isdecimal() and int(number) < len(vocabulary["doc"]) for number in numbers):
        raise ValueError(f"{code!r} is no code of a document")
    return [vocabulary["doc"][int(number)] for number in numbers]


def code_of(ids: Sequence[int], vocabulary: Vocabulary) -> str:
    """The code that token ids are: the other way round."""
    return " ".join(str(vocabulary["doc"].index_of(token)) for token in ids)


class Code:
    """A code as a string; an index admits only those of its documents."""

    name = "code"
    field = "text"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return Repeat(of_block(frame.vocabulary["doc"]), 1, size or LONGEST)

    def encode(self, value: str, frame: Frame, size: int | None) -> list[int]:
        return code_ids(value, frame.vocabulary)[: size or LONGEST]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> str:
        return code_of(ids, frame.vocabulary)
