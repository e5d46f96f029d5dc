"""View: one way of looking at a picture, mirrored, turned, resized and cropped.

One affine map says where every point goes. Points, boxes and oriented boxes go through it, maps are looked up at the
middles of their new pixels (so no value is ever mixed with another), and the pixels of the picture are resampled.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generalist.sequence.oriented import long_side
from generalist.sequence.picture import GREY

__all__ = ["Tint", "View"]

Array = NDArray[Any]
Tint = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class View:
    """A picture of ``source`` (width, height) is mirrored left to right if ``flip``, turned counter-clockwise by
    ``quarters``, resized to ``scaled``, turned clockwise by ``degrees`` about its middle, and laid with its top left at
    ``offset`` on a canvas of ``size``. What is seen is the ``window`` x1, y1, x2, y2 of the canvas, in whole pixels;
    all of it where there is none. Elsewhere the canvas is grey.
    """

    source: tuple[int, int]
    size: tuple[int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int] = (0, 0)
    flip: bool = False
    quarters: int = 0
    degrees: float = 0.0
    window: tuple[int, int, int, int] | None = None

    @classmethod
    def whole(cls, source: tuple[int, int], flip: bool = False, quarters: int = 0) -> "View":
        """A picture at its own size, mirrored and turned or not; exact, pixel for pixel."""
        size = source if quarters % 2 == 0 else (source[1], source[0])
        return cls(source, size, size, flip=flip, quarters=quarters % 4)

    @property
    def nearer(self) -> float:
        """How much larger everything looks than in the whole picture, fitted to the canvas."""
        return max(self.scaled) / max(self.size)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2 of what is seen, in pixels of the canvas."""
        return (0, 0, *self.size) if self.window is None else self.window

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3): from pixels of the source to pixels of the canvas."""
        width, height = self.source
        out = np.asarray([[-1, 0, width], [0, 1, 0]] if self.flip else [[1, 0, 0], [0, 1, 0]], np.float64)
        for _ in range(self.quarters):
            out = _after(out, [[0, 1], [-1, 0]], [0, width])
            width, height = height, width
        out = _after(out, [[self.scaled[0] / width, 0], [0, self.scaled[1] / height]], [0, 0])
        angle = np.radians(self.degrees)
        turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.asarray(self.scaled) / 2
        return _after(out, turn, middle - turn @ middle + self.offset)

    @cached_property
    def turning(self) -> NDArray[np.float64]:
        """(2, 2): what the view does to a direction, its length kept."""
        plain = replace(self, scaled=(self.source if self.quarters % 2 == 0 else self.source[::-1]))
        return np.asarray(plain.matrix[:, :2])

    def points(self, xy: Array) -> NDArray[np.float32]:
        """Points (..., 2) of the source, on the canvas."""
        return np.asarray(np.asarray(xy, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2], np.float32)

    def seen(self, xy: Array) -> NDArray[np.bool_]:
        """Which points (..., 2) of the canvas are in sight."""
        low, high = np.asarray(self.bounds[:2]), np.asarray(self.bounds[2:])
        return np.asarray(((xy >= low) & (xy <= high)).all(-1))

    # ---- fields of pixels ----------------------------------------------------------------------------------------

    def picture(self, image: NDArray[np.uint8], tint: Tint = lambda pixels: pixels) -> NDArray[np.uint8]:
        """The pixels (H, W, 3) of the canvas, with smooth edges between large and small; ``tint`` is laid on them."""
        turned = np.rot90(image[:, ::-1] if self.flip else image, self.quarters)
        if turned.shape[1::-1] != self.scaled:
            shrunk = Image.fromarray(np.ascontiguousarray(turned)).resize(
                self.scaled, Image.Resampling.BILINEAR, reducing_gap=2.0
            )
            turned = np.asarray(shrunk)
        turned = tint(np.array(turned))
        if self.degrees:
            about = replace(self, source=self.scaled, flip=False, quarters=0)
            back = np.linalg.inv(np.vstack([about.matrix, [0, 0, 1]]))[:2]
            laid = Image.fromarray(turned).transform(
                self.size, Image.Transform.AFFINE, tuple(back.ravel()), Image.Resampling.BILINEAR, fillcolor=(GREY,) * 3
            )
            return self._framed(np.asarray(laid))
        if self.scaled == self.size and self.offset == (0, 0) and self.window is None:
            return turned
        out = np.full((self.size[1], self.size[0], 3), GREY, np.uint8)
        (x, y), (x1, y1, x2, y2) = self.offset, self.bounds
        x1, y1 = max(x, x1), max(y, y1)
        x2, y2 = min(x + self.scaled[0], x2), min(y + self.scaled[1], y2)
        if x1 < x2 and y1 < y2:
            out[y1:y2, x1:x2] = turned[y1 - y : y2 - y, x1 - x : x2 - x]
        return out

    def _framed(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x1, y1, x2, y2 = self.bounds
        out = np.full_like(canvas, GREY)
        out[y1:y2, x1:x2] = canvas[y1:y2, x1:x2]
        return out

    def map(self, values: Array, nothing: Any = 0) -> Array:
        """A map (H, W, ...) of the source on the canvas; ``nothing`` where the source is not seen."""
        known, where = self._sources
        out = np.full((self.size[1], self.size[0], *values.shape[2:]), nothing, values.dtype)
        out[known] = values.reshape(-1, *values.shape[2:])[where]
        return out

    @cached_property
    def _sources(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which pixels (H, W) of the canvas show the source, and the place of what each of them shows."""
        x, y = np.arange(self.size[0]) + 0.5, np.arange(self.size[1])[:, None] + 0.5
        back = np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))
        column = np.floor(back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.int64)
        row = np.floor(back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.int64)
        x1, y1, x2, y2 = self.bounds
        known = (x > x1) & (x < x2) & (y > y1) & (y < y2)
        known &= (column >= 0) & (column < self.source[0]) & (row >= 0) & (row < self.source[1])
        return known, (row * self.source[0] + column)[known]

    @cached_property
    def whole_source(self) -> bool:
        """Whether all of the source is seen."""
        width, height = self.source
        return bool(self.seen(self.points(np.asarray([[0, 0], [width, 0], [0, height], [width, height]]))).all())

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """Which pixels (H, W) of the source are seen."""
        width, height = self.source
        along, down = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
        out = np.ones((height, width), bool)
        for (by_x, by_y, shift), low, high in zip(self.matrix, self.bounds[:2], self.bounds[2:], strict=True):
            # Unless the picture is askew one of the two is 0, and this is about a row or a column.
            at = by_x * along if by_y == 0 else by_y * down if by_x == 0 else by_x * along + by_y * down
            out &= (at >= low - shift) & (at <= high - shift)
        return out

    def masks(self, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Masks (n, H, W) of the source on the canvas."""
        known, where = self._sources
        out = np.zeros((len(masks), *known.shape), bool)
        out[:, known] = masks.reshape(len(masks), self.source[0] * self.source[1])[:, where]
        return out

    def normals(self, normals: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map (H, W, 3) of directions in the camera's axes: the camera turns with the picture, so what is along its
        axis stays and the rest turns as directions do."""
        out = self.map(normals)
        out[..., :2] = out[..., :2] @ self.turning.T.astype(np.float32)
        return np.asarray(out, np.float32)

    # ---- places ----------------------------------------------------------------------------------------------------

    def corners(self, boxes: Array) -> tuple[Array, Array]:
        """The low and the high corner (n, 2) of boxes on the canvas, cut by nothing."""
        both = np.stack([self.points(boxes[:, i]) for i in ([0, 1], [2, 1], [2, 3], [0, 3])], 1).reshape(-1, 4, 2)
        return both.min(1), both.max(1)

    def oriented(self, boxes: Array) -> NDArray[np.float32]:
        """Oriented boxes (n, 5) of the source, on the canvas, cut by nothing."""
        angle = np.radians(boxes[:, 4].astype(np.float64))
        along = np.stack([np.cos(angle), np.sin(angle)], 1) @ self.matrix[:, :2].T
        across = np.stack([-np.sin(angle), np.cos(angle)], 1) @ self.matrix[:, :2].T
        sides = boxes[:, 2:4] * np.stack([np.linalg.norm(along, axis=1), np.linalg.norm(across, axis=1)], 1)
        degrees = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
        return long_side(np.concatenate([self.points(boxes[:, :2]), sides, degrees[:, None]], 1))


def _after(matrix: Array, linear: Any, shift: Any) -> NDArray[np.float64]:
    """An affine map (2, 3), and then another."""
    out = np.asarray(linear, np.float64) @ matrix
    out[:, 2] += shift
    return out
