"""Boxes, polygons, run-length masks and overlap, in numpy. Boxes are xyxy, in whatever unit the caller uses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "box_iou",
    "boxes_of_masks",
    "fill_polygon",
    "lattice",
    "owners",
    "resize",
    "rle_decode",
    "rle_encode",
]

Array = NDArray[Any]


def box_iou(a: Array, b: Array) -> NDArray[np.float32]:
    """Intersection over union of every box of ``a`` (n, 4) with every box of ``b`` (m, 4): (n, m) float32."""
    a, b = np.asarray(a, np.float32).reshape(-1, 4), np.asarray(b, np.float32).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    area_a, area_b = (np.prod(np.clip(x[:, 2:] - x[:, :2], 0, None), axis=-1) for x in (a, b))
    return np.asarray(both / np.maximum(area_a[:, None] + area_b[None, :] - both, 1e-12), np.float32)


def owners(boxes: Array, scores: Array, groups: Array, overlap: float) -> NDArray[np.int64]:
    """The row (n,) that each row repeats: the best one of its own group that it overlaps by more than ``overlap`` and
    that repeats none itself; its own where there is none (greedy non-maximum suppression)."""
    boxes, groups = np.asarray(boxes), np.asarray(groups)
    order = np.argsort(-np.asarray(scores), kind="stable")
    owner = np.arange(len(boxes))
    for group in dict.fromkeys(groups.tolist()):
        rows = order[groups[order] == group]
        repeats = box_iou(boxes[rows], boxes[rows]) > overlap
        kept = np.zeros(len(rows), bool)
        for i, row in enumerate(rows):
            better = repeats[i] & kept
            kept[i] = not better.any()
            if not kept[i]:
                owner[row] = rows[better.argmax()]
    return owner


def boxes_of_masks(masks: Array) -> NDArray[np.float32]:
    """Tight xyxy boxes of masks (n, H, W) bool, in pixels; an empty mask gives a box of zeros."""
    out = np.zeros((len(masks), 4), np.float32)
    for i, mask in enumerate(masks):
        ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(xs):
            out[i] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return out


def lattice(grid: int) -> NDArray[np.float32]:
    """Centres of the cells of a ``grid`` x ``grid`` lattice over the unit square: (grid², 2) float32 xy, row by row."""
    centre = (np.arange(grid, dtype=np.float32) + 0.5) / grid
    y, x = np.meshgrid(centre, centre, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)


def resize(field: Array, width: int, height: int) -> NDArray[np.float32]:
    """Bilinear resampling of a (h, w) or (h, w, c) field, pixel centres aligned to the borders (half-pixel rule)."""
    source = np.asarray(field, np.float32)
    for axis, size in ((0, height), (1, width)):
        n = source.shape[axis]
        at = np.clip((np.arange(size, dtype=np.float32) + 0.5) * n / size - 0.5, 0, n - 1)
        low = np.floor(at).astype(np.int64)
        shape = [1] * source.ndim
        shape[axis] = size
        part = (at - low).astype(np.float32).reshape(shape)
        source = source.take(low, axis) * (1 - part) + source.take(np.minimum(low + 1, n - 1), axis) * part
    return source


def fill_polygon(points: Array, width: int, height: int) -> NDArray[np.bool_]:
    """Pixels whose centres lie inside a polygon (n, 2) xy by the even-odd rule: (height, width) bool."""
    xy = np.asarray(points, np.float64)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = np.zeros((height, width), bool)
    for (x0, y0), (x1, y1) in zip(xy, np.roll(xy, -1, axis=0), strict=True):
        rows = (y0 > y) != (y1 > y)
        if rows.any():
            cross = x0 + (y[rows] - y0) * (x1 - x0) / (y1 - y0)
            inside[rows] ^= x[None, :] < cross[:, None]
    return inside


def rle_encode(mask: Array) -> dict[str, Any]:
    """COCO's compressed run-length encoding of a (H, W) bool mask: ``{"size": [h, w], "counts": str}``."""
    height, width = mask.shape
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]]))
    counts = runs.tolist() if not flat.size or not flat[0] else [0, *runs.tolist()]
    text = []
    for i, count in enumerate(counts):
        # Runs after the third are written as differences from the run two before, five bits a character.
        value = int(count) - (int(counts[i - 2]) if i > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != -1 if bits & 0x10 else value != 0
            text.append(chr((bits | 0x20 if more else bits) + 48))
    return {"size": [height, width], "counts": "".join(text)}


def rle_decode(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """The (H, W) bool mask of a COCO run-length encoding, compressed (str) or not (list of runs)."""
    height, width = rle["size"]
    counts = rle["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    if isinstance(counts, str):
        counts = _runs(counts)
    value = np.arange(len(counts)) % 2 == 1
    return np.repeat(value, counts).reshape((height, width), order="F")


def _runs(text: str) -> list[int]:
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value |= -1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return runs
