"""``depth``: one log-spaced bin of metres for one cell."""

from collections.abc import Sequence

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, of_block
from generalist.sequence.units.unit import Weights, bins_of

__all__ = ["Depth"]


class Depth:
    """A distance in metres."""

    name = "depth"
    field = "depth"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return of_block(frame.vocabulary["depth"])

    def encode(self, value: float, frame: Frame, size: int | None) -> list[int]:
        return [frame.vocabulary["depth"][int(frame.depth_bins(value))]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> float:
        return float(frame.depths(bins_of(ids, frame.vocabulary["depth"], weights))[0])
