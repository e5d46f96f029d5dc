"""Places that a request points at: parsed from text, bounded, and spelled in the tokens of answers."""

import numpy as np
import pytest
import strategies
from answers import region_of
from hypothesis import given
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.oriented import long_side, oriented_corners, oriented_iou
from generalist.sequence.region import KINDS, Region
from generalist.sequence.units import UNITS
from generalist.sequence.visual import STROKE, spell_region
from generalist.sequence.vocabulary import Vocabulary

BLOCKS = {
    "point": {"loc": 2},
    "box": {"loc": 4},
    "oriented": {"loc": 4, "angle": 1},
    "scribble": {"loc": 2 * STROKE},
    "mask": {"loc": 4, "mask": 16},
}


@pytest.mark.parametrize("kind", KINDS)
@given(size=strategies.SIZES, seed=strategies.SEEDS)
def test_a_region_is_spelled_in_the_blocks_of_its_kind(
    vocabulary: Vocabulary, kind: str, size: tuple[int, int], seed: int
) -> None:
    region = region_of(kind, size, np.random.default_rng(seed))
    ids, points = spell_region(region, Frame(vocabulary, size))
    expected = [name for name, count in BLOCKS[kind].items() for _ in range(count)]
    assert [vocabulary.block_of(token).name for token in ids] == expected
    assert points.shape == (len(ids), 2) and points.dtype == np.float32
    low, high = region.bounds[:2] / max(size), region.bounds[2:] / max(size)
    assert (points >= low - 1e-5).all() and (points <= high + 1e-5).all()  # every token looks where it lies


@pytest.mark.parametrize("kind", ["point", "box", "scribble"])
@given(size=strategies.SIZES, seed=strategies.SEEDS)
def test_a_place_reads_back_within_a_bin(vocabulary: Vocabulary, kind: str, size: tuple[int, int], seed: int) -> None:
    region, frame = region_of(kind, size, np.random.default_rng(seed)), Frame(vocabulary, size)
    ids, points = spell_region(region, frame)
    value = frame.to_pixels(UNITS["point" if kind == "scribble" else kind].decode(ids, frame))
    bin_ = max(size) / (len(vocabulary["loc"]) - 1)
    if kind == "scribble":  # eight points from its first to its last, even along it
        expected = points[::2] * max(size)
        np.testing.assert_allclose(expected[[0, -1]], region.value[[0, -1]], atol=1e-3)
        assert (np.abs(value.reshape(-1, 2) - expected) <= bin_ / 2 + 1e-3).all()
    else:  # a box may be thinner than a bin, and is then spelled a bin wide
        assert (np.abs(value - region.value) <= bin_ * (1.5 if kind == "box" else 0.5) + 1e-3).all()


@given(size=strategies.SIZES, seed=strategies.SEEDS)
def test_a_large_oriented_region_reads_back(vocabulary: Vocabulary, size: tuple[int, int], seed: int) -> None:
    rng, frame = np.random.default_rng(seed), Frame(vocabulary, size)
    sides = np.sort(rng.uniform(20, 40, 2))[::-1]
    region = Region("oriented", np.asarray([*rng.random(2) * size, *sides, rng.uniform(-400, 400)]))
    found = UNITS["oriented"].decode(spell_region(region, frame)[0], frame)
    found[:4] *= max(size)
    assert oriented_iou(found, region.value)[0, 0] > 0.85
    assert -90 <= found[4] < 90


@given(seed=strategies.SEEDS, size=strategies.SIZES, data=st.data())
def test_an_outline_reads_back(vocabulary: Vocabulary, seed: int, size: tuple[int, int], data: st.DataObject) -> None:
    for box in data.draw(strategies.boxes(size, 1)):
        true, frame = data.draw(strategies.masks(box, size)), Frame(vocabulary, size)
        if not true.any():
            continue
        ids, _ = spell_region(Region("mask", true), frame)
        back = UNITS["mask"].decode(ids[4:], frame.within(UNITS["box"].decode(ids[:4], frame)))
        assert (back & true).sum() >= 0.65 * (back | true).sum()


@given(numbers=st.lists(st.integers(-50, 900), min_size=4, max_size=4))
def test_what_is_typed_is_what_is_meant(numbers: list[int]) -> None:
    x0, y0, x1, y1 = numbers
    point = Region.parse(f"point:{x0},{y0}")
    assert point.kind == "point" and point.value.tolist() == [x0, y0]
    assert Region.parse(f"scribble:{x0}, {y0},{x1},{y1}").value.tolist() == [[x0, y0], [x1, y1]]
    if x0 < x1 and y0 < y1:
        box = Region.parse(f"box:{x0},{y0},{x1},{y1}")
        assert box.bounds.tolist() == numbers and box.centre.tolist() == [(x0 + x1) / 2, (y0 + y1) / 2]
    else:
        with pytest.raises(Fault, match="a box is x1,y1,x2,y2"):
            Region.parse(f"box:{x0},{y0},{x1},{y1}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("box", r"region 'box': is written point:x,y or box:.* or mask:FILE\.png"),
        ("ring:1,2,3", r"region 'ring:1,2,3': is written"),
        ("mask:1,2", r"region 'mask:1,2': is written .*mask:FILE\.png"),
        ("box:a,b,c,d", r"region 'box:a,b,c,d': box is followed by x1,y1,x2,y2"),
        ("box:", r"region 'box:': box is followed by"),
        ("box:1,2,3", r"a box is x1,y1,x2,y2"),
        ("point:1,nan", r"a point is x,y"),
        ("point:1", r"a point is x,y"),
        ("box:0,0,inf,9", r"a box is"),
        ("oriented:1,2,3,0,45", r"an? oriented is cx,cy,long,short,degrees"),
        ("scribble:1,2,3", r"a scribble is x,y,x,y"),
    ],
)
def test_what_cannot_be_meant_is_told_how_to_write_it(text: str, reason: str) -> None:
    with pytest.raises(Fault, match=reason) as error:
        Region.parse(text)
    assert "\n" not in str(error.value)


def test_a_region_without_extent_is_none() -> None:
    with pytest.raises(Fault, match="not all black"):
        Region("mask", np.zeros((3, 4), bool))
    with pytest.raises(Fault, match="'ring' is none of point, box"):
        Region("ring", np.zeros(2))  # type: ignore[arg-type]


@given(seed=strategies.SEEDS, size=strategies.SIZES)
def test_bounds_hold_the_region(seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    mask = region_of("mask", size, rng)
    x0, y0, x1, y1 = mask.bounds.astype(int)
    assert mask.value[y0:y1, x0:x1].all() and mask.value.sum() == (x1 - x0) * (y1 - y0)
    turned = region_of("oriented", size, rng)
    corners = oriented_corners(long_side(turned.value))[0]
    np.testing.assert_allclose(np.concatenate([corners.min(0), corners.max(0)]), turned.bounds, atol=1e-2)
    stroke = region_of("scribble", size, rng)
    assert (stroke.value >= stroke.bounds[:2]).all() and (stroke.value <= stroke.bounds[2:]).all()
