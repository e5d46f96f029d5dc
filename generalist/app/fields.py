"""Fields: answers that have a value at every pixel, as pictures with what it takes to read them."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from generalist.app.colours import INK, NOTHING, colour, rgb_of_normals
from generalist.app.lettering import Pixels, legend, strip
from generalist.sequence.geometry import resize
from generalist.sequence.sample import Answer

__all__ = ["depth_map", "normal_map", "semantic_map"]

DEPTH_MAP = "viridis_r"  # near is bright


def semantic_map(answer: Answer, canvas: Pixels) -> tuple[Pixels, Pixels]:
    """The image under the colours of its labels, and the legend of those that are there, the largest first."""
    assert answer.semantic is not None
    height, width = canvas.shape[:2]
    present, counts = np.unique(answer.semantic, return_counts=True)
    best = np.zeros((height, width), np.float32)
    tint = np.empty_like(canvas)
    for i in present:
        cover = resize(answer.semantic == i, width, height)
        tint[cover > best] = colour(int(i))
        best = np.maximum(best, cover)
    order = [int(i) for i in present[np.argsort(-counts, kind="stable")] if i >= 0]
    rows = {answer.names[i]: np.asarray(colour(i)) / 255 for i in order}
    if (present < 0).any():
        rows["none of them"] = np.asarray(NOTHING) / 255
    mixed = (0.4 * canvas + 0.6 * tint).astype(np.uint8)
    return mixed, legend(rows, width)


def depth_map(depth: NDArray[np.float32], canvas: Pixels) -> tuple[Pixels, Pixels]:
    """The map in colours, and its colour bar in metres. Holes (0) are grey; the range leaves out the farthest 1 %."""
    height, width = canvas.shape[:2]
    known = depth[depth > 0]
    near, far = np.quantile(known, [0.005, 0.99]).tolist() if known.size else (0.0, 1.0)
    far = max(far, near + 1e-3)
    colours = colormaps[DEPTH_MAP]
    cover = resize(depth > 0, width, height)
    large = resize(depth, width, height) / np.maximum(cover, 0.5)  # a hole's 0 is no distance to mix with others
    picture = (colours((large - near) / (far - near))[..., :3] * 255).astype(np.uint8)
    picture[cover < 0.5] = NOTHING

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.05, 0.62, 0.9, 0.26))
        axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colours, extent=(near, far, 0, 1))
        axes.set_yticks([])
        axes.tick_params(labelsize=9, length=3, colors=INK)
        axes.set_xlabel("metres from the camera", fontsize=9, labelpad=1, color=INK)

    return picture, strip(width, 56, paint)


def normal_map(normals: NDArray[np.float32], canvas: Pixels) -> tuple[Pixels, Pixels]:
    """The directions in colours, and a ball in the same light to read them from. Holes (zeros) are grey."""
    height, width = canvas.shape[:2]
    picture = rgb_of_normals(resize(normals, width, height))
    picture[resize((normals != 0).any(-1), width, height) < 0.5] = NOTHING
    return picture, strip(width, 76, _ball)


def _ball(figure: Figure) -> None:
    axes = figure.add_axes((0.02, 0.06, 0.13, 0.88))
    axes.imshow(_sphere(200), interpolation="antialiased")
    axes.set_axis_off()
    said = {"right": (1, 0, 0), "left": (-1, 0, 0), "up": (0, -1, 0), "down": (0, 1, 0), "us": (0, 0, -1)}
    figure.text(0.17, 0.5, "surfaces that face", fontsize=10, color=INK, va="center")
    for i, (name, direction) in enumerate(said.items()):
        left = 0.49 + 0.11 * i
        swatch: Any = rgb_of_normals(np.asarray(direction)) / 255
        figure.text(left, 0.64, "■", fontsize=15, color=swatch, va="center", ha="center")
        figure.text(left, 0.3, name, fontsize=10, color=INK, va="center", ha="center")


def _sphere(side: int) -> NDArray[np.float32]:
    """(side, side, 4) a ball that we look at, in the colours of its normals, on nothing."""
    at = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(at, at)
    inside = x**2 + y**2 <= 1
    z = -np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    out = np.zeros((side, side, 4), np.float32)
    out[..., :3] = rgb_of_normals(np.stack([x, y, z], -1)) / 255
    out[..., 3] = inside
    return out
