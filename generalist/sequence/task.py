"""Task: a YAML file, and the four verbs it gives: render, encode, constraint, decode.

A task is one of five shapes, read off its answer and its grid:

    objects   a grid, and an answer that may be ``none``: every lattice point writes one thing, or nothing
    raster    a grid, and a fixed number of one-token cells a track: every lattice point writes its own cells
    list      one track that repeats things, each opening with its place
    grounded  one track of text whose phrases are fenced and followed by boxes
    single    one track that writes one of everything else; with ``at: region`` it starts where the request points
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generalist.assets import assets
from generalist.faults import Fault
from generalist.sequence import grammar, grounding, things
from generalist.sequence.automaton import Automaton, compile_pattern
from generalist.sequence.frame import Frame
from generalist.sequence.geometry import lattice
from generalist.sequence.matching import match
from generalist.sequence.prompt import Prompt, Template
from generalist.sequence.raster import Raster
from generalist.sequence.sample import Answer, Objects, Sample
from generalist.sequence.thompson import is_ambiguous
from generalist.sequence.units import UNITS
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.writing import Value, after, spell
from generalist.sequence.written import Tracks, Written

__all__ = ["Task", "TaskFile", "load_tasks"]

INPUTS = ("image", "labels", "phrase", "question", "query", "document", "region")

LONGEST = 512
"""Tokens that an answer may have. More is not a long answer but a file that forgot to count."""


class TaskFile(BaseModel):
    """What a task file may say. Everything else in it is an error that names the field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    summary: str
    inputs: tuple[str, ...]
    prompts: tuple[str, ...] = Field(min_length=1)
    answer: str
    grid: int | None = Field(default=None, ge=1, le=64)
    at: Literal["region"] | None = None
    keep: Literal["all", "best"] = "all"
    disjoint: bool = False
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
    templates: tuple[Template, ...] = field(init=False)
    _automata: dict[int, Automaton] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            for name in self.file.inputs:
                if input_name(name) not in INPUTS:
                    raise Fault(f"inputs: {name!r} is none of {', '.join(INPUTS)}")
            self.templates = tuple(Template(prompt, self.file.inputs) for prompt in self.file.prompts)
            self.tree = grammar.parse_answer(self.file.answer)
            # An answer that cannot be compiled or read back is found when the file is read, not when it is used.
            self._check()
        except (Fault, ValueError) as error:
            raise Fault(f"{self.path}: {error}") from error

    def _check(self) -> None:
        answer = f"answer {self.file.answer!r}"
        if not self.options:
            raise Fault(f"{answer}: it can say nothing but none")
        if self.file.at and (self.grid or "region" not in map(input_name, self.file.inputs)):
            raise Fault("at: region wants a region among the inputs, and no grid")
        try:
            shape = self.shape
            bound = self.automaton(1).bound
        except Fault as fault:
            raise Fault(f"{answer}: {fault}") from fault
        if bound > LONGEST:
            raise Fault(f"{answer}: may be {bound:,} tokens long, the most is {LONGEST}: repeat less, as in {{0,4}}")
        if is_ambiguous(grammar.pattern_of(self.tree, Frame(self.vocabulary, labels=("",)))):
            raise Fault(
                f"{answer}: is ambiguous, the same tokens can be read in two ways: put a word in quotes between"
            )
        if shape == "objects" and not all(any(grammar.writes(o, p) for p in grammar.PLACES) for o in self.options):
            raise Fault(f"{answer}: on a grid it writes a box or another place, or a fixed number of cells")

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
    def units(self) -> frozenset[str]:
        """The names of the units that the answer may hold."""
        return frozenset(leaf.name for leaf in grammar.leaves(self.tree))

    @cached_property
    def raster(self) -> Raster | None:
        """How the cells of a raster are laid out, None for the other shapes."""
        return None if self.grid is None else Raster.of(self.tree, self.grid)

    @property
    def shape(self) -> Literal["objects", "raster", "list", "grounded", "single"]:
        if self.grid is not None:
            return "raster" if self.raster else "objects"
        if grounding.OPEN in _literals(self.tree):
            return "grounded"
        return "list" if grammar.is_list(self.tree) else "single"

    def points(self, request: Sample) -> NDArray[np.float32] | None:
        """Where the tracks start (K, 2) xy in the unit square, None for a single track that starts nowhere."""
        if self.grid is not None:
            return lattice(self.grid)
        if self.file.at == "region" and request.region is not None:
            return self.frame(request).to_unit(request.region.centre)[None]
        return None

    # ---- the request ---------------------------------------------------------------------------------------------

    def frame(self, request: Sample) -> Frame:
        """The frame of a request, before any track's lattice point."""
        if "labels" in self.file.inputs:
            most = len(self.vocabulary["label"])
            if not request.labels:
                raise Fault(f'task {self.name!r} needs labels: name what to look for, e.g. "{self._example()}"')
            if len(request.labels) > most:
                raise Fault(f"task {self.name!r}: {len(request.labels)} labels asked for, the vocabulary holds {most}")
        frame = Frame(self.vocabulary, request.size, request.labels)
        return frame if request.region is None else frame.within(frame.to_unit(request.region.bounds))

    def _example(self) -> str:
        return self.file.prompts[0].replace("{labels}", "red cube, blue sphere")

    def render(self, request: Sample, rng: np.random.Generator | None = None) -> Prompt:
        """The instruction: the first prompt whose fields the request has, or with ``rng`` any of them.

        Raises:
            Fault: the request lacks an input of the task.
        """
        for name in self.file.inputs:
            if not name.endswith("?") and not self._has(request, name):
                said = {"image": "an image", "region": "a region, such as box:10,20,200,180"}
                raise Fault(f"task {self.name!r} needs {said.get(input_name(name), name)}")
            kind = name.rstrip("?").partition(":")[2]
            if kind and request.region is not None and request.region.kind != kind:
                raise Fault(f"task {self.name!r} needs a region that is a {kind}, not a {request.region.kind}")
        if not any(self._has(request, name) for name in self.file.inputs):
            raise Fault(f"task {self.name!r} needs one of {', '.join(map(input_name, self.file.inputs))}")
        fitting = [t for t in self.templates if all(self._has(request, name) for name in t.fields)]
        # A prompt that uses more of the request says more: "which document shows this" does not ask for a text query.
        most = max((len(t.fields) for t in fitting), default=0)
        fitting = [t for t in fitting if len(t.fields) == most]
        if not fitting:
            needed = ", ".join(self.file.inputs)
            raise Fault(f"task {self.name!r} has no prompt for this request: it needs one of {needed}")
        template = fitting[0] if rng is None else fitting[int(rng.integers(len(fitting)))]
        return template.render(request, self.vocabulary)

    @staticmethod
    def _has(request: Sample, name: str) -> bool:
        value = getattr(request, input_name(name))
        return value is not None and (input_name(name) in ("image", "region") or len(value) > 0)

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
        frame, points = self.frame(sample), self.points(sample)
        if self.raster is not None and points is not None:
            return self.raster.encode(sample, frame, points)
        if self.shape == "objects" and points is not None:
            return self._encode_objects(sample, frame, points)
        if self.shape == "grounded":
            values = grounding.values_of(sample, frame, _most(self.tree))
        elif self.shape == "list":
            values = self._listed(self._annotated(sample), frame)
        else:
            frame = frame if points is None else frame.at(points[0])
            values = self._values(self._single(sample, frame))
        return Tracks(points, [self._ended(spell(self.tree, values, frame))], [None])

    def _encode_objects(self, sample: Sample, frame: Frame, points: NDArray[np.float32]) -> Tracks:
        objects = self._annotated(sample)
        ids = [np.asarray(self._ended([self.vocabulary.none]))] * len(points)
        place = next(name for name in grammar.PLACES if name in self.units)
        for track, i in things.assign(things.anchors(objects, place, frame), points).items():
            here = frame.at(points[track])
            values = self._values(things.record(objects, i, here))
            ids[track] = self._ended(spell(self.tree, values, here))
        return Tracks(points, ids, [None] * len(ids))

    def _annotated(self, sample: Sample) -> Objects:
        if sample.objects is None:
            raise ValueError(f"task {self.name!r} needs annotated objects")
        return sample.objects

    def _single(self, sample: Sample, frame: Frame) -> dict[str, Any]:
        """What a single track may say of a sample."""
        objects = sample.objects
        found = things.record(objects, 0, frame) if objects is not None and len(objects) else {}
        if sample.text:
            found |= {"text": sample.text, "docid": sample.text, "label": sample.text}
        if sample.text.isdigit():
            found["number"] = int(sample.text)
        return found

    def _values(self, record: dict[str, Any]) -> list[Value]:
        """The units of the first alternative that the record has all of, in their order."""
        missing: list[str] = []
        for option in self.options:
            names = [leaf.name for leaf in grammar.leaves(option)]
            lacks = [name for name in names if record.get(name) is None]
            if not lacks:
                return self._fenced(option, record)
            missing = missing or lacks
        raise ValueError(f"task {self.name!r} needs {missing[0]!r} in the annotation")

    def _fenced(self, option: grammar.Node, record: dict[str, Any]) -> list[Value]:
        parts = option.parts if isinstance(option, grammar.Series) else (option,)
        values: list[Value] = []
        for part in parts:
            if isinstance(part, grammar.Literal):
                values.append((part.text, None))
            elif isinstance(part, grammar.UnitNode):
                values.append((part.name, record[part.name]))
            else:
                raise ValueError(f"task {self.name!r}: answers with nested repeats are read, not yet written")
        return values

    def _listed(self, objects: Objects, frame: Frame) -> list[Value]:
        """Things from left to right, after their number where the file announces it."""
        assert isinstance(self.tree, (grammar.Times, grammar.Announced))
        names = [leaf.name for leaf in grammar.leaves(self.tree.part)]
        records = [things.record(objects, i, frame) for i in range(len(objects))][: self.tree.high]
        values: list[Value] = []
        if isinstance(self.tree, grammar.Announced):
            values.append(("number", len(records)))
        if not records:
            return values
        order, places = things.left_to_right(np.stack([r[names[0]] for r in records]), frame)
        for i, place in zip(order, places, strict=True):
            values += [(name, place if name == names[0] else records[i][name]) for name in names]
        return values

    def _ended(self, ids: list[int]) -> NDArray[np.int64]:
        """Adds the end token where the automaton wants one."""
        automaton = self.automaton(len(self.vocabulary["label"]))
        return np.asarray(ids if automaton.accepts(ids) else [*ids, self.vocabulary.eos], np.int64)

    # ---- tokens to annotation ------------------------------------------------------------------------------------

    def decode(self, written: Written, request: Sample) -> Answer:
        """What the tracks say, in pixels of the original image. Never fails on what the automaton admits."""
        frame, points = self.frame(request), self.points(request)
        answer = Answer(self.name, request.size, names=request.labels)
        if self.raster is not None:
            self.raster.decode(written, frame, answer)
            confidence = [written.confidence(track) for track in range(len(written.tokens))]
            answer.scores = np.asarray(confidence, np.float32).mean(keepdims=True)
        elif self.shape == "objects" and points is not None:
            self._decode_objects(written, frame, points, answer)
        else:
            self._decode_single(written, frame if points is None else frame.at(points[0]), answer)
        return answer

    def _decode_objects(self, written: Written, frame: Frame, points: NDArray[np.float32], answer: Answer) -> None:
        there = written.presence(self.vocabulary)
        if self.file.keep == "best":  # there is one thing at most: what other tracks claim speaks against it
            there = there / max(float(there.sum()), 1.0)
        records, scores = [], []
        tracks = written.present(self.vocabulary.none)
        for track in tracks:
            read = self._read(written.ids(track), frame.at(points[track]), written, track)
            records.append({name: value for name, value, _ in read})
            # The geometric mean of what it is and of where: their product would be far too modest for a probability.
            scores.append(float(np.sqrt(there[track] * written.placement(track, self.vocabulary))))
        things.collect(answer, records, scores, frame, self.units, there[tracks])
        if self.file.keep == "best":
            things.first(answer)
        if self.file.disjoint:
            things.disjoint(answer)

    def _decode_single(self, written: Written, frame: Frame, answer: Answer) -> None:
        found = self._read(written.ids(0), frame, written, 0)
        if self.shape == "grounded":
            grounding.answer_of(answer, found, frame)
            return
        if self.units & set(grammar.PLACES) or self.shape == "list":
            records, scores = _items(found)
            things.collect(answer, records, scores, frame, self.units)
        record = {name: value for name, value, _ in found}
        if self.shape == "single":
            answer.scores = np.asarray([written.confidence(0)], np.float32)
            if "mask" in record and answer.masks is None:
                answer.masks = record["mask"][None]
            if "label" in record and answer.labels is None:
                answer.labels = (record["label"],)
            answer.number = record.get("number")
            said = next((record[name] for name in ("text", "docid", "label", "number") if name in record), None)
            answer.text = None if said is None and self.units.isdisjoint(SAYS) else str("" if said is None else said)

    def _read(self, ids: Sequence[int], frame: Frame, written: Written, track: int) -> list[tuple[str, Any, float]]:
        """What one track's tokens spell: names of units, or fixed words, with their values and confidences."""
        parts = match(self.tree, ids, frame)
        if parts is None and len(ids) and ids[-1] == self.vocabulary.eos:
            parts = match(self.tree, ids[:-1], frame)
        found: list[tuple[str, Any, float]] = []
        for part in parts or []:
            steps = range(part.start, part.stop)
            sure = float(np.exp(np.log(np.maximum(written.chosen[track, part.start : part.stop], 1e-9)).mean()))
            if isinstance(part.unit, grammar.Literal):
                found.append((part.unit.text, None, sure))
                continue
            name, tokens = part.unit.name, ids[part.start : part.stop]
            weights = [written.weights(track, s, self.vocabulary.block_of(ids[s])) for s in steps]
            value = UNITS[name].decode(tokens, frame, weights if written.known else None)
            found.append((name, value, sure))
            frame = after(name, tokens, frame)
        return found


SAYS = frozenset({"text", "docid", "label", "number"})
"""Units whose value is the text of an answer."""


def input_name(name: str) -> str:
    """``region:box?`` to ``region``."""
    return name.rstrip("?").partition(":")[0]


def _literals(node: grammar.Node) -> set[str]:
    match node:
        case grammar.Literal(text):
            return {text}
        case grammar.Series(parts) | grammar.Alternatives(parts):
            return {text for part in parts for text in _literals(part)}
        case grammar.Times(part) | grammar.Announced(part):
            return _literals(part)
    return set()


def _most(node: grammar.Node) -> int:
    """The most things that any counted list of the tree may hold."""
    match node:
        case grammar.Announced(_, _, high):
            return high
        case grammar.Series(parts) | grammar.Alternatives(parts):
            return max((_most(part) for part in parts), default=1)
        case grammar.Times(part):
            return _most(part)
    return 1


def _items(found: Sequence[tuple[str, Any, float]]) -> tuple[list[dict[str, Any]], list[float]]:
    """The things of a list, each opening with its place, and the geometric means of their parts' confidences."""
    records: list[dict[str, Any]] = []
    sure: list[list[float]] = []
    for name, value, confidence in found:
        if name in grammar.PLACES:
            records.append({})
            sure.append([])
        if records:
            records[-1][name] = value
            sure[-1].append(max(confidence, 1e-9))
    return records, [float(np.exp(np.mean(np.log(s)))) for s in sure]


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
