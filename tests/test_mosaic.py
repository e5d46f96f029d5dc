"""Pictures made of several: mosaics, and things of one laid on another. All that is said stays true pixel by pixel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import SIZES, objects

from generalist.data.augment import Augment
from generalist.data.mosaic import may_be_pieced
from generalist.data.paste import covered, may_be_pasted, pasted
from generalist.data.readers import open_data
from generalist.data.sight import VISIBLE
from generalist.sequence.geometry import boxes_of_masks

NAMES = ("left shoe", "right shoe", "hat")


def test_a_mosaic_holds_the_things_of_four_pictures_where_they_are_drawn():
    data = open_data("scenes:train?size=64")
    augment = Augment(mosaic=1.0, scale=(0.4, 0.6))
    rng = np.random.default_rng(0)
    row = [data.sample(0, "instances", rng), data.sample(0, "segment", rng)]
    assert all(map(may_be_pieced, row)) and not may_be_pieced(data.sample(0, "depth", rng))
    more = lambda: [data.sample(i := int(rng.integers(99)), "instances"), data.sample(i, "segment")]  # noqa: E731
    things, names = augment.row(row, rng, 96, more)
    assert things.labels == row[0].labels and set(things.objects.names) <= set(row[0].labels)
    assert np.array_equal(things.image, names.image)
    inside = boxes_of_masks(things.objects.masks)
    assert (inside[:, :2] >= things.objects.boxes[:, :2] - 1).all() and (
        inside[:, 2:] <= things.objects.boxes[:, 2:] + 1
    ).all()
    cube = [i for i, name in enumerate(things.objects.names) if name in names.labels]
    for i in cube:  # both tell the same of the same pixels
        there = things.objects.masks[i]
        assert (names.semantic[there] == names.labels.index(things.objects.names[i])).mean() > 0.99


@given(st.data(), SIZES, st.integers(0, 2**32 - 1))
def test_what_is_laid_on_things_hides_them(data, size, seed):
    held = data.draw(objects(size, NAMES))
    over = np.random.default_rng(seed).random((size[1] // 4 + 1, size[0] // 4 + 1)) < 0.6
    over = over.repeat(4, 0).repeat(4, 1)[: size[1], : size[0]]
    left = held.masks & ~over
    there = np.flatnonzero(left.any((1, 2)) | ~held.masks.any((1, 2)))
    out = covered(held, over)
    assert out.names == tuple(held.names[i] for i in there) and np.array_equal(out.masks, left[there])
    assert np.array_equal(out.ignore, (left.sum((1, 2)) < VISIBLE * held.masks.sum((1, 2)))[there])
    for box, mask, i in zip(out.boxes, out.masks, there, strict=True):
        same = np.array_equal(mask, held.masks[i])
        assert np.array_equal(box, held.boxes[i] if same else boxes_of_masks(mask[None])[0])


def test_things_of_another_picture_are_laid_on_it_pixel_by_pixel():
    data = open_data("scenes:train?size=64")
    laid = 0
    for seed in range(8):
        row, other = ([data.sample(i, name) for name in ("instances", "panoptic")] for i in (seed, seed + 8))
        assert all(map(may_be_pasted, row)) and not may_be_pasted(data.sample(0, "segment"))
        seen = pasted(row, other, np.random.default_rng(seed))
        assert np.array_equal(seen[0].image, seen[1].image)
        under, above = row[1].objects, other[1].objects
        for name, mask in zip(seen[1].objects.names, seen[1].objects.masks, strict=True):
            came = [k for k, held in enumerate(above.masks) if above.names[k] == name and (mask == held).all()]
            laid += len(came)
            source = other[0].image if came else row[0].image
            assert np.array_equal(seen[0].image[mask], source[mask])  # it is painted where it is said to be
            its = [held for held, other in zip(under.masks, under.names, strict=True) if other == name]
            assert came or any(not (mask & ~held).any() for held in its)
        assert seen[1].objects.masks.sum(0).max() <= 1  # a pixel is of one thing
    assert laid > 8
