"""Calibration: does a score of 0.7 mean right seven times in ten, and do right answers score more than wrong ones?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "expected_error"]

BINS = 15


class Calibration:
    """``ECE``, the expected calibration error (Guo et al. 2017, eq. 3) over fifteen bins of equal width; and ``AUROC``,
    how often a right answer scores more than a wrong one, a tie being half (Hanley and McNeil 1982).

    ECE alone may be had by giving every answer the same score; AUROC says whether the scores tell them apart.
    """

    def __init__(self) -> None:
        self._scores: list[NDArray[np.float64]] = []
        self._right: list[NDArray[np.bool_]] = []

    def add(self, scores: Any, right: Any) -> None:
        """Scores (n,) in [0, 1] and whether each of them was right (n,) bool."""
        self._scores.append(np.asarray(scores, np.float64).ravel())
        self._right.append(np.asarray(right, bool).ravel())

    @property
    def pairs(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """All scores (n,) so far, and whether each was right (n,)."""
        return np.concatenate([np.zeros(0), *self._scores]), np.concatenate([np.zeros(0, bool), *self._right])

    def result(self) -> dict[str, float]:
        """``{"ECE": ..., "AUROC": ...}``; nothing if no score came in, no AUROC if all were right or all wrong."""
        scores, right = self.pairs
        if not len(scores):
            return {}
        figures = {"ECE": expected_error(scores, right)}
        if right.any() and not right.all():
            figures["AUROC"] = _separation(scores, right)
        return figures


def expected_error(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The expected calibration error of one answer or more."""
    # Bins are (low, high], as in the paper, so that 1.0 needs no bin of its own.
    row = np.clip(np.ceil(scores * BINS).astype(np.int64) - 1, 0, BINS - 1)
    surplus = np.bincount(row, weights=right - scores, minlength=BINS)
    return float(np.abs(surplus).sum() / len(scores))


def _separation(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """From the ranks of the right answers among all (Mann and Whitney 1947); scores that are equal share theirs."""
    _, group, size = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]  # from 1
    n = int(right.sum())
    return float((rank[right].sum() - n * (n + 1) / 2) / (n * (len(right) - n)))
