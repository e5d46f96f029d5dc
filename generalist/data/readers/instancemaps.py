"""Instance maps: folders of images and of maps that number the things in them (Penn-Fudan, Cityscapes)."""

import numpy as np
from numpy.typing import NDArray

from generalist.data.images import load_map
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.folders import paired_folders
from generalist.data.readers.labelmaps import palette_of
from generalist.data.readers.palettes import Palette
from generalist.data.readers.photo import fitting
from generalist.data.readers.posing import posable
from generalist.data.readers.segments import SEGMENTED, Segment, pose_segments
from generalist.data.readers.skipped import Skipped
from generalist.data.readers.values import there
from generalist.sequence.sample import Sample

__all__ = ["InstanceMaps"]

_MAPS = ("PedMasks", "instances", "masks", "annotations", "labels", "gtFine")
_ENDINGS = ("_mask", "_masks", "_instance", "_instances", "_gtFine_instanceIds")


class InstanceMaps:
    """``instancemaps:PATH[:SPLIT]?name=pedestrian`` or ``...?classes=NAMES&divisor=1000``. PATH: see
    ``paired_folders``; images in ``PNGImages`` and maps in ``PedMasks`` (Penn-Fudan), ``leftImg8bit`` and ``gtFine``
    (Cityscapes, whose ``instanceIds`` are read), or ``images`` and ``instances``, ``masks``, ``annotations``.

    Without ``classes`` every value but 0 is a thing, and all are called ``name`` ("object"). With them, as Cityscapes
    has it, a value from ``divisor`` on is a thing of class value // divisor; a smaller one is a class itself: stuff, or
    things that nobody told apart, which are ignored. ``classes``: see ``LabelMaps``. ``labels=N`` asks for at most so
    many names.

    Skipped: values of a class without a name that is not void.
    """

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("name", "classes", "void", "divisor", "images", "maps", "held", "labels")
        self._most = spec.whole("labels")
        self._one = "" if "classes" in spec.options else spec.option("name", "object")
        self._palette = Palette({1: self._one}, frozenset({0})) if self._one else palette_of(spec)
        self._divisor = spec.whole("divisor") or 1000
        self._pairs = paired_folders(spec, _MAPS, _ENDINGS, self.skipped)
        self._all = tuple(dict.fromkeys(self._palette.names.values()))
        self.classes = tuple(name for name in self._all if name in (self._palette.things or self._all))
        self.tasks = posable(masks=True) + (() if self._one else SEGMENTED)

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo with its things, or with all of its segments. See ``Dataset.sample``."""
        require(self, task, index)
        path, map_path = self._pairs[index]
        values = load_map(map_path)
        sample = fitting(path, values, map_path)
        segments, strange = self._segments(values)
        if strange:
            told = f"{map_path}: {', '.join(map(str, strange))}"
            self.skipped.add("value without a name, left out", told, len(strange))
        return pose_segments(sample, task, values, segments, self._all, self.classes, rng, index, self._most)

    def _segments(self, values: NDArray[np.int64]) -> tuple[list[Segment], list[int]]:
        """What the values of a map are, and those that are nothing known."""
        if self._one:
            return [Segment(value, self._one) for value in there(values) if value > 0], []
        found, strange = [], []
        for value in there(values):
            alone = value < self._divisor
            kind = value if alone else value // self._divisor
            if kind in self._palette.names:
                name = self._palette.names[kind]
                found.append(Segment(value, name, name not in self.classes, alone and name in self.classes))
            elif not self._palette.means(kind):
                strange.append(value)
        return found, strange
