"""The ray caster of the generated world: solids on a lit ground plane, seen by a pinhole camera, in numpy.

Everything works on flat lists of rays, (3, N) float32, so the same code draws the whole picture and, once more,
only those pixels that lie on an edge (adaptive antialiasing). A ray's direction has length one along the camera's
axis, so the parameter of a hit *is* its planar depth, as RGB-D cameras report it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.solids import Solid, meet, normal_of, radius_of

__all__ = ["FAR", "Stage", "View", "look", "normals_of", "paint"]

FAR = 18.0  # metres: the ground ends here, in haze

PALETTE = {  # as displayed; shading is done on the squares, which are near enough to linear light
    "red": (0.80, 0.12, 0.12),
    "blue": (0.13, 0.28, 0.86),
    "green": (0.10, 0.58, 0.16),
    "yellow": (0.95, 0.83, 0.10),
    "purple": (0.52, 0.14, 0.72),
    "cyan": (0.12, 0.78, 0.80),
    "orange": (0.97, 0.47, 0.05),
    "gray": (0.48, 0.48, 0.49),
}

Array = NDArray[Any]  # float32 throughout: half the memory, twice the speed
Ids = NDArray[np.int16]


@dataclass(frozen=True)
class Stage:
    """Camera, light and ground. ``axes`` are the camera's right, down and forward, rows of a rotation matrix."""

    eye: tuple[float, float, float]
    axes: NDArray[np.float32]
    focal: float  # in picture widths
    light: NDArray[np.float32]  # unit vector towards the lamp
    warmth: float  # of the lamp: -1 cold .. 1 warm
    ground: NDArray[np.float32]  # (3,) linear light
    sky: NDArray[np.float32]  # (3,) linear light
    grain: NDArray[np.float32]  # (3, 3): two frequencies and a phase of each of three waves of ground tint

    def project(self, points: Any, size: int) -> tuple[Array, Array, Array]:
        """World points (n, 3) to picture x and y (pixels of a ``size`` square picture) and planar depth (metres)."""
        camera = (np.asarray(points, np.float32) - np.asarray(self.eye, np.float32)) @ self.axes.T
        scale = self.focal * size / camera[:, 2]
        return camera[:, 0] * scale + size / 2, camera[:, 1] * scale + size / 2, camera[:, 2]

    def rays(self, x: Array, y: Array, size: int) -> Array:
        """Directions (3, N) of the rays through picture points (pixels); one metre long along the camera's axis."""
        flat = np.empty((3, len(x)), np.float32)
        flat[0], flat[1], flat[2] = x, y, 1.0
        flat[:2] -= size / 2
        flat[:2] *= 1 / (self.focal * size)
        return np.asarray(self.axes.T @ flat, np.float32)


@dataclass
class View:
    """What the rays of one picture meet.

    ids (N,) int16: 0 sky, 1 ground, 2 + k solid k; depth (N,) float32 metres, inf in the sky.
    """

    stage: Stage
    solids: tuple[Solid, ...]
    size: int
    rays: Array
    ids: Ids
    depth: Array
    outlines: list[NDArray[np.int64]]  # of each solid, the pixels it would cover if it stood alone

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """The visible part of each solid: (n, size, size)."""
        order = np.arange(2, 2 + len(self.solids), dtype=np.int16)
        masks: NDArray[np.bool_] = self.ids == order[:, None]
        return masks.reshape(-1, self.size, self.size)


@cache
def pixels(size: int) -> tuple[Array, Array]:
    """Centres of the pixels of a square picture, row by row."""
    centre = np.arange(size, dtype=np.float32) + 0.5
    return np.tile(centre, size), np.repeat(centre, size)


def look(stage: Stage, solids: Sequence[Solid], size: int) -> View:
    """Cast one ray through the centre of each pixel of a ``size`` square picture."""
    rays = stage.rays(*pixels(size), size)
    ids, depth, outlines = cast(stage, solids, rays)
    return View(stage, tuple(solids), size, rays, ids, depth, outlines)


def cast(stage: Stage, solids: Sequence[Solid], rays: Array) -> tuple[Ids, Array, list[NDArray[np.int64]]]:
    """What each ray meets first: ids (N,), planar depths (N,), and the rays that meet each solid at all."""
    depth, ids = _ground(stage, rays)
    eye = np.asarray(stage.eye, np.float32)
    centres = np.asarray([solid.centre for solid in solids], np.float32).reshape(-1, 3) - eye
    # A ray passes a ball of radius r around c iff (c.d)^2 >= (|c|^2 - r^2) |d|^2: few rays need the exact test.
    along = centres @ rays
    length = np.einsum("ij,ij->j", rays, rays)
    outlines = []
    for k, solid in enumerate(solids):
        bound = float(centres[k] @ centres[k]) - radius_of(solid) ** 2
        near = np.flatnonzero(along[k] * along[k] >= bound * length)
        t = meet(solid, eye[:, None], rays[:, near])
        outlines.append(near[t < np.inf])
        front = t < depth[near]
        depth[near[front]] = t[front]
        ids[near[front]] = 2 + k
    return ids, depth, outlines


def _ground(stage: Stage, rays: Array) -> tuple[Array, Ids]:
    depth = np.full(rays.shape[1], np.inf, np.float32)
    down = rays[2] < -stage.eye[2] / FAR
    np.divide(np.float32(-stage.eye[2]), rays[2], out=depth, where=down)
    return depth, down.astype(np.int16)


def normals_of(view: View) -> NDArray[np.float32]:
    """Which way the surface faces (size, size, 3): unit vectors in the camera's axes, zeros in the sky."""
    out = np.zeros_like(view.rays)
    out[2, view.ids == 1] = 1
    for k, solid in enumerate(view.solids):
        here = np.flatnonzero(view.ids == 2 + k)
        point = view.rays[:, here] * view.depth[here] + np.asarray(view.stage.eye, np.float32)[:, None]
        out[:, here] = normal_of(solid, point)
    out = view.stage.axes @ out
    out /= np.maximum(np.linalg.norm(out, axis=0), np.float32(0.5))  # the sky's stay zeros
    return np.ascontiguousarray(out.T, np.float32).reshape(view.size, view.size, 3)


# --- light -----------------------------------------------------------------------------------------------------------


def paint(view: View, noise: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
    """The picture (size, size, 3) of a view. ``noise`` (size, size) of unit deviation stands for the sensor's."""
    size = view.size
    light = shade(view.stage, view.solids, view.rays, view.ids, view.depth)
    _smooth(view, light)
    picture = np.sqrt(light) * np.float32(255)
    picture *= _vignette(size)
    if noise is not None:
        picture += noise.ravel() * np.float32(1.6)
    picture += np.float32(0.5)
    out = np.clip(picture, 0, 255, out=picture).astype(np.uint8)
    return np.ascontiguousarray(out.T).reshape(size, size, 3)


@cache
def _vignette(size: int) -> Array:
    x, y = pixels(size)
    away = ((x - size / 2) ** 2 + (y - size / 2) ** 2) / (size * size / 2)
    return np.asarray(1 - 0.12 * away, np.float32)


def _smooth(view: View, light: Array) -> None:
    """Antialiasing where it shows: pixels on an edge become the mean of four rays, in place."""
    size = view.size
    tone = (light.sum(0) + view.ids).reshape(size, size)
    edge = np.zeros((size, size), bool)
    for axis in (0, 1):
        jump = np.abs(np.diff(tone, axis=axis)) > 0.10
        before, after = (edge[:-1], edge[1:]) if axis == 0 else (edge[:, :-1], edge[:, 1:])
        before |= jump
        after |= jump
    rows = np.flatnonzero(edge)
    x, y = (axis[rows] for axis in pixels(size))
    xs = np.concatenate([x - 0.375, x + 0.125, x - 0.125, x + 0.375]).astype(np.float32)
    ys = np.concatenate([y - 0.125, y - 0.375, y + 0.375, y + 0.125]).astype(np.float32)
    rays = view.stage.rays(xs, ys, size)
    ids, depth, _ = cast(view.stage, view.solids, rays)
    light[:, rows] = shade(view.stage, view.solids, rays, ids, depth).reshape(3, 4, -1).mean(1)


def shade(stage: Stage, solids: Sequence[Solid], rays: Array, ids: Ids, depth: Array) -> Array:
    """Linear light (3, N) in [0, 1] that comes back along each ray."""
    out = np.empty_like(rays)
    here = np.flatnonzero(ids == 0)
    out[:, here] = _heaven(stage, rays[:, here])
    here = np.flatnonzero(ids == 1)
    out[:, here] = _floor(stage, solids, rays[:, here], depth[here])
    for k in range(len(solids)):
        here = np.flatnonzero(ids == 2 + k)
        if len(here):
            out[:, here] = _surface(stage, solids, k, rays[:, here], depth[here])
    return np.clip(out, 0, 1, out=out)


def _lamp(stage: Stage) -> Array:
    return np.asarray([1 + 0.08 * stage.warmth, 1, 1 - 0.10 * stage.warmth], np.float32)[:, None]


def _heaven(stage: Stage, rays: Array) -> Array:
    up = rays[2] / np.sqrt((rays * rays).sum(0))
    rise = np.clip(up * np.float32(1.6) + np.float32(0.35), 0, 1)
    haze = np.asarray([0.80, 0.84, 0.90], np.float32)
    return np.asarray(haze[:, None] + (stage.sky - haze)[:, None] * rise, np.float32)


def _floor(stage: Stage, solids: Sequence[Solid], rays: Array, depth: Array) -> Array:
    point = rays * depth + np.asarray(stage.eye, np.float32)[:, None]
    lit = ~_shadowed(stage, solids, point)
    wave = np.sin(stage.grain[:, :2] @ point[:2] + stage.grain[:, 2:]).sum(0)
    tint = np.float32(1) + np.float32(0.035) * wave
    light = (np.float32(0.92) * stage.light[2] * lit) * _lamp(stage) + np.float32(0.30) * _open(solids, point)
    colour: Array = stage.ground[:, None] * tint * light
    haze = np.clip((depth - np.float32(9)) / np.float32(FAR - 9), 0, 1)
    away = np.asarray([[0.70], [0.73], [0.77]], np.float32)
    return np.asarray(colour + (away - colour) * (haze * haze * np.float32(0.6)), np.float32)


def _open(solids: Sequence[Solid], point: Array) -> Array:
    """How much of the sky a point of the ground sees: solids darken their surroundings (ambient occlusion)."""
    seen = np.ones(point.shape[1], np.float32)
    for solid in solids:
        x, y = point[0] - np.float32(solid.x), point[1] - np.float32(solid.y)
        reach = (x * x + y * y) * np.float32(1 / solid.girth**2)
        seen *= 1 - np.float32(0.75) / (1 + reach * reach)
    return seen


def _surface(stage: Stage, solids: Sequence[Solid], k: int, rays: Array, depth: Array) -> Array:
    solid = solids[k]
    point = rays * depth + np.asarray(stage.eye, np.float32)[:, None]
    normal = normal_of(solid, point)
    facing = np.maximum(stage.light @ normal, 0)
    dark = _shadowed(stage, [other for other in solids if other is not solid], point)
    facing *= ~dark
    albedo = np.square(np.asarray(PALETTE[solid.colour], np.float32))[:, None]
    ambient = np.float32(0.26) + np.float32(0.14) * normal[2]
    ambient *= np.minimum(np.float32(0.55) + point[2] / np.float32(solid.height), 1)
    view = -rays / np.sqrt((rays * rays).sum(0))
    mirror = 2 * (normal * view).sum(0) * normal - view
    glint = np.maximum(stage.light @ mirror, 0) * (facing > 0)
    if solid.material == "rubber":
        light = albedo * (facing * np.float32(0.95) * _lamp(stage) + ambient)
        return np.asarray(light + np.float32(0.03) * glint**4, np.float32)
    return _metal(stage, albedo, facing, ambient, glint, mirror)


def _metal(stage: Stage, albedo: Array, facing: Array, ambient: Array, glint: Array, mirror: Array) -> Array:
    """Polished metal mirrors a simple room: a bright sky, a dark wall with two windows, the ground; and the lamp."""
    high = np.clip(mirror[2] * np.float32(2.6) - np.float32(0.25), 0, 1)
    low = np.clip(-mirror[2] * np.float32(1.5), 0, 1)
    side = stage.axes[0] @ mirror  # the windows stand to the left and right of whoever looks
    window = np.clip(1 - np.square((np.abs(side) - np.float32(0.62)) * np.float32(5)), 0, 1)
    room = np.float32(0.03) + np.float32(0.80) * high + np.float32(0.40) * low * stage.ground[:, None]
    room += np.float32(0.70) * window * (1 - high)
    light = albedo * (facing * np.float32(0.25) + ambient * np.float32(0.30) + room * np.float32(1.15))
    light += np.float32(0.05) * room * room
    glow = glint**60 * np.float32(1.4) + glint**8 * np.float32(0.10)
    return np.asarray(light + glow * _lamp(stage), np.float32)


def _shadowed(stage: Stage, solids: Sequence[Solid], point: Array) -> NDArray[np.bool_]:
    """Which points (3, N) do not see the lamp, for a solid of ``solids`` that stands between."""
    dark = np.zeros(point.shape[1], bool)
    lamp = stage.light[:, None]
    side = np.asarray([lamp[1, 0], -lamp[0, 0], 0], np.float32)
    side /= np.linalg.norm(side)
    flat = np.stack([side, np.cross(side, stage.light)]).astype(np.float32)  # seen from the lamp, points are flat
    where = flat @ point
    for solid in solids:
        at = flat @ np.asarray(solid.centre, np.float32)
        u, v = where[0] - at[0], where[1] - at[1]
        near = np.flatnonzero(u * u + v * v < np.float32(radius_of(solid) ** 2))
        if len(near):
            dark[near] |= meet(solid, point[:, near], lamp) < np.inf
    return dark
