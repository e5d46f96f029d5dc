"""Task: a YAML file, and the four verbs it gives: render, encode, constraint, decode.

A task is one of three shapes, read off its answer and its grid:

    objects   a grid, and an answer that may be ``none``: every lattice point writes one thing, or nothing
    raster    a grid, and a fixed number of one-token cells a track: every lattice point writes its own cells
    single    no grid: one track writes the answer
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generalist.assets import assets
from generalist.faults import Fault
from generalist.sequence import grammar, raster
from generalist.sequence.automaton import Automaton, compile_pattern
from generalist.sequence.frame import Frame
from generalist.sequence.geometry import lattice, suppress
from generalist.sequence.prompt import Input, Prompt, Template
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.units import UNITS
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Tracks, Written

__all__ = ["Task", "TaskFile", "load_tasks"]

REPEATED = 0.6
"""Overlap above which a box of the same label is the same object, written from two lattice points."""


class TaskFile(BaseModel):
    """What a task file may say. Everything else in it is an error that names the field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    summary: str
    inputs: tuple[str, ...]
    prompts: tuple[str, ...] = Field(min_length=1)
    words: tuple[str, ...] = ()
    answer: str
    grid: int | None = Field(default=None, ge=1, le=64)
    keep: Literal["all", "best"] = "all"
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "TaskFile":
        """Raises Fault that names the file, the field and the reason."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise Fault(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            near = difflib.get_close_matches(where, cls.model_fields, 1) if first["type"] == "extra_forbidden" else []
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise Fault(f"{path}: {where}: {first['msg']}{hint}") from error


@dataclass(eq=False)
class Task:
    """One task over one vocabulary."""

    file: TaskFile
    vocabulary: Vocabulary
    path: str = "task file"
    tree: grammar.Node = field(init=False)
    inputs: tuple[Input, ...] = field(init=False)
    templates: tuple[Template, ...] = field(init=False)
    _automata: dict[int, Automaton] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.inputs = tuple(Input.parse(name) for name in self.file.inputs)
            self.templates = tuple(Template(prompt, self.file.inputs) for prompt in self.file.prompts)
            self.tree = grammar.parse_answer(self.file.answer)
            # An answer that cannot be compiled or read back is found when the file is read, not when it is used.
            self.automaton(1)
            if not self.options:
                raise Fault(f"answer {self.file.answer!r}: it can say nothing but none")
            if self.shape == "objects" and not all(grammar.writes(option, "box") for option in self.options):
                raise Fault(f"answer {self.file.answer!r}: on a grid it writes a box, or a fixed number of cells")
        except (Fault, ValueError) as error:
            raise Fault(f"{self.path}: {error}") from error

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def grid(self) -> int | None:
        return self.file.grid

    @property
    def options(self) -> tuple[grammar.Node, ...]:
        """The alternatives of the answer other than ``none``."""
        return grammar.options(self.tree)

    @cached_property
    def cells(self) -> str | None:
        """The unit that a raster writes in each cell, None for the other shapes."""
        tree = self.tree
        if self.grid is None or not isinstance(tree, grammar.Times) or tree.low != tree.high:
            return None
        written = grammar.options(tree.part)
        # A label may be missing from a cell and a depth may not: one needs ``| none``, the other cannot have it.
        cell = grammar.UnitNode("label" if isinstance(tree.part, grammar.Alternatives) else "depth")
        if written == (cell,):
            if isqrt(tree.low) ** 2 != tree.low:
                raise Fault(f"answer {self.file.answer!r}: {tree.low} cells a track do not make a square")
            return cell.name
        return None

    @property
    def shape(self) -> Literal["objects", "raster", "single"]:
        return "single" if self.grid is None else "raster" if self.cells else "objects"

    @cached_property
    def points(self) -> NDArray[np.float32] | None:
        """Lattice points of the tracks (K, 2) xy in the unit square, None for a single track."""
        return None if self.grid is None else lattice(self.grid)

    # ---- the request ---------------------------------------------------------------------------------------------

    def frame(self, request: Sample) -> Frame:
        """The frame of a request, before any track's lattice point."""
        if any(name == "labels" for name in self.file.inputs):
            most = len(self.vocabulary["label"])
            if not request.labels:
                raise Fault(f'task {self.name!r} needs labels: name what to look for, e.g. "{self._example()}"')
            if len(request.labels) > most:
                raise Fault(f"task {self.name!r}: {len(request.labels)} labels asked for, the vocabulary holds {most}")
        return Frame(self.vocabulary, request.size, request.labels)

    def _example(self) -> str:
        return self.templates[0].spellings[0].replace("{labels}", "red cube, blue sphere")

    def render(self, request: Sample, rng: np.random.Generator | None = None) -> Prompt:
        """The instruction: the first prompt whose fields the request has, or with ``rng`` any of them.

        Raises:
            Fault: the request lacks an input of the task.
        """
        given = {need.name for need in self.inputs if need.given(request)}
        for need in self.inputs:
            if not need.optional and need.name not in given:
                wanted = (
                    "an image"
                    if need.name == "image"
                    else f"a {need.kind or 'region'}"
                    if need.name == "region"
                    else need.name
                )
                raise Fault(f"task {self.name!r} needs {wanted}")
        if not given:
            raise Fault(f"task {self.name!r} needs one of {', '.join(need.name for need in self.inputs)}")
        fitting = [t for t in self.templates if given.issuperset(t.fields)]
        # A prompt that uses more of the request says more: "which document shows this" does not ask for a text query.
        most = max((len(t.fields) for t in fitting), default=0)
        fitting = [t for t in fitting if len(t.fields) == most]
        if not fitting:
            needed = ", ".join(self.file.inputs)
            raise Fault(f"task {self.name!r} has no prompt for this request: it needs one of {needed}")
        template = fitting[0] if rng is None else fitting[int(rng.integers(len(fitting)))]
        return template.render(request, self.vocabulary, rng)

    # ---- the grammar ---------------------------------------------------------------------------------------------

    def automaton(self, labels: int) -> Automaton:
        """The tables for a request with so many labels (numpy), compiled once for each number."""
        count = min(max(labels, 1), len(self.vocabulary["label"]))
        if count not in self._automata:
            pattern = grammar.pattern_of(self.tree, Frame(self.vocabulary, labels=("",) * count))
            self._automata[count] = compile_pattern(pattern, len(self.vocabulary), self.vocabulary.eos)
        return self._automata[count]

    def constraint(self, request: Sample) -> Automaton:
        """What may be written in answer to this request."""
        return self.automaton(len(request.labels))

    # ---- annotation to tokens ------------------------------------------------------------------------------------

    def encode(self, sample: Sample) -> Tracks:
        """The tokens that a perfect model would write.

        Raises:
            ValueError: the annotation lacks what the answer is made of.
        """
        frame = self.frame(sample)
        if self.shape == "raster":
            return self._encode_raster(sample, frame)
        if self.shape == "objects":
            return self._encode_objects(sample, frame)
        return Tracks(None, [self._ended(self._spell({"text": sample.text}, frame))], [None])

    def _encode_raster(self, sample: Sample, frame: Frame) -> Tracks:
        assert self.grid is not None and isinstance(self.tree, grammar.Times) and self.cells is not None
        ids, weights = raster.RASTERS[self.cells](sample, frame, self.grid * isqrt(self.tree.low))
        return Tracks(self.points, list(raster.to_tracks(ids, self.grid)), list(raster.to_tracks(weights, self.grid)))

    def _encode_objects(self, sample: Sample, frame: Frame) -> Tracks:
        assert self.points is not None
        if sample.objects is None:
            raise ValueError(f"task {self.name!r} needs annotated objects")
        ids = [np.asarray(self._ended([self.vocabulary.none]))] * len(self.points)
        objects = sample.objects
        boxes = frame.to_unit(objects.boxes)
        for i, track in zip(*self._assign(boxes), strict=True):
            here = Frame(self.vocabulary, frame.size, frame.labels, self.points[track])
            record = {
                "label": objects.names[i],
                "box": boxes[i],
                "mask": None if objects.masks is None else objects.masks[i],
            }
            ids[track] = self._ended(self._spell(record, here))
        return Tracks(self.points, ids, [None] * len(ids))

    def _assign(self, boxes: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Objects and their tracks: each object in turn, closest first, takes the nearest lattice point still free."""
        assert self.points is not None
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        distance = np.linalg.norm(centres[:, None] - self.points[None], axis=-1)
        taken: dict[int, int] = {}
        for i in np.argsort(distance.min(1, initial=np.inf), kind="stable"):
            free = [t for t in np.argsort(distance[i], kind="stable")[: len(boxes)] if int(t) not in taken]
            if free:  # more objects than lattice points: the last ones cannot be written
                taken[int(free[0])] = int(i)
        return np.asarray(list(taken.values()), np.int64), np.asarray(list(taken), np.int64)

    def _spell(self, record: dict[str, Any], frame: Frame) -> list[int]:
        """The tokens of one record, as the first alternative other than ``none`` has them."""
        first = self.options[0]
        parts = first.parts if isinstance(first, grammar.Series) else (first,)
        ids: list[int] = []
        for part in parts:
            if isinstance(part, grammar.Literal):
                ids += self.vocabulary.encode(part.text)
                continue
            if not isinstance(part, grammar.UnitNode):
                raise ValueError(f"task {self.name!r}: answers with nested repeats are read, not yet written")
            unit = UNITS[part.name]
            if record.get(unit.field) is None:
                raise ValueError(f"task {self.name!r} needs {unit.field!r} in the annotation")
            written = unit.encode(record[unit.field], frame, part.size)
            if unit.field == "box":  # what follows is relative to the box as written, not as annotated
                frame = frame.within(unit.decode(written, frame))
            ids += written
        return ids

    def _ended(self, ids: list[int]) -> NDArray[np.int64]:
        """Adds the end token where the automaton wants one."""
        automaton = self.automaton(len(self.vocabulary["label"]))
        return np.asarray(ids if automaton.accepts(ids) else [*ids, self.vocabulary.eos], np.int64)

    # ---- tokens to annotation ------------------------------------------------------------------------------------

    def decode(self, written: Written, request: Sample) -> Answer:
        """What the tracks say, in pixels of the original image. Never fails on what the automaton admits."""
        frame = self.frame(request)
        answer = Answer(self.name, request.size, names=request.labels)
        if self.shape == "raster":
            self._decode_raster(written, frame, answer)
        elif self.shape == "objects":
            self._decode_objects(written, frame, answer)
        else:
            record = self._read(written.ids(0), frame, written, 0)
            answer.text = str(record.get("text", ""))
            answer.scores = np.asarray([written.confidence(0)], np.float32)
        return answer

    def _decode_raster(self, written: Written, frame: Frame, answer: Answer) -> None:
        assert self.grid is not None
        ids = raster.to_cells(written.tokens, self.grid)
        depth = self.cells == "depth"
        labels = [*list(self.vocabulary["label"])[: len(frame.labels)], self.vocabulary.none]
        weights = written.cells(list(self.vocabulary["depth"]) if depth else labels)
        cells = None if weights is None else raster.to_cells(weights, self.grid)
        if depth:
            answer.depth = raster.decode_depth(ids, cells, frame)
        else:
            answer.semantic = raster.decode_label(ids, cells, frame)
        confidence = [written.confidence(track) for track in range(len(written.tokens))]
        answer.scores = np.asarray(confidence, np.float32).mean(keepdims=True)

    def _decode_objects(self, written: Written, frame: Frame, answer: Answer) -> None:
        records, scores = [], []
        assert self.points is not None
        for track in written.present(self.vocabulary.none):
            here = Frame(self.vocabulary, frame.size, frame.labels, self.points[track])
            records.append(self._read(written.ids(track), here, written, track))
            scores.append(written.score(track, self.vocabulary))
        boxes = np.asarray([frame.to_pixels(r["box"]) for r in records], np.float32).reshape(-1, 4)
        labels = [str(r.get("label", "")) for r in records]
        # Grouped by object, not as numpy strings, which drop trailing NULs.
        keep = suppress(boxes, np.asarray(scores), np.asarray(labels, object), REPEATED)
        keep = keep[:1] if self.file.keep == "best" else keep
        answer.boxes, answer.scores = boxes[keep], np.asarray(scores, np.float32)[keep]
        if any("label" in r for r in records) or self.file.keep == "all":
            answer.labels = tuple(labels[i] for i in keep)
        if "mask" in self.file.answer:
            empty = np.zeros(frame.size[::-1], bool)
            answer.masks = np.asarray([records[i].get("mask", empty) for i in keep], bool).reshape(-1, *empty.shape)

    def _read(self, ids: Sequence[int], frame: Frame, written: Written, track: int) -> dict[str, Any]:
        """The record that one track's tokens spell."""
        parts = grammar.match(self.tree, ids, frame)
        if parts is None and len(ids) and ids[-1] == self.vocabulary.eos:
            parts = grammar.match(self.tree, ids[:-1], frame)
        record: dict[str, Any] = {}
        for part in parts or []:
            unit = UNITS[part.unit.name]
            weights = (
                [
                    written.weights(track, step, self.vocabulary.block_of(ids[step]))
                    for step in range(part.start, part.stop)
                ]
                if written.known
                else None
            )
            record[unit.field] = unit.decode(ids[part.start : part.stop], frame, weights)
            if unit.field == "box":
                # The mask hangs on the box as its tokens say it, as in training; the expectation would shift it.
                frame = frame.within(unit.decode(ids[part.start : part.stop], frame))
        return record


def load_tasks(vocabulary: Vocabulary, *folders: Path) -> dict[str, Task]:
    """Every task file of the shipped folder and of ``folders``, by name; a later file replaces an earlier one.

    Raises:
        Fault: names the file, the field and the reason.
    """
    tasks: dict[str, Task] = {}
    for folder in (assets("tasks"), *folders):
        if not folder.is_dir():
            raise Fault(f"{folder}: no such folder of task files")
        for path in sorted(folder.glob("*.yaml")):
            tasks_file = TaskFile.read(path)
            tasks[tasks_file.name] = Task(tasks_file, vocabulary, str(path))
    return tasks
