"""Rasters: answers that write one token for every cell of the picture, such as ``(label | none){4}`` on a grid of 16.

A grid of G x G tracks with s x s tokens each covers the padded square with Gs x Gs cells; a track writes its own cells
row by row. Cells are written by the same units as everything else; what is here turns whole fields into cells and back,
all at once, because a picture has a thousand of them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame, expected_bin
from generalist.sequence.geometry import resize
from generalist.sequence.sample import Sample

__all__ = ["RASTERS", "decode_depth", "decode_label", "encode_depth", "encode_label", "to_cells", "to_tracks"]

SAMPLES = 4
"""Pixels looked at for a cell, along each axis."""


def to_tracks(cells: NDArray[Any], grid: int) -> NDArray[Any]:
    """(Gs, Gs, ...) cells to (G², s², ...), a row a track."""
    step = cells.shape[0] // grid
    split = cells.reshape(grid, step, grid, step, *cells.shape[2:])
    return split.swapaxes(1, 2).reshape(grid * grid, step * step, *cells.shape[2:])


def to_cells(tracks: NDArray[Any], grid: int) -> NDArray[Any]:
    """The inverse of ``to_tracks``."""
    step = int(round(tracks.shape[1] ** 0.5))
    split = tracks.reshape(grid, grid, step, step, *tracks.shape[2:])
    return split.swapaxes(1, 2).reshape(grid * step, grid * step, *tracks.shape[2:])


def _samples(field: NDArray[Any], side: int, cells: int, outside: Any) -> NDArray[Any]:
    """Pixels (cells, cells, 16) under each cell of the padded square; ``outside`` where the picture does not reach."""
    height, width = field.shape
    at = ((np.arange(cells * SAMPLES) + 0.5) * side / (cells * SAMPLES)).astype(np.int64)
    picked = field[np.minimum(at, height - 1)][:, np.minimum(at, width - 1)].copy()
    picked[at >= height] = outside
    picked[:, at >= width] = outside
    split = picked.reshape(cells, SAMPLES, cells, SAMPLES).swapaxes(1, 2)
    return np.asarray(split.reshape(cells, cells, SAMPLES**2))


def _enlarged(cells: NDArray[Any], frame: Frame) -> NDArray[np.float32]:
    """Cells (n, n, ...) of the padded square as a field (H, W, ...) over the picture."""
    # Cells without a sample in the picture were never taught: they must not bleed over its right and lower edges.
    at = np.arange(len(cells))
    first = (at + 0.5 / SAMPLES) * frame.side / len(cells)
    x, y = (np.minimum(at, max(int((first < edge).sum()) - 1, 0)) for edge in frame.size)
    inside = cells[y][:, x]
    return resize(inside, frame.side, frame.side)[: frame.size[1], : frame.size[0]]


def encode_label(sample: Sample, frame: Frame, cells: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Ids and weights (cells, cells): the most frequent name under each cell, ``none`` where no name is."""
    if sample.semantic is None:
        raise ValueError("a semantic answer needs a label map")
    names = len(frame.labels)
    picked = _samples(sample.semantic, frame.side, cells, -1).astype(np.int64)
    votes = (picked[..., None] == np.arange(-1, names)).sum(2)  # numpy's bincount has no axis
    best = votes.argmax(-1) - 1
    ids = np.where(best >= 0, frame.vocabulary["label"].start + best, frame.vocabulary.none)
    return ids, np.ones(ids.shape, np.float32)


def decode_label(ids: NDArray[np.int64], weights: NDArray[np.float32] | None, frame: Frame) -> NDArray[np.int16]:
    """Cells to a (H, W) int16 map of indices into the labels, -1 for none.

    ids (cells, cells); weights (cells, cells, names + 1) with ``none`` last, or None. Probabilities are enlarged, not
    decisions: the boundary then runs where they are equal, inside the cells.
    """
    names = len(frame.labels)
    if weights is None:
        index = np.where(ids == frame.vocabulary.none, names, ids - frame.vocabulary["label"].start)
        weights = np.eye(names + 1, dtype=np.float32)[index]
    best = _enlarged(weights, frame).argmax(-1)
    return np.where(best == names, -1, best).astype(np.int16)


def encode_depth(sample: Sample, frame: Frame, cells: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Ids and weights (cells, cells): the median of the known pixels; a cell without any has weight 0."""
    if sample.depth is None:
        raise ValueError("a depth answer needs a depth map")
    picked = _samples(sample.depth, frame.side, cells, 0.0)
    known = picked > 0
    # The middle of the known values, without the warnings and the slowness of nanmedian.
    ordered = np.sort(np.where(known, picked, np.inf), axis=-1)
    middle = np.maximum(known.sum(-1) - 1, 0) // 2
    metres = np.take_along_axis(ordered, middle[..., None], -1)[..., 0]
    seen = known.any(-1)
    ids = frame.vocabulary["depth"].start + frame.depth_bins(np.where(seen, metres, 1.0))
    return ids, np.asarray(seen, np.float32)


def decode_depth(ids: NDArray[np.int64], weights: NDArray[np.float32] | None, frame: Frame) -> NDArray[np.float32]:
    """Cells to a (H, W) float32 map of metres, enlarged in log space, where the bins are even."""
    bins = np.asarray(ids - frame.vocabulary["depth"].start, np.float32) if weights is None else expected_bin(weights)
    return frame.depths(_enlarged(bins, frame))


Encoder = Callable[[Sample, Frame, int], tuple[NDArray[np.int64], NDArray[np.float32]]]

RASTERS: dict[str, Encoder] = {"label": encode_label, "depth": encode_depth}
