"""Paste: things of one picture laid upon another by their masks, and what they hide taken away."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.footprint import inmost, oriented_of_mask
from generalist.data.mosaic import may_be_pieced, names_of_pixels, together
from generalist.data.sight import VISIBLE
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.sample import Objects, Sample

__all__ = ["covered", "may_be_pasted", "pasted"]

Mask = NDArray[np.bool_]


def may_be_pasted(sample: Sample) -> bool:
    """Whether other things may lie on the picture: all that is said of it is of named things with masks."""
    return may_be_pieced(sample) and sample.objects is not None and sample.objects.masks is not None


def pasted(row: Sequence[Sample], other: Sequence[Sample], rng: np.random.Generator) -> list[Sample]:
    """Requests about one canvas with some of the things of ``other``, a view of another picture on as large a canvas,
    laid on it: each thing with probability one half, at least one (Ghiasi et al. 2021, "Simple Copy-Paste"). Of those
    that lie there, what bears a name that a request asks for is part of its answer."""
    things = other[0].objects
    assert things is not None and things.masks is not None
    loose = np.arange(len(things)) if things.stuff is None else np.flatnonzero(~things.stuff)
    if not len(loose):
        return list(row)
    taken = rng.random(len(loose)) < 0.5
    taken[rng.integers(len(loose))] = True
    over: Mask = np.logical_or.reduce(things.masks[loose[taken]])
    image = np.where(over[..., None], np.asarray(other[0].image), np.asarray(row[0].image))
    return [_laid(under, above, over, image) for under, above in zip(row, other, strict=True)]


def _laid(under: Sample, above: Sample, over: Mask, image: NDArray[np.uint8]) -> Sample:
    """One request about the canvas: a thing of ``above`` lies on it if all that is seen of it does."""
    assert under.objects is not None and above.objects is not None and above.objects.masks is not None
    whole = np.flatnonzero(above.objects.masks.any((1, 2)) & ~(above.objects.masks & ~over).any((1, 2)))
    upper = above.but(objects=above.objects.select(whole)).asking(under.labels)
    assert upper.objects is not None
    semantic = under.semantic
    if semantic is not None:
        semantic = np.where(over, names_of_pixels(upper), semantic).astype(semantic.dtype)
    return under.but(image=image, semantic=semantic, objects=together([covered(under.objects, over), upper.objects]))


def covered(objects: Objects, over: Mask) -> Objects:
    """Things with masks (n, H, W) of which those pixels (H, W) are hidden that ``over`` has.

    One of which less than ``VISIBLE`` is left is ignored, one that is hidden altogether is left out; stuff is never
    ignored. Key points that are hidden say so; a point moves to the inmost place of what is left of its mask.
    """
    assert objects.masks is not None
    masks = objects.masks & ~over
    before, after = objects.masks.sum((1, 2)), masks.sum((1, 2))
    cut = np.flatnonzero((after < before) & (after > 0))
    out = replace(objects, masks=masks, boxes=objects.boxes.copy())
    out.boxes[cut] = boxes_of_masks(masks[cut])
    unclear = after < VISIBLE * before
    if objects.stuff is not None:
        unclear &= ~objects.stuff
    out.ignore = unclear if objects.ignore is None else objects.ignore | unclear
    if objects.oriented is not None:
        out.oriented = _each(objects.oriented, cut, lambda i: oriented_of_mask(masks[i]))
    if objects.points is not None:
        lost = [i for i in cut if _under(objects.points[i : i + 1], over)[0]]
        out.points = _each(objects.points, lost, lambda i: inmost(masks[i]))
    if objects.keypoints is not None:
        hidden = _under(objects.keypoints[..., :2], over) & (objects.keypoints[..., 2] == 2)
        out.keypoints = objects.keypoints.copy()
        out.keypoints[..., 2][hidden] = 1
    return out.select(np.flatnonzero((after > 0) | (before == 0)))


def _each(values: NDArray[np.float32], rows: Any, of: Any) -> NDArray[np.float32]:
    """A copy in which some rows are made anew."""
    out = values.copy()
    for i in rows:
        out[i] = of(i)
    return out


def _under(points: NDArray[np.float32], over: Mask) -> Mask:
    """Which points (..., 2) lie under the pixels of ``over``."""
    x = np.clip(points[..., 0].astype(int), 0, over.shape[1] - 1)
    y = np.clip(points[..., 1].astype(int), 0, over.shape[0] - 1)
    return np.asarray(over[y, x])
