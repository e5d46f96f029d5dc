"""Pictures as files and as bytes: PNG of colours, and of depth and normals with their values."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generalist.app.colours import rgb_of_normals
from generalist.faults import Fault

__all__ = ["as_png", "of_depth", "of_normals", "save_picture"]

FARTHEST = 65.535
"""Metres: what a 16-bit map in millimetres can hold."""


def of_depth(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres (H, W) in millimetres; what is farther than 16 bits can hold is as far as they can."""
    return (np.clip(depth, 0, FARTHEST) * 1000).round().astype(np.uint16)


def of_normals(normals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Directions (H, W, 3) in the camera's axes as colours, those of ``rgb_of_normals``: the direction is
    2 rgb / 255 - 1, then y and z negated; (128, 128, 128) is no direction."""
    return rgb_of_normals(normals)


def as_png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """(H, W, 3) uint8, or (H, W) uint16, as the bytes of a PNG."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def save_picture(pixels: NDArray[np.uint8] | NDArray[np.uint16], path: Path) -> Path:
    """Writes a PNG, see ``as_png``, making its folder. Raises Fault if it cannot be written."""
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(as_png(pixels))
        beside.rename(path)
    except OSError as error:
        raise Fault(f"{path}: cannot be written ({error.strerror or error})") from error
    return path
