"""Rival spellings of an outline, as other models have them: each takes a mask (H, W) bool and gives what is left of it
and the tokens that it took. They are here to be measured against; nothing else uses them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.geometry import boxes_of_masks, fill_polygon

__all__ = ["RIVALS", "border"]

Mask = NDArray[np.bool_]


def border(mask: Mask) -> NDArray[np.float64]:
    """Corners (n, 2) xy of the pixels at the ends of every row: their hull is the hull of the mask."""
    rows = np.flatnonzero(mask.any(1))
    first, last = mask[rows].argmax(1), mask.shape[1] - mask[rows][:, ::-1].argmax(1)
    ends = [(x, y + dy) for y, a, b in zip(rows, first, last, strict=True) for x in (a, b) for dy in (0, 1)]
    return np.asarray(ends, np.float64)


def _contour(mask: Mask) -> NDArray[np.float64]:
    """The longest outline of a mask, (n, 2) xy along the edges between pixels, with its corners only."""
    import contourpy

    padded = np.pad(mask.astype(np.float32), 1)
    lines = [np.asarray(line, np.float64) for line in contourpy.contour_generator(z=padded).lines(0.5)]
    return max(lines, key=_area) - 0.5  # a pixel's middle is half a pixel from its corner, less the padding


def _area(points: NDArray[np.float64]) -> float:
    x, y = points[:, 0], points[:, 1]
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def polygon(mask: Mask, count: int = 24) -> tuple[Mask, int]:
    """``count`` vertices: the outline's corners, thinned by taking away the one that bounds the least area until so
    many are left (Visvalingam and Whyatt 1993). What is not of the largest piece is lost."""
    points = list(_contour(mask))[:-1]
    while len(points) > count:
        ring = np.asarray(points)
        a, b = ring - np.roll(ring, 1, 0), np.roll(ring, -1, 0) - ring
        points.pop(int(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).argmin()))
    return fill_polygon(np.asarray(points), mask.shape[1], mask.shape[0]), 2 * count


def polar(mask: Mask, count: int = 24) -> tuple[Mask, int]:
    """``count`` rays from the middle of mass to the farthest pixel along each (PolarMask, Xie et al. 2020, and GiT)."""
    y, x = np.nonzero(mask)
    cx, cy = x.mean() + 0.5, y.mean() + 0.5
    reach = float(np.hypot(*mask.shape))
    steps = np.arange(0, reach, 0.5)
    corners = []
    for angle in np.arange(count) * 2 * np.pi / count:
        px, py = (cx + steps * np.cos(angle)).astype(int), (cy + steps * np.sin(angle)).astype(int)
        inside = (px >= 0) & (py >= 0) & (px < mask.shape[1]) & (py < mask.shape[0])
        hit = np.flatnonzero(mask[py[inside], px[inside]])
        far = steps[hit[-1]] + 0.5 if len(hit) else 0.5
        corners.append((cx + far * np.cos(angle), cy + far * np.sin(angle)))
    return fill_polygon(np.asarray(corners), mask.shape[1], mask.shape[0]), count + 2


def runs(mask: Mask, cells: int = 32) -> tuple[Mask, int]:
    """The crop as ``cells`` squared whole cells, spelled as the lengths of runs row by row (GeoGround)."""
    x0, y0, x1, y1 = boxes_of_masks(mask[None])[0].astype(int)
    crop = mask[y0:y1, x0:x1]
    at_y = np.minimum(((np.arange(cells * 4) + 0.5) / (cells * 4) * crop.shape[0]).astype(int), crop.shape[0] - 1)
    at_x = np.minimum(((np.arange(cells * 4) + 0.5) / (cells * 4) * crop.shape[1]).astype(int), crop.shape[1] - 1)
    share = crop[at_y][:, at_x].reshape(cells, 4, cells, 4).mean((1, 3))
    small = share > 0.5
    back = np.zeros_like(mask)
    rows = (np.arange(crop.shape[0]) * cells // crop.shape[0])[:, None]
    back[y0:y1, x0:x1] = small[rows, np.arange(crop.shape[1]) * cells // crop.shape[1]]
    changes = int((small[:, 1:] != small[:, :-1]).sum()) + cells
    return back, changes


RIVALS: dict[str, Callable[[Mask], tuple[Mask, int]]] = {"polygon_24": polygon, "polar_24": polar, "runs_32": runs}
