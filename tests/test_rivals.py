"""Rivals: other names of a thing, told with their probabilities at its place; ranked, and not calibrated."""

import json
from dataclasses import replace

import numpy as np
import pytest
from answers import as_written, assert_valid, random_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from generalist.app.cli import app
from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.app.pictures import save_picture
from generalist.app.tables import answer_tables
from generalist.metrics import metric
from generalist.sequence.claims import Claims, collect
from generalist.sequence.sample import Answer, Objects, Sample
from generalist.sequence.task import Task
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Step, Written

SIZE = (96, 96)
NAMES = ("nine", "ten", "jack")
BOXES = np.asarray([[4, 4, 28, 30], [60, 58, 90, 88]], np.float32)
NAMED = ("detect", "instances", "instances_pixels", "oriented", "pose", "point")
"""Tasks whose things have names of their own, and are not all that there may be at their place."""


def card(names: tuple[str, ...] = ("nine",)) -> Sample:
    return Sample(size=SIZE, labels=NAMES, objects=Objects(BOXES[: len(names)], names))


def undecided(task: Task, sample: Sample, shares: dict[str, float]) -> Written:
    """The annotation spelled, by tracks that give each name of a thing the probability in ``shares``."""
    label, written = task.vocabulary["label"], as_written(task.encode(sample))
    row = np.asarray([[*(shares[name] for name in NAMES), 1 - sum(shares.values())]], np.float32)
    columns = np.asarray([*(label[i] for i in range(len(NAMES))), task.vocabulary.none])
    order = columns.argsort()
    count = len(written.tokens)
    chosen = written.chosen.copy()
    there = written.present(task.vocabulary.none)
    chosen[there, 0] = [shares[NAMES[int(token) - label.start]] for token in written.tokens[there, 0]]
    step = Step(columns[order], np.repeat(row[:, order], count, 0), np.arange(count))
    return replace(written, chosen=chosen, steps=[step, *[None] * (written.tokens.shape[1] - 1)])


def test_a_thing_is_told_under_each_name_that_it_may_well_have(tasks: dict[str, Task]) -> None:
    task, sample = tasks["detect"], card()
    written = undecided(task, sample, {"nine": 0.5, "ten": 0.3, "jack": 0.005})
    answer = task.decode(written, sample, rivals=0.01)
    assert answer.labels == ("nine", "ten") and answer.rivals.tolist() == [False, True]
    np.testing.assert_allclose(answer.scores**2, [0.5, 0.3], rtol=1e-5)
    np.testing.assert_array_equal(answer.boxes[0], answer.boxes[1])
    assert answer.json()["rivals"] == [False, True]
    (table,) = answer_tables(answer, 0.1)
    assert list(table.columns[0].cells) == ["nine", "or ten"]
    plain, named = task.decode(written, sample), answer.named()
    assert plain.rivals is None and named.rivals is None and "rivals" not in plain.json()
    assert named.json() == plain.json() and plain.named() is plain


def test_what_one_track_calls_it_speaks_for_what_another_does(tasks: dict[str, Task]) -> None:
    """Of two tracks that write one box, one is for "nine" and half for "ten", the other for "ten"."""
    task, label = tasks["detect"], tasks["detect"].vocabulary["label"]
    written = undecided(task, card(), {"nine": 0.5, "ten": 0.4, "jack": 0.0})
    (track,) = written.present(task.vocabulary.none)
    tokens, chosen = np.repeat(written.tokens[[track]], 2, 0), np.repeat(written.chosen[[track]], 2, 0)
    tokens[1, 0], chosen[1, 0] = label[1], 0.4
    step = replace(written.steps[0], row=np.asarray([0, 1]))
    points = task.points(card())[[track, track]]
    both = Written(tokens, chosen, [step, *written.steps[1:]])
    answer = Answer("detect", SIZE)
    frame = task.frame(card())
    collect(answer, Claims.of(task.tree, both, frame, points, rivals=0.3), frame, task.units, rivals=True)
    assert answer.labels == ("nine", "ten") and answer.rivals.tolist() == [False, False]
    np.testing.assert_allclose(answer.scores**2, [1, 0.8], rtol=1e-5)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), least=st.sampled_from([0.0, 0.01, 0.3, 1.0]))
@pytest.mark.parametrize("name", NAMED)
def test_whatever_weights_write_has_rivals_that_decode(
    tasks: dict[str, Task], name: str, seed: int, least: float
) -> None:
    task, request = tasks[name], card()
    written = random_walk(task, request, np.random.default_rng(seed), keep=True)
    answer = task.decode(written, request, rivals=least)
    assert_valid(task, request, answer)
    assert len(answer.rivals) == len(answer.scores) <= 100
    if least == 1:
        assert answer.named().json() == {**task.decode(written, request).select(range(len(answer.scores))).json()}


@pytest.mark.parametrize("name", ["panoptic", "refer"])
def test_what_shares_out_the_picture_or_is_one_has_none(tasks: dict[str, Task], name: str) -> None:
    request = card().but(phrase="the nine")
    written = random_walk(tasks[name], request, np.random.default_rng(0), keep=True)
    assert tasks[name].decode(written, request, rivals=0.0).json() == tasks[name].decode(written, request).json()


def test_precision_ranks_rivals_and_calibration_leaves_them_out() -> None:
    """A nine that is called a ten at 0.6 and a nine at 0.3: found, and yet one answer that is wrong."""
    sample, measure = card(), metric("coco_box")
    both = np.repeat(BOXES[:1], 2, 0)
    scores = np.asarray([0.6, 0.3], np.float32)
    answer = Answer("detect", SIZE, boxes=both, labels=("ten", "nine"), scores=scores)
    measure.add(replace(answer, rivals=np.asarray([False, True])), sample)
    assert measure.result()["AP50"] == 1 and measure.result()["ECE"] == pytest.approx(0.6, abs=1e-6)
    alone = metric("coco_box")
    alone.add(answer.select([0]), sample)
    assert alone.result()["AP50"] == 0 and alone.result()["ECE"] == pytest.approx(0.6, abs=1e-6)
    plain = metric("coco_box")
    plain.add(answer, sample)
    assert plain.result()["ECE"] == pytest.approx(0.65, abs=1e-6), "off by 0.6, and by 0.7"


@pytest.mark.parametrize(
    ("name", "ranked"), [("detect", True), ("instances", True), ("point", False), ("depth", False)]
)
def test_only_measures_of_ranked_lists_have_them(
    small_model, vocabulary: Vocabulary, tasks: dict[str, Task], name: str, ranked: bool
) -> None:
    asked = Evaluation(Generalist(small_model, vocabulary, tasks), name, "scenes:test", limit=2)
    answers = [answer for answer, _ in asked.answered()]
    assert all((answer.rivals is not None) is ranked for answer in answers)
    never = Evaluation(Generalist(small_model, vocabulary, tasks), name, "scenes:test", limit=2, rivals=None)
    assert all(answer.rivals is None for answer, _ in never.answered())


def test_the_command_line_tells_them_where_they_are_asked_for(tmp_path) -> None:
    path = save_picture(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8), tmp_path / "a.png")

    def told(*words: str) -> dict:
        result = CliRunner().invoke(app, ["predict", str(path), "detect red cube, blue ball", "--json", *words])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    plain, more = told(), told("--rivals", "0")
    assert "rivals" not in plain and len(more["rivals"]) == len(more["labels"]) >= len(plain["labels"])
