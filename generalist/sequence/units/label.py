"""``label``: one token that points at a name in the request."""

from collections.abc import Sequence

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, of_block
from generalist.sequence.units.unit import Weights

__all__ = ["Label"]


class Label:
    """A name of the request, whole: one token however many words it has."""

    name = "label"
    field = "label"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return of_block(frame.vocabulary["label"], len(frame.labels))

    def encode(self, value: str, frame: Frame, size: int | None) -> list[int]:
        if value not in frame.labels:
            raise ValueError(f"{value!r} is not among the names asked for")
        return [frame.vocabulary["label"][frame.labels.index(value)]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> str:
        return frame.labels[frame.vocabulary["label"].index_of(ids[0])]
