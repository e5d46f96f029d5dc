"""Footprint: what the mask of one thing says of its place, an oriented box around it and a point deep inside it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.oriented import oriented_of_points

__all__ = ["inmost", "inner", "oriented_of_mask"]

Array = NDArray[Any]


def oriented_of_mask(mask: Array) -> NDArray[np.float32]:
    """The smallest oriented box (5,) that holds every pixel of a mask (H, W) bool, corners and all.

    Only the first and the last pixel of a row can touch it: the hull of these is the hull of the mask.
    """
    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(1)
    ends = np.concatenate([first, last])
    above = np.tile(rows, 2)
    return oriented_of_points(np.stack([np.tile(ends, 2), np.concatenate([above, above + 1])], 1))


def inmost(mask: Array) -> NDArray[np.float32]:
    """The centre (2,) xy of a pixel as far from the mask's edge as any; of several, the one in their middle.

    The mask is peeled until nothing is left, by four neighbours and by eight in turn, so that the skins are octagons:
    nearer to circles than squares or diamonds are.
    """
    core = np.pad(mask[np.ix_(*_spans(mask))], 1)
    skins = 0
    while (peeled := _peeled(core, diagonal=skins % 2 == 1)).any():
        core, skins = peeled, skins + 1
    y, x = np.nonzero(core)
    best = np.hypot(x - x.mean(), y - y.mean()).argmin()
    top, left = (span[0] - 1 for span in _spans(mask))
    return np.asarray([x[best] + left + 0.5, y[best] + top + 0.5], np.float32)


def inner(mask: Array) -> NDArray[np.float32]:
    """Centres (k, 2) xy of the pixels of a mask that are not at its edge; of all of them where it is that thin."""
    peeled = _peeled(np.pad(mask, 1), diagonal=True)[1:-1, 1:-1]
    y, x = np.nonzero(peeled if peeled.any() else mask)
    return np.stack([x, y], 1).astype(np.float32) + np.float32(0.5)


def _spans(mask: Array) -> tuple[Array, Array]:
    """The rows and the columns that a mask covers, from the first to the last."""
    ends = [np.flatnonzero(mask.any(axis))[[0, -1]] for axis in (1, 0)]
    return np.arange(ends[0][0], ends[0][1] + 1), np.arange(ends[1][0], ends[1][1] + 1)


def _peeled(core: Array, diagonal: bool) -> Array:
    out = core.copy()
    out[1:-1, 1:-1] &= core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:]
    if diagonal:
        out[1:-1, 1:-1] &= core[:-2, :-2] & core[2:, 2:] & core[2:, :-2] & core[:-2, 2:]
    return out
