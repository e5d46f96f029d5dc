"""``point``, ``box`` and ``polygon``: places, spelled in coordinate bins."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Chain, Pattern, Repeat, Span, of_block
from generalist.sequence.units.unit import Weights, bins_of

__all__ = ["Box", "Point", "Polygon"]


class Point:
    """(2,) xy in the unit square: two ``loc`` tokens."""

    name = "point"
    field = "point"
    length = 2

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return Repeat(of_block(frame.vocabulary["loc"]), self.length, self.length)

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        return [frame.vocabulary["loc"][bin] for bin in frame.coordinate_bins(value)]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        return frame.coordinates(bins_of(ids, frame.vocabulary["loc"], weights))


class Box(Point):
    """(4,) xyxy in the unit square: four ``loc`` tokens. Corners written in the wrong order are put in order."""

    name = "box"
    field = "box"
    length = 4

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        box = super().decode(ids, frame, weights)
        return np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])


class Polygon(Point):
    """(n, 2) xy in the unit square, 3 to ``size`` vertices (24 unless the file says), up to the end token."""

    name = "polygon"
    field = "polygon"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        vertex = super().pattern(frame, None)
        end = frame.vocabulary.eos
        return Chain((Repeat(vertex, 3, size or 24), Span(end, end + 1)))

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        points = np.asarray(value, np.float32).reshape(-1, 2)
        if len(points) < 3:
            raise ValueError(f"a polygon needs three vertices, not {len(points)}")
        most = size or 24
        if len(points) > most:  # evenly thinned: which vertices matter most is the caller's knowledge, not ours
            points = points[np.linspace(0, len(points), most, endpoint=False).astype(int)]
        return [*super().encode(points.ravel(), frame, None), frame.vocabulary.eos]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        return super().decode(ids[:-1], frame, None if weights is None else weights[:-1]).reshape(-1, 2)
