"""Colours of pictures: of the n-th label, of directions, and of the words beside them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["INK", "NOTHING", "PALE", "PALETTE", "RGB", "colour", "rgb_of_normals"]

RGB = tuple[int, int, int]

PALETTE = (
    "#e6194b", "#4363d8", "#3cb44b", "#f58231", "#911eb4", "#00a0b0", "#f032e6", "#808000", "#9a6324", "#000075",
    "#d2d2ff", "#f0e100", "#00ffd2", "#a587ff", "#96002d", "#00ff00", "#ff87c3", "#000fd2", "#5a0069", "#006900",
)  # fmt: skip
"""The second row: each as far from all before it, in OKLab, as a colour that is neither grey nor near white can be."""

NOTHING: RGB = (60, 60, 60)
INK, PALE = "#222222", "#777777"


def colour(label: int) -> RGB:
    """Of the n-th label. More labels than colours: the same hues again, paler. Below zero: of nothing."""
    if label < 0:
        return NOTHING
    red, green, blue = bytes.fromhex(PALETTE[label % len(PALETTE)][1:])
    fade = 1 - 0.6 ** (label // len(PALETTE))
    return tuple(round(value + (235 - value) * fade) for value in (red, green, blue))  # type: ignore[return-value]


def rgb_of_normals(normals: NDArray[Any]) -> NDArray[np.uint8]:
    """Directions (..., 3) in the camera's axes as uint8 colours, the way normals are usually shown: red, green and blue
    are (n + 1) / 2 of 255 with x to the right, y up and z toward the viewer, so that a wall that faces us is
    bluish, (128, 128, 255). No direction (zeros) is the grey (128, 128, 128), which no unit vector has."""
    shown = np.asarray(normals, np.float32) * np.asarray([1, -1, -1], np.float32)
    return np.asarray(((np.clip(shown, -1, 1) + 1) * 127.5 + 0.5).astype(np.uint8))
