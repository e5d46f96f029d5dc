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
    boxes[boxes[:, 4] >= 90, 4] = -90  # what is a hair below -90 is rounded up to the other end
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
    a, b = (np.asarray(x, np.float64).reshape(-1, 5) for x in (a, b))
    out = np.zeros((len(a), len(b)), np.float32)
    reach_a, reach_b = (np.hypot(x[:, 2], x[:, 3]) / 2 for x in (a, b))
    apart = np.linalg.norm(a[:, None, :2] - b[None, :, :2], axis=-1)
    i, j = np.nonzero(apart < reach_a[:, None] + reach_b[None, :])
    both = _shared(a[i], b[j])
    out[i, j] = both / np.maximum(a[i, 2] * a[i, 3] + b[j, 2] * b[j, 3] - both, 1e-12)
    return out


def _shared(a: Array, b: Array) -> Array:
    """The area (n,) that each box of ``a`` (n, 5) has in common with its fellow of ``b`` (n, 5).

    Seen from ``b``, which then lies along the axes, the corners of ``a`` go around in one direction. The area common
    to both is the sum of what lies in ``b`` under each side of ``a``, the sides that run back taken off: the shoelace
    formula with every height held to ``b``. No corner is looked for, so sides that lie on one another do no harm.
    """
    angle = np.radians(b[:, 4])
    cos, sin = np.cos(angle), np.sin(angle)
    centre = a[:, :2] - b[:, :2]
    x, y = centre[:, 0] * cos + centre[:, 1] * sin, centre[:, 1] * cos - centre[:, 0] * sin
    ring = oriented_corners(np.stack([x, y, a[:, 2], a[:, 3], a[:, 4] - b[:, 4]], 1))
    half = b[:, None, 2:4] / 2
    area = _under(ring, np.roll(ring, -1, 1), half[..., 0], half[..., 1]).sum(1)
    return np.asarray(np.abs(area))


def _under(start: Array, stop: Array, wide: Array, high: Array) -> Array:
    """The area between the floor of a rectangle 2 wide x 2 high about the origin and each side start -> stop
    (n, k, 2), held to the rectangle; negative for sides that run to the left."""
    run = stop[..., 0] - start[..., 0]
    left, right = (np.clip(end[..., 0], -wide, wide) for end in (start, stop))
    slope = (stop[..., 1] - start[..., 1]) / np.where(run == 0, 1, run)  # an upright side has nothing under it
    ends = [start[..., 1] + (at - start[..., 0]) * slope for at in (left, right)]
    low, top = np.minimum(*ends), np.maximum(*ends)
    floor, ceiling = np.clip(low, -high, high), np.clip(top, -high, high)
    gain, rise = ceiling - floor, np.maximum(top - low, 1e-300)
    # Of a side's way up, a part is inside, where the height is the mean of its ends, and a part above the ceiling.
    inside, above = gain / rise, np.maximum(top - np.maximum(low, high), 0) / rise
    return np.asarray((right - left) * (floor + high + gain * (inside / 2 + above)))


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
