"""The mixture: which picture and which requests stand at each step of training. A pure function of (seed, step).

Because nothing else decides what a step holds, a run that was interrupted goes on with exactly the batches it would
have had, whatever the number of loader processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset as TorchDataset

from generalist.data.augment import Augment
from generalist.data.collate import Request, collate
from generalist.data.readers import Dataset
from generalist.data.readers.window import reach
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Mixture", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A set, how often a row is drawn from it, how many requests of each task a row then holds on average, and how its
    pictures are varied."""

    data: Dataset
    weight: float
    tasks: Mapping[str, float]
    augment: Augment | None = None


class Mixture(TorchDataset[dict[str, Any]]):
    """Batches by step. sides: edges of the model's square in pixels, one of which is drawn for each batch."""

    def __init__(
        self,
        sources: Sequence[Source],
        tasks: Mapping[str, Task],
        task_weight: Mapping[str, float],
        vocabulary: Vocabulary,
        sides: Sequence[int],
        rows: int,
        steps: int,
        seed: int = 0,
        empty: int = 24,
        cells: int = 24,
        block: float = 0.0,
    ):
        self.sources, self.tasks, self.vocabulary = sources, tasks, vocabulary
        self.names = tuple(task_weight)
        self.weights = list(task_weight.values())
        self.sides, self.rows, self.steps, self.seed = tuple(sides), rows, steps, seed
        self.empty, self.cells = empty, cells
        self.block = block
        share = np.asarray([source.weight for source in sources], np.float64)
        self.share = share / share.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng((self.seed, step))
        for source, share in zip(self.sources, self.share, strict=True):
            reach(source.data, step, self.rows * float(share))
        side = self.sides[0] if len(self.sides) == 1 else int(rng.choice(self.sides))
        rows = [self._row(rng, side) for _ in range(self.rows)]
        return collate(rows, self.vocabulary, self.weights, side, rng, self.empty, self.cells, self.block)

    def _row(self, rng: np.random.Generator, side: int) -> list[Request]:
        source = self.sources[int(rng.choice(len(self.sources), p=self.share))]
        index = int(rng.integers(len(source.data)))
        names = [name for name, mean in source.tasks.items() for _ in range(_count(mean, rng))]
        names = names or [str(rng.choice(list(source.tasks)))]
        posed = [source.data.sample(index, name, rng) for name in names]
        if source.augment is not None:
            posed = source.augment.row(posed, rng, side, lambda: _another(source.data, names, rng))
        return [
            Request(self.tasks[name], self.names.index(name), sample) for name, sample in zip(names, posed, strict=True)
        ]


def _another(data: Dataset, names: Sequence[str], rng: np.random.Generator) -> list[Sample]:
    """Another item, asked for all the names that it knows: those of a request are then among them."""
    index = int(rng.integers(len(data)))
    return [data.sample(index, name) for name in names]


def _count(mean: float, rng: np.random.Generator) -> int:
    """A whole number with this mean: the two nearest, at random."""
    return int(mean) + int(rng.random() < mean - int(mean))
