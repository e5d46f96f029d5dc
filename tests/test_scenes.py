"""The generated world: the same for ever, apart by split, and exact in all that it says about itself."""

import numpy as np
import pytest

from generalist.data.raycast import FAR, look
from generalist.data.scenes import (
    COLOURS,
    MATERIALS,
    SEMANTIC_NAMES,
    SHAPES,
    SIZES,
    SPLITS,
    Scene,
    Scenes,
    Solid,
    compose,
    draw_kinds,
    draw_stage,
    well_seen,
)
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks


@pytest.fixture(scope="module")
def fuzz() -> list[Scene]:
    """Two hundred scenes: many small ones, and some of the size that models are shown."""
    some = [Scenes("train", 64)[i] for i in range(120)]
    some += [Scenes("test", 128)[i] for i in range(40)]
    return some + [Scenes("validation", 64, (1, 8))[i] for i in range(40)]


def test_boxes_masks_and_semantics_agree(fuzz):
    for scene in fuzz:
        n, size = len(scene.solids), scene.image.shape[0]
        assert scene.image.shape == (size, size, 3) and scene.image.dtype == np.uint8
        assert scene.masks.shape == (n, size, size) and scene.masks.dtype == bool
        assert (scene.masks.sum(0) <= 1).all()
        assert np.array_equal(scene.boxes, boxes_of_masks(scene.masks)) and scene.boxes.dtype == np.float32
        names = np.asarray(SEMANTIC_NAMES)[scene.semantic]
        for solid, mask in zip(scene.solids, scene.masks, strict=True):
            assert (names[mask] == solid.shape).all()
        assert np.isin(names[~scene.masks.any(0)], ("sky", "ground")).all()


def test_depth_is_that_of_what_is_seen(fuzz):
    for scene in fuzz:
        assert scene.depth.dtype == np.float32 and scene.distances.dtype == np.float32
        assert np.array_equal(scene.depth == 0, scene.semantic == SEMANTIC_NAMES.index("sky"))
        assert scene.depth.max() <= FAR
        for mask, distance in zip(scene.masks, scene.distances, strict=True):
            # Planar depth is at most the distance, and at this field of view at least 0.8 of it.
            assert 0.75 * distance - 1.1 < scene.depth[mask].min() <= scene.depth[mask].max() < distance + 1.1


def test_every_solid_is_seen_and_may_be_named(fuzz):
    for scene in fuzz:
        size = scene.image.shape[0]
        kinds = [(solid.size, solid.colour, solid.shape) for solid in scene.solids]
        assert len(set(kinds)) == len(kinds)
        assert (scene.masks.sum((1, 2)) >= 60 * (size / 128) ** 2).all()
        assert scene.boxes.min() >= 1 and scene.boxes.max() <= size - 1
        for i, one in enumerate(scene.solids):
            apart = [np.hypot(one.x - two.x, one.y - two.y) - one.girth - two.girth for two in scene.solids[:i]]
            assert min(apart, default=1) > 0


def test_a_solid_shows_most_of_itself():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        view = None
        while view is None:
            view = compose(rng, draw_kinds(rng, 5), 64)
        for k, solid in enumerate(view.solids):
            alone = look(view.stage, [solid], 64).masks[0]
            assert (view.masks[k] <= alone).all() and view.masks[k].sum() >= 0.4 * alone.sum()
            assert np.array_equal(np.flatnonzero(alone), view.outlines[k])


def test_a_solid_that_hides_is_refused():
    """A large sphere slides out from behind a large cylinder: refused until 0.4 of it shows."""
    stage = draw_stage(np.random.default_rng(3))
    right, forward = stage.axes[0, :2], stage.axes[2, :2]
    refused = []
    for slide in np.linspace(0, 2, 27):
        x, y = 1.45 * forward + slide * right
        ball = Solid("sphere", "blue", "large", "metal", float(x), float(y))
        view = look(stage, [ball, Solid("cylinder", "red", "large", "metal")], 128)
        share = view.masks[0].sum() / look(stage, [ball], 128).masks[0].sum()
        assert well_seen(view) == (share >= 0.4 and view.masks[0].sum() >= 60), share
        refused.append(0.05 < share < 0.4 and view.masks[0].sum() >= 60)
    assert any(refused), "the share alone must decide somewhere"


def test_colours_are_told_apart(fuzz):
    """The nearest mean hue of the eight, by the rest of the scenes, is nearly always the solid's own."""
    means: dict[str, list[np.ndarray]] = {colour: [] for colour in COLOURS}
    for scene in fuzz:
        for solid, mask in zip(scene.solids, scene.masks, strict=True):
            shade = np.median(scene.image[mask].astype(float), 0)
            means[solid.colour].append(shade / np.linalg.norm(shade))
    centres = np.stack([np.mean(means[colour], 0) for colour in COLOURS])
    right = [
        np.argmin(np.linalg.norm(centres - shade, axis=1)) == k
        for k, colour in enumerate(COLOURS)
        for shade in means[colour]
    ]
    assert np.mean(right) > 0.95


def test_the_world_has_everything_in_it(fuzz):
    solids = [solid for scene in fuzz for solid in scene.solids]
    for name, words in (("shape", SHAPES), ("colour", COLOURS), ("size", SIZES), ("material", MATERIALS)):
        share = [np.mean([getattr(solid, name) == word for solid in solids]) for word in words]
        assert min(share) > 0.5 / len(words), (name, share)
    assert {len(scene.solids) for scene in fuzz[:160]} == {2, 3, 4, 5}
    assert min(len(scene.solids) for scene in fuzz[160:]) == 1 and max(len(scene.solids) for scene in fuzz[160:]) > 5


def test_a_scene_is_a_function_of_its_number():
    one, two = Scenes("train", 48), Scenes("train", 48)
    for i in (0, 5, 999_999, 5):
        a, b = one[i], two[i]
        assert a.solids == b.solids and a.index == b.index == i
        for field in ("image", "boxes", "masks", "semantic", "depth", "distances"):
            assert np.array_equal(getattr(a, field), getattr(b, field))


def test_no_scene_of_a_split_is_in_another():
    seen = [{Scenes(split, 32)[i].solids for i in range(25)} for split in SPLITS]
    assert len(set.union(*seen)) == 25 * len(SPLITS)  # the places of the solids are real numbers


def test_it_is_a_sequence():
    scenes = Scenes("test", 32, length=3)
    assert len(scenes) == 3 and [scene.index for scene in scenes] == [0, 1, 2]
    assert scenes[-1].solids == scenes[2].solids
    for beyond in (3, -4):
        with pytest.raises(IndexError, match="of 3"):
            scenes[beyond]
    assert [len(Scenes(split)) for split in SPLITS] == list(SPLITS.values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"split": "dev"}, "train, validation, test"),
        ({"size": 16}, "at least 32"),
        ({"objects": (3, 2)}, "fewest <= most"),
        ({"objects": (0, 2)}, "fewest <= most"),
        ({"objects": (2, 9)}, "<= 8"),
    ],
)
def test_a_wrong_argument_is_a_fault_that_names_the_right_ones(arguments, words):
    with pytest.raises(Fault, match=words):
        Scenes(**arguments)
