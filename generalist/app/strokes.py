"""Strokes: smooth lines, rings and outlines laid over a picture, by matplotlib; what no line touches stays as it is."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from generalist.app.colours import RGB
from generalist.app.lettering import Pixels
from generalist.sequence.oriented import oriented_corners
from generalist.sequence.region import Region

__all__ = ["Strokes"]

Array = NDArray[Any]

DASHES = (2.5, 2.5)  # in widths of the line
BLACK, WHITE = (0, 0, 0), (255, 255, 255)

CUBE = [(k + z, (k + 1) % 4 + z) for z in (0, 4) for k in range(4)] + [(k, k + 4) for k in range(4)]
"""The edges between eight corners: the bottom ring, the top ring, and the four between them."""


class Strokes:
    """What is drawn on one canvas (H, W, 3), in its pixels; ``laid`` gives the canvas with it on top.

    line: width in pixels of what stands out; other things are in proportion.
    """

    def __init__(self, canvas: Pixels, line: float):
        height, width = canvas.shape[:2]
        self.canvas, self.line = canvas, line
        self._figure = Figure(figsize=(width / 100, height / 100), dpi=100)
        self._figure.patch.set_alpha(0)
        self._axes: Axes = self._figure.add_axes((0, 0, 1, 1), frameon=False)
        self._axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        self._order = 0

    def laid(self) -> Pixels:
        """(H, W, 3) uint8."""
        painter = FigureCanvasAgg(self._figure)
        painter.draw()
        drawn = np.asarray(painter.buffer_rgba())[: self.canvas.shape[0], : self.canvas.shape[1]].astype(np.float32)
        cover = drawn[..., 3:] / 255
        return np.asarray(np.round(self.canvas * (1 - cover) + drawn[..., :3] * cover), np.uint8)

    def tint(self, cover: NDArray[np.bool_], colour: RGB, share: float) -> None:
        """Mixes a share of a colour into the pixels of the canvas that are covered (H, W)."""
        mixed = self.canvas[cover] * (1 - share) + np.asarray(colour) * share
        self.canvas = self.canvas.copy()
        self.canvas[cover] = mixed.round().astype(np.uint8)

    def polygon(self, points: Array, colour: RGB, fill: float = 0.0, width: float = 1.0) -> None:
        """A closed outline around points (n, 2); fill: how much of the inside is covered, from 0 to 1."""
        face = (*_unit(colour), fill)
        edge, width = _unit(colour), self._points(width)
        look: dict[str, Any] = {"facecolor": face, "edgecolor": edge, "linewidth": width, "joinstyle": "round"}
        self._axes.add_patch(Polygon(points, zorder=self._above(), **look))

    def skeleton(self, points: Array, colour: RGB) -> None:
        """Key points (J, 3): a disc where one is in sight, a ring where it is hidden, nothing where it is not there.
        Eight are the corners of a cube, whose edges are drawn too, thin and broken where an end is hidden."""
        for a, b in CUBE if len(points) == 8 else ():
            if points[a, 2] and points[b, 2]:
                whole = min(points[a, 2], points[b, 2]) > 1
                self._path(points[[a, b], :2], colour, 0.9 if whole else 0.6, None if whole else (2, 2))
        for shown, face, edge, width in ((1, WHITE, colour, 0.8), (2, colour, WHITE, 0.4)):
            self._dots(points[points[:, 2] == shown, :2], 3.6, face, edge, width)

    def point(self, at: Array, colour: RGB) -> None:
        """A disc with a white rim, its middle (2,) marked."""
        self._dots(at[None], 4.2, colour, WHITE, 0.8)
        self._dots(at[None], 0.9, WHITE, WHITE, 0)

    def contour(self, mask: Array, colour: RGB, width: float = 0.7) -> None:
        """The edge of a mask (H, W) of the canvas's size, where its values pass 0.5."""
        self._contour(mask, colors=[_unit(colour)], linewidths=self._points(width))

    def region(self, region: Region, scale: float, cover: Array | None) -> None:
        """Where a request points: white dashes in a black line, to be seen on anything. cover: the region's mask at the
        canvas's size, where it is one."""
        value = region.value
        if region.kind == "mask":
            assert cover is not None
            self._contour(cover, colors=[_unit(BLACK)], linewidths=self._points(2))
            self._contour(cover, colors=[_unit(WHITE)], linewidths=self._points(1), linestyles=[(0, DASHES)])
        elif region.kind == "point":
            x, y = value * scale
            turn = np.linspace(0, 2 * np.pi, 61)
            for reach in (0.2, 6.0):
                ring = np.stack([x + reach * self.line * np.cos(turn), y + reach * self.line * np.sin(turn)], 1)
                self._dashed(ring)
        else:
            around = _ring_of_box if region.kind == "box" else _ring_of_oriented
            self._dashed((value if region.kind == "scribble" else around(value)) * scale)

    def _dashed(self, points: Array) -> None:
        self._path(points, BLACK, 2)
        self._path(points, WHITE, 1, DASHES)

    def _path(self, points: Array, colour: RGB, width: float, dashes: tuple[float, float] | None = None) -> None:
        look: dict[str, Any] = {"color": _unit(colour), "linewidth": self._points(width), "zorder": self._above()}
        (line,) = self._axes.plot(*np.asarray(points).T, solid_capstyle="round", **look)
        if dashes:
            line.set_dashes(dashes)

    def _dots(self, points: Array, size: float, face: RGB, edge: RGB, width: float) -> None:
        x, y = points.T
        look: dict[str, Any] = {"c": [_unit(face)], "edgecolors": [_unit(edge)], "linewidths": self._points(width)}
        self._axes.scatter(x, y, s=self._points(size) ** 2, zorder=self._above(), **look)

    def _contour(self, mask: Array, **look: Any) -> None:
        # Off the canvas there is nothing, so that a mask that leaves it has an edge there.
        field = np.pad(np.asarray(mask, np.float32), 1)
        x, y = np.arange(-1, mask.shape[1] + 1) + 0.5, np.arange(-1, mask.shape[0] + 1) + 0.5
        self._axes.contour(x, y, field, levels=[0.5], zorder=self._above(), **look)

    def _points(self, lines: float) -> float:
        """A width in lines as matplotlib has it: 72 points are 100 pixels here."""
        return 0.72 * lines * self.line

    def _above(self) -> int:
        """What is drawn later lies on top, whatever it is."""
        self._order += 1
        return self._order


def _unit(colour: RGB) -> tuple[float, ...]:
    return tuple(value / 255 for value in colour)


def _ring_of_box(box: Array) -> Array:
    x0, y0, x1, y1 = box
    return np.asarray([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])


def _ring_of_oriented(box: Array) -> Array:
    ring = oriented_corners(box[None])[0]
    return np.concatenate([ring, ring[:1]])
