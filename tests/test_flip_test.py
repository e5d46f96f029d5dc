"""Flip test by law: what is told of a mirrored picture is the mirror of what is told of the picture."""

import numpy as np
import pytest

from generalist import Generalist
from generalist.app.generalist import FIELDS
from generalist.data.scenes import Scenes
from generalist.sequence.sample import Answer, Sample

SCENES = Scenes("validation", 64)
RASTERS = ("segment", "depth", "depth_adaptive", "normals")


@pytest.fixture(scope="module")
def tiny() -> Generalist:
    return Generalist.from_pretrained("tiny")


def asked(tiny: Generalist, task: str, flip_test: bool, mirrored: bool, height: int, width: int, **fields) -> Answer:
    sample = SCENES.sample(SCENES[0], "segment" if task == "depth_adaptive" else task)
    image = sample.image[:height, :width]
    image = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
    told = {name: getattr(sample, name) for name in FIELDS} | fields
    tiny.flip_test = flip_test
    answer = tiny.answer(task, [Sample(image=image, size=(width, height), **told)])[0]
    tiny.flip_test = False
    return answer


@pytest.mark.parametrize("height, width", [(64, 64), (64, 41), (37, 64)])
@pytest.mark.parametrize("task", RASTERS)
def test_what_is_told_of_the_mirror_is_the_mirror_of_what_is_told(tiny, task, height, width):
    one, other = (asked(tiny, task, True, mirrored, height, width) for mirrored in (False, True))
    if task == "segment":
        assert (one.semantic == other.semantic[:, ::-1]).mean() > 0.999
        assert len(np.unique(one.semantic)) > 1
    elif task == "normals":
        np.testing.assert_allclose(one.normals, other.normals[:, ::-1] * [-1, 1, 1], atol=1e-3)
    else:
        np.testing.assert_allclose(one.depth, other.depth[:, ::-1], rtol=1e-3)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-3)


@pytest.mark.parametrize("task", ["depth", "depth_adaptive"])
def test_it_is_the_mean_of_both_looks_in_log_metres(tiny, task):
    plain, turned = (asked(tiny, task, False, mirrored, 64, 41).depth for mirrored in (False, True))
    both = asked(tiny, task, True, False, 64, 41).depth
    np.testing.assert_allclose(np.log(both), (np.log(plain) + np.log(turned[:, ::-1])) / 2, atol=1e-3)
    assert not np.allclose(plain, turned[:, ::-1], rtol=1e-3)


def test_names_change_sides_with_the_picture(tiny):
    names = ("left half", "right half")
    one = asked(tiny, "segment", True, False, 64, 64, labels=names)
    other = asked(tiny, "segment", True, True, 64, 64, labels=names[::-1])
    assert (one.semantic == other.semantic[:, ::-1]).mean() > 0.999  # what is left here is right there


@pytest.mark.parametrize("task", ["detect", "caption"])
def test_other_answers_are_as_they_were(tiny, task):
    plain, tested = (asked(tiny, task, flip_test, False, 64, 64) for flip_test in (False, True))
    assert (plain.text, plain.labels) == (tested.text, tested.labels)
    if task == "detect":
        np.testing.assert_array_equal(plain.boxes, tested.boxes)
