"""Calibration: does a score of 0.7 mean right seven times in ten?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "expected_error", "greedy_hits"]

BINS = 15


class Calibration:
    """Scores of answers and whether each was right, and how far the scores are from the truth."""

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
        """``{"ECE": ...}``, or nothing if no score came in."""
        scores, right = self.pairs
        return {"ECE": expected_error(scores, right)} if len(scores) else {}


def expected_error(scores: Any, right: Any) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3) over fifteen bins of equal width, of one answer or more."""
    scores = np.asarray(scores, np.float64)
    # Bins are (low, high], as in the paper, so that 1.0 needs no bin of its own.
    row = np.clip(np.ceil(scores * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gap = np.bincount(row, np.asarray(right, np.float64) - scores, BINS)
    return float(np.abs(gap).sum() / len(scores))


def greedy_hits(
    overlap: NDArray[Any], scores: NDArray[Any], ignore: NDArray[np.bool_], threshold: float = 0.5
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Match answers to objects, best score first, each object once: (hit (n,), counted (n,)).

    overlap: (n, m) of answers with objects; ignore: (m,). An answer that meets only an ignored object is not counted.
    """
    hit, counted = np.zeros(len(scores), bool), np.ones(len(scores), bool)
    if overlap.size == 0:
        return hit, counted
    free = ~ignore
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        best = np.where(free, overlap[i], -1)
        j = int(best.argmax())
        if best[j] >= threshold:
            hit[i], free[j] = True, False
        else:
            counted[i] = not (overlap[i][ignore] >= threshold).any()
    return hit, counted
