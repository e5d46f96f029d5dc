"""Service: a model and its indexes, asked by many at once. It answers as the command line's ``--json`` does, and where
that names a file it gives the file's bytes."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from io import BytesIO
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app.documents import Searcher, asking
from generalist.app.generalist import Generalist
from generalist.app.pictures import as_png, of_depth, of_normals
from generalist.app.predict import understood
from generalist.app.viz import draw
from generalist.data.images import load_image, load_map
from generalist.data.readers import Dataset, open_data
from generalist.data.readers.dataset import nearest
from generalist.faults import Fault
from generalist.sequence.region import Region
from generalist.sequence.sample import Answer

__all__ = ["Service", "Upload"]

EXAMPLES = 12
"""Generated scenes that are there to be asked about."""

Upload = tuple[str, bytes]
"""A file that was sent: its name and what it holds."""


class Service:
    """One request at a time is answered, in whichever thread; the others wait.

    Args:
        indexes: by name, what finds documents.
    """

    def __init__(self, generalist: Generalist, indexes: Mapping[str, Searcher]):
        self.generalist, self.indexes = generalist, dict(indexes)
        self._one = Lock()
        self._examples: dict[int, bytes] = {}

    def tasks(self) -> list[dict[str, Any]]:
        """What there is to be asked: name, summary, inputs and prompts of each task."""
        files = [task.file for task in self.generalist.tasks.values() if not task.identifies]
        return [
            {"task": file.name, "summary": file.summary, "inputs": list(file.inputs), "prompts": list(file.prompts)}
            for file in files
        ]

    def answers(
        self,
        instructions: Sequence[str],
        image: Upload | None = None,
        task: str | None = None,
        region: str | None = None,
        mask: Upload | None = None,
        rivals: float | None = None,
        least: float | None = None,
        fields: Mapping[str, str | None] | None = None,
    ) -> list[dict[str, Any]]:
        """Answers to instructions about an image, which is read once; with what each was understood as.

        region: a place pointed at, as ``Region.parse`` reads it; mask: one that is a picture. rivals: see
        ``Task.decode``. least: draw what scores at least this, as ``picture``. fields: labels, phrase and so on, to
        say things apart.

        Raises:
            Fault: see ``Generalist.__call__``.
        """
        if region is not None and region.startswith("mask:"):  # would name a file of ours
            raise Fault("region: a mask is sent as a file, in the field mask")
        place = None if region is None else Region.parse(region)
        if mask is not None:
            place = Region("mask", load_map(_file(mask)) > 0)
        given = {**{name: value for name, value in (fields or {}).items() if value}, "region": place}
        name, pixels = (None, None) if image is None else (image[0], load_image(_file(image)))
        with self._one:
            meant = [self.generalist.route(one, image is not None, task, dict(given)) for one in instructions]
            if finders := [found.name for found, _ in meant if found.identifies]:
                raise Fault(f"task {finders[0]!r} finds documents: build an index, serve it with --index, search it")
            picture = None if pixels is None else replace(self.generalist.read(pixels), name=str(name))
            answers = self.generalist.answers(instructions, picture, task=task, rivals=rivals, **given)
            told = [
                {**_whole(answer), "understood": understood(found, request)}
                for answer, (found, request) in zip(answers, meant, strict=True)
            ]
            if picture is not None and least is not None:
                for record, answer in zip(told, answers, strict=True):
                    drawn = draw(picture.pixels, answer.named(), least=least, region=place)
                    record["picture"] = _data(as_png(drawn))
        return told

    def documents(
        self,
        query: str = "",
        image: Upload | None = None,
        index: str | None = None,
        k: int = 10,
        granularity: str = "",
        fuse: bool = False,
    ) -> dict[str, Any]:
        """The documents of an index that a query, a picture or both ask for, see ``Searcher``.

        Raises:
            Fault: no such index, or several and none named; nothing to ask; a picture that cannot be read.
        """
        searcher = self._index(index)
        if not query.strip() and image is None:
            raise Fault("search: give a query, an image or both")
        request = asking(query, None if image is None else _file(image))
        with self._one:
            (answer,) = searcher.but(k=k, granularity=granularity, fuse=fuse)([request])
        answer.image = None if image is None else image[0]
        return answer.json()

    def _index(self, name: str | None) -> Searcher:
        there = ", ".join(self.indexes)
        if not self.indexes:
            raise Fault("search: no index is served: start with generalist serve --index DIR")
        if name is None and len(self.indexes) == 1:
            return next(iter(self.indexes.values()))
        if name is None:
            raise Fault(f"search: say which index: {there}")
        if name not in self.indexes:
            raise Fault(f"search: there is no index {name!r}{nearest(name, self.indexes)} There are {there}")
        return self.indexes[name]

    @cached_property
    def _world(self) -> Dataset:
        return open_data("scenes:test?size=256")

    def example(self, number: int) -> bytes:
        """A generated scene that the shipped model has never seen, as a PNG. Raises Fault where there is none."""
        if not 0 <= number < EXAMPLES:
            raise Fault(f"there is no example {number}; there are {EXAMPLES}, from 0 on")
        if number not in self._examples:
            self._examples[number] = as_png(np.asarray(self._world.sample(number, "depth").image))
        return self._examples[number]


def _file(upload: Upload) -> BytesIO:
    file = BytesIO(upload[1])
    file.name = upload[0]
    return file


def _whole(answer: Answer) -> dict[str, Any]:
    """An answer with its maps in it: depth as a 16-bit PNG in millimetres, normals as ``rgb_of_normals`` has them."""
    maps: dict[str, NDArray[Any] | None] = {
        "depth": None if answer.depth is None else of_depth(answer.depth),
        "normals": None if answer.normals is None else of_normals(answer.normals),
    }
    return answer.json() | {name: _data(as_png(pixels)) for name, pixels in maps.items() if pixels is not None}


def _data(png: bytes) -> str:
    """A PNG in a URL, as pages show it and programs decode it."""
    return "data:image/png;base64," + b64encode(png).decode("ascii")
