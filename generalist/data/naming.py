"""Naming: which names a request about a scene asks for. Some are there, some only nearly."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from generalist.data.language import Noun
from generalist.data.scene import Scene
from generalist.data.solids import COLOURS, SHAPES, SIZES

__all__ = ["LEVELS", "alternatives", "level", "names", "pick", "shuffled", "some"]

Random = np.random.Generator
T = TypeVar("T")
LEVELS = {  # every name of a level of description: no two of them are ever true of the same solid
    "shape": [Noun(shape=shape) for shape in SHAPES],
    "colour shape": [Noun(colour=colour, shape=shape) for colour in COLOURS for shape in SHAPES],
    "colour": [Noun(colour=colour) for colour in COLOURS],
    "size shape": [Noun(size=size, shape=shape) for size in SIZES for shape in SHAPES],
}
CHANCES = {"shape": 0.30, "colour shape": 0.40, "colour": 0.15, "size shape": 0.15}

MIXED = 0.2
"""How often the names of a request are not of one level."""


def level(rng: Random) -> str:
    """A level of description."""
    return str(rng.choice(list(CHANCES), p=list(CHANCES.values())))


def pick(items: Sequence[T], rng: Random) -> T:
    """Any of the items."""
    return items[int(rng.integers(len(items)))]


def shuffled(items: Sequence[T], rng: Random) -> list[T]:
    """All of the items, in any order."""
    return [items[i] for i in rng.permutation(len(items))]


def names(scene: Scene, rng: Random) -> list[Noun]:
    """Names to look for, of one level of description; now and then of a level for each shape ("red cube, sphere")."""
    if rng.random() < MIXED:
        return some(scene, _mixed(rng), rng)
    chosen = level(rng)
    if chosen == "shape":
        count = len(SHAPES) if rng.random() < 0.6 else int(rng.integers(1, len(SHAPES)))
        return shuffled(LEVELS[chosen], rng)[:count]
    return some(scene, LEVELS[chosen], rng)


def _mixed(rng: Random) -> list[Noun]:
    """Names of all shapes, each shape's of one level: no two of them are true of the same solid either."""
    found = []
    for shape in SHAPES:
        chosen = ("shape", "colour shape", "size shape")[int(rng.integers(3))]
        found += [noun for noun in LEVELS[chosen] if noun.shape == shape]
    return found


def some(scene: Scene, nouns: list[Noun], rng: Random, most: int = 6) -> list[Noun]:
    """Up to ``most`` of the nouns, shuffled: some that are true of something, and a few that only nearly are."""
    present = [noun for noun in nouns if noun.rows(scene)]
    near = [noun for noun in nouns if noun not in present and _close(noun, present)]
    count = int(rng.integers(2, most + 1))
    right = shuffled(present, rng)[: max(1, count - int(rng.integers(0, 3)))]
    absent = shuffled(near, rng)
    if rng.random() < 0.5 or len(absent) < count:
        rest = [noun for noun in nouns if noun not in present and noun not in absent]
        absent = shuffled(rest, rng) + absent
    return shuffled(right + absent[: count - len(right)], rng)


def alternatives(right: Noun, wrong: Sequence[Noun], rng: Random, most: int = 6) -> list[Noun]:
    """The right noun among some wrong ones, up to ``most`` in all; half of the time the wrong are nearly right."""
    others = shuffled(wrong, rng)
    if rng.random() < 0.5:
        others.sort(key=lambda noun: not _close(noun, [right]))
    return shuffled([right, *others[: int(rng.integers(1, most))]], rng)


def _close(noun: Noun, others: Sequence[Noun]) -> bool:
    return any(noun.shape == other.shape or noun.colour == other.colour != "" for other in others)
