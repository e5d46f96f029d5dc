"""``number``: a count, in one token."""

from collections.abc import Sequence

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, of_block
from generalist.sequence.units.unit import Weights

__all__ = ["Number"]


class Number:
    """A whole number from 0; larger ones than the vocabulary holds are its largest."""

    name = "number"
    field = "number"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return of_block(frame.vocabulary["number"])

    def encode(self, value: int, frame: Frame, size: int | None) -> list[int]:
        if value < 0:
            raise ValueError(f"{value} is no count")
        block = frame.vocabulary["number"]
        return [block[min(int(value), len(block) - 1)]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> int:
        return frame.vocabulary["number"].index_of(ids[0])
