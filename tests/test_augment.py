"""Augmentation by law: what is annotated stays true of what is seen, whatever is done to the picture."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import SIZES, objects, turned
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from generalist.data.augment import Augment, Freedom
from generalist.data.language import phrase
from generalist.data.mirror import mirrored, sided
from generalist.data.raycast import look, normals_of
from generalist.data.readers import open_data
from generalist.data.scenes import SEMANTIC_NAMES, Scenes, annotate
from generalist.data.sight import _OBJECTS, _SAMPLE, SMALLEST, VISIBLE, objects_seen, region_seen, sample_seen
from generalist.data.view import View
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.oriented import oriented_iou
from generalist.sequence.region import Region
from generalist.sequence.sample import Objects, Sample

NAMES = ("left shoe", "right shoe", "hat")
SCENES = Scenes("validation", 64)


@st.composite
def views(draw, size, exact=False, degrees=30.0) -> View:
    plain = View.whole(size, draw(st.booleans()), draw(st.integers(0, 3)))
    if exact:
        return plain
    canvas = draw(SIZES)
    scaled = draw(st.tuples(st.integers(16, 200), st.integers(16, 200)))
    offset = tuple(draw(st.integers(min(0, c - s), max(0, c - s))) for c, s in zip(canvas, scaled, strict=True))
    return replace(plain, size=canvas, scaled=scaled, offset=offset, degrees=draw(st.floats(-degrees, degrees)))


def colours(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def among(values, some):
    """Whether each of values is one of some, or 0, but for rounding."""
    known, values = np.unique(np.append(some, 0)), np.unique(values)
    after = np.searchsorted(known, values).clip(1, len(known) - 1)
    return bool(np.minimum(np.abs(known[after] - values), np.abs(known[after - 1] - values)).max() < 1e-5 * known.max())


# ---- words -----------------------------------------------------------------------------------------------------------

SAID = (
    "left right Left RIGHT leftmost right-hand left_eye copyright bright Upright leftover right, left. has left the "
    "all right? right angle left-hand lefties now of cup 左"
)


@given(
    st.one_of(
        st.text(st.characters(max_codepoint=500), max_size=20),
        st.lists(st.sampled_from(SAID.split(" ")), max_size=8).map(" ".join),
    )
)
def test_words_mirrored_twice_are_themselves(text):
    assert mirrored(mirrored(text)) == text


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("the cup left of the plate", "the cup right of the plate"),
        ("Second Cup From The Right", "Second Cup From The Left"),
        ("leftmost, RIGHTMOST; right-hand", "rightmost, LEFTMOST; left-hand"),
        ("left_shoulder", "right_shoulder"),
        ("bright copyright leftover", "bright copyright leftover"),
        ("he has left the room", "he has left the room"),
        ("a right angle, right now", "a right angle, right now"),
        ("is the left lung to the right?", "is the right lung to the left?"),
    ],
)
def test_left_and_right_change_places(said, seen):
    assert mirrored(said) == seen


def test_sides_are_heard():
    assert all(map(sided, ("the upper cup", "left of it", "Topmost", "a bridge over a river")))
    assert not any(map(sided, ("two cups", "uppercut", "a cupboard", "overt")))


# ---- fields of pixels ------------------------------------------------------------------------------------------------


@given(st.data(), SIZES)
def test_a_mirror_and_four_quarters_undo_themselves(data, size):
    image = colours(size)
    flip, quarter = View.whole(size, flip=True), View.whole(size, quarters=1)
    assert np.array_equal(flip.picture(flip.picture(image)), image)
    turned_back = View.whole(quarter.size, quarters=3)
    assert np.array_equal(turned_back.picture(quarter.picture(image)), image)
    view = data.draw(views(size, exact=True))
    assert np.array_equal(view.picture(image), view.map(image))  # the pixels go where the map says


@given(st.data(), SIZES)
def test_a_map_holds_only_what_was_there_and_where_it_was(data, size):
    view = data.draw(views(size))
    numbers = np.arange(size[0] * size[1]).reshape(size[::-1]) + 1
    seen = view.map(numbers)
    y, x = np.nonzero(seen)
    source = np.stack(np.unravel_index(seen[y, x] - 1, numbers.shape)[::-1], 1) + 0.5
    there = view.points(source)
    # The pixel looked up is the one that the middle of the new pixel lies in: at most half a source pixel from it.
    reach = np.abs(view.matrix[:, :2]).sum(1) / 2 + 1e-3
    assert (np.abs(there - np.stack([x, y], 1) - 0.5) <= reach).all()


def test_the_picture_lies_where_its_annotations_do():
    """A bright disc is found again, in the picture as in its mask, at every scale and angle."""
    y, x = np.mgrid[:90, :120]
    mask = (x - 80) ** 2 + (y - 30) ** 2 < 15**2
    image = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    for k in range(40):
        rng = np.random.default_rng(k)
        view = Augment(flip=0.5, quarters=0.5, turn=40, scale=(0.5, 1.4))._view(
            (120, 90), Freedom(True, True, True, True), rng, 96, None
        )
        seen, drawn = view.masks(mask[None])[0], view.picture(image)[..., 0] > 128
        if seen.sum() > 60:
            assert (seen & drawn).sum() / (seen | drawn).sum() > 0.9


@given(st.data(), SIZES)
def test_views_are_those_of_torchvision(data, size):
    """Mirror, then resize, then crop, as its second version does them on its own boxes, masks and key points."""
    found = data.draw(objects(size, NAMES))
    scaled = data.draw(st.tuples(st.integers(30, 160), st.integers(30, 160)))
    canvas, x, y = (48, 40), data.draw(st.integers(-20, 60)), data.draw(st.integers(-20, 60))
    view = View(size, canvas, scaled, (-x, -y), flip=True)
    theirs = [
        tv_tensors.BoundingBoxes(torch.from_numpy(found.boxes), format="XYXY", canvas_size=size[::-1]),
        tv_tensors.Mask(torch.from_numpy(found.masks)),
    ]
    theirs = [functional.horizontal_flip(one) for one in theirs]
    theirs = [functional.resize(one, list(scaled[::-1])) for one in theirs]
    theirs = [functional.crop(one, y, x, canvas[1], canvas[0]) for one in theirs]
    low, high = view.corners(found.boxes)
    limit = np.asarray(canvas, np.float32)
    ours = np.concatenate([np.clip(low, 0, limit), np.clip(high, 0, limit)], 1)
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-3)
    if len(found):  # its nearest pixel is that of a corner, ours that of the middle: they differ at edges alone
        assert (view.masks(found.masks) != theirs[1].numpy()).mean() < 0.12


# ---- things ----------------------------------------------------------------------------------------------------------


@given(st.data(), SIZES)
def test_masks_lie_in_their_boxes_and_boxes_in_the_picture(data, size):
    found = data.draw(objects(size, NAMES))
    view = data.draw(views(size))
    seen = objects_seen(view, found)
    assert (seen.boxes >= 0).all() and (seen.boxes <= [*view.size, *view.size]).all()
    assert (seen.boxes[:, 2:] > seen.boxes[:, :2]).all()
    tight = boxes_of_masks(seen.masks)
    drawn = seen.masks.any((1, 2))
    assert (tight[drawn][:, :2] >= seen.boxes[drawn][:, :2] - 1).all()
    assert (tight[drawn][:, 2:] <= seen.boxes[drawn][:, 2:] + 1).all()
    asked = drawn if seen.ignore is None else drawn & ~seen.ignore
    assert (np.abs(tight - seen.boxes)[asked] <= 2).all() or view.whole_source
    assert seen.ignore is None or not (~drawn & ~seen.ignore).any()


@given(st.data(), SIZES)
def test_a_thing_is_asked_for_only_if_enough_of_it_is_seen(data, size):
    found = data.draw(objects(size, ("0",), most=5))
    found.names = tuple(map(str, range(len(found))))
    view = data.draw(views(size, degrees=0))
    seen = objects_seen(view, found)
    ignored = np.zeros(len(seen), bool) if seen.ignore is None else seen.ignore
    by_name = dict(zip(seen.names, ignored.tolist(), strict=True))
    for i, mask in enumerate(found.masks):
        y, x = np.nonzero(mask)
        share = view.seen(view.points(np.stack([x, y], 1) + 0.5)).mean()
        if share == 0:
            assert str(i) not in by_name
        elif share < VISIBLE:
            assert by_name.get(str(i), True)
        elif np.ptp(boxes_of_masks(view.masks(mask[None]))[0].reshape(2, 2), axis=0).min() > SMALLEST + 2:
            assert by_name[str(i)] is False


@given(st.data(), SIZES)
def test_things_mirrored_twice_are_themselves(data, size):
    found = data.draw(objects(size, NAMES))
    joints = ("nose", "left_eye", "right_eye")
    found.keypoints = np.random.default_rng(0).uniform(1, 39, (len(found), 3, 3)).astype(np.float32).round()
    found.keypoints[..., 2] = 2
    found.joints, found.points = joints, (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    view = View.whole(size, flip=True)
    once = objects_seen(view, found)
    if len(found):
        assert np.allclose(once.keypoints[:, 1, 0], size[0] - found.keypoints[:, 2, 0])  # the eyes changed places
    twice = objects_seen(view, once)
    assert twice.names == found.names and twice.ignore is None
    for name in ("boxes", "masks", "keypoints", "points"):
        np.testing.assert_allclose(getattr(twice, name), getattr(found, name), atol=1e-3)


@given(st.data(), SIZES)
def test_oriented_boxes_turn_with_the_picture(data, size):
    found = data.draw(turned(size))
    view = data.draw(views(size, degrees=45))
    if len(found):
        plain = replace(view, scaled=(size if view.quarters % 2 == 0 else size[::-1]))
        back = np.linalg.inv(np.vstack([plain.matrix, [0, 0, 1]]))
        there = plain.oriented(found)
        np.testing.assert_allclose(there[:, 2:4], found[:, 2:4], rtol=1e-3)
        centre = there[:, :2] @ back[:2, :2].T + back[:2, 2]
        np.testing.assert_allclose(centre, found[:, :2], atol=1e-2)
        undone = View.whole(size, flip=True).oriented(View.whole(size, flip=True).oriented(found))
        assert (np.diag(oriented_iou(undone, found)) > 0.99).all()


def test_what_nobody_can_look_at_is_refused():
    bare = Objects(np.asarray([[2, 2, 9, 9]], np.float32), ("cup",))
    with pytest.raises(Fault, match="askew"):
        objects_seen(replace(View.whole((20, 20)), degrees=5.0), bare)
    bare.keypoints = np.ones((1, 2, 3), np.float32)
    with pytest.raises(Fault, match="names"):
        objects_seen(View.whole((20, 20), flip=True), bare)
    # A field that is added to a sample must be added here, by somebody who has thought about what becomes of it.
    assert {f.name for f in fields(Sample)} == _SAMPLE and {f.name for f in fields(Objects)} == _OBJECTS


@pytest.mark.parametrize("kind", ["point", "box", "oriented", "scribble", "mask"])
def test_a_region_goes_where_its_place_goes(kind):
    mask = np.zeros((40, 60), bool)
    mask[10:20, 30:50] = True
    value = {"point": [40, 15], "box": [30, 10, 50, 20], "oriented": [40, 15, 20, 10, 0],
             "scribble": [[32, 12], [48, 18]], "mask": mask}[kind]  # fmt: skip
    view = View((60, 40), (64, 64), (48, 32), (8, 20), flip=True)
    seen = region_seen(view, Region(kind, np.asarray(value)))
    assert np.abs(seen.centre - view.points(Region(kind, np.asarray(value)).centre)).max() <= 0.5
    once = region_seen(
        View.whole((60, 40), flip=True), region_seen(View.whole((60, 40), flip=True), Region(kind, value))
    )
    np.testing.assert_allclose(once.value, np.asarray(value), atol=1e-3)


# ---- scenes rendered again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(4))
def test_a_mirrored_scene_is_the_scene_through_a_mirrored_camera(index):
    scene = SCENES[index]
    stage = scene.view.stage
    axes = stage.axes * np.asarray([[-1], [1], [1]], np.float32)
    there = look(replace(stage, axes=axes), scene.solids, 64)
    again = annotate(index, there, np.zeros((64, 64), np.float32))
    sample = Sample(
        image=scene.image,
        size=(64, 64),
        labels=tuple(SEMANTIC_NAMES),
        semantic=scene.semantic,
        depth=scene.depth,
        normals=scene.normals,
        objects=scene.objects(range(len(scene.solids)), [s.shape for s in scene.solids], "oriented"),
    )
    view = View.whole((64, 64), flip=True)
    seen = sample_seen(view, sample, view.picture(scene.image))
    assert (seen.semantic != again.semantic).mean() < 0.01
    same = (seen.depth > 0) & (again.depth > 0)
    assert np.abs(seen.depth - again.depth)[same].mean() < 0.02
    mine, theirs = seen.normals[same], normals_of(there)[same]
    assert np.median((mine * theirs).sum(-1)) > 0.999
    np.testing.assert_allclose(seen.objects.boxes, again.boxes, atol=1.01)
    rng = np.random.default_rng(index)
    for row in range(len(scene.solids)):
        said = phrase(scene, row, rng)
        # Said of the mirrored scene, the mirrored phrase means the same solid.
        flipped = replace(said, extreme=mirrored(said.extreme), relation=mirrored(said.relation))
        assert flipped.text == mirrored(said.text) and flipped.rows(again) == [row]


@given(st.floats(0.3, 3), st.integers(0, 10**6))
def test_what_is_enlarged_is_nearer(scale, seed):
    depth = np.random.default_rng(seed).uniform(0.5, 9, (30, 40)).astype(np.float32)
    depth[::7] = 0  # holes
    sample = Sample(image=colours((40, 30)), size=(40, 30), depth=depth)
    (seen,) = Augment(scale=(scale, scale)).row([sample], np.random.default_rng(seed), 64, list)
    long = round(40 * scale * 64 / 40)  # pixels of the picture's long edge, of a square of 64
    assert among(seen.depth * (long / 64), depth)
    assert seen.depth.dtype == np.float32 and (seen.depth > 0).any()


# ---- what a recipe declares ------------------------------------------------------------------------------------------


def test_words_keep_a_picture_whole_and_documents_keep_it_as_it_is():
    thing = Objects(np.asarray([[2, 2, 9, 9]], np.float32), ("cup",))
    free = Freedom.of(Sample(image=colours((20, 20)), labels=("cup",), objects=thing))
    assert free == Freedom(flip=True, crop=True, turn=False, quarters=True)
    said = Freedom.of(Sample(image=colours((20, 20)), phrase="leftmost cup", objects=thing))
    assert said == Freedom(flip=True, crop=False, turn=False, quarters=False)
    assert not Freedom.of(Sample(image=colours((20, 20)), documents=("d",), text="x")).flip
    augment = Augment(flip=0.5, scale=(0.1, 3.0))
    for seed in range(30):
        sample = Sample(image=colours((40, 30)), size=(40, 30), phrase="leftmost cup", objects=thing)
        (seen,) = augment.row([sample], np.random.default_rng(seed), 64, list)
        assert len(seen.objects) == 1 and seen.objects.ignore is None
        assert seen.phrase in ("leftmost cup", "rightmost cup")


@pytest.mark.parametrize(
    "task", ["detect", "instances", "oriented", "point", "panoptic", "segment", "depth", "normals", "refer_mask",
             "caption", "grounded_caption", "ask", "count", "describe", "box_to_mask", "pose", "retrieve"]
)  # fmt: skip
def test_every_task_of_the_world_survives_everything(tasks, task):
    data = open_data("scenes:train?size=64")
    augment = Augment(flip=0.5, quarters=0.3, turn=15, scale=(0.3, 1.6), colour=0.4, mosaic=0.4, paste=0.4)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        row = [data.sample(seed, task, rng)]
        more = lambda rng=rng: [data.sample(int(rng.integers(100)), task)]  # noqa: E731
        (seen,) = augment.row(row, rng, 96, more)
        assert seen.image is None or seen.image.shape[1::-1] == seen.size
        if seen.depth is not None:
            assert any(among(seen.depth * (long / 96), row[0].depth) for long in range(28, 155))  # 0.3 to 1.6 of 96
        if seen.normals is not None:
            length = np.linalg.norm(seen.normals, axis=-1)
            assert ((np.abs(length - 1) < 1e-3) | (length == 0)).all()
        objects = seen.objects
        if objects is not None:
            for name in ("masks", "oriented", "keypoints", "points", "stuff", "ignore"):
                assert (value := getattr(objects, name)) is None or len(value) == len(objects)
            if objects.points is not None and len(objects):
                assert (objects.points >= 0).all() and (objects.points <= seen.size).all()
            kept = objects if objects.ignore is None else objects.select(np.flatnonzero(~objects.ignore))
            seen = seen.but(objects=kept)
        tasks[task].encode(seen)  # it can be spelled


def test_a_row_is_a_function_of_its_seed():
    data = open_data("scenes:train?size=64")
    augment = Augment(flip=0.5, scale=(0.3, 1.5), colour=0.4, mosaic=0.5)

    def row(seed):
        rng = np.random.default_rng(seed)
        return augment.row(
            [data.sample(1, "detect", rng)], rng, 64, lambda: [data.sample(int(rng.integers(9)), "detect")]
        )

    for seed in range(6):
        (one,), (two,) = row(seed), row(seed)
        assert np.array_equal(one.image, two.image) and np.array_equal(one.objects.boxes, two.objects.boxes)
    assert not np.array_equal(row(0)[0].image, row(1)[0].image)


@pytest.mark.parametrize("wrong", [{"flip": 2}, {"scale": [2, 1]}, {"scale": [0.01, 1]}, {"flop": 0.5}, {"colour": 1}])
def test_a_mistake_in_it_is_told(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augment.model_validate(wrong)
