"""Pointed: requests that point at a solid, with a box, an oriented box, a dot, a stroke or a mask, and ask about it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.footprint import inner
from generalist.data.language import a, full
from generalist.data.naming import LEVELS, alternatives, level, pick
from generalist.data.scene import Scene
from generalist.sequence.oriented import long_side
from generalist.sequence.region import Kind, Region
from generalist.sequence.sample import Sample

__all__ = ["POINTED", "Maker", "point_at"]

Random = np.random.Generator
Array = NDArray[Any]
Maker = Callable[[Scene, Sample, Random, bool], Sample]

LOOSE = 0.05
"""How far off a hand-drawn box is, as a share of its sides: the deviation. Twice that is the most."""

SHOWN: tuple[Kind, ...] = ("box", "point", "scribble", "mask")
"""How a person points at one thing among others."""


def point_at(scene: Scene, row: int, kind: Kind, rng: Random, free: bool) -> Region:
    """A region of one kind on solid ``row``: the exact one, or if ``free`` one as a hand would draw it.

    A stroke is drawn at random either way, and lies on the solid from end to end.
    """
    mask = scene.masks[row]
    if kind == "mask":
        return Region("mask", mask)
    if kind == "scribble":
        return Region("scribble", _stroke(mask, rng))
    if kind == "point":
        return Region("point", pick(list(inner(mask)), rng) if free else scene.points[row])
    if kind == "oriented":
        return Region("oriented", _turned(scene.oriented[row], rng) if free else scene.oriented[row])
    return Region("box", _loosened(scene.boxes[row], mask.shape[1], rng) if free else scene.boxes[row])


def _off(rng: Random, count: int) -> Array:
    return np.clip(rng.normal(0, LOOSE, count), -2 * LOOSE, 2 * LOOSE)


def _loosened(box: Array, size: int, rng: Random) -> Array:
    """A box whose every edge is a little off, still inside the picture."""
    return np.clip(box + _off(rng, 4) * np.tile(box[2:] - box[:2], 2), 0, size)


def _turned(box: Array, rng: Random) -> Array:
    """An oriented box a little off in its place, its sides and its angle."""
    off = _off(rng, 5)
    moved = box[:4] + off[:4] * np.tile(box[2:4], 2)
    return long_side(np.append(moved, box[4] + np.degrees(off[4]))[None])[0]


def _stroke(mask: Array, rng: Random) -> Array:
    """A few points (n, 2) along a mask's longer way; a dot where nothing longer stays on the mask."""
    inside = inner(mask)
    for _ in range(8):
        stops = inside[rng.integers(len(inside), size=int(rng.integers(3, 7)))]
        along = stops[:, np.ptp(stops, axis=0).argmax()]
        stroke = stops[np.argsort(along, kind="stable")]
        if _covers(mask, stroke):
            return stroke
    return inside[:1]


def _covers(mask: Array, stroke: Array) -> bool:
    """Whether the mask holds all of a stroke."""
    share = np.linspace(0, 1, 32)[:, None, None]
    x, y = ((1 - share) * stroke[:-1] + share * stroke[1:]).reshape(-1, 2).astype(int).T
    return bool(mask[y, x].all())


def _anyone(scene: Scene, rng: Random) -> int:
    return int(rng.integers(len(scene.solids)))


def _describe(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    row = _anyone(scene, rng)
    said = full(scene.solids[row])
    return blank.but(region=point_at(scene, row, pick(SHOWN, rng), rng, free), text=said, texts=(said, a(said)))


def _classify(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    """Of one solid, or of the whole picture: then one of the names alone is that of something in it."""
    if rng.random() < 0.3:
        return _present(scene, blank, rng)
    row = _anyone(scene, rng)
    nouns = LEVELS[level(rng)]
    (right,) = (noun for noun in nouns if noun.suits(scene.solids[row]))
    asked = alternatives(right, [noun for noun in nouns if noun is not right], rng)
    region = point_at(scene, row, pick(SHOWN, rng), rng, free)
    return blank.but(region=region, labels=tuple(noun.text for noun in asked), text=right.text, texts=(right.text,))


def _present(scene: Scene, blank: Sample, rng: Random) -> Sample:
    nouns = LEVELS[level(rng)]
    if all(noun.rows(scene) for noun in nouns):
        nouns = LEVELS["colour shape"]  # more of these than a picture has room for
    right = pick([noun for noun in nouns if noun.rows(scene)], rng)
    asked = alternatives(right, [noun for noun in nouns if not noun.rows(scene)], rng)
    return blank.but(labels=tuple(noun.text for noun in asked), text=right.text, texts=(right.text,))


def _crossing(source: Kind) -> Maker:
    """A thing pointed at in one way is to be pointed at in another: ``objects`` holds it in all of them."""

    def make(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
        row = _anyone(scene, rng)
        thing = scene.objects([row], [full(scene.solids[row])], "oriented")
        return blank.but(region=point_at(scene, row, source, rng, free), objects=thing)

    return make


CROSSED: tuple[Kind, ...] = ("box", "oriented", "mask")

POINTED: dict[str, Maker] = {
    "describe": _describe,
    "classify": _classify,
    **{f"{one}_to_{two}": _crossing(one) for one in CROSSED for two in CROSSED if one != two},
}
