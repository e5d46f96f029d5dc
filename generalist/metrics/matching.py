"""Matching: which answer is which object, by the rule of COCO's protocol."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["greedy_matches"]


def greedy_matches(
    overlap: NDArray[Any], scores: Any, ignore: NDArray[np.bool_] | None = None, threshold: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Match answers to objects, best score first, each object once: (object (n,), -1 for none; counted (n,)).

    overlap: (n, m) of answers with objects; ignore: (m,). An answer that meets only an ignored object is not counted.
    """
    match, counted = np.full(len(overlap), -1), np.ones(len(overlap), bool)
    if overlap.size == 0:
        return match, counted
    ignore = np.zeros(overlap.shape[1], bool) if ignore is None else ignore
    free = ~ignore
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        open_ = np.where(free, overlap[i], -1)
        j = int(open_.argmax())
        if open_[j] >= threshold:
            match[i], free[j] = j, False
        else:
            counted[i] = not (overlap[i][ignore] >= threshold).any()
    return match, counted
