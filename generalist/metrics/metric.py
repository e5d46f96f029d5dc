"""Metric: answers and samples go in one at a time, figures by name come out."""

from typing import Protocol

from generalist.sequence.sample import Answer, Sample

__all__ = ["LESS", "Metric"]

LESS = frozenset({"AbsRel", "RMSE", "MAE", "mean_deg", "median_deg", "ECE"})
"""Figures of which less is better."""


class Metric(Protocol):
    """A running measure. Everything is kept small (runs, counts), so a large set fits in memory.

    One that tells right answers from wrong ones keeps their scores in a ``Calibration`` called ``calibration``. One of
    ranked lists of things, in which a thing may stand under several names with a score for each, has ``ranks`` true.
    """

    def add(self, answer: Answer, sample: Sample) -> None:
        """Take one answer and the sample that it answers."""
        ...

    def result(self) -> dict[str, float]:
        """The figures so far, by the names that are printed; empty as long as there is nothing to measure."""
        ...
