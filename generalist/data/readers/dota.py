"""DOTA: aerial images with a text file of oriented boxes each (Xia et al. 2018)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import images_by_stem, read_lines
from generalist.data.readers.photo import photo, within
from generalist.data.readers.posing import posable, pose
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.oriented import oriented_of_points
from generalist.sequence.sample import Objects, Sample

__all__ = ["Dota"]

_LABELS = "labelTxt*"
_HEADS = ("imagesource:", "gsd:", "acquisition dates:")


@dataclass(frozen=True, slots=True)
class _Page:
    """What one text file says: corners (n, 4, 2) in pixels."""

    corners: NDArray[np.float64]
    names: tuple[str, ...]
    difficult: NDArray[np.bool_]


class Dota:
    """``dota:PATH[:SPLIT]``. PATH holds ``SPLIT/images`` and ``SPLIT/labelTxt`` (also ``labelTxt-v1.0``, ``-v1.5``...),
    or without splits ``images`` and ``labelTxt``. ``labels=N`` asks for at most so many names.

    A line is eight numbers, four corners in pixels, then a class and whether it is difficult. The oriented box is the
    smallest around the corners, the upright one holds them; difficult objects are ignored, as DOTA's own tools do. An
    object cut at the edge of the image keeps its oriented box whole. The classes are those of every split, in the order
    of the alphabet.

    Skipped: images without a text file and text files without an image, and boxes of no area in their image.
    """

    tasks: tuple[str, ...] = posable(oriented=True)

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("labels")
        self._most = spec.whole("labels")
        root = spec.folder()
        splits = {path.parent.name: path.parent for path in root.glob(f"*/{_LABELS}") if path.is_dir()}
        chosen = splits[spec.choose(splits)] if spec.split is not None or splits else root
        self._items = self._paired(spec, chosen)
        others = [path for folder in splits.values() for path in sorted(_labels(folder).glob("*.txt"))]
        read = {path: _read(path) for path in dict.fromkeys([*(label for _, label in self._items), *others])}
        self._pages = [read[label] for _, label in self._items]
        self.classes = tuple(sorted({name for page in read.values() for name in page.names}))

    def __len__(self) -> int:
        return len(self._items)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo with its oriented and upright boxes. See ``Dataset.sample``."""
        require(self, task, index)
        (path, label), page = self._items[index], self._pages[index]
        sample = photo(path)
        bounds = np.concatenate([page.corners.min(1), page.corners.max(1)], axis=1)
        boxes, kept = within(bounds, sample.size)
        turned = np.asarray([oriented_of_points(ring) for ring in page.corners], np.float32).reshape(-1, 5)
        kept = kept[(turned[kept, 2:4] > 0).all(axis=1)]
        if len(kept) < len(boxes):
            self.skipped.add("box of no area", label, len(boxes) - len(kept))
        objects = Objects(boxes, page.names, ignore=page.difficult, oriented=turned).select(kept)
        return pose(sample.but(objects=objects), task, self.classes, rng, index, self._most)

    def _paired(self, spec: Spec, folder: Path) -> list[tuple[Path, Path]]:
        labels = {path.stem: path for path in sorted(_labels(folder).glob("*.txt"))}
        images = images_by_stem(folder / "images")
        for stem in sorted(images.keys() - labels.keys()):
            self.skipped.add("image without a text file", images[stem])
        for stem in sorted(labels.keys() - images.keys()):
            self.skipped.add("text file without an image", labels[stem])
        pairs = [(path, labels[stem]) for stem, path in images.items() if stem in labels]
        if not pairs:
            raise Fault(f"{spec.text}: no image in {folder / 'images'} has a text file in {_labels(folder)}")
        return pairs


def _labels(folder: Path) -> Path:
    """The folder of labels; of several versions the last."""
    return max((path for path in folder.glob(_LABELS) if path.is_dir()), default=folder / "labelTxt")


def _read(path: Path) -> _Page:
    corners, names, difficult = [], [], []
    for number, line in enumerate(read_lines(path), 1):
        if line.lower().startswith(_HEADS):
            continue
        parts = line.replace(",", " ").split()
        try:
            values = np.asarray(parts[:8], np.float64).reshape(4, 2)
            name, hard = parts[8], int(parts[9]) if len(parts) > 9 else 0
        except (ValueError, IndexError) as error:
            raise Fault(f"{path}: line {number} is not eight numbers, a class and a difficulty") from error
        if not np.isfinite(values).all():
            raise Fault(f"{path}: line {number} has a corner that is no number")
        corners.append(values)
        names.append(name)
        difficult.append(hard > 0)
    return _Page(np.asarray(corners).reshape(-1, 4, 2), tuple(names), np.asarray(difficult, bool))
