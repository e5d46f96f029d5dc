"""What a mask says of its place, against every angle and every pixel tried one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import masks

from generalist.data.footprint import inmost, inner, oriented_of_mask

SIZE = (40, 40)
shapes = masks(np.asarray([6, 4, 33, 27], np.float32), SIZE)
specks = st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), min_size=1, max_size=12)


def dotted(mask: np.ndarray, dots: list[tuple[int, int]]) -> np.ndarray:
    """A shape with some pixels cut out, or where nothing else is left, these pixels alone."""
    out = mask.copy()
    out[tuple(np.transpose(dots))] = False
    return out if out.any() else ~out


def corners(mask: np.ndarray) -> np.ndarray:
    """The corners (4k, 2) of every pixel of a mask."""
    y, x = np.nonzero(mask)
    return np.concatenate([np.stack([x + a, y + b], 1) for a in (0, 1) for b in (0, 1)])


def sides(points: np.ndarray, degrees: float) -> np.ndarray:
    """How far points reach along two axes turned by an angle, and their middle there."""
    angle = np.radians(degrees)
    turned = points @ np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.stack([turned.min(0), turned.max(0)])


@given(shapes, specks)
def test_the_oriented_box_holds_the_mask_and_no_angle_gives_a_smaller_one(shape, dots):
    points = corners(dotted(shape, dots))
    x, y, long, short, angle = oriented_of_mask(dotted(shape, dots)).astype(float)
    assert long >= short > 0 and -90 <= angle < 90
    reach = sides(points - [x, y], angle)
    assert (np.abs(reach) <= np.asarray([long, short]) / 2 + 1e-3).all()
    least = min(np.prod(np.ptp(sides(points, degrees), axis=0)) for degrees in np.arange(0, 90, 0.5))
    assert long * short <= least * (1 + 1e-5)


def distance_to_edge(mask: np.ndarray) -> np.ndarray:
    """From the centre of each pixel to that of the nearest one outside the mask; outside the picture counts."""
    padded = np.pad(mask, 1)
    outside = np.argwhere(~padded)
    own = np.argwhere(padded)
    out = np.zeros(padded.shape)
    out[tuple(own.T)] = np.hypot(*(own[:, None] - outside[None]).transpose(2, 0, 1)).min(1)
    return out[1:-1, 1:-1]


@given(shapes, specks)
def test_the_inmost_point_is_on_the_mask_and_nearly_as_far_inside_as_any(shape, dots):
    mask = dotted(shape, dots)
    x, y = inmost(mask)
    assert x % 1 == y % 1 == 0.5 and mask[int(y), int(x)]
    deep = distance_to_edge(mask)
    assert deep[int(y), int(x)] >= 0.8 * deep.max() - 1  # an octagon is no circle


@given(shapes, specks)
def test_inner_pixels_are_all_those_without_a_neighbour_outside(shape, dots):
    mask = dotted(shape, dots)
    found = {(int(x), int(y)) for x, y in inner(mask)}
    apart = distance_to_edge(mask) >= 2
    expected = apart if apart.any() else mask
    assert found == {(int(x), int(y)) for y, x in np.argwhere(expected)}


def test_a_thin_mask_is_all_edge():
    mask = np.zeros((8, 8), bool)
    mask[3, 1:6] = True
    assert np.array_equal(inmost(mask), [3.5, 3.5]) and len(inner(mask)) == 5
    assert np.allclose(oriented_of_mask(mask), [3.5, 3.5, 5, 1, 0])
