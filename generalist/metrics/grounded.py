"""Measures of captions whose phrases carry boxes."""

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration
from generalist.metrics.cider import words
from generalist.metrics.matching import greedy_matches
from generalist.metrics.text import Caption
from generalist.sequence.geometry import box_iou
from generalist.sequence.sample import Answer, Sample

__all__ = ["Grounded"]

Phrase = tuple[list[str], NDArray[np.float32], NDArray[np.float32]]  # its words, its boxes (n, 4), their scores (n,)


class Grounded:
    """What ``Caption`` measures of the text; ``grounding``, the share of the true phrases that the answer has, and
    ``phrase_F1``, which also counts what it has beside them; and ``ECE`` and ``AUROC`` of the boxes.

    The answer has a phrase if it has one of the same words with the same boxes: as many, each at IoU 0.5 with its own.
    A box is right if its phrase is.
    """

    def __init__(self) -> None:
        self._caption = Caption()
        self.calibration = Calibration()
        self._right = self._meant = self._written = 0

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs text, phrases and boxes in the answer; parts, objects and text in the sample."""
        self._caption.add(answer, sample)
        truths, written = _meant(sample), _written(answer)
        self._meant += len(truths)
        self._written += len(written)
        for phrase in written:
            same = next((i for i, truth in enumerate(truths) if _equal(phrase, truth)), None)
            if same is not None:
                truths.pop(same)
                self._right += 1
            self.calibration.add(phrase[2], np.full(len(phrase[2]), same is not None))

    def result(self) -> dict[str, float]:
        """CIDEr-D in [0, 10], the others in [0, 1]."""
        figures = self._caption.result()
        if self._meant:
            figures["grounding"] = self._right / self._meant
            figures["phrase_F1"] = 2 * self._right / (self._meant + self._written)
        return figures | self.calibration.result()


def _equal(phrase: Phrase, truth: Phrase) -> bool:
    if phrase[0] != truth[0] or len(phrase[1]) != len(truth[1]):
        return False
    match, _ = greedy_matches(box_iou(phrase[1], truth[1]), phrase[2])
    return bool((match >= 0).all())


def _meant(sample: Sample) -> list[Phrase]:
    if sample.objects is None:
        return []
    boxes = sample.objects.boxes
    return [(words(text), boxes[list(rows)], np.ones(len(rows), np.float32)) for text, rows in sample.parts if rows]


def _written(answer: Answer) -> list[Phrase]:
    boxes = np.zeros((0, 4), np.float32) if answer.boxes is None else answer.boxes
    scores = np.ones(len(boxes), np.float32) if answer.scores is None else answer.scores
    text = answer.text or ""
    return [
        (words(text[start:stop]), boxes[list(rows)], scores[list(rows)]) for start, stop, rows in answer.phrases or ()
    ]
