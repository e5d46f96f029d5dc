"""Things: objects of a picture as values to spell, and the records that were read as objects again."""

from collections.abc import Collection, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.geometry import owners
from generalist.sequence.grammar import PLACES
from generalist.sequence.oriented import long_side, oriented_corners
from generalist.sequence.sample import Answer, Objects
from generalist.sequence.units import UNITS

__all__ = [
    "MASKS",
    "REPEATED",
    "anchors",
    "assign",
    "collect",
    "disjoint",
    "first",
    "items",
    "left_to_right",
    "place_of",
    "record",
]

MASKS = ("mask", "pixels")
"""Units whose value is the shape of a thing, spelled in two ways."""

REPEATED = 0.6
"""Overlap above which a box of the same label is the same object, written from two lattice points."""

MOST = 100
"""Things that are kept where one may have several names: COCO's measure looks at no more of a picture."""

SAME_POINT = 0.02
"""Distance, as a share of the longer edge, under which points of the same label are the same point."""


def record(objects: Objects, i: int, frame: Frame) -> dict[str, Any]:
    """What can be spelled of an object, by unit, in the unit square; what is not annotated is left out."""
    found: dict[str, Any] = {"label": objects.names[i], "box": frame.to_unit(objects.boxes[i])}
    if objects.masks is not None:
        found |= dict.fromkeys(MASKS, objects.masks[i])
    if objects.oriented is not None:
        found["oriented"] = np.append(frame.to_unit(objects.oriented[i, :4]), objects.oriented[i, 4])
    if objects.keypoints is not None:
        points = objects.keypoints[i]
        found["keypoints"] = np.concatenate([frame.to_unit(points[:, :2]), points[:, 2:]], 1)
    middle = (objects.boxes[i, :2] + objects.boxes[i, 2:]) / 2
    found["point"] = frame.to_unit(middle if objects.points is None else objects.points[i])
    return found


def place_of(units: Collection[str]) -> str:
    """The unit that says where a thing is; of several the first, a box before all others."""
    return next(name for name in PLACES if name in units)


def anchors(objects: Objects, place: str, frame: Frame) -> NDArray[np.float32]:
    """Where each object stands (n, 2) in the unit square, by the unit that says its place."""
    if place == "oriented" and objects.oriented is not None:
        return frame.to_unit(objects.oriented[:, :2])
    if place == "point" and objects.points is not None:
        return frame.to_unit(objects.points)
    return frame.to_unit((objects.boxes[:, :2] + objects.boxes[:, 2:]) / 2)


def assign(centres: NDArray[np.float32], points: NDArray[np.float32]) -> dict[int, int]:
    """The object of each track that writes one: each object in turn, closest first, takes the nearest lattice point
    still free. More objects than points: the last ones cannot be written."""
    distance = np.linalg.norm(centres[:, None] - points[None], axis=-1)
    taken: dict[int, int] = {}
    for i in np.argsort(distance.min(1, initial=np.inf), kind="stable"):
        free = [t for t in np.argsort(distance[i], kind="stable")[: len(centres)] if int(t) not in taken]
        if free:
            taken[int(free[0])] = int(i)
    return taken


def left_to_right(places: NDArray[np.float32], frame: Frame) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places (n, d) in the unit square, x first, as a list has them: their order, and themselves in it, each starting
    a bin or more beyond the one before and leaving a bin for each that follows. Most do not move at all."""
    across = frame if frame.point is None else frame.at(frame.point[[0, 0]])  # nothing but x is looked at
    # The last bin of the picture; the first corner of a box leaves it to the second.
    last = int(across.coordinate_bins(np.ones(1))[0]) - (places.shape[1] == 4)
    order = np.argsort(places[:, 0], kind="stable")
    placed = places[order].copy()
    bins = across.coordinate_bins(placed[:, 0])
    for k in range(1, len(bins)):
        bins[k] = max(bins[k], bins[k - 1] + 1)
    for k in range(len(bins)):
        bins[-1 - k] = min(bins[-1 - k], last - k)
    moved = bins != across.coordinate_bins(placed[:, 0])
    placed[moved, 0] = across.coordinates(bins)[moved]
    return order.astype(np.int64), placed


def collect(
    answer: Answer,
    records: Sequence[dict[str, Any]],
    scores: Sequence[float],
    frame: Frame,
    units: Set[str],
    there: NDArray[np.float32] | None = None,
    rival: NDArray[np.bool_] | None = None,
) -> None:
    """Fills an answer with the records of things: in pixels, best first.

    units: the names of the units that the task writes; an answer without any thing has their fields all the same.
    there: of records from tracks of their own, the probabilities of the tracks' writing something. Those that repeat a
    better one are then left out, and speak for it: see ``_pooled``. In a list the grammar lets there be no repeats.
    rival: which of the records are those of a thing that has another name already; the best ``MOST`` are then kept.
    """
    place = place_of(units)
    boxes = np.asarray([_bounds(r, place, frame) for r in records], np.float32).reshape(-1, 4)
    labels = np.asarray([str(r.get("label", "")) for r in records], object)  # numpy's strings drop trailing NULs
    weights = np.asarray(scores, np.float32)
    keep = np.argsort(-weights, kind="stable")
    if there is not None:
        owner = _owners(boxes, weights, labels, place, frame)
        weights = _pooled(weights, there, owner)
        keep = np.flatnonzero(owner == np.arange(len(owner)))
        keep = keep[np.argsort(-weights[keep], kind="stable")]
        if rival is not None:
            keep = keep[:MOST]
            answer.rivals = np.asarray([rival[owner == i].all() for i in keep], bool)
    kept = [records[i] for i in keep]
    answer.scores = weights[keep]
    if place == "point":
        answer.points = boxes[keep, :2]
    else:
        answer.boxes = boxes[keep]
    if "label" in units:
        answer.labels = tuple(str(label) for label in labels[keep])
    _extras(answer, kept, frame, units)


def _pooled(scores: NDArray[np.float32], there: NDArray[np.float32], owner: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores with what the repeats add to them. A thing is written by one track, the one nearest to its centre, so a
    thing between two lattice points is half expected at either: its probability is the sum of theirs, not the larger.
    The scores are geometric means of ``there`` and of something else, so half the exponent goes with the sum."""
    total = np.zeros_like(there)
    np.add.at(total, owner, there)
    return np.asarray(scores * np.sqrt(np.minimum(total, 1) / np.maximum(there, 1e-9)), np.float32)


def _owners(
    boxes: NDArray[np.float32], weights: NDArray[np.float32], labels: NDArray[Any], place: str, frame: Frame
) -> NDArray[np.int64]:
    """For each thing, the best of those that are the same thing."""
    if place == "point":
        spread = boxes + np.asarray([-1, -1, 1, 1], np.float32) * SAME_POINT * frame.side / 2
        return owners(spread, weights, labels, 0.0)
    return owners(boxes, weights, labels, REPEATED)


def _bounds(found: dict[str, Any], place: str, frame: Frame) -> NDArray[np.float32]:
    if place == "oriented":
        corners = oriented_corners(found["oriented"][None])[0]
        return frame.box_to_pixels(np.concatenate([corners.min(0), corners.max(0)]))
    return frame.box_to_pixels(found["box"]) if place == "box" else frame.to_pixels(np.tile(found["point"], 2))


def _extras(answer: Answer, kept: Sequence[dict[str, Any]], frame: Frame, units: Set[str]) -> None:
    """What the things hold beside their upright box. Of one that lacks it (another alternative), a mask is empty, an
    oriented box upright, and no keypoint there."""
    if not units.isdisjoint(MASKS):
        empty = np.zeros(frame.size[::-1], bool)
        shapes = [next((r[name] for name in MASKS if name in r), empty) for r in kept]
        answer.masks = np.asarray(shapes, bool).reshape(-1, *empty.shape)
    if "oriented" in units:
        boxes = np.asarray([r["oriented"] if "oriented" in r else _upright(r) for r in kept], np.float32).reshape(-1, 5)
        answer.oriented = np.concatenate([boxes[:, :4] * frame.side, boxes[:, 4:]], 1)
    if "keypoints" in units:
        shape = next((r["keypoints"].shape for r in kept if "keypoints" in r), (0, 3))
        points = [r.get("keypoints", np.zeros(shape)) for r in kept]
        found = np.asarray(points, np.float32).reshape(len(kept), *shape)
        found[..., :2] = np.clip(found[..., :2] * frame.side, 0, np.asarray(frame.size, np.float32))
        answer.keypoints = found


def _upright(found: dict[str, Any]) -> NDArray[np.float32]:
    """The box of a record as an oriented one, in the unit square."""
    low, high = found["box"][:2], found["box"][2:]
    return np.asarray(long_side(np.asarray([[*(low + high) / 2, *(high - low), 0]]))[0])


def items(found: Sequence[tuple[str, Any, float]]) -> tuple[list[dict[str, Any]], list[float]]:
    """What a single track wrote, (name, value, confidence) each, cut into things: a unit that a thing has already, or a
    second place, is of the next one. Their scores are the geometric means of their parts' confidences."""
    records: list[dict[str, Any]] = [{}]
    sure: list[list[float]] = [[]]
    for name, value, confidence in found:
        if name not in UNITS:
            continue
        taken = set(records[-1])
        if name in taken or (name in PLACES and taken & set(PLACES)):
            records.append({})
            sure.append([])
        records[-1][name] = value
        sure[-1].append(max(confidence, 1e-9))
    return records, [float(np.exp(np.mean(np.log(s)))) if s else 0.0 for s in sure]


def disjoint(answer: Answer) -> None:
    """Masks made disjoint: a pixel belongs to the best of the things that claim it (panoptic segmentation)."""
    if answer.masks is None:
        return
    claimed = np.zeros(answer.masks.shape[1:], bool)
    for mask in answer.masks:  # best first
        mask &= ~claimed
        claimed |= mask


def first(answer: Answer) -> None:
    """Keeps the best thing alone."""
    for name in ("boxes", "masks", "oriented", "keypoints", "points", "scores", "labels"):
        if (value := getattr(answer, name)) is not None:
            setattr(answer, name, value[:1])
