"""YOLO: a text file beside each image, a line an object, in shares of the image's width and height."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.drawing import mask_of
from generalist.data.readers.files import images_by_stem, read_lines, read_names, read_yaml
from generalist.data.readers.photo import photo, within
from generalist.data.readers.posing import MASKED, posable, pose
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.oriented import oriented_of_points
from generalist.sequence.sample import Objects, Sample

__all__ = ["Yolo"]

KINDS = ("boxes", "polygons", "oriented")
_SPLITS = ("train", "val", "test", "minival")
_NAMES = ("classes.txt", "obj.names", "classes.names")
_PEEK = 50
"""Files with objects that are looked into to tell the kind of their lines."""

Line = tuple[int, NDArray[np.float64]]  # class index, (n, 2) points in shares of the image


class Yolo:
    """``yolo:PATH[:SPLIT]?kind=boxes|polygons|oriented``. PATH is the yaml that names the classes and each split's
    images (a folder or a list), or the folder it lies in; or, with ``classes.txt``, a folder of ``images/SPLIT`` and
    ``labels/SPLIT``, or of ``SPLIT/images`` and ``SPLIT/labels``, or without splits.

    Labels lie where ``images`` in an image's path is ``labels``, or beside it; the options ``images`` and ``classes``
    name the folder of a split's images and a file of names outright. ``labels=N`` asks for at most so many names.

    A line is a class and a box (centre, width, height), a polygon, or the four corners of an oriented box. Four corners
    may also be a polygon: where every line has eight numbers they are oriented, unless ``kind`` says otherwise. In
    files of polygons or of oriented boxes a line with a box is an upright one.

    An image without a label file has no objects. Skipped: lines of a class without a name, lines written twice, and
    what has no area in the image. A line that is not numbers refuses its item.
    """

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("kind", "images", "classes", "labels")
        self._most = spec.whole("labels")
        base, config = _config(spec)
        self._pairs = _pairs(spec, base, config)
        self._named = _named(spec, base, config)
        self.classes = tuple(dict.fromkeys(self._named.values()))
        self.kind = spec.option("kind", "") or _kind(self._pairs)
        if self.kind not in KINDS:
            raise Fault(f"{spec.text}: option kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        self.tasks = posable(self.kind == "polygons", self.kind == "oriented")

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo with its objects. See ``Dataset.sample``."""
        require(self, task, index)
        path, label = self._pairs[index]
        sample = photo(path)
        if not label.is_file():
            self.skipped.add("image without a label file, taken to have no objects", path)
        lines = self._known(label, _read(label)) if label.is_file() else []
        rings = [points * sample.size for _, points in lines]
        bounds = np.asarray([[*ring.min(0), *ring.max(0)] for ring in rings], np.float32)
        boxes, kept = within(bounds, sample.size)
        if len(kept) < len(boxes):
            self.skipped.add("box of no area", label, len(boxes) - len(kept))
        rings = [rings[i] for i in kept]
        objects = Objects(boxes, tuple(self._named[c] for c, _ in lines)).select(kept)
        if task in MASKED:
            drawn = [mask_of([ring.ravel().tolist()], sample.size) for ring in rings]
            objects.masks = np.asarray(drawn, bool).reshape(-1, *sample.size[::-1])
        if self.kind == "oriented":
            turned = [oriented_of_points(ring) for ring in rings]
            objects.oriented = np.asarray(turned, np.float32).reshape(-1, 5)
        return pose(sample.but(objects=objects), task, self.classes, rng, index, self._most)

    def _known(self, label: Path, lines: list[Line]) -> list[Line]:
        """The lines that have a name and were not there before."""
        kept: dict[tuple[int, bytes], Line] = {}
        nameless = twice = 0
        for number, points in lines:
            key = (number, points.tobytes())
            nameless += number not in self._named
            twice += number in self._named and key in kept
            if number in self._named:
                kept.setdefault(key, (number, points))
        for kind, count in (("class without a name", nameless), ("line written twice", twice)):
            if count:
                self.skipped.add(kind, label, count)
        return list(kept.values())


def _read(path: Path) -> list[Line]:
    """The lines of a label file, boxes and corners as rings of points."""
    found = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            index, *rest = line.split()
            values, whole = np.asarray(rest, np.float64), int(float(index))
        except ValueError as error:
            raise Fault(f"{path}: line {number} is not a class and numbers") from error
        if (len(values) != 4 and (len(values) < 6 or len(values) % 2)) or not np.isfinite(values).all():
            raise Fault(f"{path}: line {number} has {len(values)} numbers: 4 are a box, 6, 8, 10... a polygon")
        if len(values) == 4:
            (x, y), (w, h) = values[:2], values[2:] / 2
            values = np.asarray([x - w, y - h, x + w, y - h, x + w, y + h, x - w, y + h])
        found.append((whole, values.reshape(-1, 2)))
    return found


def _kind(pairs: Sequence[tuple[Path, Path]]) -> str:
    """What the first files with objects hold."""
    counts: set[int] = set()
    looked = 0
    for _, label in pairs:
        if looked == _PEEK:
            break
        if label.is_file() and (lines := read_lines(label)):
            counts |= {count for line in lines if (count := len(line.split()) - 1) == 4 or count in range(6, 10**6, 2)}
            looked += 1
    if counts <= {4}:
        return "boxes"
    return "oriented" if counts <= {4, 8} else "polygons"


# ---- where things are ------------------------------------------------------------------------------------------------


def _config(spec: Spec) -> tuple[Path, dict[str, Any]]:
    """The folder that a set's paths start from, and its yaml where there is one."""
    if spec.path.suffix in (".yaml", ".yml"):
        files = [spec.path]
    else:
        files = sorted({*spec.folder().glob("*.yaml"), *spec.folder().glob("*.yml")})
    for file in files:
        config = read_yaml(file)
        if isinstance(config, dict) and "names" in config:
            written = Path(str(config.get("path") or "."))
            base = file.parent / written
            return base if base.is_dir() else file.parent, config
    if spec.path.suffix in (".yaml", ".yml"):
        raise Fault(f"{spec.path}: not a YOLO set, it has no 'names'")
    return spec.folder(), {}


def _named(spec: Spec, base: Path, config: dict[str, Any]) -> dict[int, str]:
    if "classes" not in spec.options and "names" in config:
        return read_names(config["names"], base)
    files = [Path(spec.options["classes"])] if "classes" in spec.options else [base / name for name in _NAMES]
    for file in files:
        if file.is_file() or "classes" in spec.options:
            return read_names(read_lines(file), file)
    raise Fault(f"{spec.text}: no class names: neither a yaml with names nor {_NAMES[0]} in {base}; say ?classes=FILE")


def _pairs(spec: Spec, base: Path, config: dict[str, Any]) -> list[tuple[Path, Path]]:
    """Every image of the split with its label file."""
    if config:
        split = spec.choose(name for name in _SPLITS if config.get(name))
        values = config[split] if isinstance(config[split], list) else [config[split]]
        places = [Path(str(value)) for value in values]
    else:
        splits = _folders(base)
        if not splits:
            raise Fault(f"{spec.text}: neither a yaml with names, nor images and labels folders, in {base}")
        places = [splits[spec.choose(splits)]]
    pairs = []
    for place in places:
        if place.suffix == ".txt":
            images = [base / line for line in read_lines(base / place)]
            pairs += [(path, _labels(path.parent).joinpath(f"{path.stem}.txt")) for path in images]
            continue
        images_folder = Path(spec.options["images"]) if "images" in spec.options else _found(base, place)
        labels = next((f for f in (base / _labels(place), _labels(images_folder)) if f.is_dir()), images_folder)
        pairs += [(path, labels / f"{stem}.txt") for stem, path in images_by_stem(images_folder).items()]
    if not pairs:
        raise Fault(f"{spec.text}: no images in {', '.join(str(place) for place in places)}")
    return pairs


def _folders(base: Path) -> dict[str, Path]:
    """The image folders of the splits of a set without a yaml; one without splits is ``all``."""
    inside = [path for path in (base / "images").iterdir() if path.is_dir()] if (base / "images").is_dir() else []
    found = {path.name: Path("images", path.name) for path in inside}
    found |= {path.parent.name: Path(path.parent.name, "images") for path in base.glob("*/images")}
    return found or ({"all": Path("images")} if (base / "images").is_dir() else {})


def _found(base: Path, place: Path) -> Path:
    """The folder that a yaml means: from its ``path``, or as if it lay one folder higher or deeper, as exports do."""
    lower = Path(*[part for part in place.parts if part != ".."])
    for folder in (base / place, base / lower, base.parent / place):
        if folder.is_dir():
            return folder
    raise Fault(f"{base / place}: there is no such folder of images; say ?images=FOLDER")


def _labels(images: Path) -> Path:
    """The path with its last ``images`` as ``labels``."""
    parts = list(images.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)
