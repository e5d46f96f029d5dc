"""Documents: found by the model in an index on disk."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from generalist.app.generalist import Generalist
from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.fusion import fused
from generalist.retrieval.gathering import check
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import Kind
from generalist.retrieval.views import search_views
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task

__all__ = ["DEEP", "Searcher", "asking", "find", "tasks_of"]

DEEP = 100
"""Documents of either list that are fused, if not more are to be listed."""


class Searcher:
    """An index, and a model that finds documents in it.

    Args:
        k: documents listed. granularity, prompted: what is listed and asked for, see ``search``. at_least: the
        probability of the first document being right below which none is listed: nothing here answers that. fuse: list
        also what BM25 finds in the same documents, as ``lists["bm25"]``, and both together, as ``lists["fused"]``.

    Raises:
        Fault: no index there, one of another vocabulary, no task that writes its identifiers, no such granularity.
    """

    def __init__(
        self,
        generalist: Generalist,
        index: Path,
        k: int = 10,
        granularity: str = "",
        at_least: float = 0.0,
        fuse: bool = False,
        prompted: bool = False,
    ):
        self.generalist, self.k, self.at_least, self.fuse = generalist, k, at_least, fuse
        self.granularity, self.prompted = granularity, prompted
        self.index = Index.open(index, generalist.vocabulary)
        self.tasks = tasks_of(generalist, self.index.kinds)
        self._beside: list[Bm25] = []  # shared by those that ``but`` makes
        self._check()

    def _check(self) -> None:
        check(self.granularity)
        if self.fuse and self.granularity == "sentence":
            raise Fault("search: BM25 finds passages, pages and entities: --fuse is not of sentences")

    def but(self, *, k: int, granularity: str, fuse: bool) -> "Searcher":
        """The same index, of which something else is listed. Raises Fault as a new one would."""
        other = copy(self)
        other.k, other.granularity, other.fuse = k, granularity, fuse
        other._check()
        return other

    @property
    def task(self) -> Task:
        """The task whose name the answers bear."""
        return self.tasks[self.index.kind]

    @property
    def calibrated(self) -> bool:
        """Whether scores are probabilities: whether the model's scores of the task were fitted to a set."""
        return self.task.name in self.generalist.scalings

    def __call__(self, requests: Sequence[Sample]) -> list[Answer]:
        """An answer a request, best documents first.

        Raises:
            Fault: an unreadable image, nothing to ask.
        """
        deep = max(self.k, DEEP) if self.fuse else self.k
        listed: dict[str, Any] = {"granularity": self.granularity, "prompted": self.prompted}
        found = search_views(self.index, self.generalist.model, self.tasks, requests, deep, **listed)
        answers = [self._sure(self.generalist.scored(answer)) for answer in found]
        return self._fused(requests, answers, deep) if self.fuse else answers

    def _sure(self, answer: Answer) -> Answer:
        """Without its documents if it is not sure enough of the first."""
        assert answer.scores is not None
        return answer if answer.scores[0] >= self.at_least else replace(answer, documents=[])

    def _fused(self, requests: Sequence[Sample], answers: Sequence[Answer], deep: int) -> list[Answer]:
        asked = [request.but(granularity=self.granularity) for request in requests]
        out = []
        for answer, lexical in zip(answers, self._bm25.search(asked, deep), strict=True):
            # What the model is not sure of, BM25 has no say in: its scores are not probabilities.
            there = bool(answer.documents) or not self.at_least
            own, other = answer.documents or [], (lexical.documents or []) if there else []
            lists = {"bm25": other[: self.k], "fused": fused(own, other, self.k)}
            seconds = (answer.seconds or 0.0) + (lexical.seconds or 0.0)
            out.append(replace(answer, documents=own[: self.k], lists=lists, seconds=seconds))
        return out

    @property
    def _bm25(self) -> Bm25:
        if not self._beside:
            self._beside.append(Bm25(self.index))
        return self._beside[0]


def find(
    generalist: Generalist, index: Path, query: str = "", image: Path | None = None, k: int = 10, **options: Any
) -> Answer:
    """The ``k`` documents of an index that a query, a picture or both ask for, best first. options: as of ``Searcher``.

    Raises:
        Fault: no index there, one of another vocabulary, an unreadable image, nothing to ask.
    """
    answer = Searcher(generalist, index, k, **options)([asking(query, image)])[0]
    answer.image = None if image is None else str(image)
    return answer


def tasks_of(generalist: Generalist, kinds: Mapping[str, Kind]) -> dict[str, Task]:
    """The task that writes each kind of identifier. Raises Fault where there is none."""
    for kind in kinds.values():
        if kind.task not in generalist.tasks:
            raise Fault(f"there is no task {kind.task!r} to search with")
    return {name: generalist.tasks[kind.task] for name, kind in kinds.items()}


def asking(query: str, image: Path | BinaryIO | None = None) -> Sample:
    """A request by a text, a picture or both. Raises Fault for a picture that cannot be read."""
    if image is None:
        return Sample(query=query.strip())
    pixels = load_image(image)
    return Sample(query=query.strip(), image=pixels, size=(pixels.shape[1], pixels.shape[0]))
