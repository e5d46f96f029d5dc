"""Geometry, against pycocotools and against the plainest code that says the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generalist.sequence.geometry import (
    box_iou,
    boxes_of_masks,
    fill_polygon,
    lattice,
    owners,
    resize,
    rle_decode,
    rle_encode,
)

EDGES = st.integers(1, 40)
MASKS = arrays.arrays(bool, st.tuples(EDGES, EDGES))
PLACES = st.floats(-50, 50, width=32)


@st.composite
def some_boxes(draw: st.DrawFn, least: int = 0) -> np.ndarray:
    corners = draw(arrays.arrays(np.float32, st.tuples(st.integers(least, 8), st.just(4)), elements=PLACES))
    return np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1)


@given(mask=MASKS)
def test_run_lengths_are_those_of_pycocotools(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    theirs = coco.encode(np.asfortranarray(mask, np.uint8))
    ours = rle_encode(mask)
    assert ours == {"size": list(theirs["size"]), "counts": theirs["counts"].decode()}
    np.testing.assert_array_equal(coco.decode(ours).astype(bool), mask)
    np.testing.assert_array_equal(rle_decode(theirs), mask)
    np.testing.assert_array_equal(rle_decode(ours), mask)


@given(shape=st.tuples(st.integers(200, 900), st.integers(200, 900)), at=st.integers(0, 199), value=st.booleans())
def test_long_runs_are_those_of_pycocotools(shape: tuple[int, int], at: int, value: bool) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.full(shape, value)
    mask[at // 2 : at, at:] ^= True
    assert rle_encode(mask)["counts"] == coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    np.testing.assert_array_equal(rle_decode(rle_encode(mask)), mask)


@given(mask=MASKS)
def test_plain_run_lengths_read_too(mask: np.ndarray) -> None:
    flat, counts, value = mask.ravel(order="F"), [0], False
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = not value
        counts[-1] += 1
    np.testing.assert_array_equal(rle_decode({"size": list(mask.shape), "counts": counts}), mask)


def naive_iou(a: np.ndarray, b: np.ndarray) -> float:
    both = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / either if either > 1e-6 else 0.0


@given(a=some_boxes(), b=some_boxes())
def test_overlap_is_the_naive_one(a: np.ndarray, b: np.ndarray) -> None:
    found = box_iou(a, b)
    assert found.shape == (len(a), len(b)) and found.dtype == np.float32
    assert ((found >= 0) & (found <= 1 + 1e-5)).all()
    for i, first in enumerate(a.astype(float)):
        for j, second in enumerate(b.astype(float)):
            area = min(np.prod(first[2:] - first[:2]), np.prod(second[2:] - second[:2]))
            if area > 1e-2:  # thinner boxes lose their area to float32
                assert found[i, j] == pytest.approx(naive_iou(first, second), abs=1e-3)


@given(boxes=some_boxes(1), data=st.data(), overlap=st.floats(0, 0.9))
def test_suppression_keeps_the_best_of_each_repeat(boxes: np.ndarray, data: st.DataObject, overlap: float) -> None:
    n = len(boxes)
    scores = data.draw(arrays.arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
    groups = data.draw(arrays.arrays(np.int64, n, elements=st.integers(0, 2)))
    owner = owners(boxes, scores, groups, overlap)
    keep = np.flatnonzero(owner == np.arange(n))
    repeat = (box_iou(boxes, boxes) > overlap) & (groups[:, None] == groups[None])
    assert not np.triu(repeat[np.ix_(keep, keep)], 1).any()
    for gone in set(range(n)) - set(keep.tolist()):
        best = owner[gone]
        assert best in keep and repeat[gone, best] and scores[best] >= scores[gone]
        assert not any(repeat[gone, other] and scores[other] > scores[best] for other in keep)
    again = owners(boxes[keep], scores[keep], groups[keep], overlap)
    np.testing.assert_array_equal(again, np.arange(len(keep)))


def test_suppression_of_nothing() -> None:
    assert owners(np.zeros((0, 4)), np.zeros(0), np.zeros(0), 0.5).shape == (0,)


@given(mask=MASKS)
def test_the_box_of_a_mask_is_tight(mask: np.ndarray) -> None:
    x0, y0, x1, y1 = boxes_of_masks(mask[None])[0].astype(int)
    around = np.zeros_like(mask)
    around[y0:y1, x0:x1] = True
    assert not (mask & ~around).any()
    if mask.any():
        assert all(edge.any() for edge in (mask[y0], mask[y1 - 1], mask[:, x0], mask[:, x1 - 1]))
    else:
        assert (x0, y0, x1, y1) == (0, 0, 0, 0)


def naive_inside(x: float, y: float, polygon: np.ndarray) -> bool:
    """A ray to the right crosses the outline an odd number of times."""
    crossings = 0
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
    return crossings % 2 == 1


@given(polygon=arrays.arrays(np.float64, st.tuples(st.integers(3, 8), st.just(2)), elements=st.floats(-3, 15)))
def test_filling_is_point_in_polygon(polygon: np.ndarray) -> None:
    filled = fill_polygon(polygon, 12, 9)
    naive = [[naive_inside(x + 0.5, y + 0.5, polygon) for x in range(12)] for y in range(9)]
    np.testing.assert_array_equal(filled, naive)


@given(value=PLACES, shape=st.tuples(EDGES, EDGES), size=st.tuples(EDGES, EDGES))
def test_resizing_keeps_a_constant(value: float, shape: tuple[int, int], size: tuple[int, int]) -> None:
    found = resize(np.full(shape, value, np.float32), *size)
    assert found.shape == size[::-1]
    np.testing.assert_allclose(found, value, rtol=1e-6)


FIELDS = arrays.arrays(np.float32, st.tuples(EDGES, EDGES, st.integers(1, 3)), elements=PLACES)


@given(field=FIELDS, size=st.tuples(EDGES, EDGES))
def test_resizing_to_the_same_size_is_identity_and_never_overshoots(field: np.ndarray, size: tuple[int, int]) -> None:
    np.testing.assert_array_equal(resize(field, field.shape[1], field.shape[0]), field)
    found = resize(field, *size)
    assert found.shape == (size[1], size[0], field.shape[2])
    assert found.min() >= field.min() - 1e-4 and found.max() <= field.max() + 1e-4


@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), size=st.tuples(EDGES, EDGES), seed=st.integers(0, 99))
def test_resizing_is_that_of_torch(shape: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    import torch

    field = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(field)[None, None], size=size[::-1], mode="bilinear")
    np.testing.assert_allclose(resize(field, *size), theirs[0, 0].numpy(), atol=1e-5)


@given(grid=st.integers(1, 30))
def test_the_lattice_is_even_and_row_by_row(grid: int) -> None:
    points = lattice(grid).reshape(grid, grid, 2)
    np.testing.assert_allclose(points[..., 0], np.tile((np.arange(grid) + 0.5) / grid, (grid, 1)), rtol=1e-6)
    np.testing.assert_allclose(points[..., 1], points[..., 0].T)
