"""The Unit protocol: one kind of value, spelled in tokens."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame, expected_bin
from generalist.sequence.pattern import Pattern
from generalist.sequence.vocabulary import Block

__all__ = ["Unit", "Weights", "bins_of"]

Weights = Sequence[NDArray[np.float32] | None]
"""For each token, the model's probabilities over the token's own block, or None where they are not known."""


class Unit(Protocol):
    """One small file each. ``name`` is the word in a task file, ``field`` the field of a record that it fills."""

    name: str
    field: str

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        """What it may write. ``size`` is the number in ``mask{16}``, None where the file gives none."""

    def encode(self, value: Any, frame: Frame, size: int | None) -> list[int]:
        """Value to token ids. Raises ValueError for a value that the unit cannot spell."""

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> Any:
        """Token ids that match the pattern to a value. Never fails on what the pattern admits."""


def bins_of(ids: Sequence[int], block: Block, weights: Weights | None) -> NDArray[np.float32]:
    """Bins of ordinal tokens: the expectation around the mode where weights are known, else its own bin."""
    bins = [block.index_of(token) for token in ids]
    if weights is None:
        return np.asarray(bins, np.float32)
    return np.asarray([bin if w is None else expected_bin(w) for bin, w in zip(bins, weights, strict=True)], np.float32)
