"""``mask{n}``: the inside of the box before it, spelled in codes of small patches. No neural decoder.

The box is resampled to a square of 8 sqrt(n) pixels and cut into n patches of 8x8; each is spelled as the nearest of
a fixed set of patches (k-means). Cell values stay soft until they have been enlarged to the box, which is worth more
than more codes: the threshold then runs between the cells.
"""

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.centres import nearest
from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, Repeat, of_block
from generalist.sequence.units.unit import Weights

__all__ = ["PATCH", "Mask", "crop_patches", "paste"]

PATCH = 8
SAMPLES = 4  # samples a cell and axis when a box is resampled


def crop_patches(mask: NDArray[np.bool_], box: NDArray[Any], count: int = 16) -> NDArray[np.float32]:
    """The inside of ``box`` (xyxy pixels) of a (H, W) mask as ``count`` patches, row by row: (count, 64) in [0, 1]."""
    edge = PATCH * isqrt(count)
    height, width = mask.shape
    share = (np.arange(edge * SAMPLES) + 0.5) / (edge * SAMPLES)
    xs = np.clip((box[0] + share * (box[2] - box[0])).astype(np.int64), 0, width - 1)
    ys = np.clip((box[1] + share * (box[3] - box[1])).astype(np.int64), 0, height - 1)
    cells = mask[ys][:, xs].reshape(edge, SAMPLES, edge, SAMPLES).mean((1, 3), dtype=np.float32)
    across = edge // PATCH
    return np.asarray(cells.reshape(across, PATCH, across, PATCH).swapaxes(1, 2).reshape(count, PATCH * PATCH))


class Mask:
    """(H, W) bool over the original image, empty outside the box written before it."""

    name = "mask"
    field = "mask"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        count = size or 16
        if isqrt(count) ** 2 != count:
            raise ValueError(f"mask{{{count}}}: the number of patches must be a square, such as 16 or 64")
        return Repeat(of_block(frame.vocabulary["mask"]), count, count)

    def encode(self, value: NDArray[np.bool_], frame: Frame, size: int | None) -> list[int]:
        patches = crop_patches(value, self._pixel_box(frame), size or 16)
        return [frame.vocabulary["mask"][int(code)] for code in nearest(patches, frame.vocabulary.patches)]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.bool_]:
        codes = frame.vocabulary.patches
        block = frame.vocabulary["mask"]
        patches = np.stack(
            [
                codes[block.index_of(token)] if weights is None or (w := weights[i]) is None else w @ codes
                for i, token in enumerate(ids)
            ]
        )
        across = isqrt(len(ids))
        cells = patches.reshape(across, across, PATCH, PATCH).swapaxes(1, 2).reshape(across * PATCH, across * PATCH)
        return paste(cells, self._pixel_box(frame), frame.size)

    @staticmethod
    def _pixel_box(frame: Frame) -> NDArray[np.float32]:
        if frame.box is None:
            raise ValueError("a mask is relative to a box: write a box before it")
        return frame.box_to_pixels(frame.box)


def paste(cells: NDArray[np.float32], box: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Enlarges cells (down, across) to ``box`` (xyxy pixels) bilinearly and cuts at one half, in a picture of ``size``
    (width, height)."""
    width, height = size
    out = np.zeros((height, width), bool)
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.minimum(np.ceil(box[2:]).astype(int), (width, height))
    if x1 <= x0 or y1 <= y0:
        return out
    rows = _along(np.arange(y0, y1), box[1], box[3], cells.shape[0])
    columns = _along(np.arange(x0, x1), box[0], box[2], cells.shape[1])
    out[y0:y1, x0:x1] = rows @ cells @ columns.T > 0.5
    return out


def _along(pixels: NDArray[Any], low: float, high: float, cells: int) -> NDArray[np.float32]:
    """Bilinear weights (pixels, cells) of one axis; a pixel whose centre is outside [low, high] gets none."""
    share = (pixels + 0.5 - low) / max(high - low, 1e-6)
    at = np.clip(share * cells - 0.5, 0, cells - 1)
    weights = np.clip(1 - np.abs(at[:, None] - np.arange(cells)[None]), 0, None)
    return np.asarray(weights * ((share >= 0) & (share <= 1))[:, None], np.float32)
