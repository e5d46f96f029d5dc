"""Consistency: whether the box, the mask and the oriented box of an answer tell of the same thing.

Each pair is compared by a law that the exact spellings of any thing obey, so that only a contradiction costs:

    box, mask        the box is the mask's tight box
    box, oriented    the thing touches every side of both, so their common part does too
    mask, oriented   the oriented box is the mask's own smallest one, or as tight and no larger
"""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.geometry import box_iou, boxes_of_masks
from generalist.sequence.oriented import clipped, oriented_corners, oriented_of_points
from generalist.sequence.sample import Answer

__all__ = ["SPELLINGS", "consistency", "pairwise", "rescored"]

Array = NDArray[Any]

SPELLINGS = ("boxes", "masks", "oriented")


def consistency(answer: Answer) -> NDArray[np.float32]:
    """How well the spellings of each thing agree: (n,) float32 in [0, 1], the mean over the pairs of them.

    Raises:
        Fault: the answer holds fewer than two of boxes, masks and oriented boxes.
    """
    pairs = pairwise(answer)
    if not pairs:
        raise Fault(f"task {answer.task!r} spells its things in one way; consistency needs two of {SPELLINGS}")
    return np.asarray(np.mean(list(pairs.values()), axis=0), np.float32)


def pairwise(answer: Answer) -> dict[tuple[str, str], NDArray[np.float32]]:
    """The agreement (n,) in [0, 1] of each two of the answer's spellings, by their names; none where there is one."""
    spelled = {name: value for name in SPELLINGS if (value := getattr(answer, name)) is not None}
    out: dict[tuple[str, str], NDArray[np.float32]] = {}
    for first, second in combinations(spelled, 2):
        rows = zip(spelled[first], spelled[second], strict=True)
        out[first, second] = np.asarray([_LAWS[first, second](a, b) for a, b in rows], np.float32)
    return out


def rescored(answer: Answer) -> Answer:
    """The same things, best first by score times consistency: the geometric mean would rank them alike, but raise the
    score of whatever does not contradict itself. An answer that spells its things in one way is returned as it is."""
    if answer.scores is None or not pairwise(answer):
        return answer
    scores = np.asarray(answer.scores, np.float32) * consistency(answer)
    return replace(answer, scores=scores).select(np.argsort(-scores, kind="stable"))


def _box_mask(box: Array, mask: Array) -> float:
    return float(box_iou(box[None], boxes_of_masks(mask[None]))[0, 0])


def _box_oriented(box: Array, oriented: Array) -> float:
    """Both hold the thing, so it lies in their common part. That part reaches no side that the thing does not, and is
    compared with the box by its bounds and with the oriented box by its extent along those axes."""
    ring = oriented_corners(oriented[None])[0].astype(np.float64)
    upright = np.asarray([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]], np.float64)
    common = clipped(ring, upright)
    if len(common) < 3:
        return 0.0
    sides = np.prod(common.max(0) - common.min(0)), np.prod(np.ptp(common @ _axes(oriented).T, axis=0))
    wholes = float(np.prod(upright[2] - upright[0])), float(oriented[2] * oriented[3])
    return min(_share(float(side), whole) for side, whole in zip(sides, wholes, strict=True))


def _mask_oriented(mask: Array, oriented: Array) -> float:
    """The overlap of the oriented box with the box around the mask along the same axes, times how near that one comes
    to the smallest there is: a thing that is as small along other axes, such as a disc, may be told along any."""
    if not mask.any():
        return 0.0
    ends = _ends(mask)
    along = ends @ _axes(oriented).T
    middle = _axes(oriented) @ np.asarray(oriented[:2], np.float64)
    half = np.asarray(oriented[2:4], np.float64) / 2
    frames = np.concatenate([[middle - half, middle + half], [along.min(0), along.max(0)]]).reshape(2, 4)
    smallest = oriented_of_points(ends)
    tight = _share(float(smallest[2] * smallest[3]), float(np.prod(np.ptp(along, axis=0))))
    return float(box_iou(frames[:1], frames[1:])[0, 0]) * tight


_LAWS = {
    ("boxes", "masks"): _box_mask,
    ("boxes", "oriented"): _box_oriented,
    ("masks", "oriented"): _mask_oriented,
}


def _axes(oriented: Array) -> NDArray[np.float64]:
    """The unit vectors (2, 2) along the long side and across it."""
    angle = np.radians(float(oriented[4]))
    return np.asarray([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _ends(mask: Array) -> NDArray[np.float64]:
    """Corners (n, 2) xy of the first and the last pixel of every row: the hull of these is the hull of the mask."""
    rows = np.flatnonzero(mask.any(1))
    left, right = mask[rows].argmax(1), mask.shape[1] - mask[rows, ::-1].argmax(1)
    x, y = np.concatenate([left, right]), np.concatenate([rows, rows])
    return np.concatenate([np.stack([x, y], 1), np.stack([x, y + 1], 1)]).astype(np.float64)


def _share(part: float, whole: float) -> float:
    """part / whole, at most 1."""
    return min(part / whole, 1.0) if whole > 0 else 0.0
