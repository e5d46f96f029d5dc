"""Rasters: answers that write one token for every cell of the picture, such as ``(label | none){4}`` on a grid of 16.

A grid of G x G tracks with s x s tokens each covers the padded square with Gs x Gs cells; a track writes its own cells
row by row. Cells are written by the same units as everything else; what is here turns whole fields into cells and back,
all at once, because a picture has a thousand of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.frame import Frame, median_bin
from generalist.sequence.geometry import resize
from generalist.sequence.grammar import Alternatives, Node, Series, Times, UnitNode, options
from generalist.sequence.sample import VOID, Answer, Sample
from generalist.sequence.units import UNITS
from generalist.sequence.units.normal import directions, mean_direction
from generalist.sequence.written import Tracks, Written

__all__ = ["Raster", "to_cells", "to_tracks"]

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


Cells = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Ids and weights, each (cells, cells)."""


def _encode_label(sample: Sample, frame: Frame, cells: int) -> Cells:
    """What is most frequent of what is known under each cell, a name or ``none``; of no weight where nothing is."""
    if sample.semantic is None:
        raise ValueError("a semantic answer needs a label map")
    names = len(frame.labels)
    picked = _samples(sample.semantic, frame.side, cells, VOID).astype(np.int64)
    votes = (picked[..., None] == np.arange(-1, names)).sum(2)  # numpy's bincount has no axis
    best = votes.argmax(-1) - 1
    ids = np.where(best >= 0, frame.vocabulary["label"].start + best, frame.vocabulary.none)
    return ids, votes.any(-1).astype(np.float32)


def _names(ids: NDArray[np.int64], frame: Frame) -> NDArray[np.float32]:
    """Cells (n, n) as certain probabilities (n, n, names + 1), of ``none`` last."""
    names = len(frame.labels)
    index = np.where(ids == frame.vocabulary.none, names, ids - frame.vocabulary["label"].start)
    return np.eye(names + 1, dtype=np.float32)[index]


def _median_depth(sample: Sample, frame: Frame, cells: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The median (cells, cells) of the known metres under each cell, and whether any is known."""
    if sample.depth is None:
        raise ValueError("a depth answer needs a depth map")
    picked = _samples(sample.depth, frame.side, cells, 0.0)
    known = picked > 0
    # The middle of the known values, without the warnings and the slowness of nanmedian.
    ordered = np.sort(np.where(known, picked, np.inf), axis=-1)
    middle = np.maximum(known.sum(-1) - 1, 0) // 2
    metres = np.take_along_axis(ordered, middle[..., None], -1)[..., 0]
    seen: NDArray[np.bool_] = known.sum(-1) > 0
    return np.where(seen, metres, 1.0).astype(np.float32), seen


def _encode_depth(sample: Sample, frame: Frame, cells: int) -> Cells:
    metres, seen = _median_depth(sample, frame, cells)
    return frame.vocabulary["depth"].start + frame.depth_bins(metres), np.asarray(seen, np.float32)


def _encode_normal(sample: Sample, frame: Frame, cells: int) -> Cells:
    """The direction nearest to the mean of the known normals under each cell."""
    if sample.normals is None:
        raise ValueError("an answer of normals needs a map of normals")
    axes = [_samples(sample.normals[..., axis], frame.side, cells, 0.0) for axis in range(3)]
    mean = np.stack([axis.sum(-1) for axis in axes], -1)
    codes = directions(len(frame.vocabulary["normal"]))
    seen = np.linalg.norm(mean, axis=-1) > 1e-3
    return frame.vocabulary["normal"].start + (mean @ codes.T).argmax(-1), np.asarray(seen, np.float32)


Encoder = Callable[[Sample, Frame, int], Cells]
_ENCODE: dict[str, Encoder] = {"label": _encode_label, "depth": _encode_depth, "normal": _encode_normal}


@dataclass(frozen=True, slots=True)
class Raster:
    """What a raster's tracks write: ``step`` squared cells of ``unit`` each, after a ``range`` where ``ranged``."""

    unit: str
    grid: int
    step: int
    ranged: bool = False

    @classmethod
    def of(cls, tree: Node, grid: int) -> "Raster | None":
        """Read off an answer: ``(label | none){n}``, ``depth{n}``, ``normal{n}`` or ``range cell{n}``; None for others.

        Raises:
            Fault: the cells of a track make no square.
        """
        ranged = isinstance(tree, Series) and len(tree.parts) == 2 and tree.parts[0] == UnitNode("range")
        body = tree.parts[1] if ranged and isinstance(tree, Series) else tree
        if not isinstance(body, Times) or body.low != body.high:
            return None
        written = options(body.part)
        # A label may be missing from a cell and a distance may not: one needs ``| none``, the others cannot have it.
        bare = ("cell",) if ranged else ("depth", "normal")
        kinds = bare if not isinstance(body.part, Alternatives) else () if ranged else ("label",)
        if len(written) != 1 or not isinstance(written[0], UnitNode) or written[0].name not in kinds:
            return None
        if isqrt(body.low) ** 2 != body.low:
            raise Fault(f"{body.low} cells a track do not make a square")
        return cls(written[0].name, grid, isqrt(body.low), ranged)

    @property
    def cells(self) -> int:
        """Cells along an edge of the padded square."""
        return self.grid * self.step

    def encode(self, sample: Sample, frame: Frame, points: NDArray[np.float32]) -> Tracks:
        """The tracks of an annotated field. Raises ValueError where the sample lacks it."""
        if not self.ranged:
            ids, weights = _ENCODE[self.unit](sample, frame, self.cells)
            return Tracks(points, list(to_tracks(ids, self.grid)), list(to_tracks(weights, self.grid)))
        metres, seen = _median_depth(sample, frame, self.cells)
        ends = np.asarray([metres[seen].min(), metres[seen].max()] if seen.any() else [1.0, 1.0], np.float32)
        opening = UNITS["range"].encode(ends, frame, None)
        inside = frame.between(UNITS["range"].decode(opening, frame))
        ids, weights = _encode_depth(sample, inside, self.cells)
        rows = to_tracks(ids, self.grid)
        first, known = np.tile(opening, (len(rows), 1)), np.full((len(rows), 2), float(seen.any()), np.float32)
        whole = np.concatenate([known, to_tracks(weights, self.grid)], 1)
        return Tracks(points, list(np.concatenate([first, rows], 1)), list(whole))

    def decode(self, written: Written, frame: Frame, answer: Answer, mirror: Written | None = None) -> None:
        """Fills the answer's field. mirror: what the tracks say of the picture's mirror; the mean of both is told."""
        field = _enlarged(self._cells(written, frame), frame)
        if mirror is not None:
            other = _enlarged(self._cells(mirror, frame), frame)[:, ::-1]
            if self.unit == "normal":
                other = other * np.asarray([-1, 1, 1], np.float32)
            field = np.asarray((field + other) / 2, np.float32)
        if self.unit == "label":
            best = field.argmax(-1)
            answer.semantic = np.where(best == len(frame.labels), -1, best).astype(np.int16)
        elif self.unit == "normal":
            length = np.maximum(np.linalg.norm(field, axis=-1, keepdims=True), 1e-9)
            answer.normals = np.asarray(field / length, np.float32)
        else:
            answer.depth = np.exp(field, dtype=np.float32)

    def _cells(self, written: Written, frame: Frame) -> NDArray[np.float32]:
        """What is written of each cell, as what can be enlarged and averaged: probabilities (n, n, names + 1) and not
        decisions, so that a boundary runs where they are equal, inside the cells; directions (n, n, 3); or distances
        (n, n) in log metres, where their bins are even."""
        vocabulary, skip = frame.vocabulary, 2 if self.ranged else 0
        block = vocabulary["normal" if self.unit == "normal" else "depth"]
        columns = [*list(vocabulary["label"])[: len(frame.labels)], vocabulary.none] if self.unit == "label" else block
        ids, kept = to_cells(written.tokens[:, skip:], self.grid), written.cells(list(columns), skip)
        weights = None if kept is None else to_cells(kept, self.grid)
        if self.unit == "label":
            return _names(ids, frame) if weights is None else weights
        if self.unit == "normal":
            return directions(len(block))[ids - block.start] if weights is None else mean_direction(weights)
        bins = np.asarray(ids - block.start, np.float32) if weights is None else median_bin(weights)
        if not self.ranged:
            return np.log(frame.depths(bins))
        # Each track's cells lie between its own ends; they meet in log metres.
        ends = np.log(frame.depths(written.tokens[:, :2] - block.start))
        near, far = (np.repeat(np.repeat(to_cells(e[:, None], self.grid), self.step, 0), self.step, 1) for e in ends.T)
        return np.asarray(near + bins / (len(block) - 1) * (far - near), np.float32)
