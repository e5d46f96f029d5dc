"""``keypoints{n}``: n points of one thing, each with its visibility."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Chain, Pattern, Repeat, of_block
from generalist.sequence.units.unit import Weights, bins_of

__all__ = ["Keypoints"]

USUAL = 17
"""COCO's people have seventeen."""


class Keypoints:
    """(n, 3) x, y in the unit square and COCO's visibility, 0 not there, 1 hidden, 2 visible: three tokens a point.
    The visibility is written first; a point that is not there has a place all the same, its own lattice point."""

    name = "keypoints"
    field = "keypoints"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        loc = of_block(frame.vocabulary["loc"])
        each = Chain((of_block(frame.vocabulary["visibility"]), loc, loc))
        return Repeat(each, size or USUAL, size or USUAL)

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        points = np.asarray(value, np.float32).reshape(-1, 3)
        if len(points) != (size or USUAL):
            raise ValueError(f"{size or USUAL} keypoints are asked for, the annotation has {len(points)}")
        seen, loc = frame.vocabulary["visibility"], frame.vocabulary["loc"]
        middle = np.full(2, 0.5, np.float32) if frame.point is None else frame.point
        ids: list[int] = []
        for x, y, shown in points:
            bins = frame.coordinate_bins(middle if shown == 0 else np.asarray([x, y]))
            ids += [seen[int(shown)], *(loc[int(bin)] for bin in bins)]
        return ids

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        seen, loc = frame.vocabulary["visibility"], frame.vocabulary["loc"]
        out = np.zeros((len(ids) // 3, 3), np.float32)
        for i in range(len(out)):
            shown = seen.index_of(ids[3 * i])
            part = slice(3 * i + 1, 3 * i + 3)
            out[i, 2] = shown
            if shown:
                out[i, :2] = frame.coordinates(bins_of(ids[part], loc, None if weights is None else weights[part]))
        return out
