"""Answering: a specialist in the place of a Generalist, so that ``generalist eval``'s own code measures it."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from sets import Set

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.app.report import Bar
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Answering", "measure"]


class Answering:
    """What ``Evaluation`` asks of a Generalist: the task of a name, and the answers to samples. answer: of one."""

    def __init__(self, answer: Callable[[Sample], Answer]):
        self._answer, self._tasks, self.batch = answer, load_tasks(Vocabulary.load("tiny")), 1

    def route(
        self, instruction: str, has_image: bool = True, task: str | None = None, fields: dict[str, Any] | None = None
    ) -> tuple[Task, Sample]:
        """The task of a name that there is."""
        return self._tasks[task or instruction], Sample()

    def answer(self, task: str, samples: Sequence[Sample], rivals: float | None = None) -> list[Answer]:
        # A detector of torchvision gives its boxes a score for every class in any case: rivals are among its answers.
        return [self._answer(sample) for sample in samples]


def measure(kind: Set, folder: str, answer: Callable[[Sample], Answer], limit: int | None = None) -> dict[str, Any]:
    """``{"n", "metrics", "seconds"}`` of the answers to a set's test split, as ``generalist eval`` has them."""
    there = cast(Generalist, Answering(answer))
    evaluation = Evaluation(there, kind.task, kind.data(folder, kind.test), limit, batch=1)
    with Bar(f"eval {kind.name}", len(evaluation)) as bar:
        return evaluation.run(bar.step, on_fault=bar.fault)
