"""Calibration of a model's scores: answers to items with known truth, and the map that makes their scores come true."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.faults import Fault
from generalist.metrics import METRICS, metric
from generalist.metrics.calibration import Calibration, expected_error
from generalist.metrics.scaling import fit_best, write_scalings
from generalist.model.build import copy_model
from generalist.retrieval.hits import AMONG
from generalist.sequence.task import Task

__all__ = ["Calibrator"]

UNANSWERABLE = 1 / 3
"""Share of the queries for documents whose documents are left out: a probability is of there being an answer, too. That
of SQuAD 2.0's training questions (Rajpurkar et al. 2018)."""

PARTS = 2
"""Halves of the items: each is mapped by a fit to the other, so that what is told was not fitted to."""


class Calibrator:
    """A model whose scores are to be calibrated on one set.

    folder: the model's, where the maps are written beside the weights. limit: only so many items of the set.
    unanswerable: the share of queries for documents that nothing answers. out: where a copy of the folder is made, with
    the first map, that has the maps in its stead.

    Raises:
        Fault: no such reader, split or file, or ``out`` is there already.
    """

    def __init__(
        self,
        generalist: Generalist,
        folder: Path,
        data: str,
        limit: int | None = None,
        batch: int = 16,
        unanswerable: float = UNANSWERABLE,
        out: Path | None = None,
    ):
        if out is not None and out.exists():
            raise Fault(f"{out}: is there already; calibrate it with --model {out}, or give another --out")
        self.unanswerable, self.out = unanswerable, out
        self.generalist, self.folder, self.data, self.limit, self.batch = generalist, folder, data, limit, batch
        self.posed = open_data(data).tasks
        self.faults: list[Fault] = []

    @property
    def tasks(self) -> list[str]:
        """The tasks that the set can pose, and whose metrics tell right answers from wrong ones."""
        return [name for name, task in self.generalist.tasks.items() if name in self.posed and _judge(task)]

    def count(self, task: str) -> int:
        """How many items ``run`` will read."""
        return len(self._evaluation(task))

    def run(
        self,
        task: str,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> dict[str, Any]:
        """Fits the scores of one task, writes the map into the model folder, and uses it from now on.

        Returns:
            ``task``, ``n`` (answers with a score), ``right`` (their share), ``ECE`` of the scores as written,
            ``ECE_after`` (each half of the items mapped by a fit to the other), ``scale`` and ``shift``.

        Raises:
            Fault: the task cannot be calibrated on this set, nothing was answered, or the folder cannot be written.
        """
        halves = self._halves(task, progress, on_fault)
        pairs = [half.pairs for half in halves]
        if min(len(scores) for scores, _ in pairs) == 0:
            raise Fault(f"{task}: too few answers with a score on {self.data}; give more items than {self.limit or 1}")
        scaling, mapped = fit_best(pairs)
        scaling = scaling.model_copy(update={"data": self.data})
        scalings = {**self.generalist.scalings, task: scaling}
        self._copy()
        write_scalings(self.folder, scalings)
        self.generalist.scalings = scalings
        scores, right = (np.concatenate(values) for values in zip(*pairs, strict=True))
        return {
            "task": task,
            "n": len(scores),
            "right": float(right.mean()),
            "ECE": expected_error(scores, right),
            "ECE_after": expected_error(np.concatenate(mapped), right),
            "scale": scaling.scale,
            "shift": scaling.shift,
        }

    def _copy(self) -> None:
        """Once there is something to write, goes over to the copy."""
        if self.out is None:
            return
        try:
            copy_model(self.folder, self.out)
        except OSError as error:
            raise Fault(f"{self.out}: cannot be written: {error.strerror or error}") from error
        self.folder, self.out = self.out, None

    def _halves(
        self, task: str, progress: Callable[[int], None], on_fault: Callable[[Fault], None]
    ) -> list[Calibration]:
        """The scores as they are written, of every other item and of those between."""
        evaluation = self._evaluation(task)
        name = _judge(evaluation.task)
        if name is None:
            raise Fault(f"{evaluation.task.path}: metrics: none tells right answers from wrong, as calibrating needs")
        judges = [metric(name) for _ in range(PARTS)]
        held = self.generalist.scalings
        self.generalist.scalings = {other: scaling for other, scaling in held.items() if other != task}
        try:
            for i, (answer, sample) in enumerate(evaluation.answered(progress, on_fault)):
                judges[i % PARTS].add(answer, sample)
        finally:
            self.generalist.scalings = held
        self.faults += evaluation.faults
        return [judge.calibration for judge in judges]  # type: ignore[attr-defined]

    def _evaluation(self, task: str) -> Evaluation:
        finds = self.generalist.route("", task=task)[0].identifies is not None
        return Evaluation(
            self.generalist,
            task,
            self.data,
            self.limit,
            self.batch,
            deepest=AMONG,
            alone=True,
            unanswerable=self.unanswerable if finds else 0.0,
        )


def _judge(task: Task) -> str | None:
    """The first of a task's metrics that keeps scores with right and wrong; None if there is none."""
    names = (name for name in task.file.metrics if name in METRICS)
    return next((name for name in names if hasattr(metric(name), "calibration")), None)
