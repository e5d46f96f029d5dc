"""Segments: a map that gives every pixel a number, and what each number means. The common form of COCO's panoptic
images, of Cityscapes' instance ids and of masks that count the things of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generalist.data.readers.posing import POSABLE, names_asked, pose
from generalist.data.readers.values import there, translated
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.sample import VOID, Objects, Sample

__all__ = ["SEGMENTED", "Segment", "objects_of", "pose_segments", "semantic_of"]

SEGMENTED = ("panoptic", "segment")
"""The tasks that only a map of the whole picture can pose."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What the pixels of one value are: a thing of its own, or ``stuff``; ``ignore``: many things in one, a crowd."""

    value: int
    name: str
    stuff: bool = False
    ignore: bool = False


def objects_of(values: NDArray[np.integer], segments: Sequence[Segment]) -> Objects:
    """The segments of a map (H, W) as objects with masks; one without a pixel is left out."""
    found = set(there(values))
    kept = [segment for segment in segments if segment.value in found]
    masks = np.zeros((len(kept), *values.shape), bool)
    for mask, segment in zip(masks, kept, strict=True):
        np.equal(values, segment.value, out=mask)
    return Objects(
        boxes_of_masks(masks),
        tuple(segment.name for segment in kept),
        masks,
        np.asarray([segment.ignore for segment in kept], bool),
        stuff=np.asarray([segment.stuff for segment in kept], bool),
    )


def semantic_of(values: NDArray[np.integer], named: Sequence[Segment], labels: Sequence[str]) -> NDArray[np.int16]:
    """(H, W) int16, for each pixel the index of its segment's name in ``labels``, -1 where it has another, ``VOID``
    where it has none."""
    row = {name: i for i, name in enumerate(labels)}
    return translated(values, {segment.value: row.get(segment.name, -1) for segment in named}, VOID)


def pose_segments(
    sample: Sample,
    task: str,
    values: NDArray[np.integer],
    segments: Sequence[Segment],
    classes: Sequence[str],
    things: Sequence[str],
    rng: np.random.Generator | None,
    index: int,
    most: int | None = None,
) -> Sample:
    """The request for ``task`` about a map. ``classes`` are the names of stuff and things, ``things`` those of things.

    Without ``rng``, the pixels of no segment are an ignored object of ``panoptic``: void, as its measure has it.
    """
    if task in POSABLE:
        found = objects_of(values, [segment for segment in segments if not segment.stuff])
        found.stuff = None
        return pose(sample.but(objects=found), task, things, rng, index, most)
    labels = names_asked(classes, [segment.name for segment in segments], rng, most)
    if task == "segment":
        return sample.but(labels=labels, semantic=semantic_of(values, segments, labels))
    asked = [segment for segment in segments if segment.name in labels]
    known = {segment.value: 0 for segment in segments}
    if rng is None and (unknown := translated(values, known) < 0).any():
        free = int(values.max()) + 1
        values = np.where(unknown, free, values)
        asked.append(Segment(free, "", stuff=True, ignore=True))
    return sample.but(labels=labels, objects=objects_of(values, asked))
