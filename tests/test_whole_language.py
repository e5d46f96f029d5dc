"""A model without any training, asked everything: all that it writes is an answer.

Every prompt of every task file, in one of its spellings, is put to the real decoder together with random pictures,
names, phrases and regions, greedily and at two temperatures. A request on a grid is answered by all its tracks; both
are counted, requests and tracks, and of tracks only those that wrote something other than ``none``.
"""

from collections import Counter

import numpy as np
import pytest
import torch
from answers import OWN, assert_lawful, assert_valid, own_task, request_for

from generalist.model.decode import Choice, decode, on_device
from generalist.model.reading import read_images, read_requests
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Written

VOCABULARY = Vocabulary.load("tiny")
TASKS = load_tasks(VOCABULARY)
TEMPERATURES = (0.0, 1.0, 4.0)
TOGETHER = 2
"""Requests that are decoded as one batch."""


def prompted(task: Task, rng: np.random.Generator) -> list[Task]:
    """The task once for each of its prompts, spelled in one of its ways and no other."""
    spelled = [str(rng.choice(template.spellings)) for template in task.templates]
    return [Task(task.file.model_copy(update={"prompts": (prompt,)}), task.vocabulary) for prompt in spelled]


def answered(model, task: Task, requests: list[Sample], choice: Choice) -> list[Written]:
    images = read_images(model, [r.image for r in requests]) if "image" in {need.name for need in task.inputs} else None
    starts = [task.points(request) for request in requests]
    points = None if starts[0] is None else torch.from_numpy(np.stack(starts))
    tables = on_device(task.automaton(len(requests[0].labels)), model.device)
    return decode(model, read_requests(model, task, requests, images), tables, task.vocabulary, points, choice)


def asked_everything(model, tasks: dict[str, Task], rounds: int = 1, temperatures=TEMPERATURES) -> Counter:
    """Puts every prompt of the tasks to the model ``rounds`` times at each temperature, holds all that it writes to the
    laws, and counts requests, tracks and tracks that wrote something."""
    count: Counter = Counter()
    for number, name in enumerate(sorted(tasks)):
        rng = np.random.default_rng(number)
        for seed in range(rounds):
            for task in prompted(tasks[name], rng):
                for temperature in temperatures:
                    labels = int(rng.integers(1, 9))
                    size = (int(rng.integers(8, 60)), int(rng.integers(8, 60)))
                    requests = [request_for(task, size, labels, rng) for _ in range(TOGETHER)]
                    choice = Choice(temperature=temperature, seed=seed, best=task.file.keep == "best")
                    for request, written in zip(requests, answered(model, task, requests, choice), strict=True):
                        hold(task, request, written, count)
    return count


def hold(task: Task, request: Sample, written: Written, count: Counter) -> None:
    """What one request was answered parses, keeps to its bound and to the laws, and is a valid answer."""
    automaton, none = task.constraint(request), task.vocabulary.none
    for track in range(len(written.tokens)):
        ids = written.ids(track)
        assert automaton.accepts(ids) and len(ids) <= automaton.bound, f"{task.name}: {task.vocabulary.spell(ids)}"
        if ids[0] != none or task.shape == "raster":
            count["written"] += 1
            assert_lawful(task, request, ids)
    count["requests"] += 1
    count["tracks"] += len(written.tokens)
    count[task.name] += 1
    assert_valid(task, request, task.decode(written, request))


@pytest.mark.slow
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_ten_thousand_answers_of_an_untrained_model_all_parse(small_model, temperature: float) -> None:
    """A third of them each, so that they can be asked side by side."""
    count = asked_everything(small_model, TASKS, temperatures=[temperature])
    assert all(count[name] >= TOGETHER * len(task.templates) for name, task in TASKS.items())
    assert count["written"] >= 10_000 / 3 and count["requests"] >= 2_000 / 3, count


def test_answers_of_ones_own_all_parse(small_model) -> None:
    tasks = {name: own_task(VOCABULARY, name) for name in OWN}
    count = asked_everything(small_model, tasks, rounds=3)
    assert count["requests"] == 3 * TOGETHER * len(TEMPERATURES) * len(OWN)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_an_untrained_model_answers_every_task(small_model, name: str) -> None:
    task = TASKS[name]
    one = Task(task.file.model_copy(update={"prompts": task.file.prompts[:1]}), VOCABULARY)
    count = asked_everything(small_model, {name: one})
    assert count["requests"] == TOGETHER * len(TEMPERATURES) and count["written"]
