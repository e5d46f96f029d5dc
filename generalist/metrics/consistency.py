"""Agreement of the spellings of one thing, which needs no truth."""

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.consistency import consistency, pairwise
from generalist.sequence.sample import Answer, Sample

__all__ = ["Consistency"]


class Consistency:
    """``consistency``, the mean over things of how well their box, mask and oriented box agree; see
    ``generalist.sequence.consistency``. Answers that spell their things in one way count nowhere."""

    def __init__(self) -> None:
        self._values: list[NDArray[np.float32]] = []

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs nothing of the sample."""
        if pairwise(answer):
            self._values.append(consistency(answer))

    def result(self) -> dict[str, float]:
        """In [0, 1], where a thing was answered."""
        values = np.concatenate([np.zeros(0, np.float32), *self._values])
        return {"consistency": float(values.mean())} if len(values) else {}
