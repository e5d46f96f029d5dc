"""Generalist: the model with its vocabulary and its tasks, asked in plain instructions.

model = Generalist.from_pretrained("tiny")
model("detect red cube, blue sphere", image="scene.png").boxes
picture = model.read("scene.png")             # read once
picture("depth").depth, picture("how many cubes are there?").text
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generalist.app.album import Album, Picture
from generalist.data.images import load_image
from generalist.data.readers.dataset import nearest
from generalist.data.readers.requested import ROUTE, spoken
from generalist.data.regions import open_region
from generalist.data.sight import sample_seen
from generalist.data.view import View
from generalist.faults import Fault
from generalist.metrics.scaling import Scaling, read_scalings, write_scalings
from generalist.model.build import load_model, model_folder, save_model
from generalist.model.cache import ImageCache, joined
from generalist.model.decode import Blocks, Choice, decode, on_device
from generalist.model.leaving import Leaving
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_images, read_requests
from generalist.sequence.consistency import rescored
from generalist.sequence.instruction import Understood, candidates, fits, understand
from generalist.sequence.prompt import read_field
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Written

__all__ = ["DTYPES", "Generalist", "Picture"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""What a model may compute in, by name."""

CONVINCED = 0.7
"""The probability from which the model's word is taken for what a request means."""

FIELDS = ("labels", "phrase", "question", "query", "document", "region", "granularity")
"""What a request may say besides its instruction: the fields of a ``Sample`` that are no answer."""

QUERY = 200
"""Letters of a request that are enough to tell what it means."""


class Generalist:
    """One model for every request.

    Args:
        model, vocabulary, tasks: as ``from_pretrained`` finds them.
        batch: requests decoded together.
        scalings: by task, the maps that calibrate its scores; other tasks' scores stay as they are.
        rescore: whether things that are spelled in several ways score less if the ways disagree.
        blocks: whether what is of fixed length is written at once, see ``Choice``.
        leaving: whether tracks may be settled before the last block, see ``Choice``. It can be set at any time.
        flip_test: whether rasters (segment, depth, normals) tell the mean of what is seen in a picture and in its
            mirror: better, for twice the time. It can be set at any time.
        keep: pictures that are kept as they were read, those asked last: whoever asks again does not wait. A change of
            the model's weights wants ``album.clear()``.
    """

    def __init__(
        self,
        model: GeneralistModel,
        vocabulary: Vocabulary,
        tasks: dict[str, Task],
        batch: int = 16,
        scalings: Mapping[str, Scaling] | None = None,
        rescore: bool = False,
        blocks: Blocks = "off",
        leaving: Leaving | None = None,
        flip_test: bool = False,
        keep: int = 8,
    ):
        self.model, self.vocabulary, self.tasks, self.batch = model.eval(), vocabulary, tasks, batch
        self.scalings, self.rescore, self.blocks = dict(scalings or {}), rescore, blocks
        self.leaving, self.flip_test = leaving, flip_test
        self.album = Album(keep)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path = "tiny",
        tasks_dir: Path | Iterable[Path] = (),
        device: str | torch.device | None = None,
        dtype: str = "fp32",
        blocks: Blocks = "off",
    ) -> "Generalist":
        """The shipped model by name, or one from a folder, with the shipped tasks and those of ``tasks_dir``.

        dtype: one of ``DTYPES``; bf16 is faster where the processor multiplies in it.

        Raises:
            Fault: the model, its vocabulary, its calibration or a task file is at fault, or there is no such dtype.
        """
        if dtype not in DTYPES:
            raise Fault(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
        model, vocabulary = load_model(name)
        scalings = read_scalings(model_folder(name))
        where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        folders = [tasks_dir] if isinstance(tasks_dir, Path) else list(tasks_dir)
        tasks = load_tasks(vocabulary, *folders)
        torch.nn.Module.to(model, where, DTYPES[dtype])
        return cls(model, vocabulary, tasks, scalings=scalings, blocks=blocks)

    def save(self, folder: Path) -> None:
        """Writes a model folder that ``from_pretrained`` reads, with the calibration of the scores."""
        save_model(self.model, folder, self.vocabulary)
        if self.scalings:
            write_scalings(folder, self.scalings)

    @property
    def device(self) -> torch.device:
        return self.model.device

    # ---- one request ---------------------------------------------------------------------------------------------

    def __call__(
        self,
        instruction: str,
        image: Any = None,
        *,
        task: str | None = None,
        rivals: float | None = None,
        **fields: Any,
    ) -> Answer:
        """The answer to an instruction about an image.

        instruction: free text, matched to a task by the tasks' prompts; with ``task`` given, the text may also be
        just the names, phrase or question that the task asks for. image: a path, an array (H, W, 3) uint8, a PIL
        image, a ``Picture``, or None. rivals: the probability from which other names of a thing are told too, see
        ``Task.decode``. fields: ``labels=["red cube"]``, ``phrase=…`` to say things apart;
        ``region="box:10,20,200,180"`` (or a ``Region``, or ``{"box": [...]}``) to point at a place.

        Raises:
            Fault: nothing fits the instruction, the task needs something that is not there, or the image is unreadable.
        """
        return self.answers([instruction], image, task=task, rivals=rivals, **fields)[0]

    def answers(
        self,
        instructions: Sequence[str],
        image: Any = None,
        *,
        task: str | None = None,
        rivals: float | None = None,
        **fields: Any,
    ) -> list[Answer]:
        """The answers to several instructions about one image, in their order. The image is read once, and requests of
        one task are answered together. Arguments and faults are those of a single request.
        """
        for instruction in instructions:
            if not isinstance(instruction, str):
                kind = type(instruction).__name__
                raise Fault(f"the instruction, a text, comes first and then the image; {kind} is no instruction")
        picture = self.read(image) if image is not None else None
        asked: dict[str, list[tuple[int, Sample]]] = {}
        for place, instruction in enumerate(instructions):
            found, request = self.route(instruction, picture is not None, task, dict(fields))
            if picture is not None:
                height, width = picture.pixels.shape[:2]
                request = request.but(image=picture.pixels, size=(width, height))
            asked.setdefault(found.name, []).append((place, request))
        out: dict[int, Answer] = {}
        for name, several in asked.items():
            for start in range(0, len(several), self.batch):
                part = several[start : start + self.batch]
                began = time.perf_counter()
                cache = None if picture is None else picture.cache
                answers = self._answer(self.tasks[name], [request for _, request in part], cache, rivals)
                each = (time.perf_counter() - began) / len(part)
                for (place, _), answer in zip(part, answers, strict=True):
                    answer.seconds, answer.image = each, None if picture is None else picture.name
                    out[place] = answer
        return [out[place] for place in range(len(instructions))]

    def read(self, image: Any) -> Picture:
        """Reads an image once; the picture can then be asked many things. One that is still in the ``album`` is not
        read again."""
        return image if isinstance(image, Picture) else self._read([image])[0][0]

    def _read(self, images: Sequence[Any]) -> tuple[list[Picture], ImageCache | None]:
        """Pictures of images, those that are not in the album read together; and what was read, if it is of just these
        images."""
        keys = [self.album.key(image, self.model.thinning) for image in images]
        held = {key: self.album.get(key) for key in keys}
        new = {key: image for key, image in zip(keys, images, strict=True) if held[key] is None}
        pixels = {key: load_image(image) for key, image in new.items()}
        cache = read_images(self.model, list(pixels.values())) if pixels else None
        for row, (key, image) in enumerate(new.items()):
            assert cache is not None
            name = str(image) if isinstance(image, (str, Path)) else None
            held[key] = self.album.put(key, Picture(self, name, pixels[key], cache.row(row)))
        pictures = [picture for key in keys if (picture := held[key]) is not None]
        return pictures, cache if len(new) == len(images) else None

    def route(
        self, instruction: str, has_image: bool = True, task: str | None = None, fields: dict[str, Any] | None = None
    ) -> tuple[Task, Sample]:
        """The task that an instruction means, and the request's fields read out of it: see ``instruction``.

        With ``task`` given, a text that is no prompt of it is what the prompt would have held. Raises Fault that
        names the nearest prompts, or the field that no request has.
        """
        fields = dict(fields or {})
        for name in fields.keys() - set(FIELDS):
            raise Fault(
                f"a request has no field {name!r}{nearest(name, FIELDS) or '.'} The fields are {', '.join(FIELDS)}"
            )
        if isinstance(fields.get("labels"), str):
            fields["labels"] = tuple(name.strip() for name in fields["labels"].split(","))
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        if fields.get("region") is not None:
            fields["region"] = open_region(fields["region"])
        region = fields.get("region")
        kind = None if region is None else region.kind
        if task is None and not instruction.strip():
            raise Fault('the request is empty: say what is wanted, such as "depth" or "detect red cube, blue sphere"')
        task = self._by_name(instruction, fields) if task is None else task
        if task is None:
            understood = self._understood(instruction, has_image, kind)
            return self.tasks[understood.task], Sample(**{**understood.fields, **fields})
        found = self._named(task)
        whole = [one for one in candidates(instruction, {task: found}, True, kind) if one.how != "by its words"]
        return found, Sample(**{**(whole[0].fields if whole else self._bare(found, instruction)), **fields})

    def _by_name(self, instruction: str, fields: dict[str, Any]) -> str | None:
        """The task whose very name a request is, what it needs besides an image being given in fields."""
        task = self.tasks.get(instruction.strip().lower())
        needs = {need.name for need in task.inputs if not need.optional} - {"image"} if task else set()
        return task.name if task and needs and needs <= {name for name, value in fields.items() if value} else None

    def _understood(self, instruction: str, has_image: bool, kind: str | None) -> Understood:
        """By the prompts; where none fits by the model, if it is sure and what the task asks for can be read."""
        try:
            return understand(instruction, self.tasks, has_image, kind)
        except Fault:
            if (name := instruction.strip().lower()) in self.tasks:
                return Understood(name, {}, "by its name", 1.0)  # which says what it needs
            guess = self._guess(instruction, has_image, kind)
            if guess is None:
                raise
            return guess

    def _guess(self, instruction: str, has_image: bool, kind: str | None) -> Understood | None:
        known = {name: task for name, task in self.tasks.items() if name != ROUTE and fits(task, has_image, kind)}
        if ROUTE not in self.tasks or not known:
            return None
        request = Sample(labels=tuple(map(spoken, known)), query=instruction[:QUERY])
        answer = self._answer(self.tasks[ROUTE], [request], None)[0]
        if answer.scores is None or answer.scores[0] < CONVINCED:
            return None
        task = list(known.values())[request.labels.index(answer.text or "")]
        read = candidates(instruction, {task.name: task}, has_image, kind)
        if not read and any(need.name not in ("image", "region") and not need.optional for need in task.inputs):
            return None
        fields = read[0].fields if read else {}
        return Understood(task.name, fields, "as the model reads it", float(answer.scores[0]))

    def _named(self, name: str) -> Task:
        if name not in self.tasks:
            raise Fault(
                f"there is no task {name!r}{nearest(name, self.tasks) or '.'} The tasks are {', '.join(self.tasks)}"
            )
        return self.tasks[name]

    def _bare(self, task: Task, text: str) -> dict[str, Any]:
        """With the task given, the text that is no prompt of it is what the prompt would have held."""
        asked = [need.name for need in task.inputs if need.name not in ("image", "region")]
        return {asked[0]: read_field(asked[0], text)} if asked and text.strip() else {}

    # ---- many requests -------------------------------------------------------------------------------------------

    def answer(self, task: str, requests: Sequence[Sample], rivals: float | None = None) -> list[Answer]:
        """Answers to many requests of one task, ``batch`` at a time. Each has its ``image`` and ``size``. rivals: the
        probability from which other names of a thing are told too, see ``Task.decode``."""
        found, out = self._named(task), []
        for start in range(0, len(requests), self.batch):
            part = list(requests[start : start + self.batch])
            out += self._answer(found, part, self._seen([request.image for request in part]), rivals)
        return out

    def _seen(self, images: Sequence[Any]) -> ImageCache | None:
        """The images of requests side by side, one for each; a single one that all are about is there once. A request
        without an image has any: it is told not to look."""
        there = [image for image in images if image is not None]
        if not there:
            return None
        pictures, read = self._read(there)
        if len(there) < len(images):
            left = iter(pictures)
            return joined([pictures[0].cache if image is None else next(left).cache for image in images])
        alone = all(picture is pictures[0] for picture in pictures)
        return pictures[0].cache if alone else read or joined([picture.cache for picture in pictures])

    def _answer(
        self, task: Task, requests: list[Sample], cache: ImageCache | None, rivals: float | None = None
    ) -> list[Answer]:
        """Answers of one task; cache: an image for each request, or the one that all are about."""
        written = self._written(task, requests, cache)
        mirrors: list[Written] | list[None] = [None] * len(requests)
        if self.flip_test and task.raster and cache is not None:
            turned = [_mirror(request) for request in requests]
            mirrors = self._written(task, turned, self._seen([request.image for request in turned]))
        told = zip(written, requests, mirrors, strict=True)
        return [self.scored(task.decode(tracks, request, rivals, mirror)) for tracks, request, mirror in told]

    def _written(self, task: Task, requests: list[Sample], cache: ImageCache | None) -> list[Written]:
        """What the tracks of each request write."""
        prefix = read_requests(self.model, task, requests, cache)
        starts = [task.points(request) for request in requests]
        # One task's requests all start somewhere, or none does.
        known = [start for start in starts if start is not None]
        points = torch.from_numpy(np.stack(known)).to(self.device) if len(known) == len(requests) else None
        automaton = task.automaton(max(len(r.labels) for r in requests))
        how: Any = {"present": None} if task.raster else {"best": task.file.keep == "best"}
        choice = Choice(**how, blocks=self.blocks, leaving=self.leaving)
        return decode(self.model, prefix, on_device(automaton, self.device), self.vocabulary, points, choice)

    def scored(self, answer: Answer) -> Answer:
        """Calibrated, then re-scored: the map was fitted to scores as they are written."""
        if answer.scores is not None and answer.task in self.scalings:
            answer.scores = self.scalings[answer.task](answer.scores)
        return rescored(answer) if self.rescore else answer


def _mirror(request: Sample) -> Sample:
    """The same request about the picture's mirror, where left is right."""
    if request.image is None:
        return request
    view = View.whole(request.size, flip=True)
    bare = Sample(size=request.size, **{name: getattr(request, name) for name in FIELDS})
    return sample_seen(view, bare, view.picture(load_image(request.image)))
