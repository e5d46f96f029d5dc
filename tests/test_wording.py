"""Requests in other words and for what is nowhere: their answers stay true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from witness import BACK, name, own

from generalist.data.naming import names
from generalist.data.readers import open_data
from generalist.data.requests import TASKS, drawn, others
from generalist.data.scenes import COLOURS, MATERIALS, SEMANTIC_NAMES, SHAPES, SIZES, Scenes
from generalist.data.wording import FOREIGN, HELD_OUT, MEASURED, SYNONYMS, reworded
from generalist.faults import Fault

SCENES = Scenes("test", 32)
OWN = {*COLOURS, *MATERIALS, *SEMANTIC_NAMES, *SIZES, "object"}
NAMED = [task for task in TASKS if SCENES.sample(SCENES[0], task).labels]


def test_words_are_the_worlds_or_anothers_and_not_both() -> None:
    assert not set(FOREIGN) & set(HELD_OUT) and len(FOREIGN) > 150 and len(HELD_OUT) > 50
    assert set(SYNONYMS) <= OWN
    assert not (set(FOREIGN) | set(HELD_OUT) | set(BACK)) & OWN
    assert not (set(FOREIGN) | set(HELD_OUT)) & set(BACK)
    assert len(BACK) == sum(map(len, SYNONYMS.values()))


@given(st.integers(0, 40), st.sampled_from(NAMED), st.integers(0, 10_000))
@settings(deadline=None, max_examples=150)
def test_answers_stay_true_in_other_words(index: int, task: str, seed: int) -> None:
    scene = SCENES[index]
    sample = others(scene, task, "x", np.random.default_rng(seed))
    meant = {label: name(label) for label in sample.labels}
    foreign = {label for label in sample.labels if label.split(" ")[-1] in HELD_OUT}
    assert len(meant) == len(sample.labels) and not any(set(label.split(" ")) & set(FOREIGN) for label in sample.labels)
    assert all(set(meant[label].split(" ")) <= OWN for label in sample.labels if label not in foreign)

    def rows(label: str) -> list[int]:
        words = meant[label].split(" ")
        solids = [{solid.size, solid.colour, solid.material, solid.shape, "object"} for solid in scene.solids]
        return [] if label in foreign else [i for i, true in enumerate(solids) if set(words) <= true]

    if sample.objects is not None:
        assert set(sample.objects.names) <= set(sample.labels) - foreign
        for label in sample.labels:
            # The first two names are of stuff; cubes alone have corners.
            if meant[label] in SEMANTIC_NAMES[:2] or (task == "pose" and "cube" not in meant[label]):
                continue
            boxes = sample.objects.boxes[[told == label for told in sample.objects.names]]
            assert np.array_equal(boxes, scene.boxes[rows(label)]), label
    if sample.semantic is not None:
        for i, label in enumerate(sample.labels):
            there = sample.semantic == i
            if meant[label] in SEMANTIC_NAMES:
                assert np.array_equal(there, scene.semantic == SEMANTIC_NAMES.index(meant[label]))
            else:
                assert np.array_equal(there, scene.masks[rows(label)].any(0))
    if task == "count":
        assert int(sample.text) == sum(len(rows(label)) for label in sample.labels)
    if task == "classify":
        assert sample.text in sample.labels and sample.text not in foreign


@given(st.integers(0, 40), st.sampled_from(sorted(TASKS)), st.integers(0, 10_000))
@settings(deadline=None, max_examples=100)
def test_phrases_and_questions_say_the_same(index: int, task: str, seed: int) -> None:
    scene = SCENES[index]
    if task in NAMED:
        return
    plain = TASKS[task](scene, SCENES.sample(scene, "depth").but(depth=None), np.random.default_rng(seed), True)
    said = reworded(plain, task, np.random.default_rng(seed), MEASURED, HELD_OUT)
    if said.phrase.split(" ")[-1] in HELD_OUT:
        assert said.objects is not None and len(said.objects) == 0
        return
    assert own(said.phrase) == own(plain.phrase)
    assert own(said.question) == own(plain.question)
    assert (said.text, said.texts, said.documents) == (plain.text, plain.texts, plain.documents)


def test_most_requests_of_training_are_in_the_worlds_own_words() -> None:
    asked = [drawn(SCENES[i % 20], "detect", "x", np.random.default_rng(i)) for i in range(400)]
    odd = [any(name(label) != label or label.split(" ")[-1] in FOREIGN for label in sample.labels) for sample in asked]
    assert 0.35 < np.mean(odd) < 0.65
    assert not any(set(label.split(" ")) & set(HELD_OUT) for sample in asked for label in sample.labels)


def test_phrases_of_training_sometimes_mean_nothing_and_no_other() -> None:
    untrue = 0
    for seed in range(400):
        scene = SCENES[seed % 20]
        sample = drawn(scene, "refer", "x", np.random.default_rng(seed))
        assert sample.objects is not None and len(sample.objects) <= 1
        if not len(sample.objects):
            untrue += 1
            words = set(own(sample.phrase).split(" "))
            assert not any(
                words <= {solid.size, solid.colour, solid.material, solid.shape, "object"} for solid in scene.solids
            )
    assert 20 < untrue < 80


def test_few_names_are_asked_for_and_none_that_is_there() -> None:
    asked = [drawn(SCENES[i % 20], "segment", "x", np.random.default_rng(i)) for i in range(400)]
    few = np.mean([len(sample.labels) <= 2 for sample in asked])
    nowhere = [sample for sample in asked if all(label.split(" ")[-1] in FOREIGN for label in sample.labels)]
    assert 0.1 < few < 0.4 and 5 < len(nowhere) < 40
    assert all(sample.semantic is not None and (sample.semantic == -1).all() for sample in nowhere)


def test_names_of_several_levels_are_never_true_of_one_solid() -> None:
    mixed = 0
    for seed in range(300):
        scene = SCENES[seed % 30]
        nouns = names(scene, np.random.default_rng(seed))
        assert all(sum(noun.suits(solid) for noun in nouns) <= 1 for solid in scene.solids)
        mixed += len({(bool(noun.size), bool(noun.colour), bool(noun.shape)) for noun in nouns}) > 1
    assert mixed > 20


def test_evaluation_is_in_the_worlds_own_words_unless_others_are_asked_for() -> None:
    plain, odd = open_data("scenes:test?size=32"), open_data("scenes:test?size=32&words=others")
    assert plain.sample(3, "detect").labels == SHAPES
    told = odd.sample(3, "detect")
    assert told.labels == odd.sample(3, "detect").labels != SHAPES
    assert sum(any(w.split(" ")[-1] in HELD_OUT for w in odd.sample(i, "detect").labels) for i in range(20)) == 20
    with pytest.raises(Fault, match="words are own or others, not 'mine'"):
        open_data("scenes:test?words=mine")
