"""Evaluation: a task measured on a set by the metrics that its task file names."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from generalist.app.generalist import Generalist
from generalist.data.readers import Dataset, open_data
from generalist.faults import Fault
from generalist.metrics import Metric, metric
from generalist.sequence.sample import Answer, Document, Sample

__all__ = ["Evaluation"]

DEEPEST = 100
"""Documents listed for each query: R@100 looks so far down."""


class Evaluation:
    """One task on one set, ready to run.

    limit: only so many items, from the first. batch: requests answered together. deepest: documents listed a query, and
    the beams that find them.

    Raises:
        Fault: no such task, reader, split or file; the set cannot pose the task, or the task names no metrics.
    """

    def __init__(
        self,
        generalist: Generalist,
        task: str,
        data: str,
        limit: int | None = None,
        batch: int = 16,
        deepest: int = DEEPEST,
        identifiers: Literal["title", "ngram"] = "title",
    ):
        self.generalist, self.batch, self.deepest, self.identifiers = generalist, batch, deepest, identifiers
        self.task = generalist.route("", task=task)[0]
        self.data: Dataset = open_data(data)
        if task not in self.data.tasks:
            raise Fault(f"{data} cannot pose {task!r}; it can pose {', '.join(self.data.tasks)}")
        if not self.task.file.metrics:
            raise Fault(f"{self.task.path}: metrics: names none, so there is nothing to measure")
        self.metrics = [metric(name) for name in self.task.file.metrics]
        self.count = len(self.data) if limit is None else min(limit, len(self.data))
        self.faults: list[Fault] = []
        self._baselines: dict[str, Metric] = {}

    def __len__(self) -> int:
        return self.count

    def run(
        self,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> dict[str, Any]:
        """``{"n", "metrics", "seconds"}``. Items that cannot be read are told to ``on_fault``, kept in ``faults`` and
        left out of n.

        Raises:
            Fault: not one item can be read.
        """
        began = time.perf_counter()
        done = 0
        for answer, sample in self.answered(progress, on_fault):
            for measure in self.metrics:
                measure.add(answer, sample)
            done += 1
        return {"n": done, "metrics": self._figures(), "seconds": round(time.perf_counter() - began, 3)}

    def answered(
        self,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> Iterator[tuple[Answer, Sample]]:
        """Every item that can be read with the answer to it, in order. Raises Fault if not one can be read."""
        answer = self._finder() if self.searches else self._answers
        done = 0
        for samples in _batches(self._samples(on_fault, progress), self.batch):
            yield from zip(answer(samples), samples, strict=True)
            done += len(samples)
            progress(len(samples))
        if not done:
            raise self.faults[0] if self.faults else Fault(f"{self.data.name}: holds nothing to measure")

    @property
    def searches(self) -> bool:
        """Whether answers are documents, found in an index, and not what the model writes freely."""
        return "docid" in self.task.file.answer

    def _samples(self, on_fault: Callable[[Fault], None], progress: Callable[[int], None]) -> Iterator[Sample]:
        for i in range(self.count):
            try:
                yield self.data.sample(i, self.task.name)
            except Fault as fault:
                self.faults.append(fault)
                on_fault(fault)
                progress(1)

    def _answers(self, samples: list[Sample]) -> list[Answer]:
        self.generalist.batch = self.batch
        return self.generalist.answer(self.task.name, samples)

    def _figures(self) -> dict[str, float]:
        figures: dict[str, float] = {}
        for measure in self.metrics:
            figures |= measure.result()
        for name, measure in self._baselines.items():
            figures |= {f"{name} {key}": value for key, value in measure.result().items()}
        return {name: float(value) for name, value in figures.items() if math.isfinite(value)}

    # ---- documents -----------------------------------------------------------------------------------------------

    def _finder(self) -> Callable[[list[Sample]], list[Answer]]:
        """Searches an index of the set's documents, and beside it BM25 where queries are text."""
        from generalist.retrieval.index import Index
        from generalist.retrieval.search import search

        documents = self._documents()
        model, vocabulary, task = self.generalist.model, self.generalist.vocabulary, self.task
        baseline: list[Any] = []
        # The index is memory-mapped: its files may go once it is open.
        with tempfile.TemporaryDirectory() as folder:
            index = Index.build(documents, vocabulary, Path(folder) / "index", kind=self.identifiers)
        k = min(self.deepest, len(documents))

        def find(samples: list[Sample]) -> list[Answer]:
            if all(sample.query for sample in samples):
                baseline[:] = baseline or [_bm25(documents)]
                self._baselines = self._baselines or {"BM25": metric("ranking")}
                _add(self._baselines["BM25"], baseline[0].search(samples, k), samples)
            return search(index, model, task, samples, k, batch=self.batch)

        return find

    def _documents(self) -> list[Document]:
        """The documents that the answers are among: the set's own; of generated scenes, those that are measured."""
        from generalist.data.readers.beir import Beir
        from generalist.data.readers.generated import Generated
        from generalist.data.readers.kilt import Kilt

        if isinstance(self.data, Generated):
            return self.data.corpus(self.count)
        if isinstance(self.data, Beir | Kilt) and self.data.documents:
            # A document without a title cannot be written; an empty one cannot be meant.
            return [_titled(document) for document in self.data.documents if document.title or document.text]
        raise Fault(f"{self.data.name}: has no documents to search")


def _titled(document: Document) -> Document:
    """As ``read_corpus`` has it: the first words of a text stand in for a title that is missing."""
    from generalist.retrieval.corpus import FIRST_WORDS

    if document.title.strip():
        return document
    return Document(document.id, " ".join(document.text.split()[:FIRST_WORDS]) or document.id, document.text)


def _bm25(documents: list[Document]) -> Any:
    from generalist.retrieval.bm25 import Bm25

    return Bm25(documents)


def _add(measure: Metric, answers: list[Answer], samples: list[Sample]) -> None:
    for answer, sample in zip(answers, samples, strict=True):
        measure.add(answer, sample)


def _batches(items: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    while part := list(islice(items, size)):
        yield part
