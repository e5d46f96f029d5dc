"""The law of the sequence interface for the rest of the language: what is encoded reads back, within these bounds.

With ``last`` = 255 (loc bins - 1), ``side`` the longer edge in pixels, o an offset from the lattice point in the unit
square, and root = sqrt(length / (side sqrt 2)):

    point      side * (2 sqrt|o| + 1/last) / last, as the corners of a box; a keypoint's visibility exactly
    oriented   the centre as a point; a side by side * sqrt 2 * (root + 1/(4 last)) / last; the angle by half a degree
    normals    within the angle by which the 512 directions cover what a camera sees of a sphere: 5.5 degrees
    depth      between the ends that a picture has, within half of 255 even steps of their log ratio, each end rounded
               outwards by less than a bin
    list       as without a lattice point; things that share a bin are moved to the next ones, one bin each
    text, numbers, labels, the order of a list, and which phrase has which boxes: exactly
"""

from pathlib import Path

import numpy as np
import pytest
import strategies
import yaml
from answers import OWN, assert_mask, own_task, place_bound, round_trip
from hypothesis import assume, given
from hypothesis import strategies as st

from generalist.sequence.claims import disjoint
from generalist.sequence.frame import DIAGONAL, FAR, NEAR
from generalist.sequence.geometry import boxes_of_masks, lattice
from generalist.sequence.oriented import oriented_iou
from generalist.sequence.region import Region
from generalist.sequence.sample import Answer, Objects, Sample, joined
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.units.normal import directions
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Tracks

COVER = 5.5
"""Degrees."""


def starts(task: Task, tracks: Tracks) -> np.ndarray:
    """The lattice points (n, 2) of the tracks that wrote something."""
    none = task.vocabulary.none
    return np.asarray([p for p, ids in zip(tracks.points, tracks.ids, strict=True) if ids[0] != none]).reshape(-1, 2)


def nearest(found: np.ndarray, true: np.ndarray) -> list[int]:
    """For each row of an answer the object that it must be: each of them once."""
    rows = [int(np.abs(true - row).max(-1).argmin()) for row in found]
    assert sorted(rows) == list(range(len(true)))
    return rows


def assert_turned(found: np.ndarray, true: np.ndarray, point: np.ndarray | None, side: int, last: int) -> None:
    """An oriented box has come back within its bounds."""
    assert (np.abs(found[:2] - true[:2]) <= place_bound(true[:2], point, side, last)).all()
    root = np.sqrt(true[2:4] / (side * DIAGONAL))
    assert (np.abs(found[2:4] - true[2:4]) <= side * DIAGONAL * (root + 0.25 / last) / last + 1e-3).all()
    assert abs((found[4] - true[4] + 90) % 180 - 90) <= 0.5 + 1e-3


# ---- grids of things -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["oriented", "refer_oriented"])
@given(data=st.data(), size=strategies.SIZES, names=strategies.NAMES)
def test_oriented_boxes_come_back(
    tasks: dict[str, Task], name: str, data: st.DataObject, size: tuple[int, int], names: tuple[str, ...]
) -> None:
    task, true = tasks[name], data.draw(strategies.turned(size, 1 if name == "refer_oriented" else 8))
    objects = Objects(strategies.upright(true, size), tuple(data.draw(st.sampled_from(names)) for _ in true))
    objects.oriented = true
    tracks, answer = round_trip(task, Sample(size=size, labels=names, phrase="it", objects=objects))
    rows = oriented_iou(answer.oriented, true).argmax(1).tolist() if len(true) else []
    assert sorted(rows) == list(range(len(true)))
    for found, row, point in zip(answer.oriented, rows, starts(task, tracks), strict=True):
        assert_turned(found, true[row], point, max(size), len(task.vocabulary["loc"]) - 1)
        assert oriented_iou(found, true[row])[0, 0] >= (0.9 if true[row, 3] >= 40 else 0.75)
    if name == "oriented":
        assert answer.labels == tuple(objects.names[row] for row in rows)


@given(data=st.data(), size=strategies.SIZES, names=strategies.NAMES, seed=strategies.SEEDS)
def test_keypoints_come_back(
    tasks: dict[str, Task], data: st.DataObject, size: tuple[int, int], names: tuple[str, ...], seed: int
) -> None:
    task, objects = tasks["pose"], data.draw(strategies.objects(size, names))
    rng = np.random.default_rng(seed)
    true = np.concatenate([rng.random((len(objects), 8, 2)) * size, rng.integers(0, 3, (len(objects), 8, 1))], 2)
    objects.keypoints = true.astype(np.float32)
    tracks, answer = round_trip(task, Sample(size=size, labels=names, objects=objects))
    rows = nearest(answer.boxes, objects.boxes)
    assert answer.keypoints.shape[0] == len(rows) and (not rows or answer.keypoints.shape[1:] == (8, 3))
    for found, row, point in zip(answer.keypoints, rows, starts(task, tracks), strict=True):
        np.testing.assert_array_equal(found[:, 2], true[row, :, 2])
        bound = place_bound(true[row, :, :2], point, max(size), len(task.vocabulary["loc"]) - 1)
        there = true[row, :, 2] > 0
        assert (np.abs(found[:, :2] - true[row, :, :2]) <= bound)[there].all()
        assert (found[~there] == 0).all()


@given(data=st.data(), size=strategies.SIZES, names=strategies.NAMES)
def test_points_come_back(
    tasks: dict[str, Task], data: st.DataObject, size: tuple[int, int], names: tuple[str, ...]
) -> None:
    task, true = tasks["point"], data.draw(strategies.places(size))
    objects = Objects(np.concatenate([true - 5, true + 5], 1), tuple(data.draw(st.sampled_from(names)) for _ in true))
    objects.points = true
    tracks, answer = round_trip(task, Sample(size=size, labels=names, objects=objects))
    rows = nearest(answer.points, true)
    for found, row, point in zip(answer.points, rows, starts(task, tracks), strict=True):
        bound = place_bound(true[row], point, max(size), len(task.vocabulary["loc"]) - 1)
        assert (np.abs(found - true[row]) <= bound).all()
    assert answer.labels == tuple(objects.names[row] for row in rows) and answer.boxes is None


@given(size=st.tuples(st.integers(80, 160), st.integers(80, 160)), names=strategies.NAMES, bands=st.integers(1, 3))
def test_what_divides_a_picture_comes_back_disjoint(
    tasks: dict[str, Task], size: tuple[int, int], names: tuple[str, ...], bands: int
) -> None:
    """Upright bands from edge to edge, and a thing in the middle of each."""
    masks = []
    for i in range(bands):
        band = np.zeros(size[::-1], bool)
        band[:, i * size[0] // bands : (i + 1) * size[0] // bands] = True
        box = boxes_of_masks(band[None])[0]
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 4
        thing = strategies.ellipse(np.concatenate([middle - half, middle + half]), size)
        masks += [thing, band & ~thing]
    true = np.stack(masks)
    objects = Objects(boxes_of_masks(true), tuple(names[i % len(names)] for i in range(len(true))), true)
    objects.stuff = np.arange(len(true)) % 2 == 1
    _, answer = round_trip(tasks["panoptic"], Sample(size=size, labels=names, objects=objects))
    assert (answer.masks.sum(0) <= 1).all()
    rows = nearest(answer.boxes, objects.boxes)
    assert answer.labels == tuple(objects.names[row] for row in rows)
    for mask, row in zip(answer.masks, rows, strict=True):
        assert (mask & true[row]).sum() >= 0.75 * (mask | true[row]).sum()


def segments(*masks: np.ndarray) -> Answer:
    """An answer of these, the best first."""
    scores = np.linspace(0.9, 0.1, len(masks), dtype=np.float32)
    boxes = np.zeros((len(masks), 4), np.float32)
    names = tuple(f"{i}" for i in range(len(masks)))
    return Answer("panoptic", boxes=boxes, masks=np.stack(masks), scores=scores, labels=names)


@given(seed=strategies.SEEDS, count=st.integers(1, 12), side=st.sampled_from([24, 600]))
def test_what_is_small_lies_on_what_is_large(seed: int, count: int, side: int) -> None:
    """As one says it, pixel by pixel, of masks of six by six squares."""
    rng = np.random.default_rng(seed)
    table = rng.random((count, 6, 6)) < rng.uniform(0.05, 1, (count, 1, 1))
    answer = segments(*table.repeat(side // 6, 1).repeat(side // 6, 2))
    disjoint(answer)
    kept: list[int] = []
    for i, mask in enumerate(table):
        if all((mask & table[j]).sum() <= (mask | table[j]).sum() / 2 for j in kept):
            kept.append(i)
    order = sorted(kept, key=lambda i: (table[i].sum(), i))
    owner = np.full((6, 6), -1)
    for y, x in np.ndindex(6, 6):
        owner[y, x] = next((i for i in order if table[i, y, x]), -1)
    left = [i for i in kept if (owner == i).any()]
    assert answer.labels == tuple(map(str, left)) and len(answer.boxes) == len(answer.scores) == len(left)
    for mask, i in zip(answer.masks, left, strict=True):
        assert (mask == (owner == i).repeat(side // 6, 0).repeat(side // 6, 1)).all()


def test_the_ground_is_behind_what_stands_on_it() -> None:
    ground, thing, again, hidden = np.ones((4, 20, 20), bool)
    thing[5:], again[4:], hidden[2:] = False, False, False
    hidden[:, 4:] = False
    answer = segments(ground, thing, again)
    disjoint(answer)
    assert answer.labels == ("0", "1")  # the third is the second again
    assert (answer.masks[1] == thing).all() and (answer.masks[0] == ~thing).all()
    answer = segments(thing, hidden & ~thing, ground)
    disjoint(answer)
    assert answer.labels == ("0", "2")  # of the second there is nothing


# ---- rasters -------------------------------------------------------------------------------------------------------


def around(field: np.ndarray, radius: int) -> np.ndarray:
    """(H, W, d²): the pixels up to ``radius`` away; the field goes on as it ends."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(field, radius, "edge"), [2 * radius + 1] * 2).reshape(
        *field.shape, -1
    )


def test_directions_cover_what_faces_a_camera(vocabulary: Vocabulary) -> None:
    codes = directions(len(vocabulary["normal"]))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-6)
    rng = np.random.default_rng(0)
    any_ = rng.normal(size=(20_000, 3))
    any_ /= np.linalg.norm(any_, axis=1, keepdims=True)
    away = np.degrees(np.arccos(np.clip((any_[any_[:, 2] < 0.25] @ codes.T).max(1), -1, 1)))
    assert COVER * 0.75 < away.max() <= COVER


@given(seed=strategies.SEEDS, size=strategies.SIZES)
def test_normals_come_back_within_the_covering_angle(tasks: dict[str, Task], seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    faces = rng.normal(size=(5, 3))
    faces[:, 2] = -np.abs(faces[:, 2])
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    which = strategies.blocks(rng, size, np.arange(5), 3)
    holes = strategies.blocks(rng, size, np.asarray([True, False, False, False]), 8)
    field = np.where(holes[..., None], 0, faces[which]).astype(np.float32)
    _, answer = round_trip(tasks["normals"], Sample(size=size, normals=field))
    near = around(np.where(holes, -1, which), int(np.ceil(1.5 * max(size) / 32)) + 1)
    even = (near == which[..., None]).all(-1)
    away = np.degrees(np.arccos(np.clip((answer.normals * field).sum(-1), -1, 1)))
    assert (away[even] <= COVER + 0.1).all()


@given(
    seed=strategies.SEEDS,
    size=strategies.SIZES,
    across=st.integers(2, 32),
    near=st.floats(0.1, 60),
    ratio=st.floats(1, 20),
)
def test_adaptive_depth_is_as_fine_as_its_range_allows(
    tasks: dict[str, Task], seed: int, size: tuple[int, int], across: int, near: float, ratio: float
) -> None:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.uniform(np.log(near), np.log(min(near * ratio, 100)), 50)).astype(np.float32)
    field = strategies.blocks(rng, size, values, across)
    holed = np.where(strategies.blocks(rng, size, np.asarray([True, False, False, False]), 5), 0, field)
    assume((holed > 0).any())
    tracks, answer = round_trip(tasks["depth_adaptive"], Sample(size=size, depth=holed.astype(np.float32)))
    last = len(tasks["depth_adaptive"].vocabulary["depth"]) - 1
    known = holed[holed > 0]
    # Both ends are rounded outwards, each by less than a bin of the whole range, and lie a bin apart at least.
    widest = np.log(known.max() / known.min()) + 2 * np.log(FAR / NEAR) / last
    half = np.exp(widest / last / 2) * 1.0002
    surrounding = around(holed, int(np.ceil(1.5 * max(size) / 32)) + 1)
    whole = (surrounding > 0).all(-1)
    inside = (answer.depth >= surrounding.min(-1) / half) & (answer.depth <= surrounding.max(-1) * half)
    assert inside[whole].all()
    assert len({tuple(ids[:2].tolist()) for ids in tracks.ids}) == 1  # one range for all tracks of a picture


# ---- words, numbers and grounded words -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "most"), [("describe", 24), ("index_document", 48)])
@given(text=strategies.TEXTS)
def test_said_text_comes_back(tasks: dict[str, Task], name: str, most: int, text: str) -> None:
    assume(len(tasks[name].vocabulary.encode_plain(text)) <= most)
    region = Region("point", np.asarray([3, 4]))
    _, answer = round_trip(tasks[name], Sample(size=(9, 9), text=text, region=region, document="words"))
    assert answer.text == text


@given(names=strategies.NAMES, data=st.data())
def test_a_class_comes_back(tasks: dict[str, Task], names: tuple[str, ...], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    _, answer = round_trip(tasks["classify"], Sample(labels=names, text=name))
    assert (answer.text, answer.labels, answer.scores.tolist()) == (name, (name,), [1.0])


@given(count=st.integers(0, 200))
def test_a_count_comes_back_as_far_as_is_counted(tasks: dict[str, Task], count: int) -> None:
    _, answer = round_trip(tasks["count"], Sample(labels=("cube",), text=str(count)))
    assert answer.number == min(count, 127) and answer.text == str(answer.number)


@st.composite
def grounded(draw: st.DrawFn) -> Sample:
    """A caption in parts, every other one with up to three boxes, which start apart from one another."""
    size = draw(strategies.SIZES)
    found = draw(strategies.boxes(size, 6))
    found = found[np.argsort(found[:, 0] / np.float32(max(size)), kind="stable")]
    parts: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()) and (not parts or parts[-1][1]):
            parts.append((draw(strategies.WORDS), ()))
        rows = draw(st.lists(st.integers(0, max(len(found) - 1, 0)), min_size=1, max_size=3, unique=True))
        if len(found):
            parts.append((draw(strategies.WORDS), tuple(sorted(rows))))
    if not parts or (parts[-1][1] and draw(st.booleans())):
        parts.append((draw(strategies.WORDS), ()))
    objects = Objects(found, ("thing",) * len(found))
    return Sample(size=size, parts=tuple(parts), objects=objects, text=joined([text for text, _ in parts])[0])


@given(sample=grounded())
def test_a_grounded_caption_comes_back(tasks: dict[str, Task], sample: Sample) -> None:
    task = tasks["grounded_caption"]
    assume(all(len(task.vocabulary.encode_plain(text)) <= 12 for text, _ in sample.parts))
    _, answer = round_trip(task, sample)
    assert answer.text == sample.text
    assert len(answer.phrases) == sum(bool(rows) for _, rows in sample.parts)
    spans = joined([text for text, _ in sample.parts])[1]
    wanted = [(*span, rows) for span, (_, rows) in zip(spans, sample.parts, strict=True) if rows]
    bin_ = max(sample.size) / (len(task.vocabulary["loc"]) - 1)
    for (start, stop, rows), (first, last, true) in zip(answer.phrases, wanted, strict=True):
        assert (start, stop, len(rows)) == (first, last, len(true))
        away = np.abs(answer.boxes[list(rows)] - sample.objects.boxes[list(true)])
        assert (away[:, 1:] <= bin_ / 2 + 1e-3).all()  # two that share a bin are moved apart: each by one at most
        assert (away[:, 0] <= bin_ * (len(true) - 0.5) + 1e-3).all()


def test_words_without_boxes_are_one_text(tasks: dict[str, Task], vocabulary: Vocabulary) -> None:
    boxes = np.asarray([[0, 0, 10, 10], [20, 5, 30, 30], [5, 5, 15, 30]], np.float32)
    parts = (("we see", ()), ("two cubes", (1, 0)), ("and", ()), ("then", ()), ("a ball", (2,)), (", too", ()))
    sample = Sample(size=(40, 40), parts=parts, objects=Objects(boxes, ("cube", "cube", "ball")))
    _, answer = round_trip(tasks["grounded_caption"], sample)
    assert answer.text == "we see two cubes and then a ball, too"
    assert [(answer.text[a:b], rows) for a, b, rows in answer.phrases] == [("two cubes", (0, 1)), ("a ball", (2,))]
    np.testing.assert_allclose(answer.boxes, boxes, atol=0.1)
    # What there is no room for is said without boxes.
    many = sample.but(parts=tuple((f"cube {i}", (0,)) for i in range(10)))
    _, answer = round_trip(tasks["grounded_caption"], many)
    assert len(answer.phrases) == 8 and answer.text == " ".join(f"cube {i}" for i in range(10))
    with pytest.raises(ValueError, match="task 'grounded_caption': .*made of parts"):
        tasks["grounded_caption"].encode(sample.but(parts=()))


# ---- from one kind of region to another ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["box_to_mask", "box_to_oriented", "oriented_to_box", "oriented_to_mask", "mask_to_box", "mask_to_oriented"]
)
@given(data=st.data(), size=strategies.SIZES)
def test_what_is_pointed_at_comes_back_in_another_form(
    tasks: dict[str, Task], name: str, data: st.DataObject, size: tuple[int, int]
) -> None:
    task, (kind, _, wanted) = tasks[name], name.partition("_to_")
    turned = data.draw(strategies.turned(size, 1, 1))
    box = data.draw(strategies.boxes(size, 1, 1))
    mask = data.draw(strategies.masks(box[0], size))
    objects = Objects(box, ("thing",), mask[None], oriented=turned)
    region = Region(kind, {"box": box[0], "oriented": turned[0], "mask": mask}[kind])
    tracks, answer = round_trip(task, Sample(size=size, region=region, objects=objects))
    point, last = region.centre / max(size), len(task.vocabulary["loc"]) - 1
    np.testing.assert_allclose(tracks.points, point[None], atol=1e-6)
    if wanted == "mask":
        assert_mask(answer.masks[0], mask)
    elif wanted == "box":
        assert (np.abs(answer.boxes[0] - box[0]) <= place_bound(box[0], point, max(size), last)).all()
    else:
        assert_turned(answer.oriented[0], turned[0], point, max(size), last)


# ---- lists of one's own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["boxes", "few", "listed", "around"])
@given(data=st.data(), size=strategies.SIZES, names=strategies.NAMES)
def test_a_list_comes_back_from_left_to_right(
    vocabulary: Vocabulary, name: str, data: st.DataObject, size: tuple[int, int], names: tuple[str, ...]
) -> None:
    task = own_task(vocabulary, name)
    objects = data.draw(strategies.objects(size, names))
    region = Region("point", np.asarray([data.draw(st.floats(0, 1)) * edge for edge in size]))
    sample = Sample(size=size, labels=names, objects=objects, region=region if name == "around" else None)
    if not len(objects) and name in ("boxes", "few"):
        with pytest.raises(ValueError, match=f"task '{name}': the list holds 1 at least"):
            task.encode(sample)
        return
    tracks, answer = round_trip(task, sample)
    kept = objects.select(list(range(min(len(objects), task.repeat.high))))
    side, last = max(size), len(vocabulary["loc"]) - 1
    order = np.argsort(kept.boxes[:, 0] / np.float32(side), kind="stable")
    point = None if tracks.points is None else tracks.points[0]
    assert answer.boxes.shape == (len(kept), 4)
    bound = place_bound(kept.boxes[order], point, side, last)
    # Things that share a bin are moved to the next ones: by a bin each, where bins are widest at most.
    moved = len(kept) * side / last * (1 if point is None else 4.1)
    away = np.abs(answer.boxes - kept.boxes[order])
    assert (away[:, 1::2] <= bound[:, 1::2]).all() and (away[:, 0] <= bound[:, 0] + moved).all()
    assert (away[:, 2] <= bound[:, 2] + (0 if point is None else moved)).all()  # far from a point bins are wide
    if "labels" in task.file.inputs:
        assert answer.labels == tuple(kept.names[i] for i in order)
    assert answer.number == (len(kept) if "#" in OWN[name]["answer"] else None)


@given(count=st.integers(0, 40))
def test_things_in_one_place_are_listed_side_by_side(vocabulary: Vocabulary, count: int) -> None:
    task = own_task(vocabulary, "points")
    for x in (0, 50, 100):
        points = np.tile(np.asarray([[x, 30]], np.float32), (count, 1))
        objects = Objects(np.concatenate([points - 1, points + 1], 1), ("dot",) * count, points=points)
        tracks, answer = round_trip(task, Sample(size=(100, 60), objects=objects))
        assert answer.number == len(answer.points) == min(count, 32)
        bins = [vocabulary["loc"].index_of(token) for token in tracks.ids[0][1::2]] if count else []
        assert bins == list(range(bins[0], bins[0] + len(bins))) if bins else True
        assert (np.abs(answer.points[:, 0] - x) <= 100 / 255 * (min(count, 32) + 0.5)).all()


@given(data=st.data(), size=strategies.SIZES, names=strategies.NAMES)
def test_one_track_may_say_what_it_sees_first(
    vocabulary: Vocabulary, data: st.DataObject, size: tuple[int, int], names: tuple[str, ...]
) -> None:
    task, objects = own_task(vocabulary, "labelled"), data.draw(strategies.objects(size, names, 1))
    _, answer = round_trip(task, Sample(size=size, labels=names, objects=objects))
    assert answer.labels == objects.names and answer.boxes.shape == objects.boxes.shape
    assert len(answer.scores) == len(objects)


def test_an_annotation_that_lacks_what_is_asked_is_named(tasks: dict[str, Task], vocabulary: Vocabulary) -> None:
    bare = Objects(np.asarray([[1, 2, 30, 40]], np.float32), ("cube",))
    sample = Sample(size=(50, 50), labels=("cube",), phrase="it", objects=bare)
    for name, unit in {"instances": "mask", "pose": "keypoints", "oriented": "oriented", "refer_mask": "mask"}.items():
        with pytest.raises(ValueError, match=f"task '{name}': '{unit}' is not in the annotation"):
            tasks[name].encode(sample)
    with pytest.raises(ValueError, match="task 'turned': the list holds 2 at least"):
        own_task(vocabulary, "turned").encode(sample)
    with pytest.raises(ValueError, match="task 'boxes': no objects are annotated"):
        own_task(vocabulary, "boxes").encode(sample.but(objects=None))
    with pytest.raises(ValueError, match="task 'detect': 'cube' is not among the names"):
        tasks["detect"].encode(sample.but(labels=("ball",)))
    for name in ("depth", "depth_adaptive", "normals", "segment"):
        with pytest.raises(ValueError, match=f"task '{name}': .* needs a"):
            tasks[name].encode(sample)


def test_a_file_of_ones_own_is_a_task_like_any_other(tmp_path: Path, vocabulary: Vocabulary) -> None:
    for name in OWN:
        fields = {"name": name, "version": 1, "summary": "One's own.", "inputs": ["image"], "prompts": ["look"]}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(fields | OWN[name]), encoding="utf-8")
    found = load_tasks(vocabulary, tmp_path)
    shapes = {name: found[name].shape for name in OWN}
    assert shapes == {
        "boxes": "list", "few": "list", "points": "list", "listed": "list", "turned": "list", "around": "list",
        "labelled": "single", "either": "objects", "phrases": "grounded", "outline": "single", "steps": "single",
    }  # fmt: skip
    assert all(found[name].raster.grid == 16 for name in ("depth", "depth_adaptive", "normals", "segment"))
    assert found["detect"].points(Sample()).tolist() == lattice(12).tolist()
