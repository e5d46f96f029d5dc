"""The units, one by one: what each encodes its own pattern admits, and reads back."""

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generalist.sequence.automaton import compile_pattern
from generalist.sequence.frame import REACH, Frame, expected_bin
from generalist.sequence.pattern import sole_length
from generalist.sequence.units import UNITS
from generalist.sequence.units.mask import crop_patches
from generalist.sequence.vocabulary import Vocabulary

SHARES = st.floats(0, 1, width=32)
POINTS = st.none() | arrays.arrays(np.float32, 2, elements=SHARES)


def spelled(name: str, value: object, frame: Frame, size: int | None = None) -> list[int]:
    """The tokens of a value, held to the unit's own pattern."""
    unit = UNITS[name]
    ids = unit.encode(value, frame, size)
    pattern = unit.pattern(frame, size)
    automaton = compile_pattern(pattern, len(frame.vocabulary), frame.vocabulary.eos)
    # Alone, a unit that could go on is ended by the end token.
    assert automaton.accepts(ids if sole_length(pattern) else [*ids, frame.vocabulary.eos])
    return ids


def loc_bound(values: np.ndarray, point: np.ndarray | None, last: int) -> np.ndarray:
    if point is None:
        return np.full(values.shape, 0.5 / last + 1e-6)
    return (2 * np.sqrt(np.abs(values - np.resize(point, values.shape))) + 1 / last) / last + 1e-6


@pytest.mark.parametrize("name", ["point", "box", "polygon"])
@given(data=st.data(), point=POINTS)
def test_places_come_back_within_a_bin(vocabulary: Vocabulary, name: str, data: st.DataObject, point: object) -> None:
    shape = {"point": (2,), "box": (4,), "polygon": (data.draw(st.integers(3, 24)), 2)}[name]
    value = data.draw(arrays.arrays(np.float32, shape, elements=SHARES))
    if name == "box":  # wider than the coarsest bins, those farthest from a lattice point
        low = np.minimum(value[:2], value[2:]) * 0.97
        value = np.concatenate([low, np.maximum(np.maximum(value[:2], value[2:]), low + 0.03)])
    frame = Frame(vocabulary, point=point)
    back = UNITS[name].decode(spelled(name, value, frame), frame)
    bound = loc_bound(value.ravel(), point, len(vocabulary["loc"]) - 1).reshape(value.shape)
    assert back.shape == value.shape and (np.abs(back - value) <= bound).all()


@given(value=arrays.arrays(np.float32, 4, elements=SHARES), point=POINTS)
def test_a_box_of_no_extent_is_spelled_as_one_of_a_bin(
    vocabulary: Vocabulary, value: np.ndarray, point: object
) -> None:
    loc = vocabulary["loc"]
    bins = [loc.index_of(token) for token in spelled("box", value, Frame(vocabulary, point=point))]
    assert bins[0] < bins[2] and bins[1] < bins[3]
    exact = Frame(vocabulary, point=point).coordinate_bins(value)
    assert bins[:2] == np.minimum(exact[:2], len(loc) - 2).tolist()
    assert bins[2:] == np.maximum(exact[2:], np.asarray(bins[:2]) + 1).tolist()


@given(bins=st.lists(st.integers(0, 255), min_size=4, max_size=4), point=POINTS)
def test_any_box_is_in_order_and_inside(vocabulary: Vocabulary, bins: list[int], point: object) -> None:
    box = UNITS["box"].decode([vocabulary["loc"][b] for b in bins], Frame(vocabulary, point=point))
    assert (box[:2] <= box[2:]).all() and ((box >= 0) & (box <= 1)).all()


@given(count=st.integers(25, 90), size=st.integers(3, 24))
def test_a_long_polygon_is_thinned_evenly(vocabulary: Vocabulary, count: int, size: int) -> None:
    angle = np.arange(count) * 2 * np.pi / count
    frame = Frame(vocabulary)
    ids = spelled("polygon", 0.5 + 0.4 * np.stack([np.cos(angle), np.sin(angle)], 1), frame, size)
    assert len(UNITS["polygon"].decode(ids, frame)) == size
    with pytest.raises(ValueError, match="three vertices"):
        UNITS["polygon"].encode(np.zeros((2, 2)), frame, None)


@given(names=strategies.NAMES, data=st.data())
def test_a_label_is_one_of_the_names(vocabulary: Vocabulary, names: tuple[str, ...], data: st.DataObject) -> None:
    frame = Frame(vocabulary, labels=names)
    name = data.draw(st.sampled_from(names))
    ids = spelled("label", name, frame)
    assert len(ids) == 1 and UNITS["label"].decode(ids, frame) == name
    with pytest.raises(ValueError, match="not among the names"):
        UNITS["label"].encode("".join(names) + "!", frame, None)


@pytest.mark.parametrize("name", ["text", "docid"])
@given(text=strategies.TEXTS, size=st.integers(1, 90))
def test_text_comes_back_as_far_as_it_fits(vocabulary: Vocabulary, name: str, text: str, size: int) -> None:
    frame, pieces = Frame(vocabulary), vocabulary.encode_plain(text)
    ids = spelled(name, text, frame, size)
    assert ids == pieces[:size]
    back = UNITS[name].decode(ids, frame)
    assert back == text if len(pieces) <= size else back == vocabulary.text(pieces[:size])
    with pytest.raises(ValueError, match="empty"):
        UNITS[name].encode("", frame, None)


@given(metres=st.floats(0.001, 1000))
def test_a_distance_comes_back_within_half_a_bin(vocabulary: Vocabulary, metres: float) -> None:
    frame = Frame(vocabulary)
    back, true = UNITS["depth"].decode(spelled("depth", metres, frame), frame), min(max(metres, 0.1), 100)
    assert abs(np.log(back / true)) <= np.log(1000) / 510 + 1e-4


@pytest.mark.parametrize("count", [16, 64])
@given(size=strategies.SIZES, data=st.data())
def test_a_mask_comes_back_inside_its_box(
    vocabulary: Vocabulary, count: int, size: tuple[int, int], data: st.DataObject
) -> None:
    for box in data.draw(strategies.boxes(size, 2)):
        true = data.draw(strategies.masks(box, size))
        frame = Frame(vocabulary, size, box=box / max(size))
        back = UNITS["mask"].decode(spelled("mask", true, frame, count), frame)
        assert back.shape == true.shape and back.dtype == bool
        assert (back & true).sum() >= (0.9 if min(box[2:] - box[:2]) >= 40 else 0.8) * (back | true).sum()
        ys, xs = np.nonzero(back)
        assert (xs + 0.5 >= box[0]).all() and (xs + 0.5 <= box[2] + 1e-3).all()
        assert (ys + 0.5 >= box[1]).all() and (ys + 0.5 <= box[3] + 1e-3).all()


def test_a_mask_needs_a_box_and_a_square(vocabulary: Vocabulary) -> None:
    with pytest.raises(ValueError, match="write a box before it"):
        UNITS["mask"].encode(np.zeros((4, 4), bool), Frame(vocabulary, (4, 4)), 16)
    with pytest.raises(ValueError, match="square"):
        UNITS["mask"].pattern(Frame(vocabulary), 15)


def test_patches_of_a_mask_are_laid_row_by_row() -> None:
    mask = np.zeros((32, 32), bool)
    mask[:8, 8:16] = True
    patches = crop_patches(mask, np.asarray([0, 0, 32, 32]))
    np.testing.assert_array_equal(patches.mean(1), np.eye(16)[1])


@pytest.mark.parametrize("name, block, length", [("box", "loc", 4), ("depth", "depth", 1), ("mask", "mask", 16)])
@given(seed=strategies.SEEDS)
def test_certain_probabilities_say_what_the_tokens_say(
    vocabulary: Vocabulary, name: str, block: str, length: int, seed: int
) -> None:
    bins = np.random.default_rng(seed).integers(0, len(vocabulary[block]), length)
    frame = Frame(vocabulary, (30, 20), box=np.asarray([0.1, 0.1, 0.6, 0.5], np.float32))
    ids = [vocabulary[block][b] for b in bins]
    certain = list(np.eye(len(vocabulary[block]), dtype=np.float32)[bins])
    plain = UNITS[name].decode(ids, frame)
    np.testing.assert_allclose(UNITS[name].decode(ids, frame, certain), plain, atol=1e-5, rtol=1e-4)
    np.testing.assert_array_equal(UNITS[name].decode(ids, frame, [None] * length), plain)


@given(weights=arrays.arrays(np.float32, st.integers(2, 40), elements=SHARES))
def test_the_expectation_stays_near_the_mode(weights: np.ndarray) -> None:
    mode, last = int(weights.argmax()), len(weights) - 1
    near = weights[max(mode - REACH, 0) : mode + REACH + 1].astype(float)
    bins = np.arange(max(mode - REACH, 0), min(mode + REACH, last) + 1)
    if near.sum() > 1e-3:
        assert float(expected_bin(weights)) == pytest.approx((near * bins).sum() / near.sum(), abs=1e-2)
    assert abs(float(expected_bin(weights)) - mode) <= REACH + 1e-3
