"""The picture as the model sees it: scaled to fit a square, at its top left, the rest grey."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["GREY", "letterbox", "normalise"]

GREY = 127
"""Of the square where no picture is."""


def letterbox(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """An image (H, W, 3) uint8 in a (side, side, 3) square: the square that ``Frame`` calls the unit square."""
    height, width = image.shape[:2]
    if (height, width) == (side, side):
        return image
    scale = side / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    out = np.full((side, side, 3), GREY, np.uint8)
    out[: size[1], : size[0]] = small
    return out


def normalise(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (B, H, W, 3) uint8 to (B, 3, H, W) float32 in [-1, 1]."""
    scaled: NDArray[Any] = images.astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32)
