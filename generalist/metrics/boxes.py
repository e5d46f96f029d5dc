"""Average precision of boxes and of masks, and accuracy of the one box that is referred to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration, greedy_hits
from generalist.sequence.geometry import box_iou
from generalist.sequence.sample import Answer, Objects, Sample

__all__ = ["CocoBox", "CocoMask", "ReferBox", "best"]


class CocoBox:
    """COCO's average precision (Lin et al. 2014), by faster-coco-eval: ``AP`` over IoU 0.50:0.95, ``AP50``, ``AP75``,
    and ``ECE`` of the scores, a box being right if it is matched at IoU 0.5 within its class.

    Ignored objects count as COCO crowds: neither missed nor wrong, and they may be matched many times.
    """

    kind = "bbox"

    def __init__(self) -> None:
        self._truths: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = []
        self._categories: dict[str, int] = {}
        self._images: list[dict[str, Any]] = []
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs boxes (or masks), labels and scores in the answer, objects in the sample."""
        objects = Objects(np.zeros((0, 4), np.float32), ()) if sample.objects is None else sample.objects
        image = len(self._images) + 1  # from 1: COCO's matcher takes an id of 0 for "no match"
        self._images.append({"id": image, "width": sample.size[0], "height": sample.size[1]})
        ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
        shapes = self._shapes(objects.boxes, objects.masks)
        truths = [
            {**shape, "id": len(self._truths) + i, "iscrowd": int(skip), "category_id": self._category(name)}
            for i, (shape, name, skip) in enumerate(zip(shapes, objects.names, ignore, strict=True), 1)
        ]
        labels, scores = answer.labels or (), _scores(answer)
        shapes = self._shapes(np.zeros((0, 4)) if answer.boxes is None else answer.boxes, answer.masks)
        answers = [
            {**shape, "id": len(self._answers) + i, "category_id": self._category(name), "score": float(score)}
            for i, (shape, name, score) in enumerate(zip(shapes, labels, scores, strict=True), 1)
        ]
        self._truths += [{**thing, "image_id": image} for thing in truths]
        self._answers += [{**thing, "image_id": image} for thing in answers]
        self._calibrate(answers, truths)

    def result(self) -> dict[str, float]:
        """AP, AP50, AP75 in [0, 1] where there is an object, ECE where there is an answer."""
        return self._precision() | self.calibration.result()

    def _precision(self) -> dict[str, float]:
        if all(thing["iscrowd"] for thing in self._truths):
            return {}
        if not self._answers:
            return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
        from faster_coco_eval import COCO, COCOeval_faster

        categories = [{"id": row, "name": name} for name, row in self._categories.items()]
        truth = COCO({"images": self._images, "annotations": self._truths, "categories": categories})
        evaluation = COCOeval_faster(truth, truth.loadRes(self._answers), iouType=self.kind, print_function=_silent)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return {name: float(evaluation.stats[i]) for i, name in enumerate(("AP", "AP50", "AP75"))}

    def _category(self, name: str) -> int:
        return self._categories.setdefault(name, len(self._categories) + 1)

    def _shapes(self, boxes: NDArray[Any], masks: NDArray[np.bool_] | None) -> list[dict[str, Any]]:
        """The part of COCO's record that tells where a thing is."""
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        sides = corners[:, 2:] - corners[:, :2]
        bounds = np.concatenate([corners[:, :2], sides], axis=1).tolist()
        return [{"bbox": box, "area": float(side.prod())} for box, side in zip(bounds, sides, strict=True)]

    def _overlap(self, answers: list[dict[str, Any]], truths: list[dict[str, Any]]) -> NDArray[np.float64]:
        from faster_coco_eval import mask as coco_mask

        if not answers or not truths:
            return np.zeros((len(answers), len(truths)))
        a, b = ([self._geometry(thing) for thing in things] for things in (answers, truths))
        return np.asarray(coco_mask.iou(a, b, [thing["iscrowd"] for thing in truths]))

    def _geometry(self, thing: dict[str, Any]) -> Any:
        return thing["bbox"]

    def _calibrate(self, answers: list[dict[str, Any]], truths: list[dict[str, Any]]) -> None:
        for category in {thing["category_id"] for thing in answers}:
            mine = [thing for thing in answers if thing["category_id"] == category]
            there = [thing for thing in truths if thing["category_id"] == category]
            scores = np.asarray([thing["score"] for thing in mine])
            ignore = np.asarray([thing["iscrowd"] for thing in there], bool)
            hit, counted = greedy_hits(self._overlap(mine, there), scores, ignore)
            self.calibration.add(scores[counted], hit[counted])


class CocoMask(CocoBox):
    """The same of masks: ``AP``, ``AP50``, ``AP75`` and ``ECE`` with the IoU of masks."""

    kind = "segm"

    def _shapes(self, boxes: NDArray[Any], masks: NDArray[np.bool_] | None) -> list[dict[str, Any]]:
        from faster_coco_eval import mask as coco_mask

        if masks is None:
            if len(boxes):
                raise ValueError("coco_mask needs masks beside the boxes")
            return []
        runs = [coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in masks]
        return [
            {"segmentation": r, "area": float(coco_mask.area(r)), "bbox": coco_mask.toBbox(r).tolist()} for r in runs
        ]

    def _geometry(self, thing: dict[str, Any]) -> Any:
        return thing["segmentation"]


class ReferBox:
    """``Acc@0.5`` and ``mIoU`` of the best-scored box against the one that is meant, as RefCOCO is reported, and
    ``ECE``. Where nothing is meant, no box is the right answer, with an IoU of 1."""

    def __init__(self) -> None:
        self._ious: list[float] = []
        self._right: list[bool] = []
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs boxes in the answer, with scores if they are several, and at most one object in the sample."""
        row = best(answer)
        meant = None if sample.objects is None or not len(sample.objects) else sample.objects.boxes[:1]
        if row is None or answer.boxes is None:
            iou = float(meant is None)
        else:
            iou = 0.0 if meant is None else float(box_iou(answer.boxes[row : row + 1], meant)[0, 0])
        self._ious.append(iou)
        self._right.append(iou >= 0.5)
        if row is not None and answer.scores is not None:
            self.calibration.add([answer.scores[row]], [iou >= 0.5])

    def result(self) -> dict[str, float]:
        """Both in [0, 1], over all samples."""
        if not self._ious:
            return {}
        figures = {"Acc@0.5": float(np.mean(self._right)), "mIoU": float(np.mean(self._ious))}
        return figures | self.calibration.result()


def best(answer: Answer) -> int | None:
    """The row with the best score (the first without scores), or None if nothing was answered."""
    found = answer.masks if answer.boxes is None else answer.boxes
    if found is None or not len(found):
        return None
    return 0 if answer.scores is None else int(np.argmax(answer.scores))


def _scores(answer: Answer) -> NDArray[Any]:
    return np.ones(len(answer.labels or ())) if answer.scores is None else np.asarray(answer.scores)


def _silent(*_: Any) -> None:
    """The library reports its progress through this."""
