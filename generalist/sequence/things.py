"""Things: objects of a picture as values to spell, and the records that were read as objects again."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.geometry import owners
from generalist.sequence.grammar import PLACES
from generalist.sequence.oriented import oriented_corners
from generalist.sequence.sample import Answer, Objects

__all__ = ["REPEATED", "anchors", "assign", "collect", "disjoint", "first", "left_to_right", "record"]

REPEATED = 0.6
"""Overlap above which a box of the same label is the same object, written from two lattice points."""

SAME_POINT = 0.02
"""Distance, as a share of the longer edge, under which points of the same label are the same point."""


def record(objects: Objects, i: int, frame: Frame) -> dict[str, Any]:
    """What can be spelled of an object, by unit, in the unit square; what is not annotated is left out."""
    found: dict[str, Any] = {"label": objects.names[i], "box": frame.to_unit(objects.boxes[i])}
    if objects.masks is not None:
        found["mask"] = objects.masks[i]
    if objects.oriented is not None:
        found["oriented"] = np.append(frame.to_unit(objects.oriented[i, :4]), objects.oriented[i, 4])
    if objects.keypoints is not None:
        points = objects.keypoints[i]
        found["keypoints"] = np.concatenate([frame.to_unit(points[:, :2]), points[:, 2:]], 1)
    middle = (objects.boxes[i, :2] + objects.boxes[i, 2:]) / 2
    found["point"] = frame.to_unit(middle if objects.points is None else objects.points[i])
    return found


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
    last = len(frame.vocabulary["loc"]) - 1
    order = np.argsort(places[:, 0], kind="stable")
    placed = places[order].copy()
    bins = frame.coordinate_bins(placed[:, 0])
    for k in range(1, len(bins)):
        bins[k] = max(bins[k], bins[k - 1] + 1)
    for k in range(len(bins)):  # the last one leaves a bin for its own second corner
        bins[-1 - k] = min(bins[-1 - k], last - 1 - k)
    moved = bins != frame.coordinate_bins(placed[:, 0])
    placed[moved, 0] = frame.coordinates(bins)[moved]
    return order.astype(np.int64), placed


def collect(
    answer: Answer,
    records: Sequence[dict[str, Any]],
    scores: Sequence[float],
    frame: Frame,
    units: Collection[str],
    there: NDArray[np.float32] | None = None,
) -> None:
    """Fills an answer with the records of things: in pixels, without those that repeat a better one, best first.

    units: the names of the units that the task writes; an answer without any thing has their fields all the same.
    there: of records from tracks of their own, the probabilities of the tracks' writing something, see ``_pooled``.
    """
    place = next(name for name in PLACES if name in units)
    boxes = np.asarray([_bounds(r, place, frame) for r in records], np.float32).reshape(-1, 4)
    labels = np.asarray([str(r.get("label", "")) for r in records], object)  # numpy's strings drop trailing NULs
    weights = np.asarray(scores, np.float32)
    if place == "point":
        spread = boxes + np.asarray([-1, -1, 1, 1], np.float32) * SAME_POINT * frame.side / 2
        owner = owners(spread, weights, labels, 0.0)
    else:
        owner = owners(boxes, weights, labels, REPEATED)
    if there is not None:
        weights = _pooled(weights, there, owner)
    keep = np.flatnonzero(owner == np.arange(len(owner)))
    keep = keep[np.argsort(-weights[keep], kind="stable")]
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


def _bounds(found: dict[str, Any], place: str, frame: Frame) -> NDArray[np.float32]:
    if place == "oriented":
        corners = oriented_corners(found["oriented"][None])[0]
        return frame.to_pixels(np.concatenate([corners.min(0), corners.max(0)]))
    value = found["box"] if place == "box" else np.tile(found["point"], 2)
    return frame.to_pixels(value)


def _extras(answer: Answer, kept: Sequence[dict[str, Any]], frame: Frame, units: Collection[str]) -> None:
    """What the things hold beside their upright box. One without a mask (another alternative) has an empty one."""
    if "mask" in units:
        empty = np.zeros(frame.size[::-1], bool)
        answer.masks = np.asarray([r.get("mask", empty) for r in kept], bool).reshape(-1, *empty.shape)
    if "oriented" in units:
        boxes = np.asarray([r["oriented"] for r in kept], np.float32).reshape(-1, 5)
        answer.oriented = np.concatenate([boxes[:, :4] * frame.side, boxes[:, 4:]], 1)
    if "keypoints" in units:
        points = [r["keypoints"] for r in kept]
        found = np.asarray(points, np.float32) if points else np.zeros((0, 0, 3), np.float32)
        found[..., :2] = np.clip(found[..., :2] * frame.side, 0, np.asarray(frame.size, np.float32))
        answer.keypoints = found


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
