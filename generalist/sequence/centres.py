"""Centres: k-means in numpy (Lloyd 1982), and the nearest of some centres. Whatever is spelled by a codebook is
spelled by these: patches of masks, vectors of documents.

Legend: X points, K centres, D dimensions.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["k_means", "nearest"]

CHUNK = 8192
"""Points whose distances are held at once."""

Points = NDArray[np.float32]


def nearest(points: Points, centres: Points) -> NDArray[np.int64]:
    """(X,) which of the centres (K, D) is nearest to each of the points (X, D); of equals the first."""
    out = np.empty(len(points), np.int64)
    # The square of a point itself is the same for every centre.
    squares = np.einsum("kd,kd->k", centres, centres)
    for low in range(0, len(points), CHUNK):
        out[low : low + CHUNK] = (squares - 2 * points[low : low + CHUNK] @ centres.T).argmin(1)
    return out


def k_means(points: Points, count: int, rounds: int, rng: np.random.Generator, starts: Points | None = None) -> Points:
    """``count`` centres (K, D) of the points (X, D), fewer where there are fewer points to start from. A centre that
    loses all its points stays where it is.

    starts: what the first centres are drawn from, each once; the different ones of the points unless given.
    """
    starts = np.unique(points, axis=0) if starts is None else starts
    centres = starts[np.sort(rng.permutation(len(starts))[:count])].astype(np.float32)
    for _ in range(rounds):
        owner = nearest(points, centres)
        order = np.argsort(owner, kind="stable")
        held, first = np.unique(owner[order], return_index=True)
        sums = np.add.reduceat(points[order], first, axis=0, dtype=np.float64)
        before = centres
        centres = centres.copy()
        centres[held] = sums / np.diff(np.append(first, len(points)))[:, None]
        if np.array_equal(before, centres):
            break
    return centres
