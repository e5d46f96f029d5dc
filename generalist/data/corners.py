"""Corners: the eight corners of a cube as key points, in an order that can be read off the picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.raycast import View
from generalist.data.solids import Solid, meet

__all__ = ["CORNERS", "keypoints_of"]

CORNERS = 8
HIDDEN, VISIBLE = 1, 2  # as COCO has it

RING = np.asarray([[-1, -1], [-1, 1], [1, 1], [1, -1]])
"""A cube seen from above, clockwise. The camera is above every solid, so this is clockwise in the picture too."""


def keypoints_of(view: View) -> NDArray[np.float32]:
    """(n, 8, 3) x, y (pixels) and visibility of the corners of each cube of a view; zeros for any other solid.

    The bottom ring comes first, then the top ring. Both go clockwise in the picture, left, back, right, front, from
    the same upright edge: the one whose top is leftmost in the picture. The camera sees the whole top of a cube that
    stands alone, never the whole bottom, so it is the top that is asked. Corner k + 4 stands above corner k.
    """
    out = np.zeros((len(view.solids), CORNERS, 3), np.float32)
    for k, solid in enumerate(view.solids):
        if solid.shape == "cube":
            out[k] = _cube(view, solid)
    return out


def _cube(view: View, solid: Solid) -> NDArray[Any]:
    signs = np.concatenate([np.c_[RING, np.full(4, z)] for z in (-1, 1)])
    half = np.asarray([solid.girth, solid.girth, solid.height / 2])
    cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
    turn = np.asarray([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    points = signs * half @ turn.T + solid.centre
    eye = np.asarray(view.stage.eye)
    # A corner of a convex solid is in sight if one of the three faces that meet there is seen from outside.
    faces = signs * ((eye - solid.centre) @ turn)
    seen = (faces > half).any(1) & ~_behind_others(view, solid, eye, points)
    x, y, _ = view.stage.project(points, view.size)
    seen &= (np.minimum(x, y) >= 0) & (np.maximum(x, y) <= view.size)
    ring = (int(x[4:].argmin()) + np.arange(4)) % 4
    return np.stack([x, y, np.where(seen, VISIBLE, HIDDEN)], 1)[np.concatenate([ring, ring + 4])]


def _behind_others(view: View, solid: Solid, eye: NDArray[Any], points: NDArray[Any]) -> NDArray[np.bool_]:
    """Which points (M, 3) of a solid another one stands before."""
    rays = (points - eye).T.astype(np.float32)  # so long that they end at the points
    hidden = np.zeros(len(points), bool)
    for other in view.solids:
        if other is not solid:
            hidden |= meet(other, eye.astype(np.float32)[:, None], rays) < 1
    return hidden
