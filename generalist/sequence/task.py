"""Task: a YAML file, and the four verbs it gives: render, encode, constraint, decode.

A task is one of five shapes, read off its answer and its grid:

    objects   a grid, and an answer that may be ``none``: every lattice point writes one thing, or nothing
    raster    a grid, and a fixed number of one-token cells a track: every lattice point writes its own cells
    list      one track that repeats things, each opening with its place
    grounded  one track of text whose phrases are fenced and followed by boxes
    single    one track that writes one of everything else; with ``at: region`` it starts where the request points
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from generalist.assets import assets
from generalist.faults import Fault
from generalist.sequence import claims, grammar, grounding, saying, things
from generalist.sequence.automaton import Automaton, compile_pattern
from generalist.sequence.claims import Claims
from generalist.sequence.frame import Frame
from generalist.sequence.geometry import lattice
from generalist.sequence.pattern import longest
from generalist.sequence.prompt import Input, Prompt, Template
from generalist.sequence.raster import Raster
from generalist.sequence.reading import fill, read
from generalist.sequence.sample import Answer, Objects, Sample
from generalist.sequence.taskfile import TaskFile
from generalist.sequence.thompson import is_ambiguous
from generalist.sequence.units.pixels import cover
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.writing import Value, spell
from generalist.sequence.written import Tracks, Written

__all__ = ["Task", "TaskFile", "load_tasks"]

LONGEST = 512
"""Tokens that an answer may have. More is not a long answer but a file that forgot to count."""


@dataclass(eq=False)
class Task:
    """One task over one vocabulary."""

    file: TaskFile
    vocabulary: Vocabulary
    path: str = "task file"
    tree: grammar.Node = field(init=False)
    inputs: tuple[Input, ...] = field(init=False)
    templates: tuple[Template, ...] = field(init=False)
    granular: Mapping[str, tuple[Template, ...]] = field(init=False)
    _automata: dict[int, Automaton] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.inputs = tuple(Input.parse(name) for name in self.file.inputs)
            sets = (self.file.prompts, *self.file.granularities.values())
            self.templates, *others = (tuple(Template(text, self.file.inputs) for text in prompts) for prompts in sets)
            self.granular = dict(zip(self.file.granularities, others, strict=True))
            self.tree = grammar.parse_answer(self.file.answer)
            # An answer that cannot be compiled or read back is found when the file is read, not when it is used.
            self._check()
        except (Fault, ValueError) as error:
            raise Fault(f"{self.path}: {error}") from error

    def _check(self) -> None:
        answer = f"answer {self.file.answer!r}"
        if not self.options:
            raise Fault(f"{answer}: it can say nothing but none")
        needed = [need.name for need in self.inputs if not need.optional]
        if self.file.at and (self.grid or "region" not in needed):
            raise Fault("at: region wants a region among the inputs, one that is not optional, and no grid")
        if "label" in self.units and "labels" not in needed:
            raise Fault(f"{answer}: a label points at a name of the request: put labels among the inputs")
        if not grammar.follows(self.tree, "mask", "box", "region" in needed):
            raise Fault(f"{answer}: a mask is relative to a box: write a box before it, or ask with a region")
        try:
            shape = self.shape
            pattern = grammar.pattern_of(self.tree, Frame(self.vocabulary, labels=("",)))
            if (most := longest(pattern)) > LONGEST:
                raise Fault(f"may be {most:,} tokens long, the most is {LONGEST}: repeat less, as in {{0,4}}")
            if is_ambiguous(pattern):
                raise Fault(
                    "is ambiguous, the same tokens can be read in two ways: put a mark such as '</p>' between them"
                )
            self.automaton(1)
        except Fault as fault:
            raise Fault(f"{answer}: {fault}") from fault
        placed = self.units & set(grammar.PLACES)
        if shape == "objects" and not (
            placed and all(grammar.writes(o, things.place_of(placed)) for o in self.options)
        ):
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

    @property
    def identifies(self) -> str | None:
        """The unit that names documents, if that is all that the answer is."""
        tree = self.tree
        return tree.name if isinstance(tree, grammar.UnitNode) and tree.name in grammar.IDENTIFIERS else None

    @cached_property
    def raster(self) -> Raster | None:
        """How the cells of a raster are laid out, None for the other shapes."""
        return None if self.grid is None else Raster.of(self.tree, self.grid)

    @property
    def shape(self) -> Literal["objects", "raster", "list", "grounded", "single"]:
        if self.grid is not None:
            return "raster" if self.raster else "objects"
        if grounding.Room.of(self.tree).phrases:
            return "grounded"
        return "single" if self.repeat is None else "list"

    @property
    def repeat(self) -> grammar.Times | grammar.Announced | None:
        """The repeat that the answer of one track is, None if it is something else."""
        sole = self.options[0]
        if self.grid is not None or len(self.options) != 1 or not grammar.is_list(sole):
            return None
        assert isinstance(sole, grammar.Times | grammar.Announced)
        return sole

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
                asked = f"{len(request.labels)} labels asked for, the vocabulary holds {most}"
                raise Fault(f"task {self.name!r}: {asked}: name fewer, or with a set say ?labels={most}")
        frame = Frame(self.vocabulary, request.size, request.labels)
        return frame if request.region is None else frame.within(frame.to_unit(request.region.bounds))

    def _example(self) -> str:
        return self.templates[0].spellings[0].replace("{labels}", "red cube, blue sphere")

    def render(self, request: Sample, rng: np.random.Generator | None = None) -> Prompt:
        """The instruction: the first prompt whose fields the request has, or with ``rng`` any of them; of those of its
        granularity where it has one.

        Raises:
            Fault: the request lacks an input of the task, or the task has no prompt of its granularity.
        """
        given = {need.name for need in self.inputs if need.given(request)}
        for need in self.inputs:
            if not need.optional and need.name not in given:
                raise Fault(f"task {self.name!r} needs {need.spoken}")
        if not given:
            raise Fault(f"task {self.name!r} needs one of {', '.join(need.name for need in self.inputs)}")
        if request.granularity and request.granularity not in self.granular:
            raise Fault(f"task {self.name!r} has no prompt of granularity {request.granularity!r}")
        templates = self.granular[request.granularity] if request.granularity else self.templates
        fitting = [t for t in templates if given.issuperset(t.fields)]
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
        frame, points = self.frame(sample), self.points(sample)
        try:
            return self._encode(sample, frame, points)
        except ValueError as error:
            raise ValueError(f"task {self.name!r}: {error}") from error

    def _encode(self, sample: Sample, frame: Frame, points: NDArray[np.float32] | None) -> Tracks:
        if self.shape == "objects" and points is not None:
            return self._encode_objects(sample, frame, points)
        if self.raster is not None and points is not None:
            return self.raster.encode(sample, frame, points)
        here = frame if points is None else frame.at(points[0])
        values = self._values(sample, here)
        ids = self._ended(spell(self.tree, values, here))
        return Tracks(points, [ids], [None], self._shown([values], here))

    def _encode_objects(self, sample: Sample, frame: Frame, points: NDArray[np.float32]) -> Tracks:
        objects = self._annotated(sample)
        ids = [self._ended([self.vocabulary.none])] * len(points)
        said: list[list[Value]] = [[] for _ in points]
        place = things.place_of(self.units)
        for track, i in things.assign(things.anchors(objects, place, frame), points).items():
            here = frame.at(points[track])
            said[track] = saying.one(self.tree, things.record(objects, i, here))
            ids[track] = self._ended(spell(self.tree, said[track], here))
        return Tracks(points, ids, [None] * len(ids), self._shown(said, frame))

    def _shown(self, said: Iterable[Sequence[Value]], frame: Frame) -> list[list[NDArray[np.float32]]] | None:
        """The masks that tracks show in ``pixels`` tokens, which do not spell them."""
        if "pixels" not in self.units:
            return None
        return [[cover(mask, frame) for name, mask in values if name == "pixels"] for values in said]

    def _values(self, sample: Sample, frame: Frame) -> list[Value]:
        """What one track alone says of a sample."""
        if self.shape == "grounded":
            return grounding.values_of(sample, frame, grounding.Room.of(self.tree))
        if saying.says_nothing(self.tree, sample):
            return [(grammar.NONE.text, None)]
        if self.repeat is not None:
            return saying.listed(self.repeat, self._annotated(sample), frame)
        return saying.one(self.tree, saying.single(sample, frame))

    @staticmethod
    def _annotated(sample: Sample) -> Objects:
        if sample.objects is None:
            raise ValueError("no objects are annotated")
        return sample.objects

    def _ended(self, ids: list[int]) -> NDArray[np.int64]:
        """Adds the end token where the automaton wants one."""
        automaton = self.automaton(len(self.vocabulary["label"]))
        return np.asarray(ids if automaton.accepts(ids) else [*ids, self.vocabulary.eos], np.int64)

    # ---- tokens to annotation ------------------------------------------------------------------------------------

    def decode(
        self, written: Written, request: Sample, rivals: float | None = None, mirror: Written | None = None
    ) -> Answer:
        """What the tracks say, in pixels of the original image. Never fails on what the automaton admits.

        rivals: the probability from which another name of a thing is told too, as a thing at the same place. That is
        how detectors are ranked, which give a box a score for each class. Not where things share out the picture, or
        where only the best is kept. mirror: of a raster, what the tracks say of the request about the picture's mirror;
        the mean of both is told.
        """
        frame, points = self.frame(request), self.points(request)
        answer = Answer(self.name, request.size, names=request.labels)
        if self.raster is not None:
            self.raster.decode(written, frame, answer, mirror)
            looks = [written] if mirror is None else [written, mirror]
            confidence = [look.confidence(track) for look in looks for track in range(len(look.tokens))]
            answer.scores = np.asarray(confidence, np.float32).mean(keepdims=True)
        elif self.shape == "objects" and points is not None:
            sole = self.file.keep == "best"
            least = None if sole or self.file.disjoint else rivals
            found = Claims.of(self.tree, written, frame, points, sole, least)
            self._collect(answer, found, frame, least is not None)
        else:
            self._decode_single(written, frame if points is None else frame.at(points[0]), answer)
        return answer

    def _collect(self, answer: Answer, found: Claims, frame: Frame, rivals: bool = False) -> None:
        claims.collect(answer, found, frame, self.units, rivals)
        if self.file.keep == "best":
            claims.first(answer)
        if self.file.disjoint:
            claims.disjoint(answer)

    def _decode_single(self, written: Written, frame: Frame, answer: Answer) -> None:
        found = read(self.tree, written, 0, frame)
        if self.shape == "grounded":
            grounding.answer_of(answer, found, frame)
            return
        if isinstance(self.repeat, grammar.Announced):
            answer.number = found.pop(0)[1] if found[0][0] == "number" else 0
        if places := self.units & set(grammar.PLACES):
            self._collect(answer, Claims.listed(found, things.place_of(places)), frame)
        if self.shape == "single":
            # Soft targets spread a coordinate over its neighbours: its sharpness says more than its token's own share.
            sure = written.placement(0, self.vocabulary) if places else written.confidence(0)
            fill(answer, self.tree, found, sure)


def load_tasks(vocabulary: Vocabulary, *folders: Path) -> dict[str, Task]:
    """Every task file of the shipped folder, of installed packages that carry tasks (entry points of the group
    ``generalist.tasks``, each naming a package with YAML files) and of ``folders``, by name; a later file replaces an
    earlier one.

    Raises:
        Fault: names the file, the field and the reason.
    """
    tasks: dict[str, Task] = {}
    carried = [Path(str(files(point.value))) for point in entry_points(group="generalist.tasks")]
    for folder in (assets("tasks"), *carried, *folders):
        if not folder.is_dir():
            raise Fault(f"{folder}: no such folder of task files")
        for path in sorted(folder.glob("*.yaml")):
            tasks_file = TaskFile.read(path)
            tasks[tasks_file.name] = Task(tasks_file, vocabulary, str(path))
    return tasks
