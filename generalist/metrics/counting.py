"""Measures of counts."""

from generalist.metrics.calibration import Calibration
from generalist.sequence.sample import Answer, Sample

__all__ = ["Counting"]


class Counting:
    """``accuracy``, the share of counts that are right, ``MAE``, the mean distance from the right one, and ``ECE`` and
    ``AUROC`` of the scores. No number is a wrong answer, as far off as zero would be."""

    def __init__(self) -> None:
        self._errors: list[int] = []
        self._right: list[bool] = []
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``number`` in the answer, digits as the ``text`` of the sample; ``scores`` (1,) if there is one."""
        if not sample.text.isdecimal():
            raise ValueError(f"counting needs a number as the text of the sample, not {sample.text!r}")
        truth = int(sample.text)
        self._errors.append(abs((answer.number or 0) - truth))
        self._right.append(answer.number == truth)
        if answer.scores is not None and len(answer.scores):
            self.calibration.add(answer.scores[:1], self._right[-1:])

    def result(self) -> dict[str, float]:
        """All but the MAE in [0, 1]."""
        if not self._errors:
            return {}
        n = len(self._errors)
        return {"accuracy": sum(self._right) / n, "MAE": sum(self._errors) / n} | self.calibration.result()
