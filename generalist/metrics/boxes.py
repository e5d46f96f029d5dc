"""Average precision of boxes and of masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration
from generalist.metrics.matching import greedy_matches
from generalist.sequence.sample import Answer, Objects, Sample

__all__ = ["CocoBox", "CocoMask"]

Thing = dict[str, Any]  # a record of COCO's


class CocoBox:
    """COCO's average precision (Lin et al. 2014), by faster-coco-eval: ``AP`` over IoU 0.50:0.95, ``AP50``, ``AP75``,
    and ``ECE`` and ``AUROC`` of the scores, a box being right if it is matched at IoU 0.5 within its class.

    Ignored objects count as COCO crowds: neither missed nor wrong, and they may be matched many times. Precision is of
    the ranked list, of less likely names of things too (``Answer.rivals``), which calibration leaves out.
    """

    kind, ranks = "bbox", True

    def __init__(self) -> None:
        self._truths: list[Thing] = []
        self._answers: list[Thing] = []
        self._categories: dict[str, int] = {}
        self._images: list[Thing] = []
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs boxes (or masks), labels and scores in the answer, objects in the sample."""
        objects = Objects(np.zeros((0, 4), np.float32), ()) if sample.objects is None else sample.objects
        image = len(self._images) + 1  # from 1: COCO's matcher takes an id of 0 for "no match"
        self._images.append({"id": image, "width": sample.size[0], "height": sample.size[1]})
        ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
        truths = [
            {**shape, "id": len(self._truths) + i, "iscrowd": int(skip), "category_id": self._category(name)}
            for i, (shape, name, skip) in enumerate(zip(self._shapes(objects), objects.names, ignore, strict=True), 1)
        ]
        labels, scores = answer.labels or (), _scores(answer)
        answers = [
            {**shape, "id": len(self._answers) + i, "category_id": self._category(name), "score": float(score)}
            for i, (shape, name, score) in enumerate(zip(self._shapes(answer), labels, scores, strict=True), 1)
        ]
        self._truths += [{**thing, "image_id": image} for thing in truths]
        self._answers += [{**thing, "image_id": image} for thing in answers]
        first = [thing for thing, rival in zip(answers, _rivals(answer, len(answers)), strict=True) if not rival]
        self._calibrate(first, truths)

    def result(self) -> dict[str, float]:
        """AP, AP50, AP75 in [0, 1] where there is an object, ECE and AUROC where there is an answer."""
        return self._precision() | self.calibration.result()

    def _precision(self) -> dict[str, float]:
        if all(map(self._skipped, self._truths)):
            return {}
        if not self._answers:
            return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
        evaluation = self._accumulated()
        evaluation.summarize()
        return {name: float(evaluation.stats[i]) for i, name in enumerate(("AP", "AP50", "AP75"))}

    def precision_from(self, least: float) -> float:
        """COCO's average precision over the thresholds of IoU from ``least`` to 0.95 alone."""
        evaluation = self._accumulated()
        strict = evaluation.params.iouThrs > least - 1e-6
        found = np.asarray(evaluation.eval["precision"])[strict, :, :, 0, -1]  # of all areas, of the most answers
        return float(found[found > -1].mean())

    def _accumulated(self) -> Any:
        """The library's evaluation of everything added."""
        from faster_coco_eval import COCO

        categories = [{"id": row, "name": name} for name, row in self._categories.items()]
        truth = COCO({"images": self._images, "annotations": self._truths, "categories": categories})
        evaluation = self._evaluation(truth, truth.loadRes(self._answers))
        evaluation.evaluate()
        evaluation.accumulate()
        return evaluation

    def _evaluation(self, truth: Any, answers: Any) -> Any:
        """The library's evaluation, not yet run."""
        from faster_coco_eval import COCOeval_faster

        return COCOeval_faster(truth, answers, iouType=self.kind, print_function=_silent)

    def _category(self, name: str) -> int:
        return self._categories.setdefault(name, len(self._categories) + 1)

    def _shapes(self, things: Objects | Answer) -> list[Thing]:
        """The part of COCO's record that tells where each thing is."""
        corners = np.asarray(() if things.boxes is None else things.boxes, np.float64).reshape(-1, 4)
        sides = corners[:, 2:] - corners[:, :2]
        bounds = np.concatenate([corners[:, :2], sides], axis=1).tolist()
        return [{"bbox": box, "area": float(side.prod())} for box, side in zip(bounds, sides, strict=True)]

    def _overlap(self, answers: list[Thing], truths: list[Thing]) -> NDArray[np.float64]:
        from faster_coco_eval import mask as coco_mask

        if not answers or not truths:
            return np.zeros((len(answers), len(truths)))
        a, b = ([self._geometry(thing) for thing in things] for things in (answers, truths))
        return np.asarray(coco_mask.iou(a, b, [thing["iscrowd"] for thing in truths]))

    def _geometry(self, thing: Thing) -> Any:
        return thing["bbox"]

    def _skipped(self, thing: Thing) -> bool:
        """Whether an object is neither missed nor wrong."""
        return bool(thing["iscrowd"])

    def _calibrate(self, answers: list[Thing], truths: list[Thing]) -> None:
        for category in {thing["category_id"] for thing in answers}:
            mine = [thing for thing in answers if thing["category_id"] == category]
            there = [thing for thing in truths if thing["category_id"] == category]
            scores = np.asarray([thing["score"] for thing in mine])
            ignore = np.asarray([self._skipped(thing) for thing in there], bool)
            match, counted = greedy_matches(self._overlap(mine, there), scores, ignore)
            self.calibration.add(scores[counted], match[counted] >= 0)


class CocoMask(CocoBox):
    """The same of masks: ``AP``, ``AP50``, ``AP75`` and ``ECE`` with the IoU of masks."""

    kind = "segm"

    def _shapes(self, things: Objects | Answer) -> list[Thing]:
        from faster_coco_eval import mask as coco_mask

        if things.masks is None:
            if super()._shapes(things):
                raise ValueError("coco_mask needs masks beside the boxes")
            return []
        runs = [coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in things.masks]
        return [
            {"segmentation": r, "area": float(coco_mask.area(r)), "bbox": coco_mask.toBbox(r).tolist()} for r in runs
        ]

    def _geometry(self, thing: Thing) -> Any:
        return thing["segmentation"]


def _scores(answer: Answer) -> NDArray[Any]:
    return np.ones(len(answer.labels or ())) if answer.scores is None else np.asarray(answer.scores)


def _rivals(answer: Answer, count: int) -> NDArray[np.bool_]:
    return np.zeros(count, bool) if answer.rivals is None else answer.rivals


def _silent(*_: Any) -> None:
    """The library reports its progress through this."""
