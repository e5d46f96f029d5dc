"""Requests about a scene: what is asked for is answered, in full, and no more."""

import numpy as np
import pytest
import witness

from generalist.data.requests import TASKS
from generalist.data.scenes import SEMANTIC_NAMES, SHAPES, Scene, Scenes
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks

SCENES = Scenes("validation", 48)


@pytest.fixture(scope="module")
def world() -> list[Scene]:
    return [SCENES[i] for i in range(40)]


def same(one, two) -> bool:
    """Whether two samples are the same, arrays and all."""
    return repr(one) == repr(two) and (one.objects is None or np.array_equal(one.objects.masks, two.objects.masks))


@pytest.mark.parametrize("task", TASKS)
def test_the_fixed_request_is_fixed_and_the_drawn_one_follows_the_generator(world, task):
    for scene in world[:10]:
        assert same(SCENES.sample(scene, task, None), Scenes("validation", 48).sample(SCENES[scene.index], task, None))
        one, two = (SCENES.sample(scene, task, np.random.default_rng(7)) for _ in range(2))
        assert same(one, two) and one.id == f"validation-{scene.index}" and one.size == (48, 48)


@pytest.mark.parametrize("task", ["detect", "instances"])
def test_objects_are_all_those_that_a_name_is_true_of(world, task):
    rng = np.random.default_rng(0)
    levels = set()
    for scene in world:
        for sample in (SCENES.sample(scene, task, generator) for generator in (None, rng, rng, rng)):
            assert 1 <= len(sample.labels) <= 6 and len(set(sample.labels)) == len(sample.labels)
            right = {(row, name) for name in sample.labels for row in witness.suiting(scene, name)}
            rows = [int(np.flatnonzero((scene.masks == mask).all((1, 2)))[0]) for mask in sample.objects.masks]
            assert set(zip(rows, sample.objects.names, strict=True)) == right
            assert len(set(rows)) == len(rows) == len(right), "an object has one name"
            assert np.array_equal(sample.objects.boxes, boxes_of_masks(sample.objects.masks))
            levels.add(sample.labels[0].split()[0] if " " in sample.labels[0] else "shape")
        assert SCENES.sample(scene, task, None).labels == SHAPES
    assert {"shape", "small", "large", "red"} <= levels


def test_semantic_cells_are_what_their_label_says(world):
    rng = np.random.default_rng(1)
    for scene in world:
        for sample in (SCENES.sample(scene, "segment", generator) for generator in (None, rng, rng, rng)):
            expected = np.full((48, 48), -1, np.int16)
            for i, label in enumerate(sample.labels):
                if label in SEMANTIC_NAMES:
                    expected[scene.semantic == SEMANTIC_NAMES.index(label)] = i
                else:
                    expected[scene.masks[witness.suiting(scene, label)].any(0)] = i
            assert sample.semantic.dtype == np.int16 and np.array_equal(sample.semantic, expected)
        assert SCENES.sample(scene, "segment", None).labels == SEMANTIC_NAMES


@pytest.mark.parametrize("task", ["refer", "refer_mask"])
def test_a_phrase_comes_with_the_one_object_it_names(world, task):
    rng = np.random.default_rng(2)
    for scene in world:
        for sample in (SCENES.sample(scene, task, generator) for generator in (None, rng, rng)):
            (row,) = witness.meant(scene, sample.phrase)
            assert np.array_equal(sample.objects.boxes, scene.boxes[[row]])
            assert np.array_equal(sample.objects.masks, scene.masks[[row]]) and sample.objects.names == (sample.phrase,)


def test_questions_captions_and_depth(world):
    rng = np.random.default_rng(3)
    for scene in world:
        for generator in (None, rng):
            asked = SCENES.sample(scene, "ask", generator)
            assert witness.answer(scene, asked.question) == asked.text and asked.texts == (asked.text,)
            told = SCENES.sample(scene, "caption", generator)
            assert told.texts[0] == told.text
            assert np.array_equal(SCENES.sample(scene, "depth", generator).depth, scene.depth)


def test_a_query_finds_the_document_that_the_corpus_holds(world):
    rng = np.random.default_rng(4)
    corpus = {made.id: made for made in SCENES.corpus(40)}
    assert list(corpus) == [f"validation-{i}" for i in range(40)]
    queries = 0
    for scene in world:
        for sample in (SCENES.sample(scene, "retrieve", generator) for generator in (None, rng, rng, rng)):
            (name,) = sample.documents
            assert corpus[name].title == sample.text
            assert (sample.image is None) == bool(sample.query)
            queries += bool(sample.query)
            for solid in scene.solids if sample.query else ():
                assert solid.shape in sample.query and solid.colour in sample.query
        assert SCENES.sample(scene, "retrieve", None).image is scene.image
    assert 0.1 < queries / (3 * len(world)) < 0.4


def test_another_task_is_a_fault(world):
    with pytest.raises(Fault, match="detect, instances"):
        SCENES.sample(world[0], "dance", None)
