"""A photo as the start of a Sample, and the boxes that lie in it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["fitting", "photo", "pictured", "within"]


def photo(path: Path, identity: str = "", annotated: tuple[int, int] | None = None) -> Sample:
    """A Sample with the image of a file and its size. ``annotated``: see ``load_image``; the file's stem is its id
    unless another is given."""
    return pictured(load_image(path, annotated), identity or path.stem)


def pictured(image: NDArray[np.uint8], identity: str) -> Sample:
    """A Sample with an image (H, W, 3) and its size."""
    return Sample(image=image, id=identity, size=(image.shape[1], image.shape[0]))


def fitting(path: Path, values: NDArray[Any], map_path: Path) -> Sample:
    """The photo that a map (H, W) belongs to. Raises Fault if it has another size than the map."""
    sample = photo(path, annotated=(values.shape[1], values.shape[0]))
    if sample.size != values.shape[1::-1]:
        raise Fault(f"{map_path}: {values.shape[1::-1]} pixels, but its image has {sample.size}")
    return sample


def within(boxes: NDArray[Any], size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Boxes (n, 4) cut at the edges of an image, and the rows of those that have an area there."""
    cut = np.clip(np.asarray(boxes, np.float32).reshape(-1, 4), 0, np.asarray([*size, *size], np.float32))
    return cut, np.flatnonzero((cut[:, 2:] > cut[:, :2]).all(axis=1))
