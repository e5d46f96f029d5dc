"""Things: objects of a picture as values to spell. What is read of them again: see ``claims``."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.grammar import PLACES
from generalist.sequence.sample import Objects

__all__ = ["MASKS", "anchors", "assign", "left_to_right", "place_of", "record"]

MASKS = ("mask", "pixels")
"""Units whose value is the shape of a thing, spelled in two ways."""


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
