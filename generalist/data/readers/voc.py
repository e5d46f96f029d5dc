"""Pascal VOC: one xml file of boxes beside each image, in VOC's own folders or in flat ones."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import images_by_stem, read_lines
from generalist.data.readers.photo import photo, within
from generalist.data.readers.posing import posable, pose
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.sample import Objects, Sample

__all__ = ["Voc"]


@dataclass(frozen=True, slots=True)
class _Page:
    """What one xml file says. ``size`` is (0, 0) where it does not tell; ``empty`` boxes have no area."""

    size: tuple[int, int]
    names: tuple[str, ...]
    boxes: NDArray[np.float32]
    difficult: NDArray[np.bool_]
    empty: int


class Voc:
    """``voc:PATH:SPLIT``. PATH holds ``ImageSets/Main/SPLIT.txt``, ``JPEGImages`` and ``Annotations``; or a folder
    ``SPLIT`` of images, each with its xml; or, without a split, those files themselves.

    Boxes are taken as written (VOC counts pixels from 1, most tools since from 0; half a pixel either way) and clipped
    to the image. One without width or height is skipped; a "difficult" one is ignored, as VOC does. The classes are
    those of every split, in the order of the alphabet. An xml file that cannot be read refuses the set, an image that
    cannot or is not there its item.
    """

    tasks: tuple[str, ...] = posable()

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        root = spec.folder()
        spec.allow()
        self._images, pages = _official(root, spec) if (root / "ImageSets" / "Main").is_dir() else _flat(root, spec)
        every = sorted({*root.glob("Annotations/*.xml"), *root.glob("*.xml"), *root.glob("*/*.xml")})
        read = {path: _read(path) for path in dict.fromkeys([*pages, *every])}
        self._pages = [read[path] for path in pages]
        self.classes = tuple(sorted({name for page in read.values() for name in page.names}))

    def __len__(self) -> int:
        return len(self._pages)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo with its boxes, for ``detect`` or ``refer``. See ``Dataset.sample``."""
        require(self, task, index)
        page, path = self._pages[index], self._images[index]
        sample = photo(path, annotated=page.size)
        boxes, kept = within(page.boxes, sample.size)
        if empty := page.empty + len(boxes) - len(kept):
            self.skipped.add("box of no area", path, empty)
        objects = Objects(boxes, page.names, ignore=page.difficult).select(kept)
        return pose(sample.but(objects=objects), task, self.classes, rng, index)


def _official(root: Path, spec: Spec) -> tuple[list[Path], list[Path]]:
    lists = {path.stem: path for path in (root / "ImageSets" / "Main").glob("*.txt")}
    # VOC also lists each class by itself (aeroplane_train.txt), with a flag of presence; those are not splits.
    splits = [name for name in lists if name.rpartition("_")[2] not in lists or "_" not in name]
    stems = [line.split()[0] for line in read_lines(lists[spec.choose(splits)])]
    images = images_by_stem(root / "JPEGImages")
    # One that is not there is told when it is asked for, as one that is broken.
    photos = [images.get(stem, root / "JPEGImages" / f"{stem}.jpg") for stem in stems]
    return photos, [root / "Annotations" / f"{stem}.xml" for stem in stems]


def _flat(root: Path, spec: Spec) -> tuple[list[Path], list[Path]]:
    splits = {folder.name for folder in root.iterdir() if folder.is_dir() and any(folder.glob("*.xml"))}
    if spec.split is not None or splits:
        root = root / spec.choose(splits)
    pages = sorted(root.glob("*.xml"))
    if not pages:
        raise Fault(f"{spec.text}: neither ImageSets/Main nor xml files in {root}")
    images = images_by_stem(root)
    return [images.get(page.stem, page.with_suffix(".jpg")) for page in pages], pages


def _read(path: Path) -> _Page:
    try:
        root = ElementTree.parse(path).getroot()
        things = root.findall("object")
        corners = [
            [float(thing.findtext(f"bndbox/{k}", "")) for k in ("xmin", "ymin", "xmax", "ymax")] for thing in things
        ]
        size = (int(root.findtext("size/width", "0")), int(root.findtext("size/height", "0")))
    except FileNotFoundError as error:
        raise Fault(f"{path}: there is no such annotation") from error
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise Fault(f"{path}: not a VOC annotation ({error})") from error
    boxes = np.asarray(corners, np.float32).reshape(-1, 4)
    names = tuple(thing.findtext("name", "").strip() for thing in things)
    difficult = np.asarray([thing.findtext("difficult", "0").strip() == "1" for thing in things], bool)
    whole = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    return _Page(size, tuple(names[i] for i in whole), boxes[whole], difficult[whole], len(boxes) - len(whole))
