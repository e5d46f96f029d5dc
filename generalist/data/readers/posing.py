"""Posing: how a set of named objects is asked about. Which names, in which order; which object, in which words."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.sample import Objects, Sample

__all__ = ["MASKED", "ORIENTED", "POSABLE", "expressions", "names_asked", "posable", "pose"]

MASKED = ("instances", "instances_pixels", "refer_mask")
"""The tasks that take named masks."""

ORIENTED = ("oriented", "refer_oriented")
"""The tasks that take named oriented boxes."""

POSABLE = ("detect", "instances", "instances_pixels", "oriented", "pose", "refer", "refer_mask", "refer_oriented")
"""The tasks that named boxes, with masks, oriented boxes or key points, can pose."""

CLEAR = 0.02
"""An object is "leftmost" only by this share of the image: a pixel's difference is the annotator's, not the scene's."""

ORDINALS = ("second", "third", "fourth")
"""How far people count along a row."""

LARGER = 1.2
"""An object is "largest" only if its area is this many times the next one's."""


def posable(masks: bool = False, oriented: bool = False, keypoints: bool = False) -> tuple[str, ...]:
    """The tasks that named boxes can pose, with what else is annotated of each object."""
    lacking = (() if masks else MASKED) + (() if oriented else ORIENTED) + (() if keypoints else ("pose",))
    return tuple(task for task in POSABLE if task not in lacking)


def pose(
    sample: Sample,
    task: str,
    classes: Sequence[str],
    rng: np.random.Generator | None,
    index: int,
    most: int | None = None,
) -> Sample:
    """The request for ``task`` from a sample that holds every object of its image. most: see ``names_asked``.

    Without ``rng``: all the classes in their own order, or the one expression that ``index`` draws.
    """
    if task.startswith("refer"):
        return _refer(sample, classes, np.random.default_rng(index) if rng is None else rng)
    objects = sample.objects
    assert objects is not None
    labels = names_asked(classes, objects.names, rng, most)
    return sample.but(labels=labels, objects=objects.select([i for i, n in enumerate(objects.names) if n in labels]))


def names_asked(
    classes: Sequence[str], present: Sequence[str], rng: np.random.Generator | None, most: int | None = None
) -> tuple[str, ...]:
    """The labels of a request: all ``classes``; with ``rng`` shuffled, and half of the time only some of those
    ``present`` among some that are absent, so that names have to be read and an answer "none" has to be learnt.

    most: of more labels, so many are kept, those of ``present`` before the others. A vocabulary can only point at so
    many names, and COCO's panoptic classes are 133.
    """
    if rng is None:
        return _at_most(classes, present, most)
    shuffled = [classes[i] for i in rng.permutation(len(classes))]
    if rng.random() < 0.5:
        return _at_most(shuffled, present, most)
    there, share = set(present), rng.random()
    kept = [name for name in shuffled if rng.random() < (0.8 if name in there else share)]
    return _at_most(kept or shuffled[:1], present, most)


def _at_most(labels: Sequence[str], present: Sequence[str], most: int | None) -> tuple[str, ...]:
    if most is None or len(labels) <= most:
        return tuple(labels)
    there = set(present)
    kept = set(sorted(labels, key=lambda name: name not in there)[:most])
    return tuple(name for name in labels if name in kept)


def expressions(objects: Objects, size: tuple[int, int]) -> list[tuple[str, int]]:
    """Phrases that mean exactly one of the objects, each with its row.

    The class alone where it is there once; otherwise its end in left-right, top-bottom and size, its side of two, and
    its place in the row from either side ("second car from the left"), where that is clear. A class with an ignored
    region (a crowd) is left out, since no phrase about it is sure to mean one thing.
    """
    ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
    unsure = {name for name, skip in zip(objects.names, ignore, strict=True) if skip}
    found: list[tuple[str, int]] = []
    for name in dict.fromkeys(objects.names):
        rows = np.asarray([i for i, other in enumerate(objects.names) if other == name])
        if name in unsure:
            continue
        if len(rows) == 1:
            found.append((name, int(rows[0])))
        else:
            found += [(form.format(name), int(rows[i])) for form, i in _apart(objects.boxes[rows], size)]
    return found


def _apart(boxes: NDArray[np.float32], size: tuple[int, int]) -> Iterator[tuple[str, int]]:
    """What tells boxes of one class apart: a phrase with a place for the name, and the row it means."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2 / size[0], (boxes[:, 1] + boxes[:, 3]) / 2 / size[1]
    area = np.log(np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-6))
    for low, high, value, margin in (
        ("leftmost {}", "rightmost {}", x, CLEAR),
        ("topmost {}", "bottommost {}", y, CLEAR),
        ("smallest {}", "largest {}", area, np.log(LARGER)),
    ):
        order = np.argsort(value, kind="stable")
        if value[order[1]] - value[order[0]] >= margin:
            yield low, int(order[0])
        if value[order[-1]] - value[order[-2]] >= margin:
            yield high, int(order[-1])
    order = np.argsort(x, kind="stable")
    gaps = np.diff(x[order]) >= CLEAR
    if len(boxes) == 2 and gaps[0]:
        yield "{} on the left", int(order[0])
        yield "{} on the right", int(order[1])
    for side, row, clear in (("left", order, gaps), ("right", order[::-1], gaps[::-1])):
        for place, word in enumerate(ORDINALS, 1):
            # To count to a place, everything up to it and the one after must stand apart.
            if place < len(boxes) - 1 and clear[: place + 1].all():
                yield f"{word} {{}} from the {side}", int(row[place])


def _refer(sample: Sample, classes: Sequence[str], rng: np.random.Generator) -> Sample:
    """One expression and its object; where no expression is sure, a class that is not there, and no object."""
    objects = sample.objects
    assert objects is not None
    found = expressions(objects, sample.size)
    if found:
        phrase, row = found[int(rng.integers(len(found)))]
        return sample.but(phrase=phrase, objects=objects.select([row]))
    absent = [name for name in classes if name not in objects.names]
    phrase = absent[int(rng.integers(len(absent)))] if absent else "nothing"
    return sample.but(phrase=phrase, objects=objects.select([]))
