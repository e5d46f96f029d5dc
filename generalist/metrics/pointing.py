"""Measures of points: does each fall on a thing of its name, and is each thing pointed at?"""

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration
from generalist.metrics.matching import greedy_matches
from generalist.sequence.sample import Answer, Objects, Sample

__all__ = ["Pointing"]


class Pointing:
    """``precision``, ``recall`` and ``F1`` over all points and objects of the set, and ``ECE`` and ``AUROC``.

    A point is right if it falls inside the mask of an object of its name, or its box where there are no masks. Points
    take objects in the order of their scores, each object once; a second point on it is wrong.
    """

    def __init__(self) -> None:
        self._right = self._points = self._objects = 0
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs points, labels and scores in the answer, objects in the sample."""
        objects = Objects(np.zeros((0, 4), np.float32), ()) if sample.objects is None else sample.objects
        ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
        self._objects += int((~ignore).sum())
        if answer.points is None or not len(answer.points):
            return
        same = np.asarray(answer.labels, object)[:, None] == np.asarray(objects.names, object)[None, :]
        scores = np.ones(len(answer.points)) if answer.scores is None else answer.scores
        match, counted = greedy_matches(same & _inside(answer.points, objects), scores, ignore)
        self._right += int((match >= 0).sum())
        self._points += int(counted.sum())
        self.calibration.add(scores[counted], match[counted] >= 0)

    def result(self) -> dict[str, float]:
        """All in [0, 1]. Precision is left out where nothing is pointed at, recall where nothing is there."""
        figures = {}
        if self._points:
            figures["precision"] = self._right / self._points
        if self._objects:
            figures["recall"] = self._right / self._objects
            figures["F1"] = 2 * self._right / (self._points + self._objects)
        return figures | self.calibration.result()


def _inside(points: NDArray[np.float32], objects: Objects) -> NDArray[np.bool_]:
    """(n, m) bool: which points (n, 2) fall on which objects."""
    if objects.masks is None:
        low, high = objects.boxes[None, :, :2], objects.boxes[None, :, 2:]
        return np.asarray(((points[:, None] >= low) & (points[:, None] <= high)).all(-1))
    height, width = objects.masks.shape[1:]
    # The pixel at row 0 and column 0 spans 0 to 1; the far border belongs to the last one.
    x, y = (np.clip(points[:, k].astype(np.int64), 0, side - 1) for k, side in enumerate((width, height)))
    return np.asarray(objects.masks[:, y, x].T)
