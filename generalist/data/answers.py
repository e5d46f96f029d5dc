"""Answers: what the tracks of a request are to write in training, and where nobody looks whether they write."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.sample import Sample
from generalist.sequence.task import Task
from generalist.sequence.written import Tracks

__all__ = ["Request", "answers", "asked", "within"]

TEXTS = frozenset({"text", "docid", "ngram", "code"})
"""Units of which several references may be right."""


@dataclass(frozen=True, slots=True)
class Request:
    """A sample to be answered under a task; ``index`` is the task's place in the recipe's list."""

    task: Task
    index: int
    sample: Sample


def asked(request: Request) -> tuple[Request, NDArray[np.float32]]:
    """A request without the things that are neither asked for nor errors, and the boxes (n, 4) of these in the unit
    square: whether a track writes there is not looked at."""
    sample, objects = request.sample, request.sample.objects
    if request.task.shape not in ("objects", "list") or objects is None or objects.ignore is None:
        return request, np.zeros((0, 4), np.float32)
    boxes = request.task.frame(sample).to_unit(objects.boxes[objects.ignore])
    kept = objects.select(np.flatnonzero(~objects.ignore))
    return Request(request.task, request.index, sample.but(objects=kept)), boxes


def within(points: NDArray[np.float32] | None, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points (K, 2) lie in one of the boxes (n, 4), or are the nearest to its middle."""
    assert points is not None
    low, high = boxes[:, :2], boxes[:, 2:]
    inside = np.asarray(((points[:, None] >= low) & (points[:, None] <= high)).all(-1).any(-1))
    inside[np.linalg.norm(points[:, None] - (low + high) / 2, axis=-1).argmin(0)] = True
    return inside


def answers(request: Request) -> Tracks:
    """The tracks of a request. Of a text with several references, which are all right, each is a track of its own: the
    request is read once, and weighs as much as one."""
    task, sample = request.task, request.sample
    if task.shape != "single" or not task.units <= TEXTS or len(sample.texts) < 2:
        return task.encode(sample)
    said = [task.encode(sample.but(text=text)) for text in dict.fromkeys(sample.texts)]
    ids = [tracks.ids[0] for tracks in said]
    points = None if said[0].points is None else np.concatenate([tracks.points for tracks in said])
    return Tracks(points, ids, [np.full(len(track), 1 / len(said), np.float32) for track in ids])
