"""Sight: everything that is annotated of a picture, as a view of it shows it."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.footprint import inmost, oriented_of_mask
from generalist.data.mirror import mirrored
from generalist.data.view import View
from generalist.faults import Fault
from generalist.sequence.english import listed
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.oriented import clipped, oriented_corners, oriented_of_points
from generalist.sequence.region import Region
from generalist.sequence.sample import VOID, Objects, Sample

__all__ = ["SMALLEST", "VISIBLE", "objects_seen", "region_seen", "sample_seen"]

VISIBLE = 0.35
"""Share of a thing that must be seen for it to be asked for. One of which less is seen is ignored: neither asked for
nor an error. One of which nothing is seen is left out."""

SMALLEST = 2.0
"""Pixels that the shorter side of a thing must keep; one that became smaller is ignored."""

Array = NDArray[Any]

_SAMPLE = listed(
    """image id size labels phrase question query document region objects semantic depth normals parts text texts
    documents evidence granularity"""
)
_OBJECTS = listed("boxes names masks ignore oriented keypoints points stuff joints")


def sample_seen(view: View, sample: Sample, image: NDArray[np.uint8]) -> Sample:
    """A request and its answer about what a view shows; ``image`` is what ``view.picture`` made.

    In a mirror left and right change places in every text. Metres are divided by what everything is enlarged by, as by
    a step nearer: to one camera a larger thing is a nearer one (Eigen et al. 2014).

    Raises:
        Fault: it holds a field of which nobody has said what becomes of it, or see ``objects_seen``.
    """
    _known(sample, _SAMPLE)
    seen = sample.but(
        image=image,
        size=view.size,
        region=None if sample.region is None else region_seen(view, sample.region),
        objects=None if sample.objects is None else objects_seen(view, sample.objects),
        semantic=None if sample.semantic is None else view.map(sample.semantic, VOID),
        depth=None if sample.depth is None else view.map(sample.depth) / np.float32(view.nearer),
        normals=None if sample.normals is None else view.normals(sample.normals),
    )
    if not view.flip:
        return seen
    one = {name: mirrored(getattr(sample, name)) for name in ("phrase", "question", "query", "document", "text")}
    many = {name: _mirrored(getattr(sample, name)) for name in ("labels", "texts")}
    return seen.but(parts=tuple((mirrored(text), rows) for text, rows in sample.parts), **one, **many)


def region_seen(view: View, region: Region) -> Region:
    """A region on the canvas, cut by nothing; a mask that became smaller than a pixel is a pixel."""
    if region.kind == "mask":
        mask = view.masks(region.value[None])[0]
        if not mask.any():
            x, y = view.points(np.argwhere(region.value).mean(0)[::-1] + 0.5).astype(int)
            mask[np.clip(y, 0, view.size[1] - 1), np.clip(x, 0, view.size[0] - 1)] = True
        return Region("mask", mask)
    if region.kind == "box":
        return Region("box", np.concatenate(view.corners(region.value[None]), 1)[0])
    if region.kind == "oriented":
        return Region("oriented", view.oriented(region.value[None])[0])
    return Region(region.kind, view.points(region.value))


def objects_seen(view: View, objects: Objects) -> Objects:
    """Things as they are seen; see ``VISIBLE`` and ``SMALLEST`` for what becomes of those that are cut away.

    A box is that of what is seen: of its mask where it is cut or turned askew, of its oriented box if it has no mask,
    else of itself. Key points out of sight are not there. A point that is out of sight moves to the inmost place of its
    mask; without a mask its thing is ignored. Of stuff any pixel will do.

    Raises:
        Fault: nobody can say how this looks: key points without names in a mirror, a bare box askew, an unknown field.
    """
    _known(objects, _OBJECTS)
    if view.degrees and len(objects) and objects.masks is None and objects.oriented is None:
        raise Fault("augment: a box without a mask cannot be turned askew: leave turn out")
    masks = None if objects.masks is None else view.masks(objects.masks)
    drawn = np.ones(len(objects), bool) if masks is None else masks.any((1, 2))
    share = _share(view, objects)
    cut = share < 1 - 1e-6
    boxes = _boxes(view, objects, masks, cut)
    sides, before = (np.minimum(*(b[:, 2:] - b[:, :2]).T) for b in (boxes, objects.boxes))
    out_of_sight = (sides <= 0) | (share <= 0)
    unclear = (share < VISIBLE) | (sides < np.minimum(SMALLEST, before * 0.99)) | ~drawn
    if objects.stuff is not None:
        out_of_sight |= objects.stuff & ~drawn
        unclear &= ~objects.stuff
    points, lost = _points(view, objects, masks, boxes)
    unclear |= lost
    ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
    out = Objects(
        boxes,
        _mirrored(objects.names) if view.flip else objects.names,
        masks,
        ignore | unclear if objects.ignore is not None or unclear.any() else None,
        _oriented(view, objects, masks, cut),
        _keypoints(view, objects),
        points,
        objects.stuff,
        objects.joints,
    )
    return out.select(np.flatnonzero(~out_of_sight)) if out_of_sight.any() else out


def _known(record: Sample | Objects, names: frozenset[str]) -> None:
    for field in fields(record):
        if field.name not in names and getattr(record, field.name) is not None:
            raise Fault(f"augment: nobody has said what becomes of {field.name!r} in another view: leave augment out")


def _mirrored(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(mirrored, texts))


def _share(view: View, objects: Objects) -> NDArray[np.float64]:
    """How much (n,) of each thing is seen: of its mask, of its oriented box within the source, or of its box."""
    if view.whole_source:
        return np.ones(len(objects))
    if objects.masks is not None:
        found = [
            int(np.count_nonzero(mask & view.shown)) / max(int(np.count_nonzero(mask)), 1) for mask in objects.masks
        ]
    elif objects.oriented is not None:
        width, height = view.source
        frame = np.asarray([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        rings = [clipped(ring, frame) for ring in oriented_corners(objects.oriented)]
        found = [_area(_within(view, ring)) / max(_area(view.points(ring)), 1e-9) for ring in rings]
    else:
        low, high = view.corners(objects.boxes)
        seen_low, seen_high = (np.clip(corner, *_limits(view)) for corner in (low, high))
        return np.asarray(np.prod(seen_high - seen_low, 1) / np.maximum(np.prod(high - low, 1), 1e-9), np.float64)
    return np.asarray(found, np.float64).reshape(-1)


def _limits(view: View) -> tuple[Array, Array]:
    return np.asarray(view.bounds[:2], np.float32), np.asarray(view.bounds[2:], np.float32)


def _within(view: View, ring: Array) -> Array:
    """What of a convex polygon (k, 2) of the source is seen, on the canvas."""
    x1, y1, x2, y2 = view.bounds
    laid = np.asarray(view.points(ring), np.float64)
    frame = np.asarray([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)
    return clipped(laid[::-1] if view.flip else laid, frame)


def _boxes(view: View, objects: Objects, masks: NDArray[np.bool_] | None, cut: Array) -> NDArray[np.float32]:
    low, high = (np.clip(corner, *_limits(view)) for corner in view.corners(objects.boxes))
    boxes = np.concatenate([low, high], 1).astype(np.float32)
    if masks is not None:
        tight = (cut | bool(view.degrees)) & masks.any((1, 2))
        boxes[tight] = boxes_of_masks(masks[tight])
    elif objects.oriented is not None and view.degrees:
        for i, ring in enumerate(oriented_corners(objects.oriented)):
            seen = _within(view, ring)
            boxes[i] = np.concatenate([seen.min(0), seen.max(0)]) if len(seen) else 0
    return boxes


def _oriented(view: View, objects: Objects, masks: NDArray[np.bool_] | None, cut: Array) -> NDArray[np.float32] | None:
    if objects.oriented is None:
        return None
    out = view.oriented(objects.oriented)
    for i in np.flatnonzero(cut):
        if masks is not None:
            out[i] = oriented_of_mask(masks[i]) if masks[i].any() else out[i]
        elif len(seen := _within(view, oriented_corners(objects.oriented[i : i + 1])[0])) > 2:
            out[i] = oriented_of_points(seen)
    return out


def _keypoints(view: View, objects: Objects) -> NDArray[np.float32] | None:
    if objects.keypoints is None:
        return None
    out = np.concatenate([view.points(objects.keypoints[..., :2]), objects.keypoints[..., 2:]], -1)
    out[(out[..., 2] == 0) | ~view.seen(out[..., :2])] = 0
    if view.flip and out.size:
        if not objects.joints:
            raise Fault("augment: key points without names cannot be mirrored: leave flip out")
        names = list(objects.joints)
        other = [mirrored(name) for name in names]
        out = out[:, [names.index(name) if name in names else i for i, name in enumerate(other)]]
    return np.asarray(out, np.float32)


def _points(
    view: View, objects: Objects, masks: NDArray[np.bool_] | None, boxes: Array
) -> tuple[NDArray[np.float32] | None, NDArray[np.bool_]]:
    """The points, and of which things they are lost."""
    if objects.points is None:
        return None, np.zeros(len(objects), bool)
    out = view.points(objects.points)
    lost = ~view.seen(out)
    for i in np.flatnonzero(lost):
        if masks is not None and masks[i].any():
            out[i], lost[i] = inmost(masks[i]), False
        else:
            out[i] = (boxes[i, :2] + boxes[i, 2:]) / 2
    return out, lost


def _area(ring: Array) -> float:
    """The area of a polygon (k, 2)."""
    x, y = np.asarray(ring, np.float64).reshape(-1, 2).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2) if len(x) > 2 else 0.0
