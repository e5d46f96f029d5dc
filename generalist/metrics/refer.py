"""Accuracy of the one thing that is referred to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration
from generalist.sequence.geometry import box_iou
from generalist.sequence.oriented import oriented_iou
from generalist.sequence.sample import Answer, Objects, Sample

__all__ = ["ReferBox", "ReferOriented", "Targets", "best"]


class Targets:
    """``N-acc`` and ``T-acc``: of the requests that mean nothing, and of those that mean something, the shares of which
    just that is said (gRefCOCO, Liu et al. 2023). Neither is told where all mean something."""

    def __init__(self) -> None:
        self._right: dict[str, list[bool]] = {"N-acc": [], "T-acc": []}

    def add(self, meant: bool, found: bool) -> None:
        """Whether something is meant, and whether something was found."""
        self._right["T-acc" if meant else "N-acc"].append(meant == found)

    def result(self) -> dict[str, float]:
        """Both in [0, 1]."""
        if not self._right["N-acc"]:
            return {}
        return {name: float(np.mean(right)) for name, right in self._right.items() if right}


class ReferBox:
    """``Acc@0.5`` and ``mIoU`` of the best-scored box against the one that is meant, as RefCOCO is reported, and
    ``ECE`` and ``AUROC``. Where nothing is meant, no box is the right answer, with an IoU of 1; see also ``Targets``.
    """

    def __init__(self) -> None:
        self._ious: list[float] = []
        self._right: list[bool] = []
        self._targets = Targets()
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs boxes in the answer, with scores if they are several, and at most one object in the sample."""
        found = self._boxes(answer)
        row = best(answer, found)
        meant = None if sample.objects is None or not len(sample.objects) else self._boxes(sample.objects)
        if row is None or found is None:
            iou = float(meant is None)
        else:
            iou = 0.0 if meant is None else self._overlap(found[row : row + 1], meant[:1])
        self._targets.add(meant is not None, row is not None)
        self._ious.append(iou)
        self._right.append(iou >= 0.5)
        if row is not None and answer.scores is not None:
            self.calibration.add([answer.scores[row]], [iou >= 0.5])

    def result(self) -> dict[str, float]:
        """All in [0, 1], ``Acc@0.5`` and ``mIoU`` over all samples."""
        if not self._ious:
            return {}
        figures = {"Acc@0.5": float(np.mean(self._right)), "mIoU": float(np.mean(self._ious))}
        return figures | self._targets.result() | self.calibration.result()

    def _boxes(self, things: Answer | Objects) -> NDArray[np.float32] | None:
        return things.boxes

    def _overlap(self, found: NDArray[Any], meant: NDArray[Any]) -> float:
        return float(box_iou(found, meant)[0, 0])


class ReferOriented(ReferBox):
    """The same of oriented boxes: ``Acc@0.5``, ``mIoU``, ``ECE`` and ``AUROC`` with the IoU of the turned boxes."""

    def _boxes(self, things: Answer | Objects) -> NDArray[np.float32] | None:
        if things.oriented is None and isinstance(things, Objects):
            raise ValueError("refer_oriented needs oriented boxes in the sample")
        return things.oriented

    def _overlap(self, found: NDArray[Any], meant: NDArray[Any]) -> float:
        return float(oriented_iou(found, meant)[0, 0])


def best(answer: Answer, found: NDArray[Any] | None) -> int | None:
    """The row of what was found with the best score (the first without scores), or None if nothing was."""
    if found is None or not len(found):
        return None
    return 0 if answer.scores is None else int(np.argmax(answer.scores))
