"""Values of maps: which there are, and others in their place. Maps have a million pixels and a handful of values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["base_256", "there", "translated"]

SMALL = 1 << 16
"""Values below it are looked up in a table, which is quicker than to search."""


def there(values: NDArray[Any]) -> list[int]:
    """The values of a map of whole numbers, in their order."""
    if not values.size:
        return []
    if values.min() >= 0 and values.max() < SMALL:
        return np.flatnonzero(np.bincount(values.ravel())).tolist()
    return np.unique(values).tolist()


def translated(values: NDArray[Any], table: Mapping[int, int], nothing: int = -1) -> NDArray[np.int16]:
    """What the table has for each value, ``nothing`` where it has none."""
    if not table or not values.size:
        return np.full(values.shape, nothing, np.int16)
    known = np.asarray(sorted(table))
    meant = np.asarray([table[value] for value in known.tolist()], np.int16)
    if values.min() >= 0 and values.max() < SMALL:
        full = np.full(int(values.max()) + 1, nothing, np.int16)
        inside = (known >= 0) & (known < len(full))
        full[known[inside]] = meant[inside]
        return full[values]
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[place] == values, meant[place], np.int16(nothing))


def base_256(low: NDArray[np.uint8], middle: NDArray[np.uint8], high: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The numbers whose digits three channels hold."""
    return np.asarray(low + (middle.astype(np.int32) << 8) + (high.astype(np.int32) << 16), np.int32)
