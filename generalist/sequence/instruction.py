"""Instruction: what a person typed, understood as a task and its fields.

Every task that the image and the region allow is scored (see ``utterance``), and the best is taken if it is sure.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from generalist.faults import Fault
from generalist.sequence.antecedent import resolved
from generalist.sequence.aside import passages
from generalist.sequence.correction import meant_at_last
from generalist.sequence.lexicon import lexicon
from generalist.sequence.orthography import Respelled, respelled
from generalist.sequence.phrasing import SENTENCES
from generalist.sequence.task import Task
from generalist.sequence.utterance import OF_KIND, REGION, Understood, Utterance

__all__ = ["SURE", "Understood", "candidates", "fits", "understand"]

SURE = 0.6
"""The score below which nothing is understood: about one word that few other tasks share."""


def understand(
    instruction: str, tasks: Mapping[str, Task], has_image: bool, region_kind: str | None = None
) -> Understood:
    """The task that an instruction means.

    Raises:
        Fault: no task is meant clearly enough; names the three nearest, and what the likeliest lacks.
    """
    found = candidates(instruction, tasks, has_image, region_kind)
    if found and found[0].score >= SURE:
        return found[0]
    raise Fault(_refusal(instruction, tasks, has_image, found))


def candidates(
    instruction: str, tasks: Mapping[str, Task], has_image: bool, region_kind: str | None = None
) -> list[Understood]:
    """Every task that the instruction could be read as, the likeliest first, each with its fields and its score."""
    words = lexicon(tuple(tasks.values()))
    put_right = respelled(instruction, words.right)
    instruction = meant_at_last(put_right.text, words.known)
    able = [task for task in tasks.values() if fits(task, has_image, region_kind)]
    whole = Utterance(instruction, words, has_image, region_kind)
    told = resolved(instruction)
    parts = [told] * bool(told) + list(passages(told or instruction, words.known))
    best = {task.name: read for task in able if (not told or _holds_document(task)) and (read := whole.read(task))}
    for passage in parts:
        part = Utterance(passage, words, has_image, region_kind, instruction)
        for task in (task for task in able if not _holds_document(task)):
            read = part.read(task)
            if read and (task.name not in best or read.score > best[task.name].score):
                best[task.name] = read
    found = list(best.values())
    found.sort(key=lambda one: -one.score)
    nearest = tuple((one.task, round(one.score, 3)) for one in found)
    return [replace(one, nearest=nearest, fields=_verbatim(one, put_right)) for one in found]


def _verbatim(one: Understood, put_right: Respelled) -> dict[str, object]:
    """The fields, and what is a sentence of its author's as it was typed."""
    return {name: put_right.as_typed(str(v)) if name in SENTENCES else v for name, v in one.fields.items()}


def _holds_document(task: Task) -> bool:
    return any(need.name == "document" for need in task.inputs)


def fits(task: Task, has_image: bool, region_kind: str | None) -> bool:
    """Whether a request with this image and this region can be of the task."""
    for need in task.inputs:
        if need.name == "image" and not has_image and not need.optional:
            return False
        if need.name == "region" and region_kind is None and not need.optional:
            return False
        if need.name == "region" and region_kind is not None and need.kind not in (None, region_kind):
            return False
    return True


def _refusal(instruction: str, tasks: Mapping[str, Task], has_image: bool, found: Sequence[Understood]) -> str:
    """The three nearest tasks with a prompt of each; and what the likeliest of all would have needed."""
    scores = {one.task: max(one.score, 0.0) for one in found}

    def near(task: Task) -> tuple[float, float]:
        alike = (difflib.SequenceMatcher(None, instruction.lower(), t.spellings[0]).ratio() for t in task.templates)
        return scores.get(task.name, 0.0), max(alike)

    told = "; ".join(f'"{t.templates[0].spellings[0]}" ({t.name})' for t in sorted(tasks.values(), key=near)[:-4:-1])
    lacking = "" if has_image else " without an image"
    return (
        f"no task fits {instruction!r}{lacking}{_wanted(instruction, tasks, has_image)}. The nearest prompts are {told}"
    )


def _wanted(instruction: str, tasks: Mapping[str, Task], has_image: bool) -> str:
    """That another task would fit, given a region."""
    for kind in ("box", "mask", "oriented"):
        for one in candidates(instruction, tasks, has_image, kind)[:1]:
            need = next((need for need in tasks[one.task].inputs if need.name == "region"), None)
            if need is not None and one.score - REGION - OF_KIND * (need.kind is not None) >= SURE:
                return f" without a region ({one.task!r} takes a {need.kind or 'region'})"
    return ""
