"""Hugging Face datasets: any of them, by a map from its columns to the fields of a task."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from generalist.data.depths import metres
from generalist.data.images import load_image, load_map, load_numbers
from generalist.data.readers.columns import Columns
from generalist.data.readers.dataset import Spec, nearest, require
from generalist.data.readers.drawing import mask_of
from generalist.data.readers.palettes import Palette
from generalist.data.readers.photo import pictured, within
from generalist.data.readers.posing import MASKED, ORIENTED, POSABLE, names_asked, posable, pose
from generalist.data.readers.segments import Segment, semantic_of
from generalist.data.readers.skipped import Skipped
from generalist.data.readers.values import there
from generalist.faults import Fault
from generalist.sequence.sample import Objects, Sample

__all__ = ["HuggingFace"]

FIELDS = (
    "id", "image", "text", "texts", "question", "query", "document", "documents", "phrase", "label", "boxes", "names",
    "ignore", "masks", "oriented", "semantic", "depth",
)  # fmt: skip
_SETTINGS = ("config", "stream", "format", "classes", "void", "scale", "labels")

POSED = {
    "classify": {"image", "label"},
    "ask": {"image", "question"},
    "caption": {"image"},
    "segment": {"image", "semantic"},
    "depth": {"image", "depth"},
    "depth_adaptive": {"image", "depth"},
    "retrieve": {"query", "documents"},
    "index_document": {"document"},
}
"""The tasks that stand for themselves, and the fields that each needs; in those of ``_WRITTEN`` a text as well."""

_WRITTEN = ("ask", "caption", "index_document")


class HuggingFace:
    """``hf:NAME_OR_FOLDER[:SPLIT]?image=COLUMN&text=COLUMN...``: a name on the Hub, a folder or file that
    ``load_dataset`` takes, or what ``save_to_disk`` wrote. ``config`` and ``stream=N``: see ``Columns.open``.

    Each option is a field and the column it is in, ``objects.bbox`` one inside another; a field whose column has its
    own name need not be said. ``id``; ``image``; ``text`` or ``texts`` (captions, answers); ``question``; ``query``, or
    an image, with ``documents``; ``document``; ``label`` (a class of the whole image); ``boxes``, xyxy or with
    ``format=xywh`` as COCO has them, with ``names``, or with ``phrase`` where the row is one expression; for each box
    ``ignore``, true where it is neither asked for nor an error, ``masks`` as COCO's polygons or runs, and ``oriented``
    as ``Objects`` has it; ``semantic`` with ``classes`` and ``void`` as ``LabelMaps`` has them; ``depth`` with
    ``scale`` as ``Rgbd`` has it. Numbers of a ClassLabel are its names. What can be posed follows from the fields.

    ``labels=N`` asks for at most so many names. Of a stream the classes are those of its first rows, unless they are a
    ClassLabel's; names that come later are asked for where they stand.

    Skipped: boxes of no area, and labels that are no class.
    """

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped, self._path = spec.text, Skipped(), spec.path
        spec.allow(*FIELDS, *_SETTINGS)
        self._most, self._scale = spec.whole("labels"), None
        if "scale" in spec.options:
            self._scale = spec.number("scale", 1)
        self._format = spec.option("format", "xyxy")
        if self._format not in ("xyxy", "xywh"):
            raise Fault(f"{spec.text}: option format is xyxy or xywh, not {self._format!r}")
        self._columns = Columns.open(spec)
        self._field = self._mapped(spec)
        self._palette = Palette.named(spec.options["classes"], spec.text) if "semantic" in self._field else None
        self.tasks = self._posable()
        if not self.tasks:
            told = ", ".join(self._columns.names)
            raise Fault(f"{spec.text}: its columns pose no task: say which is what, as in ?image=...; there are {told}")
        self.classes = self._classes()

    def __len__(self) -> int:
        return len(self._columns)

    def reach(self, step: int, pace: float) -> None:
        """Moves on to other rows, where they are streamed. See ``Window.reach``."""
        self._columns.reach(step, pace)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A row as ``task`` asks it. See ``Dataset.sample``."""
        require(self, task, index)
        row = self._columns.row(index)
        here = f"{self.name}: row {index}"
        identity = self._value(row, "id")
        sample = Sample(id=str(index if identity is None else identity))
        if "image" in self._field:
            given = self._value(row, "image")
            if given is None:
                raise Fault(f"{here} has no image")
            sample = pictured(load_image(self._source(given, here)), sample.id)
        if task in ("classify", "segment"):
            return self._named(sample, row, task, rng, here)
        if task.startswith("depth"):
            return self._deep(sample, row, here)
        if task in POSABLE:
            return self._things(sample, row, task, rng, index, here)
        if task == "retrieve":
            documents = self._value(row, "documents")
            found = documents if isinstance(documents, list) else [documents]
            sample = sample.but(documents=tuple(str(name) for name in found if name is not None))
        for name in ("question", "query", "document"):
            if name in self._field:
                sample = sample.but(**{name: " ".join(str(self._value(row, name) or "").split())})
        return self._spoken(sample, row, task, rng, here)

    # ---- the map -----------------------------------------------------------------------------------------------------

    def _mapped(self, spec: Spec) -> dict[str, str]:
        """The column of each field that there is."""
        found = {name: name for name in FIELDS if self._columns.holds(name)}
        for name in FIELDS:
            if name in spec.options:
                column = spec.options[name]
                if not self._columns.holds(column):
                    near, there = nearest(column, self._columns.names), ", ".join(self._columns.names)
                    raise Fault(f"{spec.text}: there is no column {column!r}{near} There are {there}")
                found[name] = column
        if "semantic" in found and "classes" not in spec.options:
            if "semantic" in spec.options:
                raise Fault(f"{spec.text}: semantic maps need names: say classes=FILE")
            del found["semantic"]
        return found

    def _posable(self) -> tuple[str, ...]:
        given = set(self._field)
        written = bool(given & {"text", "texts"})
        found = [task for task, need in POSED.items() if need <= given and (written or task not in _WRITTEN)]
        if "question" in given and "caption" in found:
            found.remove("caption")
        if {"image", "documents"} <= given and "retrieve" not in found:
            found.append("retrieve")  # the picture is what is asked with
        if {"image", "boxes", "names"} <= given:
            found += posable("masks" in given, "oriented" in given)
        elif {"image", "boxes", "phrase"} <= given:
            found += ["refer", "refer_mask"] if "masks" in given else ["refer"]
        return tuple(found)

    def _classes(self) -> tuple[str, ...]:
        if self._palette is not None:
            return tuple(dict.fromkeys(self._palette.names.values()))
        for name in ("names", "label"):
            if name in self._field:
                column = self._field[name]
                return self._columns.labels(column) or self._columns.unique(column)
        return ()

    def _with(self, names: Iterable[str | None]) -> tuple[str, ...]:
        """The classes, and of a set whose later rows nobody has seen those of a row besides."""
        others = (name for name in names if name is not None) if self._columns.moves else ()
        return tuple(dict.fromkeys([*self.classes, *others]))

    def _value(self, row: dict[str, Any], name: str) -> Any:
        return self._columns.value(row, self._field[name]) if name in self._field else None

    # ---- the fields --------------------------------------------------------------------------------------------------

    def _source(self, given: Any, here: str) -> Any:
        """What an image column holds as something to open: a path, or bytes that bear the row's name."""
        if isinstance(given, dict):
            given = given["bytes"] if given.get("bytes") is not None else given.get("path")
        if isinstance(given, bytes):
            file: BinaryIO = BytesIO(given)
            file.name = here  # type: ignore[misc]
            return file
        if isinstance(given, str):
            path = Path(given)
            return path if path.is_absolute() or path.is_file() else self._path / path
        return np.asarray(given)

    def _class(self, value: Any, field: str) -> str | None:
        """The name that a label is, a number of a ClassLabel or a word."""
        names = self._columns.labels(self._field[field])
        if names and isinstance(value, int):
            return names[value] if 0 <= value < len(names) else None
        return None if value is None else str(value)

    def _named(
        self, sample: Sample, row: dict[str, Any], task: str, rng: np.random.Generator | None, here: str
    ) -> Sample:
        if task == "segment":
            assert self._palette is not None
            values = load_map(self._source(self._value(row, "semantic"), here))
            self._fits(values, sample, here)
            present = [self._palette.names[v] for v in there(values) if v in self._palette.names]
            labels = names_asked(self.classes, present, rng, self._most)
            named = [Segment(value, name) for value, name in self._palette.names.items()]
            return sample.but(labels=labels, semantic=semantic_of(values, named, labels))
        name = self._class(self._value(row, "label"), "label")
        classes = self._with((name,))
        if name is None or name not in classes:
            raise Fault(f"{here}: its label is no class")
        labels = names_asked(classes, (name,), rng, self._most)
        if name not in labels:
            at = int(rng.integers(len(labels))) if rng is not None else 0
            labels = (*labels[:at], name, *labels[at + 1 :])
        return sample.but(labels=labels, text=name, texts=(name,))

    def _deep(self, sample: Sample, row: dict[str, Any], here: str) -> Sample:
        source = self._source(self._value(row, "depth"), here)
        depth = metres(source if isinstance(source, np.ndarray) else load_numbers(source), self._scale, here)
        self._fits(depth, sample, here)
        return sample.but(depth=depth)

    @staticmethod
    def _fits(values: np.ndarray, sample: Sample, here: str) -> None:
        if values.shape != sample.size[::-1]:
            raise Fault(f"{here}: a map of {values.shape[::-1]} pixels, but its image has {sample.size}")

    def _things(
        self, sample: Sample, row: dict[str, Any], task: str, rng: np.random.Generator | None, index: int, here: str
    ) -> Sample:
        try:
            boxes = np.asarray(self._value(row, "boxes") or (), np.float32).reshape(-1, 4).copy()
        except (TypeError, ValueError) as error:
            raise Fault(f"{here}: its boxes are not four numbers each") from error
        if self._format == "xywh":
            boxes[:, 2:] += boxes[:, :2]
        boxes, kept = within(boxes, sample.size)
        if len(kept) < len(boxes):
            self.skipped.add("box of no area", here, len(boxes) - len(kept))
        if "names" not in self._field:
            phrase = " ".join(str(self._value(row, "phrase") or "").split())
            things = self._drawn(Objects(boxes, ("",) * len(boxes)), row, task, sample.size, here)
            return sample.but(phrase=phrase, objects=things.select(kept[:1]))
        names = self._names(self._value(row, "names"), len(boxes), here)
        known = [int(i) for i in kept if names[i] is not None]
        if len(known) < len(kept):
            self.skipped.add("label that is no class", here, len(kept) - len(known))
        things = Objects(boxes, tuple(name or "" for name in names))
        objects = self._drawn(things, row, task, sample.size, here).select(known)
        return pose(sample.but(objects=objects), task, self._with(objects.names), rng, index, self._most)

    def _drawn(self, things: Objects, row: dict[str, Any], task: str, size: tuple[int, int], here: str) -> Objects:
        """Things with what else the row says of each, of masks and oriented boxes what the task asks for."""
        told: dict[str, Any] = {}
        count = len(things)
        try:
            if "ignore" in self._field:
                told["ignore"] = np.asarray(self._each(row, "ignore", count, here), bool)
            if task in MASKED:
                masks = [mask_of(value, size) for value in self._each(row, "masks", count, here)]
                told["masks"] = np.asarray(masks, bool).reshape(count, size[1], size[0])
            if task in ORIENTED:
                told["oriented"] = np.asarray(self._each(row, "oriented", count, here), np.float32).reshape(count, 5)
        except (TypeError, ValueError, KeyError) as error:
            if isinstance(error, Fault):
                raise
            raise Fault(f"{here}: what it says of its boxes cannot be read ({error})") from error
        return replace(things, **told)

    def _each(self, row: dict[str, Any], name: str, count: int, here: str) -> list[Any]:
        """A value for each box."""
        given = self._value(row, name) or []
        if len(given) != count:
            raise Fault(f"{here} has {count} boxes and {len(given)} {name}")
        return list(given)

    def _names(self, given: Any, count: int, here: str) -> Sequence[str | None]:
        values = given if isinstance(given, list) else [] if given is None else [given]
        if len(values) != count:
            raise Fault(f"{here} has {count} boxes and {len(values)} names")
        return [self._class(value, "names") for value in values]

    def _spoken(
        self, sample: Sample, row: dict[str, Any], task: str, rng: np.random.Generator | None, here: str
    ) -> Sample:
        """The sample with its text and all of its texts."""
        given = [self._value(row, name) for name in ("text", "texts")]
        every = [item for value in given for item in (value if isinstance(value, list) else [value])]
        texts = tuple(dict.fromkeys(" ".join(str(text).split()) for text in every if text is not None))
        texts = tuple(text for text in texts if text)
        if not texts:
            if task in _WRITTEN:
                raise Fault(f"{here} has no text")
            return sample
        return sample.but(text=texts[0 if rng is None else int(rng.integers(len(texts)))], texts=texts)
