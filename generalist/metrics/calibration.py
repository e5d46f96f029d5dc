"""Calibration: does a score of 0.7 mean right seven times in ten?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "greedy_hits"]

BINS = 15


class Calibration:
    """Expected calibration error (Guo et al. 2017, eq. 3) over fifteen bins of equal width."""

    def __init__(self) -> None:
        self._count = np.zeros(BINS)
        self._score = np.zeros(BINS)
        self._right = np.zeros(BINS)

    def add(self, scores: Any, right: Any) -> None:
        """Scores (n,) in [0, 1] and whether each of them was right (n,) bool."""
        scores = np.asarray(scores, np.float64).ravel()
        # Bins are (low, high], as in the paper, so that 1.0 needs no bin of its own.
        row = np.clip(np.ceil(scores * BINS).astype(np.int64) - 1, 0, BINS - 1)
        np.add.at(self._count, row, 1)
        np.add.at(self._score, row, scores)
        np.add.at(self._right, row, np.asarray(right, np.float64).ravel())

    def result(self) -> dict[str, float]:
        """``{"ECE": ...}``, or nothing if no score came in."""
        total = self._count.sum()
        return {"ECE": float(np.abs(self._right - self._score).sum() / total)} if total else {}


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
