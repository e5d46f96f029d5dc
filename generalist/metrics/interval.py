"""Interval: how far a mean over items may be off because it is of these items and not of others."""

from collections.abc import Sequence

import numpy as np

__all__ = ["bootstrap"]


def bootstrap(values: Sequence[float], samples: int = 2000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """The percentile interval of the mean of ``values``, (low, high), by drawing as many again with replacement (Efron
    1979). Two systems are told apart by the interval of their differences item by item. NaN, NaN of no values."""
    if not len(values):
        return float("nan"), float("nan")
    given, rng = np.asarray(values, np.float64), np.random.default_rng(seed)
    means = np.asarray([given[rng.integers(len(given), size=len(given))].mean() for _ in range(samples)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
