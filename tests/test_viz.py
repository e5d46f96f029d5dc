"""Pictures by law: they hold every pixel of what they say, touch nothing else, and are large enough to be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.app.viz import LARGEST, SMALLEST, draw, sheet
from generalist.sequence.sample import Answer


def grey(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


@given(st.integers(1, 900), st.integers(1, 900))
def test_pictures_are_large_enough_and_keep_their_shape(width, height):
    picture = draw(grey(width, height), Answer("detect", (width, height)))
    assert picture.dtype == np.uint8 and max(picture.shape[:2]) >= SMALLEST
    # Within half a pixel each way.
    assert abs(picture.shape[1] * height - picture.shape[0] * width) <= max(width, height)


def test_a_large_photo_shrinks():
    assert max(draw(grey(3000, 50), Answer("detect", (3000, 50))).shape) == LARGEST


def test_a_box_is_drawn_where_it_is_and_not_elsewhere():
    answer = Answer("refer", (128, 128), boxes=np.asarray([[32, 64, 96, 120]], np.float32), scores=np.asarray([0.9]))
    changed = (draw(grey(128, 128), answer) != 128).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    # Lines are a few pixels wide and the score stands above the box's corner.
    assert abs(columns[0] - 128) <= 6 and abs(columns[-1] - 384) <= 6 and abs(rows[-1] - 480) <= 6
    assert 256 - 40 <= rows[0] <= 256
    assert not changed[300:440, 160:350].any()


def test_weak_boxes_are_left_out_unless_the_task_keeps_one():
    boxes, scores = np.asarray([[8, 8, 40, 40]], np.float32), np.asarray([0.1], np.float32)
    weak = Answer("detect", (64, 64), boxes=boxes, scores=scores, labels=("cube",))
    assert (draw(grey(64, 64), weak) == 128).all()
    assert (draw(grey(64, 64), weak, least=0.05) != 128).any()
    only = Answer("refer", (64, 64), boxes=boxes, scores=scores)
    assert (draw(grey(64, 64), only) != 128).any()


def test_masks_cover_what_they_cover():
    mask = np.zeros((1, 64, 64), bool)
    mask[0, 16:48, 16:48] = True
    answer = Answer("refer_mask", (64, 64), boxes=np.asarray([[16, 16, 48, 48]], np.float32), masks=mask)
    changed = (draw(grey(64, 64), answer) != 128).any(-1)
    assert changed[140:370, 140:370].all() and not changed[400:, :].any() and not changed[:, 400:].any()


def test_labels_of_a_map_have_colours_of_their_own_and_a_legend():
    semantic = np.repeat(np.asarray([0, 1, -1, 2], np.int16), 16)[None].repeat(64, 0)
    answer = Answer("segment", (64, 64), names=("sky", "ground", "cube", "absent"), semantic=semantic)
    picture = draw(grey(64, 64), answer)
    columns = [tuple(picture[256, x]) for x in (64, 192, 320, 448)]
    assert len(set(columns)) == 4
    assert picture.shape[0] > 512 and (picture[512:] < 250).any()
    for i, colour in enumerate(columns):
        assert (picture[:512, 128 * i + 16 : 128 * (i + 1) - 16] == colour).all()


def test_depth_brightens_toward_the_camera_and_greys_its_holes():
    depth = np.linspace(2, 9, 64, dtype=np.float32)[None].repeat(64, 0)
    depth[:8] = 0
    picture = draw(grey(64, 64), Answer("depth", (64, 64), depth=depth))
    row = picture[300, 20:490].astype(float).sum(-1)
    assert (np.diff(row[::20]) < 0).all()
    assert (picture[5, :] == 60).all()
    assert picture.shape[0] > 512


@pytest.mark.parametrize("text", ["", "two", "a long answer " * 20, "$x^2$ and <b> [red]", "数字 🙂"])
def test_words_go_below_and_never_outside(text):
    picture = draw(grey(100, 100), Answer("ask", (100, 100), text=text), title="question? " * 12)
    assert picture.shape[1] == 512
    inked = (picture < 100).any(-1)
    assert not inked[:, -2:].any()
    assert (picture == 128).all((1, 2)).sum() == 512  # the image itself is whole


def test_an_empty_answer_is_the_image():
    empty = Answer("detect", (600, 400), boxes=np.zeros((0, 4), np.float32), labels=(), scores=np.zeros(0, np.float32))
    np.testing.assert_array_equal(draw(grey(600, 400), empty), grey(600, 400))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=7), st.integers(1, 4))
def test_a_sheet_holds_every_picture_whole(sizes, columns):
    pictures = [np.full((height, width, 3), 10 + i, np.uint8) for i, (width, height) in enumerate(sizes)]
    whole = sheet(pictures, columns)
    for i, (width, height) in enumerate(sizes):
        assert (whole[..., 0] == 10 + i).sum() == width * height
