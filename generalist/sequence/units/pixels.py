"""``pixels{16}``: a mask that is not spelled but shown, by sixteen tokens that a picture's features are compared with.

The tokens themselves are always the same: what they say is in the model's states behind them. The dot product of the
i-th state with the feature of a patch tells how much of that patch's i-th sub-cell the thing covers, 4 x 4 sub-cells a
patch (UFO, Tang et al. 2025). So sixteen tokens outline at a quarter of a patch, anywhere in the picture, without a
codebook; and a token alone, without a model, says nothing.
"""

from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, of_ids
from generalist.sequence.units.mask import paste
from generalist.sequence.units.unit import Weights

__all__ = ["CELLS", "Pixels", "apart", "cover", "interleave"]

CELLS = 64
"""Edge of the square of cells that training compares with, over the padded picture."""


def cover(mask: NDArray[np.bool_], frame: Frame) -> NDArray[np.float32]:
    """How much of every cell of the padded square a (H, W) mask covers: (CELLS, CELLS) in [0, 1]."""
    down, across = (_shares(length, frame.side) for length in mask.shape)
    return np.asarray(down @ mask.astype(np.float32) @ across.T, np.float32)


def _shares(length: int, side: int) -> NDArray[np.float32]:
    """How much of each cell (CELLS, length) every pixel of one axis takes up, of ``side`` pixels."""
    edges = np.arange(CELLS + 1) * side / CELLS
    pixel = np.arange(length)
    inside = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.asarray(np.clip(inside, 0, None) * CELLS / side, np.float32)


def interleave(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sub-cells (n^2, down, across), row by row within a patch, to cells (n down, n across)."""
    count, down, across = planes.shape
    n = isqrt(count)
    cells = planes.reshape(n, n, down, across).transpose(2, 0, 3, 1)
    return np.asarray(cells.reshape(down * n, across * n))


def apart(cells: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Cells to sub-cells: ``interleave``, undone."""
    down, across = cells.shape[0] // n, cells.shape[1] // n
    planes = cells.reshape(down, n, across, n).transpose(1, 3, 0, 2)
    return np.asarray(planes.reshape(n * n, down, across))


class Pixels:
    """(H, W) bool over the original image; empty outside a box written before it, and where no states were kept."""

    name = "pixels"
    field = "mask"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return of_ids(self._ids(frame, size))

    @staticmethod
    def _ids(frame: Frame, size: int | None) -> list[int]:
        block = frame.vocabulary["pixels"]
        if size not in (None, len(block)):
            raise ValueError(f"pixels{{{size}}}: the vocabulary has {len(block)} of them, and a mask takes them all")
        return list(block)

    def encode(self, value: NDArray[np.bool_], frame: Frame, size: int | None) -> list[int]:
        return self._ids(frame, size)

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.bool_]:
        """``weights``: of each token its plane (down, across), the cover of its sub-cell in every patch."""
        known = [plane for plane in weights or () if plane is not None]
        whole = np.asarray([0, 0, frame.side, frame.side], np.float32)
        if len(known) < len(ids):
            return np.zeros(frame.size[::-1], bool)
        mask = paste(interleave(np.stack(known)), whole, frame.size)
        if frame.box is not None:
            x0, y0, x1, y1 = frame.box_to_pixels(frame.box)
            (x0, y0), (x1, y1) = np.floor((x0, y0)).astype(int), np.ceil((x1, y1)).astype(int)
            inside = np.zeros_like(mask)
            inside[y0:y1, x0:x1] = True
            mask &= inside
        return mask
