"""Visual prompts: a region of a request as tokens of its instruction, the same tokens that answers are written in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.region import Region
from generalist.sequence.units import UNITS

__all__ = ["STROKE", "spell_region"]

STROKE = 8
"""Points that a scribble is resampled to, even along its length."""


def spell_region(region: Region, frame: Frame) -> tuple[list[int], NDArray[np.float32]]:
    """Ids (n,) of a region, and for each the point (n, 2) of the unit square where it looks at the picture.

    A point is two bins, a box four, an oriented box five; a scribble is eight points; a mask is its box and sixteen
    codes. Every token looks where it lies: a point of a stroke at itself, a code at its patch, the rest at the middle.
    """
    middle = frame.to_unit(region.centre)
    if region.kind == "scribble":
        points = frame.to_unit(_resampled(region.value, STROKE))
        return _encode("point", points.ravel(), frame), np.repeat(points, 2, 0)
    if region.kind == "mask":
        box = frame.to_unit(region.bounds)
        ids = _encode("box", box, frame)
        inside = frame.within(UNITS["box"].decode(ids, frame))
        codes = UNITS["mask"].encode(region.value, inside, 16)
        at = (np.arange(4, dtype=np.float32) + 0.5) / 4
        x, y = np.meshgrid(at, at)
        patches = box[:2] + np.stack([x.ravel(), y.ravel()], 1) * (box[2:] - box[:2])
        return [*ids, *codes], np.concatenate([np.tile(middle, (4, 1)), patches]).astype(np.float32)
    value = frame.to_unit(region.value)
    if region.kind == "oriented":
        value = np.append(value[:4], region.value[4])
    ids = _encode(region.kind, value, frame)
    return ids, np.tile(middle, (len(ids), 1)).astype(np.float32)


def _encode(unit: str, value: NDArray[Any], frame: Frame) -> list[int]:
    return UNITS[unit].encode(value, frame, None)


def _resampled(stroke: NDArray[Any], count: int) -> NDArray[np.float32]:
    """``count`` points evenly along a stroke (n, 2)."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(stroke, axis=0), axis=1))])
    at = np.linspace(0, along[-1], count)
    return np.stack([np.interp(at, along, stroke[:, axis]) for axis in range(2)], 1).astype(np.float32)
