"""Depth maps from disk, in metres: 16-bit images, TIFF and numpy files, EXR where a library reads it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.images import load_numbers
from generalist.faults import Fault

__all__ = ["DEPTH_SUFFIXES", "load_depth", "metres"]

DEPTH_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".pgm", ".npy", ".exr"})

MILLIMETRES = 1000.0
_SATURATED = 65535


def load_depth(path: Path, scale: float | None = None) -> NDArray[np.float32]:
    """The depth map of a file, see ``metres``. Raises Fault, naming the file, if it is missing or broken, has not one
    channel, or no library is there to read it."""
    return metres(_stored(path), scale, str(path))


def metres(stored: NDArray[Any], scale: float | None, name: str) -> NDArray[np.float32]:
    """(H, W) float32 metres, 0 where nothing is known: at zeros, what is negative or not finite, and 65535 in whole
    numbers, where a sensor or 16 bits end.

    scale: how many of the stored units make a metre; unless given, whole numbers are millimetres and others metres.
    name: of the map, for the Fault if it is none.
    """
    if stored.ndim == 3 and stored.shape[2] == 1:
        stored = stored[..., 0]
    if stored.ndim != 2 or stored.dtype.kind not in "uif":
        raise Fault(f"{name}: a depth map is (H, W) numbers, this is {stored.shape} {stored.dtype}")
    whole = stored.dtype.kind != "f"
    known = np.isfinite(stored) & (stored > 0)
    if whole:
        known &= stored != _SATURATED
    units = scale or (MILLIMETRES if whole else 1.0)
    return np.where(known, np.nan_to_num(stored.astype(np.float64), posinf=0, neginf=0) / units, 0).astype(np.float32)


def _stored(path: Path) -> NDArray[Any]:
    """What the file holds, in its own units."""
    if path.suffix.lower() == ".npy":
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except FileNotFoundError as error:
            raise Fault(f"{path}: there is no such file") from error
        except (OSError, ValueError, EOFError) as error:
            raise Fault(f"{path}: not a readable numpy array ({error})") from error
    return _exr(path) if path.suffix.lower() == ".exr" else load_numbers(path)


def _exr(path: Path) -> NDArray[Any]:
    """The channel Z of an EXR file, or the only one, or any of several that are equal."""
    if not path.is_file():
        raise Fault(f"{path}: there is no such file")
    try:
        import OpenEXR
    except ImportError as error:
        raise Fault(f"{path}: reading EXR needs the package OpenEXR: pip install OpenEXR") from error
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
    except Exception as error:  # the library raises whatever its C++ throws
        raise Fault(f"{path}: not a readable EXR file ({error})") from error
    if "Z" in channels:
        return channels["Z"]
    first, *others = channels.values()
    if any(not np.array_equal(first, other) for other in others):
        raise Fault(f"{path}: neither a channel Z nor a single one; it has {', '.join(channels)}")
    return first
