"""Lines: a file with one JSON object a line, whose fields are a task's own. The reader of whatever has no other."""

from pathlib import Path
from typing import Any

import numpy as np

from generalist.data.depths import load_depth
from generalist.data.images import load_image, load_map
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_jsonl
from generalist.data.readers.values import translated
from generalist.data.regions import open_region
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks, rle_decode
from generalist.sequence.sample import VOID, Objects, Sample

__all__ = ["Jsonl"]

_TEXTS = ("phrase", "question", "query", "document", "text")
_LISTS = ("labels", "texts", "documents")
_FIELDS = frozenset({"id", "image", "region", "objects", "semantic", "depth", "scale", *_TEXTS, *_LISTS})
_UNKNOWN = (255, 65535)
"""In an index map: where nothing is known, unless there are so many labels."""

_THING = frozenset({"name", "box", "mask", "oriented", "keypoints", "point", "ignore"})


class _Any(tuple[str, ...]):
    """The names of all tasks: a line does not know what it will be asked."""

    def __contains__(self, name: object) -> bool:
        return True


ANY = _Any(("any task whose fields its lines hold",))


class Jsonl:
    """``jsonl:FILE``. A line holds what the task is asked with and what it answers:

    ``image`` (a path from the file's folder), ``labels``, ``phrase``, ``question``, ``query``, ``document``, ``region``
    (``"box:10,20,200,180"`` or ``{"box": [...]}``); ``text``, ``texts``, ``documents``; ``objects``, a list of
    ``{"name", "box": xyxy pixels, "mask": COCO RLE, "oriented": [cx, cy, long, short, degrees], "keypoints": [[x, y,
    v]...], "point": [x, y], "ignore"}``; ``semantic``, a path to an index map into ``labels``, 255 (or 65535)
    where nothing is known, any other number where none of them is; ``depth``, a path to a map of metres times
    ``scale``, which is 1000 for whole numbers and 1 for others unless given (``generalist.data.depths``).

    It can pose any task whose answer the lines hold; a line that lacks a field is told when it is asked for.
    """

    tasks: tuple[str, ...] = ANY
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        spec.allow()
        self.name, self._path = spec.text, spec.path
        self._lines = list(read_jsonl(spec.path))
        if not self._lines:
            raise Fault(f"{spec.path}: holds no lines")
        for number, line in enumerate(self._lines, 1):
            if strange := sorted(set(line) - _FIELDS):
                raise Fault(f"{spec.path}: line {number}: there is no field {strange[0]!r}; there are {_told(_FIELDS)}")

    def __len__(self) -> int:
        return len(self._lines)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """The line as it stands, whatever the task; with ``rng`` its labels in any order and any one of its texts."""
        require(self, task, index)
        line = self._lines[index]
        try:
            return self._read(line, index, rng)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, Fault):
                raise
            raise Fault(f"{self._path}: line {index + 1}: {error}") from error

    def _read(self, line: dict[str, Any], index: int, rng: np.random.Generator | None) -> Sample:
        image = load_image(self._beside(line["image"])) if "image" in line else None
        size = (1, 1) if image is None else (image.shape[1], image.shape[0])
        sample = Sample(image=image, id=str(line.get("id", index)), size=size)
        sample = sample.but(**{name: str(line[name]) for name in _TEXTS if name in line})
        sample = sample.but(**{name: tuple(map(str, line[name])) for name in _LISTS if name in line})
        if sample.texts and (rng is not None or not sample.text):
            sample.text = sample.texts[0 if rng is None else int(rng.integers(len(sample.texts)))]
        if not sample.texts and sample.text:
            sample.texts = (sample.text,)
        if "region" in line:
            sample.region = open_region(line["region"])
        if "objects" in line:
            sample.objects = _objects(line["objects"])
        if "depth" in line:
            sample.depth = load_depth(self._beside(line["depth"]), float(line["scale"]) if "scale" in line else None)
        if "semantic" in line:
            stored = load_map(self._beside(line["semantic"]))
            places = dict.fromkeys(_UNKNOWN, VOID) | {i: i for i in range(len(sample.labels))}
            sample.semantic = translated(stored, places)
        return sample if rng is None else sample.shuffled(rng)

    def _beside(self, name: str) -> Path:
        return self._path.parent / name


def _objects(things: list[dict[str, Any]]) -> Objects:
    for thing in things:
        if strange := sorted(set(thing) - _THING):
            raise ValueError(f"an object has no field {strange[0]!r}; it has {_told(_THING)}")
    masks = [rle_decode(thing["mask"]) for thing in things if "mask" in thing]
    columns = {name: [thing[name] for thing in things if name in thing] for name in _THING}
    for name, values in {**columns, "mask": masks}.items():
        if values and len(values) != len(things) and name != "ignore":
            raise ValueError(f"some objects have {name!r} and some have not")
    drawn = np.asarray(masks, bool) if masks else None
    boxes = columns["box"] if columns["box"] or drawn is None else boxes_of_masks(drawn)
    return Objects(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        tuple(str(thing.get("name", "")) for thing in things),
        drawn,
        np.asarray([bool(thing.get("ignore", False)) for thing in things]),
        _table(columns["oriented"]),
        _table(columns["keypoints"]),
        _table(columns["point"]),
    )


def _table(values: list[Any]) -> Any:
    return np.asarray(values, np.float32) if values else None


def _told(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
