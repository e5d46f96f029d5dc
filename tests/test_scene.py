"""What a scene works out when it is asked: normals against the depth, corners against the solids, masks that cover."""

import numpy as np
import pytest
from matter import inside

from generalist.data.raycast import look
from generalist.data.scenes import SEMANTIC_NAMES, Scene, Scenes
from generalist.sequence.geometry import fill_polygon
from generalist.sequence.oriented import convex_hull

SIZE = 128
LAZY = ("normals", "oriented", "points", "keypoints", "panoptic")


@pytest.fixture(scope="module")
def world() -> list[Scene]:
    return [Scenes("train", SIZE)[i] for i in range(30)] + [Scenes("test", SIZE, (5, 8))[i] for i in range(10)]


@pytest.fixture(scope="module")
def cubes(world) -> list[tuple[Scene, int]]:
    return [(scene, k) for scene in world for k, solid in enumerate(scene.solids) if solid.shape == "cube"]


def surface(scene: Scene) -> np.ndarray:
    """Where each pixel's ray ends (H, W, 3), in the camera's axes, from the depth alone."""
    at = (np.arange(SIZE) + 0.5 - SIZE / 2) / (scene.view.stage.focal * SIZE)
    x, y = np.meshgrid(at, at)
    return scene.depth[..., None].astype(float) * np.stack([x, y, np.ones_like(x)], -1)


def test_nothing_is_worked_out_before_it_is_asked_for():
    scene = Scenes("train", 32)[0]
    assert not set(LAZY) & set(vars(scene))
    for name in LAZY:
        assert getattr(scene, name) is getattr(scene, name)  # and once only


def test_normals_are_unit_vectors_that_face_the_camera(world):
    for scene in world:
        normals, seen = scene.normals, scene.depth > 0
        assert normals.dtype == np.float32 and normals.shape == (SIZE, SIZE, 3)
        assert np.allclose(np.linalg.norm(normals[seen], axis=1), 1, atol=1e-5) and not normals[~seen].any()
        toward = (normals * surface(scene)).sum(-1)
        assert (toward[seen] <= 1e-3).all()
        assert (normals[seen][:, 2] < 0).mean() > 0.99


def test_normals_are_those_of_the_depth_where_it_is_smooth(world):
    for scene in world:
        point, normals, shown = surface(scene), scene.normals, scene.panoptic
        found = np.cross(point[2:, 1:-1] - point[:-2, 1:-1], point[1:-1, 2:] - point[1:-1, :-2])
        found /= np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)
        smooth = shown[1:-1, 1:-1] > 0
        for top in range(3):
            for left in range(3):
                near = np.s_[top : top + SIZE - 2, left : left + SIZE - 2]
                bend = (normals[near] * normals[1:-1, 1:-1]).sum(-1)
                smooth &= (shown[near] == shown[1:-1, 1:-1]) & (bend > np.cos(np.radians(20)))
        cosine = (found * normals[1:-1, 1:-1]).sum(-1)
        solid = smooth & (shown[1:-1, 1:-1] > 1)
        assert solid.sum() > 0.3 * scene.masks.sum()
        assert np.degrees(np.arccos(np.clip(cosine[smooth], -1, 1))).max() < 8
        assert np.degrees(np.arccos(np.clip(cosine[solid], -1, 1))).mean() < 1.5


def test_the_panoptic_map_is_the_masks_the_ground_and_the_sky(world):
    for scene in world:
        assert set(np.unique(scene.panoptic)) <= set(range(2 + len(scene.solids)))
        for k, mask in enumerate(scene.masks):
            assert np.array_equal(scene.panoptic == 2 + k, mask)
        for k, name in enumerate(("sky", "ground")):
            assert np.array_equal(scene.panoptic == k, scene.semantic == SEMANTIC_NAMES.index(name))


def test_oriented_boxes_hold_their_masks_and_are_no_larger_than_upright_ones(world):
    for scene in world:
        assert scene.oriented.shape == (len(scene.solids), 5) and scene.oriented.dtype == np.float32
        for mask, box, (x, y, long, short, angle) in zip(scene.masks, scene.boxes, scene.oriented, strict=True):
            rows, columns = np.nonzero(mask)
            turn = np.exp(-1j * np.radians(angle))
            for corner in (0, 1, 1j, 1 + 1j):
                away = ((columns - x) + 1j * (rows - y) + corner) * turn
                assert np.abs(away.real).max() <= long / 2 + 1e-3 and np.abs(away.imag).max() <= short / 2 + 1e-3
            assert long * short <= np.prod(box[2:] - box[:2]) * (1 + 1e-5)


def test_points_are_on_their_masks(world):
    for scene in world:
        for mask, (x, y) in zip(scene.masks, scene.points, strict=True):
            assert mask[int(y), int(x)]


def test_only_cubes_have_corners(world, cubes):
    assert len(cubes) > 20
    for scene in world:
        assert scene.keypoints.shape == (len(scene.solids), 8, 3) and scene.keypoints.dtype == np.float32
        for solid, points in zip(scene.solids, scene.keypoints, strict=True):
            assert set(points[:, 2]) <= {1, 2} if solid.shape == "cube" else not points.any()


def test_corners_span_the_cube(cubes):
    """The hull of the eight is the outline of the cube, and those in sight lie on or next to what is seen of it."""
    for scene, k in cubes:
        points = scene.keypoints[k]
        outline = fill_polygon(convex_hull(points[:, :2]), SIZE, SIZE)
        alone = look(scene.view.stage, [scene.solids[k]], SIZE).masks[0]
        assert (outline != alone).sum() <= 0.02 * alone.sum() + 2
        y, x = np.nonzero(scene.masks[k])
        for column, row, seen in points:
            if seen == 2:
                assert np.maximum(np.abs(x + 0.5 - column), np.abs(y + 0.5 - row)).min() <= 1.5


def world_corners(scene: Scene, k: int) -> np.ndarray:
    """The corners of a cube in the world (8, 3), each found as the one that is projected onto a key point."""
    solid = scene.solids[k]
    turn = solid.yaw + np.pi / 4 + np.arange(4) * np.pi / 2
    x, y = (centre + 2**0.5 * solid.girth * part(turn) for centre, part in ((solid.x, np.cos), (solid.y, np.sin)))
    corners = np.concatenate([np.stack([x, y, np.full(4, z)], 1) for z in (0, solid.height)])
    projected = np.stack(scene.view.stage.project(corners, SIZE)[:2], 1)
    away = np.linalg.norm(projected[:, None] - scene.keypoints[k, :, :2][None], axis=-1)
    assert (away.min(0) < 0.01).all() and len(set(away.argmin(0))) == 8
    return corners[away.argmin(0)]


def test_a_corner_is_hidden_where_something_is_met_on_the_way_to_it(cubes):
    hidden = {True: 0, False: 0}
    for scene, k in cubes:
        eye = np.asarray(scene.view.stage.eye)[:, None]
        for corner, (x, y, seen) in zip(world_corners(scene, k), scene.keypoints[k], strict=True):
            way = eye + (corner[:, None] - eye) * np.linspace(0.5, 0.999, 1500)
            met = [inside(solid, way, -2e-3).any() for solid in scene.solids]  # touching is not hiding
            near = [inside(solid, way, 2e-2).any() for j, solid in enumerate(scene.solids) if j != k]
            if any(met) or not any(near):
                assert min(x, y) >= 0 and max(x, y) <= SIZE
                assert seen == (1 if any(met) else 2)
                hidden[bool(met[k])] += any(met)
    assert min(hidden.values()) > 5, "by itself and by others"


def test_corners_come_in_an_order_that_can_be_seen(cubes):
    """The bottom ring, then the top one; each clockwise; both from the edge whose top is leftmost."""
    for scene, k in cubes:
        points, corners = scene.keypoints[k], world_corners(scene, k)
        assert np.allclose(corners[:4, 2], 0) and np.allclose(corners[4:, 2], scene.solids[k].height)
        assert np.allclose(corners[:4, :2], corners[4:, :2])
        assert points[4:, 0].argmin() == 0
        for ring in (points[:4], points[4:]):
            after = np.roll(ring, -1, 0)
            assert (ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]).sum() > 0  # clockwise, where y runs down


def test_objects_hold_what_is_asked_for(world):
    for scene in world:
        rows = list(range(len(scene.solids)))[::-1]
        objects = scene.objects(rows, ["x"] * len(rows), "oriented", "points")
        assert np.array_equal(objects.boxes, scene.boxes[rows]) and np.array_equal(objects.masks, scene.masks[rows])
        assert np.array_equal(objects.oriented, scene.oriented[rows]) and objects.keypoints is None
        none = scene.objects([], [], "keypoints")
        assert none.boxes.shape == (0, 4) and none.keypoints.shape == (0, 8, 3) and len(none) == 0
