"""Telling: what the words of a text, wherever they stand in it, tell of each task, by all of its forms at once.

A form scores the weights of its words that are there, less a share of those that are not, and a share of what else
there is of its task. There are thousands of forms, so they are rows of one table, and a text fills those of its words.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BESIDE", "MISSING", "MOOD", "Loose", "Table"]

MISSING, BESIDE = 0.35, 0.5  # of a word's weight: of the form and not there; of the task and not of the form
MOOD = 0.3  # a question understood as an order, or the other way round

Fields = tuple[str, ...]


class Loose(NamedTuple):
    """A form whose words may stand anywhere. stems: those that are no fields. question: whether it asks."""

    task: str
    fields: Fields
    stems: frozenset[str]
    question: bool


class Table:
    """Forms as rows, those of a task with the same fields beside one another. weight: of every stem."""

    def __init__(self, forms: Iterable[Loose], weight: Mapping[str | tuple[str, ...], float]):
        rows = sorted(set(forms), key=lambda form: (form.task, form.fields))
        self.groups = list(dict.fromkeys((form.task, form.fields) for form in rows))
        group = np.asarray([self.groups.index((form.task, form.fields)) for form in rows])
        self.starts = np.searchsorted(group, np.arange(len(self.groups)))
        self.group = group
        self.whole = np.asarray([sum(weight[stem] for stem in sorted(form.stems)) for form in rows])
        self.question = np.asarray([form.question for form in rows])
        holding: defaultdict[str, list[int]] = defaultdict(list)
        for i, form in enumerate(rows):
            for stem in form.stems:
                holding[stem].append(i)
        self.holding = {stem: (np.asarray(found), weight[stem]) for stem, found in holding.items()}

    def best(self, stems: Iterable[str], all_told: Mapping[str, float], asks: bool) -> dict[str, dict[Fields, float]]:
        """For each task and each set of its fields, the score of the best form with a word among ``stems``.

        all_told: what all the words that are there tell of each task. asks: whether the text is a question.
        """
        there: NDArray[np.float64] = np.zeros(len(self.whole))
        for rows, weight in (self.holding[stem] for stem in stems if stem in self.holding):
            there[rows] += weight
        told = np.asarray([all_told.get(task, 0.0) for task, _ in self.groups])[self.group]
        score = BESIDE * (told - there) + there - MISSING * (self.whole - there) - MOOD * (self.question != asks)
        score[there == 0] = -np.inf
        found: dict[str, dict[Fields, float]] = {}
        for (task, fields), value in zip(self.groups, np.maximum.reduceat(score, self.starts), strict=True):
            if value > 0:
                found.setdefault(task, {})[fields] = float(value)
        return found
