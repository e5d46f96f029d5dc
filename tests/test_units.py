"""The units, one by one: what each encodes its own pattern admits, and reads back."""

import numpy as np
import pytest
import strategies
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generalist.model import readout
from generalist.sequence.automaton import compile_pattern
from generalist.sequence.frame import REACH, Frame, expected_bin, median_bin
from generalist.sequence.oriented import long_side
from generalist.sequence.pattern import sole_length
from generalist.sequence.units import UNITS
from generalist.sequence.units.mask import crop_patches
from generalist.sequence.units.normal import directions
from generalist.sequence.units.pixels import CELLS, apart, cover, interleave
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


@given(count=st.integers(0, 500))
def test_a_count_comes_back_as_far_as_is_counted(vocabulary: Vocabulary, count: int) -> None:
    frame = Frame(vocabulary)
    assert UNITS["number"].decode(spelled("number", count, frame), frame) == min(count, len(vocabulary["number"]) - 1)
    with pytest.raises(ValueError, match="no count"):
        UNITS["number"].encode(-1 - count, frame, None)


@given(ends=st.tuples(st.floats(0.01, 200), st.floats(0.01, 200)).map(sorted), share=st.floats(0, 1))
def test_a_range_holds_its_ends_and_cells_divide_it(vocabulary: Vocabulary, ends: list[float], share: float) -> None:
    frame, bin_ = Frame(vocabulary), 1000 ** (1 / 255)
    ids = spelled("range", np.asarray(ends), frame)
    near, far = UNITS["range"].decode(ids, frame.between(np.asarray([1, 2])))  # a range is never inside another
    known = np.clip(ends, 0.1, 100)
    assert ids[0] < ids[1] and near <= known[0] * 1.0001 and far >= known[1] / 1.0001
    assert near >= known[0] / bin_**1.01 and far <= known[1] * bin_**2.01
    inside = frame.between(np.asarray([near, far]))
    metres = near * (far / near) ** share
    back = UNITS["cell"].decode(spelled("cell", metres, inside), inside)
    assert abs(np.log(back / metres)) <= np.log(far / near) / 510 + 1e-4
    for outside, end in ((near / 2, near), (far * 2, far)):
        assert UNITS["cell"].decode(spelled("cell", outside, inside), inside) == pytest.approx(end, rel=1e-4)


@given(value=arrays.arrays(np.float32, 3, elements=st.floats(-1, 1, width=32)), seed=strategies.SEEDS)
def test_a_normal_is_the_nearest_direction(vocabulary: Vocabulary, value: np.ndarray, seed: int) -> None:
    frame, rng = Frame(vocabulary), np.random.default_rng(seed)
    value = value if np.linalg.norm(value) > 0.1 else np.asarray([0, 0, -1], np.float32)
    codes = directions(len(vocabulary["normal"]))
    back = UNITS["normal"].decode(spelled("normal", value / np.linalg.norm(value), frame), frame)
    assert back @ value >= (codes @ value).max() - 1e-5
    # Weights move it within fifteen degrees of the likeliest, and it stays of length one.
    weights = rng.random(len(codes)).astype(np.float32) ** 8
    mean = UNITS["normal"].decode([vocabulary["normal"][0]], frame, [weights])
    assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-4) and mean @ codes[weights.argmax()] >= 0.9658


@given(
    centre=arrays.arrays(np.float32, 2, elements=SHARES),
    sides=arrays.arrays(np.float32, 2, elements=SHARES),
    angle=st.floats(-720, 720),
    point=POINTS,
)
def test_an_oriented_box_comes_back(
    vocabulary: Vocabulary, centre: np.ndarray, sides: np.ndarray, angle: float, point: object
) -> None:
    frame, last = Frame(vocabulary, point=point), len(vocabulary["loc"]) - 1
    true = long_side(np.asarray([[*centre, *sides, angle]]))[0]
    back = UNITS["oriented"].decode(spelled("oriented", np.asarray([*centre, *sides, angle]), frame), frame)
    assert (np.abs(back[:2] - centre) <= loc_bound(centre, point, last)).all()
    root = np.sqrt(true[2:4] / np.sqrt(2))
    assert (np.abs(back[2:4] - true[2:4]) <= np.sqrt(2) * (root + 0.25 / last) / last + 1e-6).all()
    assert back[2] >= back[3] and -90 <= back[4] < 90
    assert abs((back[4] - true[4] + 90) % 180 - 90) <= 0.5 + 1e-3


@given(seed=strategies.SEEDS, count=st.integers(1, 20), point=POINTS)
def test_keypoints_come_back_with_their_visibility(
    vocabulary: Vocabulary, seed: int, count: int, point: np.ndarray | None
) -> None:
    rng, frame, last = np.random.default_rng(seed), Frame(vocabulary, point=point), len(vocabulary["loc"]) - 1
    value = np.concatenate([rng.random((count, 2)), rng.integers(0, 3, (count, 1))], 1).astype(np.float32)
    ids = spelled("keypoints", value, frame, count)
    back = UNITS["keypoints"].decode(ids, frame)
    there = value[:, 2] > 0
    np.testing.assert_array_equal(back[:, 2], value[:, 2])
    assert (back[~there, :2] == 0).all()
    bound = loc_bound(value[:, :2].ravel(), point, last).reshape(-1, 2)
    assert (np.abs(back[:, :2] - value[:, :2]) <= bound)[there].all()
    with pytest.raises(ValueError, match=f"{count + 1} keypoints are asked for, the annotation has {count}"):
        UNITS["keypoints"].encode(value, frame, count + 1)


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


@given(size=strategies.SIZES, data=st.data())
def test_a_shown_mask_covers_what_it_covers(vocabulary: Vocabulary, size: tuple[int, int], data: st.DataObject) -> None:
    """Cells of the padded square against the mask enlarged until each pixel is whole cells."""
    true = np.zeros(size[::-1], bool)
    for box in data.draw(strategies.boxes(size, 1)):
        true |= data.draw(strategies.masks(box, size))
    side, frame = max(size), Frame(vocabulary, size)
    padded = np.zeros((side, side), bool)
    padded[: size[1], : size[0]] = true
    fine = padded.repeat(CELLS, 0).repeat(CELLS, 1).reshape(CELLS, side, CELLS, side)
    np.testing.assert_allclose(cover(true, frame), fine.mean((1, 3)), atol=1e-4)


@given(seed=strategies.SEEDS, grid=st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_sub_cells_are_laid_as_the_loss_lays_them(seed: int, grid: tuple[int, int]) -> None:
    planes = np.random.default_rng(seed).random((16, *grid)).astype(np.float32)
    np.testing.assert_array_equal(apart(interleave(planes), 4), planes)
    shuffled = torch.nn.functional.pixel_shuffle(torch.from_numpy(planes), 4)[0]
    np.testing.assert_array_equal(interleave(planes), shuffled.numpy())


def test_a_shown_mask_takes_every_token_and_says_nothing_without_states(vocabulary: Vocabulary) -> None:
    frame = Frame(vocabulary, (12, 7))
    ids = spelled("pixels", np.ones((7, 12), bool), frame, 16)
    assert ids == list(vocabulary["pixels"])
    assert not UNITS["pixels"].decode(ids, frame).any()
    sure = [np.ones((3, 3), np.float32)] * 16
    assert UNITS["pixels"].decode(ids, frame, sure).all()
    inside = UNITS["pixels"].decode(ids, frame.within(np.asarray([0.25, 0.25, 0.5, 0.5], np.float32)), sure)
    assert inside.sum() == 9 and inside[3:6, 3:6].all()
    with pytest.raises(ValueError, match="a mask takes them all"):
        UNITS["pixels"].pattern(frame, 4)


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


@given(weights=arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(2, 40)), elements=SHARES))
def test_half_lies_below_the_median_and_half_above(weights: np.ndarray) -> None:
    found = median_bin(weights)
    np.testing.assert_allclose(readout.median_bin(torch.from_numpy(weights)), found, atol=1e-3)
    for row, median in zip(weights.astype(float), found, strict=True):
        assert 0 <= median <= len(row) - 1
        below = np.clip(median + 0.5 - np.arange(len(row)), 0, 1) @ row  # a bin's share is spread evenly over it
        if 0 < median < len(row) - 1 and row.sum() > 1e-3:
            assert below == pytest.approx(row.sum() / 2, abs=1e-3)


def test_a_median_errs_by_less_than_any_bin_and_a_sure_bin_is_itself() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(16, 0.3), 50).astype(np.float32)
    fine = np.linspace(-0.5, 15.5, 1601)
    density = np.repeat(weights, 100, 1)
    error = lambda at: (np.abs(fine[:-1] + 0.005 - at) * density).sum(-1)  # noqa: E731
    best = np.min([error(np.full((50, 1), bin)) for bin in range(16)], 0)
    assert (error(median_bin(weights)[:, None]) <= best + 1e-3).all()
    np.testing.assert_allclose(median_bin(np.eye(7, dtype=np.float32)), np.arange(7), atol=1e-6)
