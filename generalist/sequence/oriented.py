"""Oriented boxes: centre x, centre y, long side, short side in pixels, and the angle of the long side in degrees.

The angle is measured from the x axis, clockwise on screen, in [-90, 90): the long-side 90 convention (le90).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "clipped",
    "convex_hull",
    "long_side",
    "oriented_corners",
    "oriented_iou",
    "oriented_of_points",
    "to_opencv",
]

Array = NDArray[Any]


def long_side(boxes: Array) -> NDArray[np.float32]:
    """Oriented boxes (n, 5) centre, side, other side, degrees of the first side, in the long-side 90 convention."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 5).copy()
    swap = boxes[:, 2] < boxes[:, 3]
    boxes[swap, 2:4] = boxes[swap][:, [3, 2]]
    boxes[swap, 4] += 90
    boxes[:, 4] = (boxes[:, 4] + 90) % 180 - 90
    return boxes


def oriented_corners(boxes: Array) -> NDArray[np.float32]:
    """Corners (n, 4, 2) xy of oriented boxes (n, 5), in order around each."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 5)
    angle = np.radians(boxes[:, 4])
    along = np.stack([np.cos(angle), np.sin(angle)], 1) * boxes[:, 2:3] / 2
    across = np.stack([-np.sin(angle), np.cos(angle)], 1) * boxes[:, 3:4] / 2
    ring = [-along - across, along - across, along + across, -along + across]
    return np.asarray(boxes[:, None, :2] + np.stack(ring, 1), np.float32)


def to_opencv(boxes: Array) -> NDArray[np.float32]:
    """Oriented boxes (n, 5) as OpenCV's ``minAreaRect`` has them since 4.5.1: width, height, angle in (0, 90]."""
    out = np.asarray(boxes, np.float32).reshape(-1, 5).copy()
    turned = out[:, 4] <= 0
    out[turned, 2:4] = out[turned][:, [3, 2]]
    out[turned, 4] += 90
    return out


def convex_hull(points: Array) -> NDArray[np.float64]:
    """The corners (k, 2) of the convex hull of points (n, 2), counter-clockwise in a y-up frame (Andrew 1979)."""
    ordered = np.unique(np.asarray(points, np.float64).reshape(-1, 2), axis=0)
    if len(ordered) < 3:
        return ordered

    def half(run: Array) -> list[Array]:
        out: list[Array] = []
        for p in run:
            while len(out) > 1 and _cross(out[-1] - out[-2], p - out[-1]) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]

    return np.asarray([*half(ordered), *half(ordered[::-1])])


def _cross(a: Array, b: Array) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def oriented_of_points(points: Array) -> NDArray[np.float32]:
    """The smallest oriented box (5,) around points (n, 2): one of its sides lies on a side of the convex hull
    (Freeman and Shapira 1975)."""
    hull = convex_hull(points)
    if len(hull) == 1:
        return np.asarray([*hull[0], 0, 0, 0], np.float32)
    edges = np.roll(hull, -1, 0) - hull
    best, area = np.zeros(5), np.inf
    for angle in np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2)):
        axes = np.asarray([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        turned = hull @ axes.T
        low, high = turned.min(0), turned.max(0)
        if (size := float(np.prod(high - low))) < area:
            area = size
            best = np.asarray([*((low + high) / 2 @ axes), *(high - low), np.degrees(angle)])
    return np.asarray(long_side(best[None])[0])


def oriented_iou(a: Array, b: Array) -> NDArray[np.float32]:
    """Intersection over union of every oriented box of ``a`` (n, 5) with every one of ``b`` (m, 5): (n, m) float32."""
    a, b = np.asarray(a, np.float32).reshape(-1, 5), np.asarray(b, np.float32).reshape(-1, 5)
    corners_a, corners_b = (oriented_corners(x).astype(np.float64) for x in (a, b))
    reach_a, reach_b = (np.hypot(x[:, 2], x[:, 3]) / 2 for x in (a, b))
    out = np.zeros((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            if np.hypot(*(a[i, :2] - b[j, :2])) < reach_a[i] + reach_b[j]:
                both = _area(clipped(corners_a[i], corners_b[j]))
                out[i, j] = both / max(a[i, 2] * a[i, 3] + b[j, 2] * b[j, 3] - both, 1e-12)
    return out


def clipped(polygon: Array, by: Array) -> Array:
    """What of a convex polygon (n, 2) lies in another, both turning the same way (Sutherland and Hodgman 1974)."""
    kept = [tuple(p) for p in polygon]
    for (x0, y0), (x1, y1) in zip(by, np.roll(by, -1, axis=0), strict=True):
        side = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in kept]
        out = []
        for i, (p, s) in enumerate(zip(kept, side, strict=True)):
            q, t = kept[i - 1], side[i - 1]
            if (s >= 0) != (t >= 0):
                at = t / (t - s)
                out.append((q[0] + at * (p[0] - q[0]), q[1] + at * (p[1] - q[1])))
            if s >= 0:
                out.append(p)
        kept = out
    return np.asarray(kept, np.float64).reshape(-1, 2)


def _area(polygon: Array) -> float:
    if len(polygon) < 3:
        return 0.0
    x, y = polygon[:, 0], polygon[:, 1]
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
