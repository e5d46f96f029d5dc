"""Requests about a scene: what is asked for is answered, in full, and no more."""

import hashlib
from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
import witness

from generalist.data.language import document
from generalist.data.readers.generated import Generated
from generalist.data.requests import TASKS
from generalist.data.scenes import SEMANTIC_NAMES, SHAPES, Scene, Scenes
from generalist.data.wording import FOREIGN
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.sample import Sample, joined

SCENES = Scenes("validation", 48)


@pytest.fixture(scope="module")
def world() -> list[Scene]:
    return [SCENES[i] for i in range(40)]


def same(one, two) -> bool:
    """Whether two samples are the same, arrays and all."""
    return repr(one) == repr(two) and all(np.array_equal(a, b) for a, b in zip(*map(arrays, (one, two)), strict=True))


def arrays(sample: Sample) -> list[np.ndarray]:
    """What is too large for a ``repr`` to show."""
    objects, region = sample.objects, sample.region
    found = [sample.image, sample.normals, sample.depth, sample.semantic, region and region.value]
    found += [] if objects is None else [objects.masks, objects.keypoints]
    return [value for value in found if value is not None]


THINGS = "image labels objects"
CONTRACT = {  # of each task: what its requests and their answers hold, and of its objects beside boxes and masks
    "detect": THINGS,
    "instances": THINGS,
    "instances_pixels": THINGS,
    "oriented": f"{THINGS} .oriented",
    "point": f"{THINGS} .points",
    "pose": f"{THINGS} .keypoints",
    "panoptic": f"{THINGS} .stuff",
    "segment": "image labels semantic",
    "depth": "image depth",
    "depth_adaptive": "image depth",
    "normals": "image normals",
    "refer": "image phrase objects",
    "refer_mask": "image phrase objects",
    "refer_oriented": "image phrase objects .oriented",
    "caption": "image text texts",
    "grounded_caption": "image parts objects text texts",
    "describe": "image region text texts",
    "ask": "image question text texts",
    "classify": "image labels region? text texts",
    "count": "image labels text texts",
    "retrieve": "image? query? text texts documents",
    "quote": "image? query? text texts documents",
    "index_document": "document text texts documents",
    "ask_for": "document text texts documents",
} | {
    f"{one}_to_{two}": "image region objects .oriented"
    for one in ("box", "oriented", "mask")
    for two in ("box", "oriented", "mask")
    if one != two
}


def filled(sample: Sample) -> set[str]:
    """The fields of a sample that say something; those of its objects with a dot before them."""
    blank, found = Sample(), set()
    for name in (field.name for field in fields(sample) if field.name not in ("id", "size")):
        value = getattr(sample, name)
        if value is not None and (isinstance(value, np.ndarray) or value != getattr(blank, name)):
            found.add(name)
    usual = ("boxes", "names", "masks")
    extra = () if sample.objects is None else (field.name for field in fields(sample.objects))
    told = {name: getattr(sample.objects, name) for name in extra if name not in usual}
    return found | {f".{name}" for name, value in told.items() if value is not None and not isinstance(value, tuple)}


def test_every_task_has_a_contract():
    assert set(CONTRACT) == set(TASKS) == set(Generated.tasks) and len(Generated.tasks) == len(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_a_request_holds_what_its_task_needs_and_can_be_written(world, tasks, task):
    rng = np.random.default_rng(8)
    needed = {name for name in CONTRACT[task].split() if not name.endswith("?")}
    allowed = {name.rstrip("?") for name in CONTRACT[task].split()}
    for scene in world[:30]:
        for sample in (SCENES.sample(scene, task, generator) for generator in (None, rng)):
            assert needed <= filled(sample) <= allowed
            assert tasks[task].render(sample, rng).text
            assert any(weights is None or weights.any() for weights in tasks[task].encode(sample).weights)
            if sample.objects is not None:
                assert len(sample.objects.boxes) == len(sample.objects) == len(sample.objects.masks)
                assert np.array_equal(sample.objects.boxes, boxes_of_masks(sample.objects.masks))
                if sample.labels:
                    assert set(sample.objects.names) <= set(sample.labels)


SINCE = {  # of what the first nine tasks asked before there were others: results of evaluation stay comparable
    "detect": "5f028c008db050ba",
    "instances": "5f028c008db050ba",
    "segment": "a44f80243c1478b8",
    "depth": "f60220532710f0bf",
    "refer": "30919147dda6d249",
    "refer_mask": "ba202fc31603d1fc",
    "caption": "8734b234ad928640",
    "ask": "b8671c2fddc47f17",
    "retrieve": "a0f497ae72f43951",
}


@pytest.mark.parametrize("task", SINCE)
def test_what_evaluation_asks_has_never_changed(task):
    said = []
    for split in ("validation", "test"):
        scenes = Scenes(split, 64)
        for i in range(8):
            one = scenes.sample(scenes[i], task)
            names = None if one.objects is None else one.objects.names
            said.append((one.id, one.labels, one.phrase, one.question, one.query, one.text, one.texts, names))
    assert hashlib.sha256(repr(said).encode()).hexdigest()[:16] == SINCE[task]


@pytest.mark.parametrize("task", TASKS)
def test_the_fixed_request_is_fixed_and_the_drawn_one_follows_the_generator(world, task):
    for scene in world[:10]:
        assert same(SCENES.sample(scene, task, None), Scenes("validation", 48).sample(SCENES[scene.index], task, None))
        one, two = (SCENES.sample(scene, task, np.random.default_rng(7)) for _ in range(2))
        assert same(one, two) and one.id == f"validation-{scene.index}" and one.size == (48, 48)


@pytest.mark.parametrize("task", ["detect", "instances", "oriented", "point"])
def test_objects_are_all_those_that_a_name_is_true_of(world, task):
    rng = np.random.default_rng(0)
    levels = set()
    for scene in world:
        for sample in (SCENES.sample(scene, task, generator) for generator in (None, rng, rng, rng)):
            assert 1 <= len(sample.labels) <= 10 and len(set(sample.labels)) == len(sample.labels)
            right = {(row, name) for name in sample.labels for row in witness.suiting(scene, name)}
            rows = [int(np.flatnonzero((scene.masks == mask).all((1, 2)))[0]) for mask in sample.objects.masks]
            assert set(zip(rows, sample.objects.names, strict=True)) == right
            assert len(set(rows)) == len(rows) == len(right), "an object has one name"
            for name in {"oriented": ["oriented"], "point": ["points"]}.get(task, []):
                assert np.array_equal(getattr(sample.objects, name), getattr(scene, name)[rows])
            levels.add(sample.labels[0].split()[0] if " " in sample.labels[0] else "shape")
        assert SCENES.sample(scene, task, None).labels == SHAPES
    assert {"shape", "small", "large", "red"} <= levels


def test_semantic_cells_are_what_their_label_says(world):
    rng = np.random.default_rng(1)
    for scene in world:
        for sample in (SCENES.sample(scene, "segment", generator) for generator in (None, rng, rng, rng)):
            expected = np.full((48, 48), -1, np.int16)
            for i, label in enumerate(sample.labels):
                if (known := witness.name(label)) in SEMANTIC_NAMES:
                    expected[scene.semantic == SEMANTIC_NAMES.index(known)] = i
                else:
                    expected[scene.masks[witness.suiting(scene, label)].any(0)] = i
            assert sample.semantic.dtype == np.int16 and np.array_equal(sample.semantic, expected)
        assert SCENES.sample(scene, "segment", None).labels == SEMANTIC_NAMES


@pytest.mark.parametrize("task", ["refer", "refer_mask", "refer_oriented"])
def test_a_phrase_comes_with_the_one_object_it_names_or_with_none(world, task):
    rng = np.random.default_rng(2)
    for scene in world:
        for generator in (None, rng, rng):
            sample = SCENES.sample(scene, task, generator)
            rows = witness.meant(scene, sample.phrase) if sample.phrase.split(" ")[-1] not in FOREIGN else []
            assert len(rows) == 1 or (generator is not None and not rows)
            assert np.array_equal(sample.objects.boxes, scene.boxes[rows])
            assert np.array_equal(sample.objects.masks, scene.masks[rows])
            assert sample.objects.names == (sample.phrase,) * len(rows)
            if task == "refer_oriented":
                assert np.array_equal(sample.objects.oriented, scene.oriented[rows])


def test_questions_captions_and_depth(world):
    rng = np.random.default_rng(3)
    for scene in world:
        for generator in (None, rng):
            asked = SCENES.sample(scene, "ask", generator)
            assert witness.answer(scene, witness.own(asked.question)) == asked.text and asked.texts == (asked.text,)
            told = SCENES.sample(scene, "caption", generator)
            assert told.texts[0] == told.text
            assert np.array_equal(SCENES.sample(scene, "depth", generator).depth, scene.depth)
            assert np.array_equal(SCENES.sample(scene, "normals", generator).normals, scene.normals)


def test_a_grounded_caption_is_the_caption_and_points_at_what_it_names(world):
    for scene in world:
        sample = SCENES.sample(scene, "grounded_caption")
        assert joined([words for words, _ in sample.parts])[0] == sample.text == sample.texts[0]
        assert sample.text == SCENES.sample(scene, "caption").text
        for words, rows in sample.parts:
            for row in rows:
                (solid,) = np.flatnonzero((scene.masks == sample.objects.masks[row]).all((1, 2)))
                assert words == f"a {sample.objects.names[row]}".replace("a o", "an o")
                assert solid in witness.suiting(scene, sample.objects.names[row])
        assert sorted(row for _, rows in sample.parts for row in rows) == list(range(len(sample.objects)))


def cubes(scene: Scene, name: str) -> list[int]:
    """The cubes that a name of cubes is true of."""
    return witness.suiting(scene, name) if "cube" in witness.name(name) else []


def test_a_pose_is_of_the_cubes_that_are_named_and_of_nothing_else(world):
    rng = np.random.default_rng(5)
    labels: Counter[str] = Counter()
    for scene in world:
        assert SCENES.sample(scene, "pose").labels == ("cube",)
        for sample in (SCENES.sample(scene, "pose", generator) for generator in (None, rng, rng, rng)):
            labels.update(sample.labels)
            right = {(row, name) for name in sample.labels for row in cubes(scene, name)}
            rows = [int(np.flatnonzero((scene.masks == mask).all((1, 2)))[0]) for mask in sample.objects.masks]
            assert set(zip(rows, sample.objects.names, strict=True)) == right and len(right) == len(rows)
            assert np.array_equal(sample.objects.keypoints, scene.keypoints[rows])
            assert sample.objects.keypoints.shape == (len(rows), 8, 3)
    assert {"cube", "red cube", "sphere"} <= set(labels)


def test_a_panoptic_picture_is_covered_once_by_the_names_asked_for(world):
    rng = np.random.default_rng(6)
    for scene in world:
        for sample in (SCENES.sample(scene, "panoptic", generator) for generator in (None, rng, rng, rng)):
            objects = sample.objects
            known = {label: witness.name(label) for label in sample.labels}
            asked = np.isin(scene.semantic, [i for i, name in enumerate(SEMANTIC_NAMES) if name in known.values()])
            assert np.array_equal(objects.masks.sum(0), asked)
            assert objects.masks.any((1, 2)).all() and len(set(sample.labels)) == len(sample.labels) >= 1
            for mask, name, stuff in zip(objects.masks, objects.names, objects.stuff, strict=True):
                assert (scene.semantic[mask] == SEMANTIC_NAMES.index(known[name])).all()
                assert stuff == (known[name] in ("sky", "ground")) == (not (scene.masks == mask).all((1, 2)).any())
        assert SCENES.sample(scene, "panoptic").labels == SEMANTIC_NAMES
        assert (SCENES.sample(scene, "panoptic").objects.masks.sum(0) == 1).all()


def test_a_count_is_of_all_the_names_and_no_number_is_rare(world):
    rng = np.random.default_rng(7)
    numbers, names = Counter(), Counter()
    for scene in world:
        for sample in (SCENES.sample(scene, "count", generator) for generator in (None, *[rng] * 5)):
            suited = [row for name in sample.labels for row in witness.suiting(scene, name)]
            assert sample.text == str(len(suited)) == str(len(set(suited))) and sample.texts == (sample.text,)
            numbers[sample.text] += 1
            names[len(sample.labels)] += 1
    assert set(names) == {1, 2} and names[1] > names[2]
    assert min(numbers[number] for number in "0123") > 0.05 * numbers.total()


def test_a_document_is_indexed_by_its_title_and_training_tears_some(world):
    rng = np.random.default_rng(9)
    torn = 0
    for scene in world:
        whole = document(scene, f"validation-{scene.index}")
        fixed, drawn = (SCENES.sample(scene, "index_document", generator) for generator in (None, rng))
        assert fixed.document == whole.text
        left = iter(whole.text.split(". "))
        assert all(words.rstrip(".") in (kept.rstrip(".") for kept in left) for words in drawn.document.split(". "))
        torn += drawn.document != whole.text
        for solid in scene.solids:
            assert f"{solid.size} {solid.colour} {solid.shape}" in drawn.document
        for sample in (fixed, drawn):
            assert (sample.text, sample.documents) == (whole.title, (whole.id,)) and sample.image is None
    assert 0.2 * len(world) < torn < 0.7 * len(world)


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
