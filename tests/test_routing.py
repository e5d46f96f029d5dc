"""Routing: the model's word is asked where no prompt fits, and taken if it is sure and the request can be read so."""

import numpy as np
import pytest

from generalist.app.generalist import CONVINCED, Generalist
from generalist.data.readers import open_data
from generalist.data.readers.requested import spoken
from generalist.faults import Fault
from generalist.sequence.sample import Answer
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

STRANGE = "zblorgify"


class Told(Generalist):
    """A model that says of every request that it is of one task, so surely."""

    def __init__(self, model, task, score):
        vocabulary = Vocabulary.load()
        super().__init__(model, vocabulary, load_tasks(vocabulary))
        self.told, self.score, self.asked = task, score, []

    def _answer(self, task, requests, cache):
        assert task.name == "route" and cache is None
        self.asked += requests
        return [Answer("route", text=spoken(self.told), scores=np.asarray([self.score], np.float32))]


def test_the_model_is_asked_where_no_prompt_fits(small_model):
    told = Told(small_model, "depth", 0.9)
    task, request = told.route(STRANGE)
    assert task.name == "depth" and not request.labels
    assert told.asked[0].query == STRANGE
    # What cannot be asked with an image alone is not among the choices, nor is the choosing itself.
    assert not {"route", "box to mask", "describe"} & set(told.asked[0].labels)


def test_the_model_is_not_asked_where_a_prompt_fits(small_model):
    told = Told(small_model, "depth", 0.9)
    assert told.route("detect red cube")[0].name == "detect" and not told.asked


@pytest.mark.parametrize(("task", "score"), [("depth", CONVINCED - 0.01), ("detect", 0.9)])
def test_a_doubt_or_nothing_to_look_for_is_a_refusal(small_model, task, score):
    with pytest.raises(Fault, match="The nearest prompts are"):
        Told(small_model, task, score).route(STRANGE)


def test_an_untrained_model_answers_or_refuses(generalist):
    try:
        assert generalist.route(STRANGE)[0].name in generalist.tasks
    except Fault as fault:
        assert "no task fits" in str(fault)


@pytest.fixture(scope="module")
def generalist(small_model):
    vocabulary = Vocabulary.load()
    return Generalist(small_model, vocabulary, load_tasks(vocabulary))


def test_requests_to_learn_from_are_told_apart_and_fixed():
    train, held = open_data("requests:train"), open_data("requests:validation")
    assert [train.sample(i, "route").query for i in range(50)] != [held.sample(i, "route").query for i in range(50)]
    rng, texts = np.random.default_rng(0), set()
    for i in range(200):
        fixed, drawn = train.sample(i, "route"), train.sample(i, "route", rng)
        assert fixed == train.sample(i, "route") and fixed.query == drawn.query and fixed.text == drawn.text
        assert fixed.text in fixed.labels and drawn.text in drawn.labels and len(set(drawn.labels)) == len(drawn.labels)
        assert set(drawn.labels) <= set(fixed.labels) and "{" not in fixed.query
        texts.add(fixed.text)
    assert texts == set(fixed.labels)
    with pytest.raises(Fault, match="no split 'old'"):
        open_data("requests:old")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("detect", {"labels": ["red cube"]}),
        ("segment", {"labels": "sky, road"}),
        ("Refer", {"phrase": "the left cube"}),
        ("ask", {"question": "how many cubes?"}),
        ("describe", {"region": "box:0,0,9,9"}),
    ],
)
def test_a_task_may_be_named_and_what_it_needs_given(generalist, name, fields):
    task, request = generalist.route(name, fields=fields)
    assert task.name == name.lower()
    assert all(getattr(request, field) for field in fields)


def test_a_task_named_alone_says_what_it_needs(generalist):
    task, request = generalist.route("detect")
    with pytest.raises(Fault, match="'detect' needs labels"):
        task.frame(request)


@pytest.mark.parametrize("said", ["", "  \n"])
def test_an_empty_request_is_told(generalist, said):
    with pytest.raises(Fault, match="the request is empty"):
        generalist.route(said)


def test_an_unknown_field_is_told(generalist):
    with pytest.raises(Fault, match="no field 'lables'; did you mean 'labels'"):
        generalist.route("depth", fields={"lables": ["cube"]})
    with pytest.raises(Fault, match="no task 'zzzz'. The tasks are ask"):
        generalist.route("depth", task="zzzz")


def test_arguments_the_other_way_round_are_told(generalist):
    with pytest.raises(Fault, match="comes first and then the image; ndarray is no instruction"):
        generalist(np.zeros((8, 8, 3), np.uint8), "detect red cube")
