"""Pictures by law: they hold every pixel of what they say, touch nothing else, and are large enough to be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generalist.app.colours import colour, rgb_of_normals
from generalist.app.viz import LARGEST, SMALLEST, draw, sheet
from generalist.sequence.oriented import oriented_corners
from generalist.sequence.region import Region
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
    for i, column in enumerate(columns):
        assert (picture[:512, 128 * i + 16 : 128 * (i + 1) - 16] == column).all()


def test_depth_brightens_toward_the_camera_and_greys_its_holes():
    depth = np.linspace(2, 9, 64, dtype=np.float32)[None].repeat(64, 0)
    depth[:8] = 0
    picture = draw(grey(64, 64), Answer("depth", (64, 64), depth=depth))
    row = picture[300, 20:490].astype(float).sum(-1)
    assert (np.diff(row[::20]) < 0).all()
    assert (picture[5, :] == 60).all()
    assert picture.shape[0] > 512


def test_a_hole_brings_nothing_nearer():
    depth = np.random.default_rng(0).choice([0, 4], (64, 64)).astype(np.float32)
    depth[:4] = 2
    picture = draw(grey(64, 64), Answer("depth", (64, 64), depth=depth))
    below = picture[48:512]  # eight rows a row of the map, the bar of colours after them
    assert len(np.unique(below.reshape(-1, 3), axis=0)) == 2  # four metres, and holes


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


# ---- every other kind of answer --------------------------------------------------------------------------------------

GREY = np.full((128, 128, 3), 128, np.uint8)  # drawn at four times its size
ONE = np.asarray([1.0], np.float32)


def changed_at(picture: np.ndarray, x: float, y: float, reach: int = 4) -> bool:
    """Whether anything is drawn near a place of the image, in its own pixels."""
    at = slice(int(4 * y) - reach, int(4 * y) + reach + 1), slice(int(4 * x) - reach, int(4 * x) + reach + 1)
    return bool((picture[at] != 128).any())


def test_an_oriented_box_is_drawn_as_it_lies_and_not_its_bounds():
    turned = np.asarray([[64, 64, 60, 20, 30]], np.float32)
    corners = oriented_corners(turned)[0]
    bounds = np.concatenate([corners.min(0), corners.max(0)])[None]
    picture = draw(GREY, Answer("oriented", (128, 128), oriented=turned, boxes=bounds, labels=("",), scores=ONE))
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        assert changed_at(picture, (x0 + x1) / 2, (y0 + y1) / 2)
    assert changed_at(picture, 64, 64, 0)  # a pale tint inside
    assert not changed_at(picture, bounds[0, 0] + 1, bounds[0, 1] + 1) and not changed_at(picture, 64, 20)


def pose(points: list[list[float]]) -> np.ndarray:
    keypoints = np.asarray([points], np.float32)
    return draw(GREY, Answer("pose", (128, 128), boxes=np.asarray([[4, 4, 124, 124]]), keypoints=keypoints))


def test_key_points_are_full_where_seen_hollow_where_hidden_and_left_out_where_not_there():
    picture = pose([[30, 64, 2], [64, 64, 1], [98, 64, 0]])
    seen, hidden, absent = (picture[256, 4 * x] for x in (30, 64, 98))
    assert (hidden == 255).all() and (seen != 255).any() and (seen != 128).any() and (absent == 128).all()
    assert not changed_at(picture, 47, 64)  # no line between points that are no cube


def test_eight_key_points_are_a_cube_with_twelve_edges():
    top = [[40, 30, 2], [60, 20, 2], [90, 30, 2], [70, 42, 2]]
    points = [[x, y + 50, 2] for x, y, _ in top] + top
    edges = [(k + z, (k + 1) % 4 + z) for z in (0, 4) for k in range(4)] + [(k, k + 4) for k in range(4)]
    whole = pose(points)
    points[0][2] = 0
    without = pose(points)
    for a, b in edges:
        x, y = np.asarray(points)[[a, b], :2].mean(0)
        assert changed_at(whole, x, y) and changed_at(without, x, y) == (0 not in (a, b))


def test_points_are_drawn_where_they_are_and_weak_ones_left_out():
    points = np.asarray([[30, 64], [90, 100]], np.float32)
    answer = Answer("point", (128, 128), points=points, labels=("cup", "cup"), scores=np.asarray([0.9, 0.1]))
    picture = draw(GREY, answer)
    assert changed_at(picture, 30, 64, 1) and not changed_at(picture, 90, 100)


def test_masks_that_fill_the_picture_are_a_map_of_it_without_boxes():
    masks = np.zeros((2, 128, 128), bool)
    masks[0, :, :70], masks[1, :, 70:] = True, True
    boxes = np.asarray([[0, 0, 70, 128], [70, 0, 128, 128]], np.float32)
    answer = Answer("panoptic", (128, 128), masks=masks, boxes=boxes, labels=("sky", "sea"), scores=np.ones(2))
    picture = draw(GREY, answer)
    assert (picture != 128).any(-1).all()
    assert len({tuple(picture[100, x]) for x in (100, 400)}) == 2 and (picture[100, 280] > 230).all()
    answer.masks = masks & (np.arange(128) < 20)[:, None]
    assert (draw(GREY, answer)[300:] == 128).any()


def test_a_mask_without_a_box_is_drawn():
    mask = np.zeros((1, 128, 128), bool)
    mask[0, 40:80, 40:80] = True
    picture = draw(GREY, Answer("box_to_mask", (128, 128), masks=mask, scores=ONE))
    assert (picture[170:310, 170:310] != 128).any(-1).all() and (picture[340:] == 128).all()


def test_normals_have_the_usual_colours():
    normals = np.zeros((64, 64, 3), np.float32)
    facing = {(0, 0): (0, 0, -1), (0, 1): (1, 0, 0), (1, 0): (0, -1, 0)}  # toward us, right, up
    for (row, column), direction in facing.items():
        normals[32 * row :, 32 * column :][:32, :32] = direction
    picture = draw(grey(64, 64), Answer("normals", (64, 64), normals=normals))
    shown = [tuple(picture[y, x]) for y, x in ((128, 128), (128, 384), (384, 128), (384, 384))]
    assert shown == [(128, 128, 255), (255, 128, 128), (128, 255, 128), (60, 60, 60)]
    assert picture.shape[0] > 512 and len(np.unique(picture[512:].reshape(-1, 3), axis=0)) > 100


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1))
def test_a_direction_can_be_read_from_its_colour(direction):
    unit = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    back = rgb_of_normals(unit) / 255 * 2 - 1
    np.testing.assert_allclose(back * [1, -1, -1], unit, atol=0.0051)
    assert tuple(rgb_of_normals(np.zeros(3))) == (128, 128, 128) != tuple(rgb_of_normals(unit))


def test_a_count_is_told_with_what_is_counted():
    told = [draw(GREY, Answer("count", (128, 128), names=names, number=3, text="3")) for names in ((), ("cube",))]
    assert (told[0][:512] == 128).all() and (told[0][512:] < 100).any()
    assert (told[1][512:] < 100).sum() > 2 * (told[0][512:] < 100).sum()


@pytest.mark.parametrize("labels", [("dog", "dog"), ("dog", "cat")])
def test_masks_side_by_side_can_be_told_apart(labels):
    masks = np.zeros((2, 128, 128), bool)
    masks[0, 40:80, 20:60], masks[1, 40:80, 60:100] = True, True
    picture = draw(GREY, Answer("instances", (128, 128), masks=masks, labels=labels, scores=np.ones(2, np.float32)))
    left, right = picture[4 * 70, 4 * 40].astype(int), picture[4 * 70, 4 * 80].astype(int)
    assert np.abs(left - right).max() > 60


def test_phrases_have_the_colours_of_their_boxes():
    text = "a cup beside two red dogs and more words than fit in a single line of text"
    boxes = np.asarray([[10, 30, 40, 60], [60, 30, 80, 60], [90, 30, 120, 60]], np.float32)
    phrases = ((0, 5, (0,)), (13, 25, (1, 2)))
    answer = Answer("grounded_caption", (128, 128), text=text, phrases=phrases, boxes=boxes, scores=np.ones(3))
    picture = draw(GREY, answer)
    below = picture[512:].reshape(-1, 3)
    for i, row in enumerate((0, 1, 1)):
        edge = picture[int(4 * 45), int(4 * boxes[i, 0])]  # the left side of the box
        assert (np.abs(edge.astype(int) - colour(row)) < 40).all()
        assert (below == colour(row)).all(-1).sum() > 20
    assert not (below == colour(2)).all(-1).any()
    assert (picture[512:, -6:] == 255).all()  # no word leaves the strip


@pytest.mark.parametrize(
    ("kind", "value", "places"),
    [
        ("point", (64, 64), [(64, 64), (64 + 3, 64)]),
        ("box", (20, 30, 100, 90), [(20, 60), (60, 30), (100, 60), (60, 90)]),
        ("oriented", (64, 64, 80, 40, 0), [(24, 64), (64, 44), (104, 64), (64, 84)]),
        ("scribble", (10, 10, 60, 60, 110, 20), [(10, 10), (35, 35), (85, 40)]),
    ],
)
def test_the_region_of_a_request_is_outlined_in_black_and_white(kind, value, places):
    picture = draw(GREY, Answer("describe", (128, 128)), region=Region(kind, np.asarray(value)))
    assert all(changed_at(picture, x, y) for x, y in places)
    drawn = picture[(picture != 128).any(-1)]
    assert (drawn == 255).all(-1).any() and (drawn == 0).all(-1).any()
    assert not changed_at(picture, 50, 100) and not changed_at(picture, 120, 120)


def test_a_region_that_is_a_mask_is_outlined_at_its_edge():
    mask = np.zeros((128, 128), bool)
    mask[40:80, 20:] = True
    picture = draw(GREY, Answer("describe", (128, 128)), region=Region("mask", mask))
    assert changed_at(picture, 20, 60) and changed_at(picture, 60, 40) and not changed_at(picture, 60, 60)


def test_normals_that_are_written_can_be_read_back(tmp_path):
    from generalist.app.pictures import of_normals, save_picture

    normals = np.random.default_rng(0).normal(size=(5, 7, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    path = save_picture(of_normals(normals.astype(np.float32)), tmp_path / "new" / "a.normals.png")
    back = (np.asarray(Image.open(path)) / 255 * 2 - 1) * [1, -1, -1]
    assert back.shape == normals.shape
    np.testing.assert_allclose(back, normals, atol=0.0051)
