"""Measures of dense answers: semantic maps, depth, and the mask that is referred to."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration
from generalist.metrics.refer import Targets, best
from generalist.sequence.sample import VOID, Answer, Sample

__all__ = ["Depth", "MeanIou", "ReferMask"]


class MeanIou:
    """``mIoU``, the mean over classes of intersection over union summed over the whole set, and ``pixel_acc``.

    Pixels of which nothing is known (``VOID``) count nowhere. Where none of the names is (-1 in the sample), a name is
    a wrong answer, and no name a right one, of no class. A class counts if it is in the truth or in an answer. Classes
    are told apart by name, so each request may have its labels in an order of its own.
    """

    def __init__(self) -> None:
        self._both: Counter[str] = Counter()
        self._truth: Counter[str] = Counter()
        self._answer: Counter[str] = Counter()
        self._right = self._known = 0

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``semantic`` and its names in both, of one shape."""
        truth, guess = sample.semantic, answer.semantic
        if truth is None or guess is None or truth.shape != guess.shape:
            raise ValueError("miou needs a semantic map in the answer and in the sample, of one shape")
        known = truth > VOID
        names, labels = answer.names, sample.labels
        # A pixel is right if both names are equal; as indices they may differ, so the answer's go to the sample's.
        row = {name: i for i, name in enumerate(labels)}
        table = np.asarray([*(row.get(name, VOID) for name in names), -1], np.int64)
        right = known & (table[guess] == truth)
        self._right += int(right.sum())
        self._known += int(known.sum())
        for counter, field, words in (
            (self._both, truth[right & (truth >= 0)], labels),
            (self._truth, truth[truth >= 0], labels),
            (self._answer, guess[known & (guess >= 0)], names),
        ):
            for name, count in zip(words, np.bincount(field, minlength=len(words)), strict=True):
                counter[name] += int(count)

    def result(self) -> dict[str, float]:
        """Both in [0, 1]."""
        union = {name: self._truth[name] + self._answer[name] - self._both[name] for name in self._truth | self._answer}
        ious = [self._both[name] / area for name, area in union.items() if area]
        if not ious:
            return {}
        return {"mIoU": float(np.mean(ious)), "pixel_acc": self._right / self._known}


class Depth:
    """``AbsRel``, ``RMSE`` (metres) and ``delta1`` of metric depth (Eigen et al. 2014), averaged over images.

    Holes (0 in the sample) count nowhere. Nothing is aligned to the truth: no scale, no shift, no crop.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float]] = []

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``depth`` (H, W) in metres in both, of one shape. An image of holes only is left out."""
        if sample.depth is None or answer.depth is None or sample.depth.shape != answer.depth.shape:
            raise ValueError("depth needs a depth map in the answer and in the sample, of one shape")
        known = sample.depth > 0
        if not known.any():
            return
        truth = sample.depth[known].astype(np.float64)
        guess = np.maximum(answer.depth[known].astype(np.float64), 1e-6)
        error = np.abs(guess - truth)
        near = np.maximum(guess / truth, truth / guess) < 1.25
        self._rows.append((float((error / truth).mean()), float(np.sqrt((error**2).mean())), float(near.mean())))

    def result(self) -> dict[str, float]:
        """AbsRel and delta1 are ratios, RMSE is in metres."""
        if not self._rows:
            return {}
        means = np.mean(np.asarray(self._rows), axis=0)
        return dict(zip(("AbsRel", "RMSE", "delta1"), map(float, means), strict=True))


class ReferMask:
    """``gIoU``, the mean IoU of the samples, and ``cIoU``, intersections over unions of the whole set (GRES, Liu et
    al. 2023), of the best-scored mask with all that is meant; and ``ECE``, right being an IoU of 0.5.

    Where nothing is meant, an empty answer has an IoU of 1, as there; see also ``Targets``.
    """

    def __init__(self) -> None:
        self._ious: list[float] = []
        self._both = 0
        self._either = 0
        self._targets = Targets()
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs masks in the answer and in the objects of the sample."""
        shape = sample.size[::-1]
        row = best(answer, answer.masks)
        guess = np.zeros(shape, bool) if row is None or answer.masks is None else answer.masks[row]
        masks = None if sample.objects is None else sample.objects.masks
        truth: NDArray[np.bool_] = np.zeros(shape, bool) if masks is None else np.any(masks, axis=0)
        both, either = int((guess & truth).sum()), int((guess | truth).sum())
        iou = both / either if either else 1.0
        self._targets.add(bool(truth.any()), bool(guess.any()))
        self._ious.append(iou)
        self._both += both
        self._either += either
        if row is not None and answer.scores is not None:
            self.calibration.add([answer.scores[row]], [iou >= 0.5])

    def result(self) -> dict[str, float]:
        """All in [0, 1]."""
        if not self._ious:
            return {}
        cumulative = self._both / self._either if self._either else 1.0
        figures = {"gIoU": float(np.mean(self._ious)), "cIoU": cumulative}
        return figures | self._targets.result() | self.calibration.result()
