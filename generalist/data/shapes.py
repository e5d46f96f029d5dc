"""Shapes: random outlines of every kind, to learn a codebook of mask patches from that favours no kind of thing.

Blobs (random Fourier series), polygons, joined sticks, their unions and differences, and pieces cut by the edge of the
picture. A codebook learnt from them spells photographed things that it has never seen better than one learnt from the
outlines of the generated world: ``python benchmarks/codebook.py`` measures it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.geometry import fill_polygon

__all__ = ["shapes"]

EDGE = 160
LEAST = 100
"""Pixels: what is smaller is drawn again."""

Random = np.random.Generator
Mask = NDArray[np.bool_]


def shapes(count: int, seed: int = 0) -> Iterator[Mask]:
    """``count`` masks (h, w) bool of at most ``EDGE`` pixels a side."""
    rng = np.random.default_rng(seed)
    while count:
        mask = _shape(rng)
        if mask.sum() >= LEAST:
            count -= 1
            yield mask


def _shape(rng: Random) -> Mask:
    mask = _simple(rng)
    kind = rng.random()
    if kind < 0.25:
        mask = mask | _simple(rng)
    elif kind < 0.5:
        mask = mask & ~np.roll(_simple(rng), rng.integers(-EDGE // 2, EDGE // 2, 2), (0, 1))
    if rng.random() < 0.25:
        mask = np.rot90(mask[:, int(rng.integers(20, 100)) :], int(rng.integers(4)))
    return mask


def _simple(rng: Random) -> Mask:
    return (_blob, _polygon, _sticks)[int(rng.choice(3, p=[0.5, 0.15, 0.35]))](rng)


def _blob(rng: Random) -> Mask:
    """A closed curve whose radius is a random Fourier series, rougher or smoother, squeezed and turned."""
    waves = np.arange(1, int(rng.integers(2, 9)) + 1)
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    size = rng.normal(0, 1, (2, len(waves))) / waves ** rng.uniform(0.6, 1.8)
    wobble = size[0] @ np.cos(np.outer(waves, angle)) + size[1] @ np.sin(np.outer(waves, angle))
    radius = np.maximum(1 + 0.5 * rng.uniform(0.2, 1.2) * wobble, 0.05)
    x, y = radius * np.cos(angle), rng.uniform(0.35, 1) * radius * np.sin(angle)
    turn = rng.uniform(0, np.pi)
    points = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], 1)
    points -= points.min(0)
    return fill_polygon(points / points.max() * (EDGE - 4) + 2, EDGE, EDGE)


def _polygon(rng: Random) -> Mask:
    """Three to nine corners, seven times in ten in order around their middle."""
    points = rng.uniform(2, EDGE - 2, (int(rng.integers(3, 10)), 2))
    if rng.random() < 0.7:
        points = points[np.argsort(np.arctan2(*(points - points.mean(0)).T))]
    return fill_polygon(points, EDGE, EDGE)


def _sticks(rng: Random) -> Mask:
    """Two to seven rounded sticks, mostly end to end, as limbs are."""
    y, x = np.mgrid[:EDGE, :EDGE]
    mask = np.zeros((EDGE, EDGE), bool)
    start = rng.uniform(20, EDGE - 20, 2)
    for _ in range(int(rng.integers(2, 8))):
        stop = np.clip(start + rng.normal(0, EDGE / 3, 2), 4, EDGE - 4)
        along = stop - start
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(float(along @ along), 1.0)
        share = np.clip(share, 0, 1)
        gap = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        mask |= gap < rng.uniform(3, 18)
        start = stop if rng.random() < 0.6 else start
    return mask
