"""Requests that point: what is pointed at is on or around the solid that the answer is about."""

import numpy as np
import pytest
import witness

from generalist.data.pointed import POINTED, point_at
from generalist.data.scenes import Scene, Scenes
from generalist.sequence.geometry import box_iou
from generalist.sequence.oriented import oriented_iou
from generalist.sequence.region import KINDS, Region

SCENES = Scenes("validation", 96)


@pytest.fixture(scope="module")
def world() -> list[Scene]:
    return [SCENES[i] for i in range(30)]


def meant(scene: Scene, region: Region) -> int:
    """The solid that a region is of, by what it covers alone."""
    if region.kind == "mask":
        return int((scene.masks & region.value).sum((1, 2)).argmax())
    if region.kind == "box":
        return int(box_iou(region.value, scene.boxes).argmax())
    if region.kind == "oriented":
        return int(oriented_iou(region.value, scene.oriented).argmax())
    x, y = region.value.reshape(-1, 2).astype(int).T
    (row,) = np.flatnonzero(scene.masks[:, y, x].all(1))
    return int(row)


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_is_of_its_solid_and_training_draws_it_by_hand(world, kind):
    rng = np.random.default_rng(0)
    moved = 0
    for scene in world:
        for row in range(len(scene.solids)):
            exact, drawn = (point_at(scene, row, kind, rng, free) for free in (False, True))
            assert exact.kind == drawn.kind == kind
            assert meant(scene, exact) == meant(scene, drawn) == row
            for region in (exact, drawn):
                low, high = region.bounds[:2], region.bounds[2:]
                assert kind == "oriented" or (low >= 0).all() and (high <= 96).all()
            moved += not np.array_equal(exact.value, drawn.value)
            if kind == "box":
                assert np.array_equal(exact.value, scene.boxes[row])
                assert box_iou(exact.value, drawn.value)[0, 0] > 0.6
            if kind == "oriented":
                assert np.array_equal(exact.value, scene.oriented[row])
                assert oriented_iou(exact.value, drawn.value)[0, 0] > 0.5
                assert drawn.value[2] >= drawn.value[3] and -90 <= drawn.value[4] < 90
    assert (moved == 0) if kind == "mask" else (moved > 30)


def test_a_stroke_is_a_stroke(world):
    rng = np.random.default_rng(1)
    strokes = [point_at(scene, 0, "scribble", rng, True).value for scene in world]
    assert np.mean([len(stroke) >= 3 for stroke in strokes]) > 0.9
    for scene, stroke in zip(world, strokes, strict=True):
        for one, two in zip(stroke[:-1], stroke[1:], strict=True):
            x, y = (one + np.linspace(0, 1, 7)[:, None] * (two - one)).astype(int).T
            assert scene.masks[0, y, x].mean() > 0.7


def test_what_is_described_is_what_is_pointed_at(world):
    rng = np.random.default_rng(2)
    kinds = set()
    for scene in world:
        for sample in (SCENES.sample(scene, "describe", generator) for generator in (None, rng, rng)):
            assert witness.suiting(scene, sample.text) == [meant(scene, sample.region)]
            assert len(sample.text.split()) == 4 and sample.text in sample.texts
            assert all(words.endswith(sample.text) for words in sample.texts)
            kinds.add(sample.region.kind)
    assert kinds == {"box", "point", "scribble", "mask"}


def test_exactly_one_name_is_right(world):
    rng = np.random.default_rng(3)
    whole, places = 0, []
    for scene in world:
        for sample in (SCENES.sample(scene, "classify", generator) for generator in (None, *[rng] * 4)):
            assert 2 <= len(sample.labels) <= 10 and len(set(sample.labels)) == len(sample.labels)
            suited = [witness.suiting(scene, name) for name in sample.labels]
            if sample.region is None:
                right = [name for name, rows in zip(sample.labels, suited, strict=True) if rows]
            else:
                row = meant(scene, sample.region)
                right = [name for name, rows in zip(sample.labels, suited, strict=True) if row in rows]
            assert right == [sample.text] and sample.texts == (sample.text,)
            whole += sample.region is None
            places.append(sample.labels.index(sample.text) / (len(sample.labels) - 1))
    assert 0.15 < whole / len(places) < 0.45
    assert 0.35 < np.mean(places) < 0.65, "the right one has no place of its own"


@pytest.mark.parametrize("task", [name for name in POINTED if "_to_" in name])
def test_the_thing_asked_for_is_the_one_pointed_at(world, task):
    rng = np.random.default_rng(4)
    for scene in world:
        for sample in (SCENES.sample(scene, task, generator) for generator in (None, rng)):
            assert sample.region.kind == task.partition("_to_")[0] and len(sample.objects) == 1
            row = meant(scene, sample.region)
            for name in ("boxes", "masks", "oriented"):
                assert np.array_equal(getattr(sample.objects, name), getattr(scene, name)[[row]])
            assert witness.suiting(scene, sample.objects.names[0]) == [row]
