"""``normal``: the direction that a surface faces, as the nearest of a fixed set spread evenly over the sphere."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, of_block
from generalist.sequence.units.unit import Weights

__all__ = ["Normal", "directions", "mean_direction"]

DEEPEST = 0.3
"""Largest z of a direction: what a camera sees faces it (z < 0), but for slanted surfaces away from its axis."""

NEAR = 0.9659
"""Cosine of 15 degrees: directions so near to the likeliest take part in the mean, as bins do in ``expected_bin``."""


@lru_cache(maxsize=4)
def directions(count: int) -> NDArray[np.float32]:
    """Unit vectors (count, 3) in the camera's axes, z from -1 to ``DEEPEST``, on a Fibonacci spiral (Gonzalez 2010)."""
    i = np.arange(count)
    z = -1 + (DEEPEST + 1) * (i + 0.5) / count
    turn = np.pi * (3 - 5**0.5) * i
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], 1).astype(np.float32)


def mean_direction(weights: NDArray[Any]) -> NDArray[np.float32]:
    """Weights (..., count) over the directions to unit vectors (..., 3): the mean around the likeliest."""
    codes = directions(weights.shape[-1])
    near = (codes @ codes.T >= NEAR)[weights.argmax(-1)]
    mean = np.where(near, weights, 0) @ codes
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=-1, keepdims=True), 1e-9), np.float32)


class Normal:
    """(3,) a unit vector in the camera's axes: x right, y down, z away."""

    name = "normal"
    field = "normal"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return of_block(frame.vocabulary["normal"])

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        block = frame.vocabulary["normal"]
        return [block[int((directions(len(block)) @ np.asarray(value, np.float32)).argmax())]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        block = frame.vocabulary["normal"]
        if weights is not None and weights[0] is not None:
            return mean_direction(weights[0])
        return np.asarray(directions(len(block))[block.index_of(ids[0])])
