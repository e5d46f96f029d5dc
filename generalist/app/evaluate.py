"""Evaluation: a task measured on a set by the metrics that its task file names."""

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from generalist.app.finder import Finder
from generalist.app.generalist import Generalist
from generalist.app.options import RIVALS
from generalist.data.readers import Dataset, open_data
from generalist.faults import Fault
from generalist.metrics import metric
from generalist.model.modeling import GeneralistModel
from generalist.retrieval.kinds import KINDS, kinds_of
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.train.recipe import Recipe

__all__ = ["Evaluation", "judge"]

DEEPEST = 100
"""Documents listed for each query: R@100 looks so far down."""


class Evaluation:
    """One task on one set, ready to run.

    limit: only so many items, from the first. batch: requests answered together. deepest: documents listed a query, and
    the beams that find them. identifiers: what is written to name documents, as ``kinds_of`` reads it, if not what the
    task writes. alone: do not measure BM25 and the like beside the model. among: documents of generated scenes to look
    among, if more than those that are measured. unanswerable: the share of queries whose documents are not among those
    that are searched. rivals: the probability from which other names of a thing are told too (see ``Task.decode``), by
    tasks whose every metric ranks; None for never.

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
        identifiers: str | None = None,
        alone: bool = False,
        among: int | None = None,
        unanswerable: float = 0.0,
        rivals: float | None = RIVALS,
    ):
        self.generalist, self.batch, self.deepest, self.alone = generalist, batch, deepest, alone
        self.task = generalist.route("", task=task)[0]
        self.identifiers = identifiers if task in {kind.task for kind in KINDS.values()} else None
        if self.identifiers is not None:
            task = next(iter(kinds_of(self.identifiers).values())).task
            self.task = generalist.route("", task=task)[0]
        self.data: Dataset = open_data(data)
        if task not in self.data.tasks:
            raise Fault(f"{data} cannot pose {task!r}; it can pose {', '.join(self.data.tasks)}")
        if not self.task.file.metrics:
            raise Fault(f"{self.task.path}: metrics: names none, so there is nothing to measure")
        self.metrics = [metric(name) for name in self.task.file.metrics]
        self.rivals = rivals if all(getattr(one, "ranks", False) for one in self.metrics) else None
        self.count = len(self.data) if limit is None else min(limit, len(self.data))
        self.among, self.unanswerable = max(among or 0, self.count), unanswerable
        if unanswerable and not self.searches:
            raise Fault(f"{task}: finds no documents, so that none can be left out for a share of {unanswerable:g}")
        self.faults: list[Fault] = []
        self.finder: Finder | None = None

    def __len__(self) -> int:
        return self.count

    def run(
        self,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> dict[str, Any]:
        """``{"n", "metrics", "seconds"}``, and of documents found ``"intervals"`` and ``"cost"``. Items that cannot be
        read are told to ``on_fault``, kept in ``faults`` and left out of n.

        Raises:
            Fault: not one item can be read.
        """
        began = time.perf_counter()
        done = 0
        for answer, sample in self.answered(progress, on_fault):
            for measure in self.metrics:
                measure.add(answer, sample)
            done += 1
        found: dict[str, Any] = {"n": done, "metrics": self._figures()}
        if self.finder is not None:
            found["intervals"] = {name: list(ends) for name, ends in self.finder.intervals().items()}
            found["cost"] = self.finder.cost()
        return found | {"seconds": round(time.perf_counter() - began, 3)}

    def answered(
        self,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> Iterator[tuple[Answer, Sample]]:
        """Every item that can be read with the answer to it, in order. Raises Fault if not one can be read."""
        if self.searches:
            self.finder = Finder(
                self.generalist,
                self.task,
                self.data,
                self.among,
                self.deepest,
                self.batch,
                self.alone,
                self.identifiers,
                unanswerable=self.unanswerable,
            )
        answer = self.finder or self._answers
        done = 0
        for samples in _batches(self._samples(on_fault, progress), self.batch):
            yield from answer(samples)
            done += len(samples)
            progress(len(samples))
        if not done:
            raise self.faults[0] if self.faults else Fault(f"{self.data.name}: holds nothing to measure")

    @property
    def searches(self) -> bool:
        """Whether answers are documents, found in an index, and not what the model writes freely."""
        return self.task.identifies is not None

    def _samples(self, on_fault: Callable[[Fault], None], progress: Callable[[int], None]) -> Iterator[Sample]:
        for i in range(self.count):
            try:
                yield self.data.sample(i, self.task.name)
            except Fault as fault:
                self.faults.append(fault)
                on_fault(fault)
                progress(1)

    def _answers(self, samples: list[Sample]) -> list[tuple[Answer, Sample]]:
        self.generalist.batch = self.batch
        return list(zip(self.generalist.answer(self.task.name, samples, self.rivals), samples, strict=True))

    def _figures(self) -> dict[str, float]:
        figures: dict[str, float] = {}
        for measure in self.metrics:
            figures |= measure.result()
        figures |= {} if self.finder is None else self.finder.figures()
        return {name: float(value) for name, value in figures.items() if math.isfinite(value)}


def judge(model: GeneralistModel, vocabulary: Vocabulary, recipe: Recipe) -> dict[str, float]:
    """The figures of a model in training by the recipe's ``validate``: those that ``generalist eval`` prints of it,
    without those of others beside it."""
    asked = recipe.validation
    assert asked is not None
    generalist = Generalist(model, vocabulary, load_tasks(vocabulary, *recipe.tasks_dir))
    evaluation = Evaluation(generalist, asked.task, asked.data, asked.limit, alone=True)
    figures: dict[str, float] = evaluation.run()["metrics"]
    return figures


def _batches(items: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    while part := list(islice(items, size)):
        yield part
