"""The solids of the generated world: what they are called and their shape in space."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COLOURS",
    "MATERIALS",
    "SEMANTIC_NAMES",
    "SHAPES",
    "SIZES",
    "Solid",
    "meet",
    "normal_of",
    "radius_of",
]

SHAPES = ("cube", "sphere", "cylinder", "cone")
COLOURS = ("red", "blue", "green", "yellow", "purple", "cyan", "orange", "gray")
SIZES = ("small", "large")
MATERIALS = ("metal", "rubber")
SEMANTIC_NAMES = ("sky", "ground", *SHAPES)

RADIUS = {"small": 0.38, "large": 0.74}
# Half of a solid's width as a part of its radius: a cube as wide as a sphere would look far larger.
GIRTH = {"cube": 0.80, "sphere": 1.0, "cylinder": 0.80, "cone": 0.95}
TALL = {"cube": 1.60, "sphere": 2.0, "cylinder": 1.70, "cone": 1.95}

Array = NDArray[Any]  # float32 throughout: half the memory, twice the speed


@dataclass(frozen=True)
class Solid:
    """One thing of the world: what it is, where on the ground it stands (metres) and how it is turned (radians)."""

    shape: str
    colour: str
    size: str
    material: str
    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0

    @property
    def girth(self) -> float:
        """Half of its width (metres): the radius of a sphere, cylinder or cone's base, half the edge of a cube."""
        return RADIUS[self.size] * GIRTH[self.shape]

    @property
    def height(self) -> float:
        """Its height in metres."""
        return RADIUS[self.size] * TALL[self.shape]

    @property
    def centre(self) -> tuple[float, float, float]:
        """The middle of its height, in metres."""
        return self.x, self.y, self.height / 2


def radius_of(solid: Solid) -> float:
    """Radius in metres of the smallest ball around the solid's centre that holds it."""
    if solid.shape == "sphere":
        return solid.girth
    corner = solid.girth * (2**0.5 if solid.shape == "cube" else 1.0)
    return float(np.hypot(corner, solid.height / 2))


def meet(solid: Solid, origin: Array, ray: Array) -> Array:
    """Where rays first enter a solid: (M,) parameters, inf where they miss it. One of the two may be (3, 1)."""
    p = origin - np.asarray([[solid.x], [solid.y], [0.0]], np.float32)
    return _MEET[solid.shape](solid, p, ray)


def _sphere(solid: Solid, p: Array, d: Array) -> Array:
    r = np.float32(solid.girth)
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    z = p[2] - r
    b = p[0] * d[0] + p[1] * d[1] + z * d[2]
    c = p[0] * p[0] + p[1] * p[1] + z * z - r * r
    root = b * b - a * c
    t = (-b - np.sqrt(np.maximum(root, 0))) / a
    return np.where((root > 0) & (t > 0), t, np.float32(np.inf))


def _slab(p: Array, d: Array, low: float, high: float) -> tuple[Array, Array]:
    """Where rays enter and leave the space between two parallel planes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (np.float32(low) - p) / d, (np.float32(high) - p) / d
    return np.minimum(one, two), np.maximum(one, two)


def _turn(yaw: float, v: Array) -> tuple[Array, Array]:
    cos, sin = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    return cos * v[0] + sin * v[1], cos * v[1] - sin * v[0]


def _between(enter: Array, leave: Array) -> Array:
    return np.where((enter < leave) & (enter > 0), enter, np.float32(np.inf))


def _cube(solid: Solid, p: Array, d: Array) -> Array:
    h = solid.girth
    (px, py), (dx, dy) = _turn(solid.yaw, p), _turn(solid.yaw, d)
    (x0, x1), (y0, y1), (z0, z1) = _slab(px, dx, -h, h), _slab(py, dy, -h, h), _slab(p[2], d[2], 0, solid.height)
    return _between(np.maximum(np.maximum(x0, y0), z0), np.minimum(np.minimum(x1, y1), z1))


def _cylinder(solid: Solid, p: Array, d: Array) -> Array:
    a = d[0] * d[0] + d[1] * d[1]
    b = p[0] * d[0] + p[1] * d[1]
    c = p[0] * p[0] + p[1] * p[1] - np.float32(solid.girth**2)
    square = b * b - a * c
    root = np.sqrt(np.maximum(square, 0))
    z0, z1 = _slab(p[2], d[2], 0, solid.height)
    t = _between(np.maximum((-b - root) / a, z0), np.minimum((-b + root) / a, z1))
    return np.where(square > 0, t, np.float32(np.inf))


def _cone(solid: Solid, p: Array, d: Array) -> Array:
    # The base faces the ground, so neither the camera nor the lamp, both above it, ever meets the base first.
    slope = np.float32((solid.girth / solid.height) ** 2)
    z = p[2] - np.float32(solid.height)
    a = d[0] * d[0] + d[1] * d[1] - slope * d[2] * d[2]
    b = p[0] * d[0] + p[1] * d[1] - slope * z * d[2]
    c = p[0] * p[0] + p[1] * p[1] - slope * z * z
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    best = np.full(b.shape, np.inf, np.float32)
    for sign in (-1, 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (-b + sign * root) / a
            depth = z + t * d[2]
        good = (t > 0) & (depth <= 0) & (depth >= -np.float32(solid.height)) & (b * b >= a * c)
        best = np.minimum(best, np.where(good, t, np.float32(np.inf)))
    return np.asarray(best, np.float32)


_MEET = {"sphere": _sphere, "cube": _cube, "cylinder": _cylinder, "cone": _cone}


def normal_of(solid: Solid, point: Array) -> Array:
    """Outward unit normals (3, M) at points (3, M) of the surface."""
    x, y, z = point[0] - np.float32(solid.x), point[1] - np.float32(solid.y), point[2]
    out = np.zeros_like(point)
    if solid.shape == "sphere":
        out[0], out[1], out[2] = x, y, z - np.float32(solid.girth)
        return out / np.float32(solid.girth)
    if solid.shape == "cube":
        return _face(solid, x, y, z, out)
    out[0], out[1] = x, y
    out[:2] /= np.maximum(np.hypot(x, y), 1e-6)
    if solid.shape == "cylinder":
        top = solid.height - z < 1e-3
        out[:, top] = np.asarray([[0], [0], [1]], np.float32)
        return out
    side = float(np.hypot(solid.girth, solid.height))
    out[:2] *= solid.height / side
    out[2] = solid.girth / side
    return out


def _face(solid: Solid, x: Array, y: Array, z: Array, out: Array) -> Array:
    u, v = _turn(solid.yaw, np.stack([x, y]))
    local = np.abs(np.stack([u, v, z - np.float32(solid.height / 2)]))
    axis = local.argmax(0)
    cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
    su, sv = np.sign(u) * (axis == 0), np.sign(v) * (axis == 1)
    out[0], out[1], out[2] = cos * su - sin * sv, sin * su + cos * sv, axis == 2
    return out
