"""Label maps: folders of images and, pixel for pixel, of class indices or colours (CamVid, ADE20K, Cityscapes, VOC)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.images import load_image, load_map
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_names
from generalist.data.readers.folders import config_of, paired_folders
from generalist.data.readers.palettes import PALETTES, Palette
from generalist.data.readers.photo import fitting
from generalist.data.readers.posing import names_asked
from generalist.data.readers.segments import Segment, semantic_of
from generalist.data.readers.skipped import Skipped
from generalist.data.readers.values import there
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["LabelMaps", "palette_of", "values_of"]

_MAPS = ("annotations", "labels", "masks", "labelmaps", "gt", "SegmentationClass", "gtFine")
_ENDINGS = ("_mask", "_label", "_labels", "_L", "_gt", "_gtFine_labelIds", "_gtFine_labelTrainIds")


class LabelMaps:
    """``labelmaps:PATH:SPLIT?classes=NAMES&void=N,N``. PATH: see ``paired_folders``; or ``JPEGImages`` and
    ``SegmentationClass`` with the splits of ``ImageSets/Segmentation`` (VOC); or ``leftImg8bit`` and ``gtFine``
    (Cityscapes), whose ``labelIds`` are read, or with ``classes=cityscapes_train`` its ``labelTrainIds``.

    Names come from the option ``classes`` (a built-in list such as ``camvid``, or a file), else from ``classes.txt``,
    ``classes.csv`` or ``classes.json`` in PATH, else from ``config.yaml``: see ``Palette.read``. Where a palette has
    colours, maps may be painted in them. ``labels=N`` asks for at most so many names.

    What is void by the palette or by the option ``void``, and 255, is ``VOID`` in ``semantic``. Values and colours that
    mean nothing are void as well, and are counted.
    """

    tasks: tuple[str, ...] = ("segment",)

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("classes", "void", "images", "maps", "held", "labels")
        self._most = spec.whole("labels")
        self._palette = palette_of(spec)
        endings = _ENDINGS[::-1] if spec.options.get("classes") == "cityscapes_train" else _ENDINGS
        self._pairs = paired_folders(spec, _MAPS, endings, self.skipped, lists="ImageSets/Segmentation")
        self.classes = tuple(dict.fromkeys(self._palette.names.values()))

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo and its label map for ``segment``. See ``Dataset.sample``."""
        require(self, task, index)
        path, map_path = self._pairs[index]
        values = values_of(map_path, self._palette)
        sample = fitting(path, values, map_path)
        found = there(values)
        if strange := [value for value in found if not self._palette.means(value)]:
            told = "a colour" if strange == [-1] else ", ".join(map(str, strange))
            self.skipped.add("value without a name, taken to be void", f"{map_path}: {told}", len(strange))
        present = [self._palette.names[value] for value in found if value in self._palette.names]
        labels = names_asked(self.classes, present, rng, self._most)
        named = [Segment(value, name) for value, name in self._palette.names.items()]
        return sample.but(labels=labels, semantic=semantic_of(values, named, labels))


def palette_of(spec: Spec) -> Palette:
    """What the values of a set's maps mean. Raises Fault if nothing says it."""
    root = spec.folder()
    files = [path for path in (root / f"classes.{suffix}" for suffix in ("txt", "csv", "json")) if path.is_file()]
    config: dict[str, Any] = config_of(root)
    if "classes" in spec.options:
        palette = Palette.named(spec.options["classes"], spec.text)
    elif files:
        palette = Palette.read(files[0])
    elif "classes" in config:
        palette = Palette.of(read_names(config["classes"], root / "config.yaml"), root / "config.yaml")
    else:
        raise Fault(f"{spec.text}: no class names; put classes.txt in {root} or say ?classes={next(iter(PALETTES))}")
    return palette.without(_void(spec))


def values_of(path: Path, palette: Palette) -> NDArray[np.int64]:
    """The values of a map (H, W): as stored, or what its colours stand for, -1 for a colour without a meaning."""
    if not palette.colours:
        return load_map(path)
    try:
        return load_map(path)
    except Fault:  # it has colours; or it is broken, which is told again
        return palette.indices(load_image(path))


def _void(spec: Spec) -> frozenset[int]:
    try:
        return frozenset(int(part) for part in spec.option("void", "").split(",") if part)
    except ValueError as error:
        raise Fault(f"{spec.text}: option void is indices with commas, not {spec.options['void']!r}") from error
