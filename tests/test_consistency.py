"""Consistency by law: what is exact agrees, what is shifted does not, and size makes no difference."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.app.agreement import ASKED, agreement
from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.metrics import metric
from generalist.sequence.consistency import consistency, pairwise, rescored
from generalist.sequence.geometry import boxes_of_masks, fill_polygon
from generalist.sequence.oriented import oriented_corners, oriented_of_points
from generalist.sequence.sample import Answer, Sample

SIDE = 80
seeds = st.integers(0, 10_000)


def exact(seed: int, n: int = 3) -> Answer:
    """Things drawn as turned rectangles and discs; box and oriented box are taken from the pixels."""
    rng = np.random.default_rng(seed)
    masks = []
    for i in range(n):
        centre, long = rng.uniform(24, 42, 2), rng.uniform(16, 30)
        if i % 2:
            angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
            ring = centre + long / 2 * np.stack([np.cos(angle), np.sin(angle)], 1)
        else:
            short = rng.uniform(5, 0.5 * long)
            ring = oriented_corners(np.asarray([[*centre, long, short, rng.uniform(-90, 90)]]))[0]
        masks.append(fill_polygon(ring, SIDE, SIDE))
    turned = []
    for mask in masks:
        inner = np.logical_and.reduce([np.roll(mask, by, axis) for by in (-1, 1) for axis in (0, 1)])
        y, x = np.nonzero(mask & ~inner)
        turned.append(oriented_of_points(np.concatenate([np.stack([x + i, y + j], 1) for i in (0, 1) for j in (0, 1)])))
    masks = np.asarray(masks)
    return Answer("detect", (SIDE, SIDE), boxes=boxes_of_masks(masks), masks=masks, oriented=np.asarray(turned))


@given(seeds)
def test_exact_spellings_agree(seed: int) -> None:
    answer = exact(seed)
    pairs = pairwise(answer)
    assert set(pairs) == {("boxes", "masks"), ("boxes", "oriented"), ("masks", "oriented")}
    for pair, values in pairs.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, 1, atol=1e-3, err_msg=str(pair))
    np.testing.assert_allclose(consistency(answer), 1, atol=1e-3)


@pytest.mark.parametrize("moved", ["boxes", "masks", "oriented"])
@given(seed=seeds, step=st.integers(3, 8))
def test_what_is_shifted_agrees_less_and_the_farther_the_less(moved: str, seed: int, step: int) -> None:
    def shifted(by: int) -> Answer:
        whole = exact(seed, 1)  # no disc: a box that is moved a little still touches an oriented box that is far larger
        place = {
            "boxes": whole.boxes + by,
            "masks": np.roll(whole.masks, (by, by), (1, 2)),
            "oriented": whole.oriented + np.asarray([by, by, 0, 0, 0]),
        }[moved]
        return replace(whole, **{moved: place})

    none, some, more = (pairwise(shifted(by)) for by in (0, step, 2 * step))
    for pair in (pair for pair in none if moved in pair):
        assert (some[pair] < none[pair] - 0.05).all(), pair
        assert (more[pair] <= some[pair] + 1e-5).all(), pair
    (still,) = (pair for pair in none if moved not in pair)
    np.testing.assert_array_equal(none[still], some[still])


@given(seed=seeds, degrees=st.floats(20, 70))
def test_a_long_thing_is_not_told_by_a_box_that_lies_another_way(seed: int, degrees: float) -> None:
    answer = exact(seed, 1)
    turned = replace(answer, boxes=None, oriented=answer.oriented + np.asarray([0, 0, 0, 0, degrees]))
    assert consistency(turned)[0] < 0.75 * consistency(replace(answer, boxes=None))[0]


@given(seed=seeds, factor=st.integers(2, 4), by=st.integers(0, 5))
def test_size_makes_no_difference(seed: int, factor: int, by: int) -> None:
    small = exact(seed)
    small = replace(small, boxes=small.boxes + by)
    large = replace(
        small,
        boxes=small.boxes * factor,
        masks=small.masks.repeat(factor, 1).repeat(factor, 2),
        oriented=small.oriented * np.asarray([factor] * 4 + [1], np.float32),
    )
    np.testing.assert_allclose(consistency(large), consistency(small), atol=1e-3)


@given(seed=seeds)
def test_any_two_spellings_give_a_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, SIDE, (4, 2, 2)), axis=1).reshape(4, 4)
    masks = rng.random((4, SIDE, SIDE)) < np.asarray([0, 0.001, 0.5, 1])[:, None, None]
    oriented = rng.uniform([0, 0, 0, 0, -90], [SIDE, SIDE, 30, 1, 90], (4, 5)).astype(np.float32)
    for left_out in ("boxes", "masks", "oriented"):
        answer = replace(Answer("any", boxes=corners, masks=masks, oriented=oriented), **{left_out: None})
        values = consistency(answer)
        assert values.shape == (4,) and (values >= 0).all() and (values <= 1).all()
        assert left_out == "masks" or values[0] == 0  # nothing agrees with an empty mask


def test_one_spelling_is_a_fault_and_no_thing_is_none() -> None:
    with pytest.raises(Fault, match="'detect'.*one way"):
        consistency(Answer("detect", boxes=np.zeros((2, 4), np.float32)))
    nothing = Answer("instances", boxes=np.zeros((0, 4), np.float32), masks=np.zeros((0, 9, 9), bool))
    assert consistency(nothing).shape == (0,)


@given(seeds)
def test_rescoring_lowers_only_what_disagrees_and_orders_anew(seed: int) -> None:
    answer = exact(seed)
    answer.scores, answer.labels = np.asarray([0.9, 0.8, 0.7], np.float32), ("a", "b", "c")
    np.testing.assert_allclose(rescored(answer).scores, answer.scores, atol=1e-3)
    wrong = replace(answer, boxes=answer.boxes + np.asarray([[60], [0], [0]], np.float32))
    again = rescored(wrong)
    assert again.labels == ("b", "c", "a") and (np.diff(again.scores) <= 0).all()
    np.testing.assert_allclose(again.scores, (wrong.scores * consistency(wrong))[[1, 2, 0]], rtol=1e-6)
    np.testing.assert_array_equal(again.masks, wrong.masks[[1, 2, 0]])
    alone = replace(answer, masks=None, oriented=None)
    assert rescored(alone) is alone


def test_the_metric_is_the_mean_over_things_and_passes_over_the_rest() -> None:
    measure = metric("consistency")
    assert measure.result() == {}
    good, bad = exact(1), replace(exact(2, 1), boxes=np.asarray([[0, 0, 1, 1]], np.float32), oriented=None)
    for answer in (good, bad, Answer("ask", text="yes")):
        measure.add(answer, Sample())
    assert measure.result()["consistency"] == pytest.approx((3 + consistency(bad)[0]) / 4, abs=1e-3)


class Fixed(Generalist):
    """Knows its answers beforehand."""

    def __call__(self, instruction, image=None, *, task=None, **fields):
        return self.known[task]


@pytest.fixture
def fixed(small_model, vocabulary, tasks) -> Fixed:
    whole = exact(5)
    whole.labels, whole.scores = ("a", "b", "a"), np.asarray([0.9, 0.6, 0.3], np.float32)
    model = Fixed(small_model, vocabulary, tasks)
    model.known = {
        "detect": replace(whole, masks=None, oriented=None),
        "instances": replace(whole, oriented=None).select([2, 0, 1]),
        "oriented": replace(whole, masks=None).select([1, 0]),
    }
    return model


def test_agreement_tells_who_found_what(fixed: Fixed) -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    told = agreement(fixed, image, ["a", "b"])
    assert [thing.agreement for thing in told] == pytest.approx([1, 1, 1 / 3], abs=1e-3)
    assert {thing.label for thing in told[:2]} == {"a", "b"} and told[2].label == "a"
    assert [set(thing.scores) for thing in told] == [set(ASKED), set(ASKED), {"detect", "instances"}]
    last = told[2]
    assert last.oriented is None and last.scores["detect"] == pytest.approx(0.3)
    np.testing.assert_array_equal(last.box, fixed.known["detect"].boxes[2])
    np.testing.assert_array_equal(last.mask, exact(5).masks[2])
    assert len(agreement(fixed, image, ["a", "b"], least=0.5)) == 2


def test_another_label_is_another_thing(fixed: Fixed) -> None:
    fixed.known["instances"].labels = ("b", "b", "b")
    told = agreement(fixed, np.zeros((SIDE, SIDE, 3), np.uint8), ["a", "b"])
    assert sorted(len(thing.scores) for thing in told) == [1, 1, 1, 2, 3][-len(told) :]


def test_a_model_of_any_weights_agrees_to_some_share(small_model, vocabulary, tasks) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    told = agreement(Generalist(small_model, vocabulary, tasks), image, ["cube", "ball"])
    assert told and all(0 <= thing.agreement <= 1 and thing.scores for thing in told)
