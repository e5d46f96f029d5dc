"""Angular errors of surface normals."""

import numpy as np

from generalist.sequence.sample import Answer, Sample

__all__ = ["Normals"]

FINE = 0.01  # degrees: the width of a bin of the histogram that the median is read from
CLOSE = 11.25


class Normals:
    """``mean_deg``, ``median_deg`` and ``within_11.25``, the share of errors below 11.25 degrees (Fouhey et al. 2013),
    over all pixels of the set whose true normal is known, that is not zero.

    An answer without a direction (zero) is wrong by a right angle. The median is exact to a hundredth of a degree.
    """

    def __init__(self) -> None:
        self._total = 0.0
        self._close = 0
        self._histogram = np.zeros(round(180 / FINE) + 1, np.int64)

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``normals`` (H, W, 3) in both, of one shape; of whatever length."""
        if sample.normals is None or answer.normals is None or sample.normals.shape != answer.normals.shape:
            raise ValueError("normals needs normals in the answer and in the sample, of one shape")
        known = (sample.normals != 0).any(-1)
        truth, guess = sample.normals[known].astype(np.float64), answer.normals[known].astype(np.float64)
        # From both the sine and the cosine: the arc cosine alone loses small angles.
        sine, cosine = np.linalg.norm(np.cross(truth, guess), axis=-1), (truth * guess).sum(-1)
        error = np.where((guess != 0).any(-1), np.degrees(np.arctan2(sine, cosine)), 90.0)
        self._total += float(error.sum())
        self._close += int((error < CLOSE).sum())
        self._histogram += np.bincount((error / FINE).round().astype(np.int64), minlength=len(self._histogram))

    def result(self) -> dict[str, float]:
        """The first two in degrees."""
        count = int(self._histogram.sum())
        if not count:
            return {}
        # Of an even number of errors the median is the mean of the middle two.
        middle = np.searchsorted(np.cumsum(self._histogram), [(count - 1) // 2, count // 2], side="right")
        return {
            "mean_deg": self._total / count,
            "median_deg": float(middle.mean()) * FINE,
            "within_11.25": self._close / count,
        }
