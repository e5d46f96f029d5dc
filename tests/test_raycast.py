"""Rays against closed forms: where they enter a solid, how deep, and what the light does there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matter import inside

from generalist.data.raycast import FAR, Stage, look, paint
from generalist.data.solids import MATERIALS, SHAPES, SIZES, Solid, meet, normal_of, radius_of

shapes, sizes = st.sampled_from(SHAPES), st.sampled_from(SIZES)
angles = st.floats(0, 6.28)


def stage(eye: tuple[float, float, float], aim: tuple[float, float, float]) -> Stage:
    """A camera at ``eye`` that looks at ``aim``, level, under a lamp to the side."""
    forward = np.subtract(aim, eye)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right = right / np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward]).astype(np.float32)
    light = np.asarray([0.48, 0.60, 0.64], np.float32)
    plain = np.full(3, 0.6, np.float32)
    return Stage(eye, axes, 1.2, light, 0.0, plain, plain, np.zeros((3, 3), np.float32))


def shots(solid: Solid, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An eye above the solid and 300 rays towards and past it."""
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, 6.28)
    eye = np.asarray([4 * np.cos(turn), 4 * np.sin(turn), rng.uniform(2, 4)])
    eye[:2] += solid.x, solid.y
    goals = rng.normal(0, 0.5, (3, 300)) + np.asarray(solid.centre)[:, None]
    return eye.astype(np.float32)[:, None], (goals - eye[:, None]).astype(np.float32)


@given(shapes, sizes, angles, st.integers(0, 999))
def test_a_ray_enters_where_marching_along_it_first_finds_the_solid(shape, size, yaw, seed):
    solid = Solid(shape, "red", size, "metal", 0.3, -0.2, yaw)
    eye, rays = shots(solid, seed)
    t = meet(solid, eye, rays)
    steps = np.linspace(0.3, 1.6, 261)
    walk = eye[:, None] + rays[:, None, :].astype(np.float64) * steps[:, None]
    found = inside(solid, walk.reshape(3, -1), -0.01).reshape(len(steps), -1)  # well inside: no quarrel about grazing
    above = walk[2] > 0
    through = (found & above).any(0)
    assert np.isfinite(t[through]).all()
    first = steps[(found & above).argmax(0)]
    assert (t[through] <= first[through] + 1e-4).all()
    hit = np.isfinite(t) & (eye[2] + t * rays[2] > 0.01)
    point = eye + rays[:, hit] * t[hit]
    assert inside(solid, point, 2e-3).all()  # it is on the solid,
    assert not inside(solid, eye + rays[:, hit] * (t[hit] - 0.02), -1e-3).any()  # and not beyond its near side


@given(shapes, sizes, angles, st.integers(0, 999))
def test_normals_are_unit_point_outwards_and_face_the_ray(shape, size, yaw, seed):
    solid = Solid(shape, "red", size, "metal", 0.3, -0.2, yaw)
    eye, rays = shots(solid, seed)
    t = meet(solid, eye, rays)
    hit = np.isfinite(t) & (eye[2] + t * rays[2] > 0.02)
    point = eye + rays[:, hit] * t[hit]
    normal = normal_of(solid, point)
    assert np.allclose(np.linalg.norm(normal, axis=0), 1, atol=1e-3)
    assert ((normal * rays[:, hit]).sum(0) < 0.05).all()
    assert not inside(solid, point + 0.02 * normal).any()


@given(shapes, sizes)
def test_the_bounding_ball_holds_the_solid_and_touches_it(shape, size):
    solid = Solid(shape, "red", size, "rubber")
    z = np.linspace(0, solid.height, 201)
    around = np.stack([np.full_like(z, solid.girth), np.zeros_like(z), z])
    if shape == "cube":
        around[1] = solid.girth
    if shape == "cone":
        around[0] *= 1 - z / solid.height
    if shape == "sphere":
        around[0] = np.sqrt(np.maximum(solid.girth**2 - (z - solid.girth) ** 2, 0))
    away = np.linalg.norm(around - np.asarray(solid.centre)[:, None], axis=0)
    assert away.max() == pytest.approx(radius_of(solid), rel=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_depth_and_width_of_a_sphere_seen_straight_on(size):
    ball = Solid("sphere", "blue", size, "rubber")
    aim = ball.centre
    eye = (0.0, -6.0, 2.5)
    view = look(stage(eye, aim), [ball], 129)
    away = float(np.linalg.norm(np.subtract(eye, aim)))
    assert view.depth.reshape(129, 129)[64, 64] == pytest.approx(away - ball.girth, abs=1e-3)
    # The outline of a ball around the axis is a circle of tangent r / sqrt(d^2 - r^2), Hartley and Zisserman 8.3.
    expected = 2 * 1.2 * 129 * ball.girth / np.sqrt(away**2 - ball.girth**2)
    assert view.masks[0].any(0).sum() == pytest.approx(expected, abs=1.5)
    assert view.masks[0].any(1).sum() == pytest.approx(expected, abs=1.5)


def test_depth_of_the_ground_is_that_of_the_plane_and_ends_far_away():
    here = stage((1.0, -7.0, 2.4), (0.0, 0.0, 0.3))
    view = look(here, [], 64)
    seen = view.ids == 1
    point = np.asarray(here.eye)[:, None] + view.rays[:, seen] * view.depth[seen]
    assert np.abs(point[2]).max() < 1e-4
    assert view.depth[seen].max() <= FAR and np.isinf(view.depth[~seen]).all() and (~seen).any()
    x, y, depth = here.project(point.T, 64)
    flat = np.flatnonzero(seen)
    assert np.allclose(x, flat % 64 + 0.5, atol=1e-2) and np.allclose(y, flat // 64 + 0.5, atol=1e-2)
    assert np.allclose(depth, view.depth[seen], atol=1e-3)


@given(st.permutations(range(3)))
def test_what_is_seen_does_not_depend_on_the_order_of_the_solids(order):
    solids = [
        Solid("cube", "red", "large", "rubber", 0, 0, 0.4),
        Solid("cone", "blue", "small", "metal", 0.3, -1.6),
        Solid("cylinder", "green", "large", "metal", -1.2, 0.9),
    ]
    here = stage((0.5, -6.5, 3.0), (0.0, 0.0, 0.3))
    plain, mixed = look(here, solids, 48), look(here, [solids[i] for i in order], 48)
    assert np.array_equal(plain.depth, mixed.depth)
    assert all(np.array_equal(plain.masks[i], mixed.masks[k]) for k, i in enumerate(order))


@pytest.mark.parametrize("material", MATERIALS)
def test_light_makes_a_lit_side_and_a_shadow_and_metal_glints(material):
    ball = Solid("sphere", "blue", "large", material)
    here = stage((0.0, -6.5, 3.5), (0.0, 0.0, 0.3))
    alone, empty = (paint(look(here, solids, 128)).astype(float).sum(2) for solids in ([ball], []))
    view = look(here, [ball], 128)
    floor = ~view.masks[0] & (view.ids.reshape(128, 128) == 1)
    fall = np.asarray(ball.centre) - here.light * ball.centre[2] / here.light[2]
    x, y, _ = here.project(fall[None], 128)
    row, column = int(y[0]), int(x[0])
    assert floor[row, column] or view.masks[0][row, column]
    assert (alone[floor] < 0.75 * empty[floor]).sum() > 50  # its shadow
    assert np.median(alone[floor] / empty[floor]) > 0.97  # and the rest of the ground as it was
    bright = alone[view.masks[0]]
    assert bright.max() > 2 * np.percentile(bright, 5)


def test_metal_is_told_from_rubber_by_its_highlight():
    here = stage((0.0, -6.5, 3.5), (0.0, 0.0, 0.3))
    peak = {}
    for material in MATERIALS:
        ball = Solid("sphere", "blue", "large", material)
        view = look(here, [ball], 128)
        peak[material] = paint(view)[view.masks[0]].astype(int).min(1).max()  # white enough in every channel
    assert peak["metal"] > peak["rubber"] + 60


def test_edges_are_smooth():
    here = stage((0.0, -6.5, 3.5), (0.0, 0.0, 0.3))
    view = look(here, [Solid("cube", "red", "large", "rubber", yaw=0.3)], 96)
    red = paint(view).astype(int)[..., 0] - paint(view).astype(int)[..., 1]
    mask = view.masks[0]
    edge = mask & ~(np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1))
    inner = np.median(red[mask & ~edge])
    assert ((red[edge] > 0.15 * inner) & (red[edge] < 0.85 * inner)).mean() > 0.2
