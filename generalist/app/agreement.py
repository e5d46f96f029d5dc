"""Agreement: a model asked for the same things as boxes, as masks and as oriented boxes. What it says thrice alike is
likelier right than what it says once, and nobody needs to know the truth for that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app.generalist import Generalist, Picture
from generalist.sequence.consistency import pairwise
from generalist.sequence.geometry import box_iou
from generalist.sequence.sample import Answer

__all__ = ["ASKED", "Agreement", "agreement"]

ASKED = {"detect": "boxes", "instances": "masks", "oriented": "oriented"}
"""The tasks that are asked, and what each adds to the spelling of a thing."""

SAME = 0.5
"""Overlap of upright boxes from which two answers of one label are of the same thing."""


@dataclass(slots=True)
class Agreement:
    """One thing, as each task that found it tells it.

    agreement: in [0, 1], the mean over the pairs of tasks of how well their spellings agree, 0 for a pair of which one
    did not find the thing. scores: of the tasks that found it, by name. box (4,) xyxy, mask (H, W) bool, oriented (5,):
    None where the task did not find it; pixels of the original image.
    """

    label: str
    agreement: float
    scores: dict[str, float]
    box: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None
    oriented: NDArray[np.float32] | None = None


def agreement(generalist: Generalist, image: Any, labels: Sequence[str], least: float = 0.0) -> list[Agreement]:
    """Every thing of the named classes that any of the tasks finds in an image, the ones most agreed on first.

    image: as ``Generalist`` takes it, read once. least: answers that score less are left out.

    Raises:
        Fault: the image cannot be read, a task is not there, or the labels are too many.
    """
    picture = image if isinstance(image, Picture) else generalist.read(image)
    answers = {task: picture("", task=task, labels=list(labels)) for task in ASKED}
    kept = {task: answer.select(np.flatnonzero(_scores(answer) >= least)) for task, answer in answers.items()}
    return sorted((_told(thing, kept) for thing in _things(kept)), key=lambda told: -told.agreement)


def _things(answers: dict[str, Answer]) -> list[dict[str, int]]:
    """The rows of the answers, gathered into things: each answer in turn gives its rows, best first, to the thing of
    the same label that overlaps most and has none of its rows yet, or makes a new thing of it."""
    things: list[dict[str, int]] = []
    for task, answer in answers.items():
        for row in range(len(answer.labels or ())):
            overlaps = [0.0 if task in thing else _overlap(answers, thing, task, row) for thing in things]
            best = int(np.argmax(overlaps)) if overlaps else 0
            if overlaps and overlaps[best] >= SAME:
                things[best][task] = row
            else:
                things.append({task: row})
    return things


def _overlap(answers: dict[str, Answer], thing: dict[str, int], task: str, row: int) -> float:
    """IoU of a row's upright box with that of a thing, as the first task that found it has it; 0 for another label."""
    other, at = next(iter(thing.items()))
    a, b = answers[other], answers[task]
    if a.labels is None or b.labels is None or a.boxes is None or b.boxes is None or a.labels[at] != b.labels[row]:
        return 0.0
    return float(box_iou(a.boxes[at : at + 1], b.boxes[row : row + 1])[0, 0])


def _told(thing: dict[str, int], answers: dict[str, Answer]) -> Agreement:
    found = {task: answers[task].select([row]) for task, row in thing.items()}
    # Each task speaks for its own spelling only: the box of a mask is the mask's word, and no second witness.
    spelled = {ASKED[task]: getattr(answer, ASKED[task]) for task, answer in found.items()}
    pairs = pairwise(Answer("agreement", **spelled))
    first = next(iter(found.values()))
    assert first.labels is not None
    return Agreement(
        first.labels[0],
        sum(float(value[0]) for value in pairs.values()) / (len(ASKED) * (len(ASKED) - 1) // 2),
        {task: float(_scores(answer)[0]) for task, answer in found.items()},
        *(value[0] if (value := spelled.get(name)) is not None else None for name in ASKED.values()),
    )


def _scores(answer: Answer) -> NDArray[np.float32]:
    return np.ones(len(answer.labels or ()), np.float32) if answer.scores is None else answer.scores
