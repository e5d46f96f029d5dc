"""Images and index maps from disk: decoded when asked for, upright, and refused with a Fault that names the file."""

import struct
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from generalist.faults import Fault

__all__ = ["IMAGE_SUFFIXES", "LARGEST", "load_image", "load_map", "load_numbers"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})

LARGEST = 178_956_970
"""Pixels; Pillow's own limit for a decompression bomb. A small file can claim more and exhaust the memory."""

_ORIENTATION = 0x0112
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    LookupError,
    TypeError,
    OverflowError,
    NotImplementedError,
)


File = str | Path | BinaryIO | Image.Image
"""What an image is read from: a path, an open binary file, or what Pillow has opened or made."""


def load_image(source: File | NDArray[Any], annotated: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An image as (H, W, 3) uint8 RGB: from a path, an open binary file, a Pillow image, or an array (H, W), (H, W, 3)
    or (H, W, 4).

    EXIF orientation is applied, because that is how people see a photo. ``annotated`` is the (width, height) that the
    annotations speak of: where it fits the stored pixels and not the upright ones, the stored ones are given.
    Transparency is dropped; 16-bit grey keeps its upper eight bits.

    Raises Fault, naming the file, if it is missing, broken or larger than ``LARGEST`` pixels.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    return _IMAGES.get(source, annotated, lambda: _decode(source, annotated)).copy()


def _decode(source: File, annotated: tuple[int, int] | None) -> NDArray[np.uint8]:
    with _opened(source) as image:
        upright = ImageOps.exif_transpose(image) if _ORIENTATION in image.getexif() else image
        if annotated is not None and upright.size != annotated and image.size == annotated:
            upright = image
        if upright.mode.startswith("I;16"):
            return _from_array((np.asarray(upright) >> 8).astype(np.uint8))
        return np.array(upright.convert("RGB"), dtype=np.uint8)


class _Lately:
    """What was decoded lately, as far as it has room: a set asks several things of a picture, one after another, small
    sets are read again and again, and decoding costs more than all else that is done to a picture."""

    def __init__(self, room: int):
        self.room, self.held = room, 0
        self._found: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._one = Lock()  # a server answers in threads

    def get(self, source: File, asked: Any, decode: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """What ``decode`` gives of a file, or gave while the file was the same; not to be written to."""
        if not isinstance(source, str | Path) or not (path := Path(source)).is_file():
            return decode()
        state = path.stat()
        key = str(source), asked, state.st_mtime_ns, state.st_size
        with self._one:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = decode()
        with self._one:
            if found.nbytes <= self.room and key not in self._found:
                self._found[key] = found
                self.held += found.nbytes
            while self.held > self.room:
                self.held -= self._found.popitem(last=False)[1].nbytes
        return found


_IMAGES, _MAPS = _Lately(64 << 20), _Lately(32 << 20)


def load_map(source: File) -> NDArray[np.int64]:
    """A one-channel image of numbers, a label map or a 16-bit depth map, as it is stored: (H, W) int64.

    A palette image gives its indices. Raises Fault, naming the file, if it is missing, broken or has colours.
    """
    return _MAPS.get(source, None, lambda: _numbers(source)).astype(np.int64)


def load_numbers(source: File) -> NDArray[Any]:
    """The same in the type that the file has, which may be a fraction."""
    return _MAPS.get(source, None, lambda: _numbers(source)).copy()


def _numbers(source: File) -> NDArray[Any]:
    with _opened(source) as image:
        if image.mode not in ("1", "L", "P", "I", "F") and not image.mode.startswith("I;16"):
            raise Fault(f"{_name(source)}: an index or depth map has one channel, this image has {image.mode}")
        return np.asarray(image)


def _from_array(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        raise Fault(f"an image is (H, W, 3) uint8, this array is {pixels.shape} {pixels.dtype}")
    if not pixels.size:
        raise Fault(f"an image has pixels, this array is {pixels.shape}")
    return np.ascontiguousarray(pixels[..., :3])


def _name(source: File) -> str:
    if isinstance(source, str | Path):
        return str(source)
    named = "filename" if isinstance(source, Image.Image) else "name"
    return str(getattr(source, named, "") or "the image given")


@contextmanager
def _opened(source: File) -> Iterator[Image.Image]:
    """The image behind ``source``, decoded; every way in which a file can be bad becomes a Fault."""
    name = _name(source)
    if not isinstance(source, str | Path | Image.Image) and not hasattr(source, "read"):
        raise Fault(
            f"an image is a path, a file, a Pillow image or an array (H, W, 3) uint8, not {type(source).__name__}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns at half of its own limit, and about damaged metadata
            with nullcontext(source) if isinstance(source, Image.Image) else Image.open(source) as image:
                if image.width * image.height > LARGEST:
                    raise Fault(f"{name}: {image.width}x{image.height} is more than {LARGEST:,} pixels")
                image.load()
                yield image
    except Fault:
        raise
    except FileNotFoundError as error:
        raise Fault(f"{name}: there is no such image") from error
    except UnidentifiedImageError as error:  # which speaks of whatever Pillow was given
        raise Fault(f"{name}: not a readable image (of no format that is known)") from error
    except Image.DecompressionBombError as error:
        raise Fault(f"{name}: more than {LARGEST:,} pixels") from error
    except _BROKEN as error:
        raise Fault(f"{name}: not a readable image ({error or type(error).__name__})") from error
