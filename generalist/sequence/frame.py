"""Frame: what a unit needs to know to turn pixels, metres and names into bins and back. No one else does that."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Frame", "expected_bin", "median_bin"]

NEAR, FAR = 0.1, 100.0
"""Range of the depth bins in metres: 256 log-spaced bins are 2.7% apart, so rounding errs by 0.7% on average."""

DIAGONAL = 2**0.5
"""Of the unit square: no side of an oriented box is longer."""

REACH = 3
"""Bins on each side of the arg-max that take part in the expectation; wider lets a second mode pull the mean."""


def expected_bin(weights: NDArray[Any]) -> NDArray[np.float32]:
    """Probability-weighted mean bin around the arg-max of ``weights`` (..., n): (...) float32, sub-bin precision."""
    weights = np.asarray(weights, np.float32)
    bins = np.arange(weights.shape[-1], dtype=np.float32)
    near = np.abs(bins - weights.argmax(-1)[..., None]) <= REACH
    kept = np.where(near, weights, 0) + near * 1e-9
    return np.asarray((kept * bins).sum(-1) / kept.sum(-1), np.float32)


def median_bin(weights: NDArray[Any]) -> NDArray[np.float32]:
    """Where half of ``weights`` (..., n) lies below and half above, each bin's being spread evenly over it: (...)
    float32, sub-bin precision.

    No other reading of a distribution errs by less on average, in bins. A value that nothing written later goes by is
    best read so; what others go by, as the corners of a box do by one another, keeps to the mode: ``expected_bin``.
    """
    weights = np.asarray(weights, np.float32)
    total = weights.cumsum(-1)
    half = total[..., -1:] / 2
    middle = (total >= half).argmax(-1)[..., None]
    at, until = (np.take_along_axis(w, middle, -1)[..., 0] for w in (weights, total))
    past = (until - half[..., 0]) / np.maximum(at, np.float32(1e-30))
    return np.asarray(np.clip(middle[..., 0] + 0.5 - past, 0, weights.shape[-1] - 1), np.float32)


@dataclass(frozen=True, slots=True)
class Frame:
    """One track's view of a request.

    size: (width, height) of the original image in pixels. The model sees it in the top-left of a square whose side
    is the longer edge; the unit square is that square. point: the track's lattice point in the unit square, or None.
    box: the box just written (4,) xyxy in the unit square, which a mask is relative to. range: the nearest and the
    farthest metres (2,) just written, which depth is relative to.
    """

    vocabulary: Vocabulary
    size: tuple[int, int] = (1, 1)
    labels: tuple[str, ...] = ()
    point: NDArray[np.float32] | None = None
    box: NDArray[np.float32] | None = None
    range: NDArray[np.float32] | None = None

    @property
    def side(self) -> int:
        """Edge of the padded square in pixels."""
        return max(self.size)

    def within(self, box: NDArray[np.float32]) -> "Frame":
        """The same frame after ``box`` (unit square) was written."""
        return replace(self, box=box)

    def at(self, point: NDArray[np.float32] | None) -> "Frame":
        """The same frame from a lattice point (unit square)."""
        return replace(self, point=point)

    def between(self, range: NDArray[np.float32] | None) -> "Frame":
        """The same frame after a range of depth (metres) was written."""
        return replace(self, range=range)

    def absolute(self) -> "Frame":
        """The same frame before any range of depth was written."""
        return self.between(None)

    def to_unit(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Pixel coordinates of the original image to the unit square."""
        return np.asarray(pixels, np.float32) / np.float32(self.side)

    def to_pixels(self, unit: NDArray[Any]) -> NDArray[np.float32]:
        """Unit-square coordinates (..., 2k) xyxy... to pixels of the original image, clipped to it."""
        pixels = np.asarray(unit, np.float32) * self.side
        limit = np.resize(np.asarray(self.size, np.float32), pixels.shape[-1])
        return np.clip(pixels, 0, limit)

    def box_to_pixels(self, unit: NDArray[Any]) -> NDArray[np.float32]:
        """Boxes (..., 4) of the unit square to pixels of the original image, clipped to it; one that lies outside, or
        has no extent, becomes the pixel nearest to it: no box is empty."""
        pixels = self.to_pixels(unit)
        low, high = pixels[..., :2], pixels[..., 2:]
        empty = high <= low
        low = np.where(empty, np.minimum(low, np.asarray(self.size, np.float32) - 1), low)
        return np.concatenate([low, np.where(empty, low + 1, high)], -1)

    def coordinate_bins(self, unit: NDArray[Any]) -> NDArray[np.int64]:
        """Unit coordinates (2k,) xyxy... to bins of ``loc``.

        Without a lattice point bins are even over [0, 1]. With one they hold the offset o from it in [-1, 1], spaced
        evenly in sign(o) * sqrt(|o|): small things near their point get the fine bins, whose error is relative.
        """
        last = len(self.vocabulary["loc"]) - 1
        value = np.asarray(unit, np.float32)
        if self.point is not None:
            offset = np.clip(value - np.resize(self.point, value.shape), -1, 1)
            value = np.asarray((np.sign(offset) * np.sqrt(np.abs(offset)) + 1) / 2, np.float32)
        return np.asarray(np.rint(np.clip(value, 0, 1) * last), np.int64)

    def coordinates(self, bins: NDArray[Any]) -> NDArray[np.float32]:
        """Bins (2k,), whole or fractional, back to unit coordinates in [0, 1]."""
        value = np.asarray(bins, np.float32) / np.float32(len(self.vocabulary["loc"]) - 1)
        if self.point is not None:
            root = value * 2 - 1
            value = np.sign(root) * root**2 + np.resize(self.point, value.shape)
        return np.asarray(np.clip(value, 0, 1), np.float32)

    def length_bins(self, unit: NDArray[Any]) -> NDArray[np.int64]:
        """Lengths in the unit square, up to its diagonal, to bins of ``loc`` that are even in the root."""
        share = np.sqrt(np.clip(np.asarray(unit, np.float32) / np.float32(DIAGONAL), 0, 1))
        return np.asarray(np.rint(share * (len(self.vocabulary["loc"]) - 1)), np.int64)

    def lengths(self, bins: NDArray[Any]) -> NDArray[np.float32]:
        """Bins, whole or fractional, back to lengths in the unit square."""
        share = np.asarray(bins, np.float32) / np.float32(len(self.vocabulary["loc"]) - 1)
        return np.asarray(share**2 * np.float32(DIAGONAL), np.float32)

    def angle_bins(self, degrees: NDArray[Any] | float) -> NDArray[np.int64]:
        """Degrees in [-90, 90) to bins of ``angle``, whose middles are spread evenly; it has no ends."""
        count = len(self.vocabulary["angle"])
        bins = np.floor((np.asarray(degrees, np.float64) + 90) / 180 * count).astype(np.int64)
        return np.asarray(bins % count, np.int64)

    def angles(self, bins: NDArray[Any]) -> NDArray[np.float32]:
        """Bins, whole or fractional, back to degrees in [-90, 90)."""
        return np.asarray((np.asarray(bins, np.float32) + 0.5) / len(self.vocabulary["angle"]) * 180 - 90, np.float32)

    @property
    def _ends(self) -> tuple[float, float]:
        return (NEAR, FAR) if self.range is None else (float(self.range[0]), float(self.range[1]))

    def depth_shares(self, metres: NDArray[Any] | float) -> NDArray[np.float64]:
        """Metres to their place between the nearest and the farthest, 0 to 1, in the logarithm."""
        near, far = self._ends
        return np.asarray(np.log(np.clip(metres, near, far) / near) / np.log(far / near), np.float64)

    def depth_bins(self, metres: NDArray[Any] | float) -> NDArray[np.int64]:
        """Metres to log-spaced bins of ``depth``; what lies outside the range ([0.1, 100] unless one was written)
        goes to the end bins."""
        return np.asarray(np.rint(self.depth_shares(metres) * (len(self.vocabulary["depth"]) - 1)), np.int64)

    def depths(self, bins: NDArray[Any]) -> NDArray[np.float32]:
        """Bins, whole or fractional, back to metres."""
        near, far = self._ends
        share = np.asarray(bins, np.float32) / (len(self.vocabulary["depth"]) - 1)
        return np.asarray(near * (far / near) ** share, np.float32)
