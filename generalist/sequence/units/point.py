"""``point``, ``box`` and ``polygon``: places, spelled in coordinate bins."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Chain, Pattern, Repeat, Span
from generalist.sequence.units.unit import Weights, bins_of

__all__ = ["Box", "Point", "Polygon"]


class Point:
    """(2,) xy in the unit square: two ``loc`` tokens."""

    name = "point"
    field = "point"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        loc = frame.vocabulary["loc"]
        return Chain((Span(loc.start, loc.stop), Span(loc.start, loc.stop)))

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        return [frame.vocabulary["loc"][bin] for bin in frame.coordinate_bins(value)]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        return frame.coordinates(bins_of(ids, frame.vocabulary["loc"], weights))


class Box(Point):
    """(4,) xyxy in the unit square: four ``loc`` tokens, the second corner at least a bin beyond the first."""

    name = "box"
    field = "box"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        loc = frame.vocabulary["loc"]
        first, second = Span(loc.start, loc.stop - 1), Span(loc.start, loc.stop, beyond=2)
        return Chain((first, first, second, second))

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        loc, bins = frame.vocabulary["loc"], frame.coordinate_bins(value)
        bins[:2] = np.minimum(bins[:2], len(loc) - 2)
        bins[2:] = np.maximum(bins[2:], bins[:2] + 1)
        return [loc[bin] for bin in bins]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        # An expectation may pass the other corner's where the model is unsure of both.
        box = super().decode(ids, frame, weights)
        return np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])


class Polygon(Point):
    """(n, 2) xy in the unit square, 3 to ``size`` vertices (24 unless the file says)."""

    name = "polygon"
    field = "polygon"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return Repeat(super().pattern(frame, None), 3, size or 24)

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        points = np.asarray(value, np.float32).reshape(-1, 2)
        if len(points) < 3:
            raise ValueError(f"a polygon needs three vertices, not {len(points)}")
        most = size or 24
        if len(points) > most:  # evenly thinned: which vertices matter most is the caller's knowledge, not ours
            points = points[np.linspace(0, len(points), most, endpoint=False).astype(int)]
        return super().encode(points.ravel(), frame, None)

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        return super().decode(ids, frame, weights).reshape(-1, 2)
