"""Watch: when a run is measured on held-out data, which measurement was the best, and when there were enough."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from generalist.metrics.metric import LESS
from generalist.model.modeling import GeneralistModel
from generalist.sequence.vocabulary import Vocabulary
from generalist.train.recipe import Recipe, Validate

__all__ = ["Judge", "Watch"]

Judge = Callable[[GeneralistModel, Vocabulary, Recipe], Mapping[str, float]]
"""Measures a model by the recipe's ``validate``: every figure of its task's metrics, by name."""


@dataclass
class Watch:
    """best: the best figure so far, None before the first. at: the step of it. last: the step that was measured last,
    and seconds: when. stale: measurements since the best."""

    spec: Validate
    best: float | None = None
    at: int = 0
    last: int = 0
    seconds: float = 0.0
    stale: int = 0

    def due(self, step: int, seconds: float) -> bool:
        """Whether it is time to measure."""
        if self.spec.steps is not None:
            return step % self.spec.steps == 0
        return seconds - self.seconds >= 60 * (self.spec.minutes or 0)

    def take(self, figure: float, step: int, seconds: float) -> bool:
        """Notes a measurement of what is watched; whether it is the best."""
        better = self.best is None or (figure < self.best if self.spec.metric in LESS else figure > self.best)
        self.last, self.seconds = step, seconds
        self.stale = 0 if better else self.stale + 1
        if better:
            self.best, self.at = figure, step
        return better

    @property
    def enough(self) -> bool:
        """Whether the last measurements have waited long enough for a better one."""
        return self.spec.select and self.spec.patience is not None and self.stale >= self.spec.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: value for name, value in asdict(self).items() if name != "spec"}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint's state."""
        for field in fields(self):
            if field.name in state:
                setattr(self, field.name, state[field.name])
