"""Measures of key points: average precision by object key point similarity, and the share that is correct."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.metrics.boxes import CocoBox, Thing
from generalist.metrics.matching import greedy_matches
from generalist.sequence.geometry import box_iou
from generalist.sequence.sample import Answer, Objects, Sample

__all__ = ["Keypoints", "similarity"]

SIGMA = 0.05
NEAR = 0.1


class Keypoints(CocoBox):
    """``AP``, ``AP50``, ``AP75`` of COCO's key point protocol, by faster-coco-eval, with object key point similarity
    (OKS) in the place of IoU; ``ECE`` and ``AUROC``, right being an OKS of 0.5; and ``PCK@0.1``.

    sigmas: (J,) how far people would differ about each point, as a share of the root of the object's area, which is
    that of its box. PCK (Yang and Ramanan 2013) is the share of the annotated points that are found within a tenth of
    the longer side of the box, in the answer whose box is the object's at IoU 0.5; an object without one has none.
    An object without any annotated point is ignored, as COCO does.
    """

    kind = "keypoints"

    def __init__(self, sigmas: Sequence[float] | None = None) -> None:
        super().__init__()
        self._sigmas = None if sigmas is None else np.asarray(sigmas, np.float64)
        self._points, self._near = 0, 0

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs boxes, labels, scores and keypoints in the answer, objects with keypoints in the sample."""
        super().add(answer, sample)
        if sample.objects is not None and len(sample.objects):
            self._count_near(answer, sample.objects)

    def result(self) -> dict[str, float]:
        """All in [0, 1]."""
        near = {"PCK@0.1": self._near / self._points} if self._points else {}
        return self._precision() | near | self.calibration.result()

    def _shapes(self, things: Objects | Answer) -> list[Thing]:
        boxes = super()._shapes(things)
        if not boxes:
            return []
        if things.keypoints is None or len(things.keypoints) != len(boxes):
            raise ValueError("keypoints needs the key points of every box")
        points = np.asarray(things.keypoints, np.float64)
        if self._sigmas is None:
            self._sigmas = np.full(points.shape[1], SIGMA)
        if points.shape[1] != len(self._sigmas):
            raise Fault(f"keypoints: {points.shape[1]} points of a thing where {len(self._sigmas)} are measured")
        labelled = (points[..., 2] > 0).sum(1)
        return [
            {**box, "keypoints": flat, "num_keypoints": int(count)}
            for box, flat, count in zip(boxes, points.reshape(len(points), -1).tolist(), labelled, strict=True)
        ]

    def _skipped(self, thing: Thing) -> bool:
        return super()._skipped(thing) or not thing["num_keypoints"]

    def _overlap(self, answers: list[Thing], truths: list[Thing]) -> NDArray[np.float64]:
        """OKS; where no point is annotated, the overlap of boxes, which is all that there is to compare."""
        iou = super()._overlap(answers, truths)
        if not iou.size or self._sigmas is None:
            return iou
        shape = (-1, len(self._sigmas), 3)
        a, b = (np.asarray([t["keypoints"] for t in things]).reshape(shape) for things in (answers, truths))
        areas = np.asarray([thing["area"] for thing in truths])
        bare = np.asarray([not thing["num_keypoints"] for thing in truths])
        return np.asarray(np.where(bare, iou, similarity(a, b, areas, self._sigmas)))

    def _evaluation(self, truth: Any, answers: Any) -> Any:
        evaluation = super()._evaluation(truth, answers)
        evaluation.params.kpt_oks_sigmas = self._sigmas
        return evaluation

    def _count_near(self, answer: Answer, objects: Objects) -> None:
        assert objects.keypoints is not None
        there = objects.keypoints[..., 2] > 0
        if objects.ignore is not None:
            there &= ~objects.ignore[:, None]
        self._points += int(there.sum())
        if answer.boxes is None or answer.keypoints is None or not len(answer.boxes):
            return
        same = np.asarray(answer.labels, object)[:, None] == np.asarray(objects.names, object)[None, :]
        scores = np.ones(len(answer.boxes)) if answer.scores is None else answer.scores
        match, _ = greedy_matches(np.where(same, box_iou(answer.boxes, objects.boxes), 0), scores, objects.ignore)
        for i in np.flatnonzero(match >= 0):
            side = (objects.boxes[match[i], 2:] - objects.boxes[match[i], :2]).max()
            apart = np.linalg.norm(answer.keypoints[i, :, :2] - objects.keypoints[match[i], :, :2], axis=1)
            self._near += int((apart[there[match[i]]] <= NEAR * side).sum())


def similarity(points: NDArray[Any], truth: NDArray[Any], areas: NDArray[Any], sigmas: NDArray[Any]) -> NDArray[Any]:
    """OKS (n, m) of the points (n, J, 3) of every answer with those (m, J, 3) of every object, over the points that
    are annotated: COCO's mean of exp(-d² / 2 area (2 sigma)²). Objects without any give zero."""
    square = ((points[:, None, :, :2] - truth[None, :, :, :2]) ** 2).sum(-1)
    near = np.exp(-square / (2 * np.maximum(areas, 1e-12)[:, None] * (2 * sigmas) ** 2))
    there = truth[..., 2] > 0
    return np.asarray((near * there).sum(-1) / np.maximum(there.sum(-1), 1))
