"""Average precision of oriented boxes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.boxes import CocoBox, Thing
from generalist.sequence.oriented import oriented_iou
from generalist.sequence.sample import Answer, Objects

__all__ = ["OrientedBox"]


class OrientedBox(CocoBox):
    """The same of oriented boxes: ``AP``, ``AP50``, ``AP75``, ``ECE`` and ``AUROC`` with the IoU of the turned boxes.

    COCO's protocol knows upright boxes only, so the one step of it that looks at shapes is taken here.
    """

    def _shapes(self, things: Objects | Answer) -> list[Thing]:
        upright = super()._shapes(things)
        if things.oriented is None:
            if upright:
                raise ValueError("oriented_box needs oriented boxes beside the upright ones")
            return []
        turned = np.asarray(things.oriented, np.float64).reshape(-1, 5)
        if len(turned) != len(upright):
            raise ValueError(f"oriented_box: {len(turned)} oriented boxes beside {len(upright)} upright ones")
        areas = turned[:, 2] * turned[:, 3]
        return [
            {**shape, "oriented": box, "area": float(area)}
            for shape, box, area in zip(upright, turned.tolist(), areas, strict=True)
        ]

    def _overlap(self, answers: list[Thing], truths: list[Thing]) -> NDArray[np.float64]:
        """IoU; with a crowd, the share of the answer that lies in it, as COCO has it."""
        a, b = (np.asarray([t["oriented"] for t in things]).reshape(-1, 5) for things in (answers, truths))
        iou = oriented_iou(a, b).astype(np.float64)
        mine, theirs = a[:, 2:3] * a[:, 3:4], b[:, 2] * b[:, 3]
        share = iou * (mine + theirs) / (1 + iou) / np.maximum(mine, 1e-12)
        crowd = np.asarray([thing["iscrowd"] for thing in truths], bool)
        return np.asarray(np.where(crowd, share, iou))

    def _evaluation(self, truth: Any, answers: Any) -> Any:
        evaluation = super()._evaluation(truth, answers)

        def overlap(image: int, category: int) -> NDArray[np.float64] | list[float]:
            things = [d.get(image, category) for d in (evaluation.dt_dataset, evaluation.gt_dataset)]
            if not all(things):
                return []
            best = sorted(things[0], key=lambda thing: -thing["score"])[: evaluation.params.maxDets[-1]]
            return self._overlap(best, things[1])

        evaluation.computeIoU = overlap
        return evaluation
