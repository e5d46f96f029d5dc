"""Mosaic: four pictures in one, each in a window of its own, with everything that is annotated of each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.sample import Objects, Sample

__all__ = ["Window", "may_be_pieced", "names_of_pixels", "pieced", "together"]

Window = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels of the canvas."""

_OPTIONAL = ("masks", "oriented", "keypoints", "points", "stuff")


def may_be_pieced(sample: Sample) -> bool:
    """Whether all that a sample says is of named things or pixels: words speak of one picture, metres are of one
    camera."""
    words = (sample.phrase, sample.question, sample.query, sample.document, sample.text, *sample.texts)
    other = any(words) or bool(sample.parts or sample.documents) or sample.region is not None
    whole = sample.depth is not None or sample.normals is not None
    named = bool(sample.labels) and (sample.objects is not None or sample.semantic is not None)
    return sample.image is not None and named and not other and not whole


def pieced(samples: Sequence[Sample], windows: Sequence[Window]) -> Sample:
    """Samples about views of one canvas as one about all of it, each seen in its window: the request of the first, of
    the others what bears a name that it asks for.

    Raises:
        Fault: one has annotations of a kind that another lacks.
    """
    first = samples[0]
    asked = [sample.asking(first.labels) for sample in samples]
    image = np.array(first.image)
    semantic = None if first.semantic is None else first.semantic.copy()
    for (x1, y1, x2, y2), other in zip(windows, asked, strict=True):
        image[y1:y2, x1:x2] = np.asarray(other.image)[y1:y2, x1:x2]
        if semantic is not None:
            semantic[y1:y2, x1:x2] = names_of_pixels(other)[y1:y2, x1:x2]
    objects = None if first.objects is None else together([_things(sample) for sample in asked])
    return first.but(image=image, semantic=semantic, objects=objects)


def names_of_pixels(sample: Sample) -> NDArray[np.int16]:
    """``semantic`` of one of several samples; Fault where it alone has none."""
    if sample.semantic is None:
        raise Fault("augment: mosaic: one picture has names of pixels and another has none: leave mosaic out")
    return sample.semantic


def _things(sample: Sample) -> Objects:
    """The objects of one of several samples; Fault where it alone has none."""
    if sample.objects is None:
        raise Fault("augment: mosaic: one picture has things and another has none: leave mosaic out")
    return sample.objects


def together(parts: Sequence[Objects]) -> Objects:
    """Things of several pictures, one after another."""
    held: dict[str, NDArray[np.generic]] = {}
    for name in _OPTIONAL:
        values = [getattr(part, name) for part in parts]
        if any(value is None for value in values) and any(value is not None for value in values):
            raise Fault(f"augment: mosaic: one picture has {name} and another has none: leave mosaic out")
        if values[0] is not None:
            held[name] = np.concatenate(values)
    ignore = [np.zeros(len(part), bool) if part.ignore is None else part.ignore for part in parts]
    names = tuple(name for part in parts for name in part.names)
    boxes = np.concatenate([part.boxes for part in parts])
    return Objects(boxes, names, ignore=np.concatenate(ignore), joints=parts[0].joints, **held)  # type: ignore[arg-type]
