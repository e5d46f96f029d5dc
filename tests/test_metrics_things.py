"""Measures of places on things against independent ones: pycocotools, clipped polygons, the definitions in loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.metrics import metric
from generalist.metrics.keypoints import Keypoints, similarity
from generalist.sequence.geometry import box_iou
from generalist.sequence.oriented import oriented_corners, oriented_iou
from generalist.sequence.sample import Answer, Objects, Sample

NAMES = ("cat", "dog", "cup")
SIDE = 64
SEEDS = st.integers(0, 2**32 - 1)


def turned(rng, n, most=20.0):
    sides = np.sort(rng.uniform(2, most, (n, 2)), 1)[:, ::-1]
    return np.concatenate([rng.uniform(10, SIDE - 10, (n, 2)), sides, rng.uniform(-90, 90, (n, 1))], 1)


def upright(boxes):
    """The boxes (n, 5) of angle 0 as xyxy."""
    half = boxes[:, 2:4] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1).astype(np.float32)


def clipped_area(polygon, by):
    """The area that two convex polygons share: one cut along each side of the other (Sutherland and Hodgman 1974)."""
    kept = [tuple(map(float, p)) for p in polygon]
    for (x0, y0), (x1, y1) in zip(by.astype(float), np.roll(by, -1, axis=0).astype(float), strict=True):
        side = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in kept]
        out = []
        for i, (p, s) in enumerate(zip(kept, side, strict=True)):
            q, t = kept[i - 1], side[i - 1]
            if (s >= 0) != (t >= 0):
                out.append((q[0] + t / (t - s) * (p[0] - q[0]), q[1] + t / (t - s) * (p[1] - q[1])))
            out += [p] if s >= 0 else []
        kept = out
    around = zip(kept, kept[1:] + kept[:1], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in around)) / 2


# ---- overlap of oriented boxes ---------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS)
def test_oriented_overlap_equals_the_area_of_the_clipped_polygon(seed):
    rng = np.random.default_rng(seed)
    a, b = turned(rng, 5, 40), turned(rng, 4, 40)
    a[0, 4], b[0, 4] = 0, -90  # sides along the axes of the other
    a[1, :2] = b[1, :2]
    a[2] = b[2]
    expected = np.zeros((5, 4))
    for i, p in enumerate(oriented_corners(a)):
        for j, q in enumerate(oriented_corners(b)):
            both = clipped_area(p, q)
            expected[i, j] = both / (a[i, 2] * a[i, 3] + b[j, 2] * b[j, 3] - both)
    np.testing.assert_allclose(oriented_iou(a, b), expected, atol=1e-5)
    np.testing.assert_allclose(oriented_iou(b, a), expected.T, atol=1e-5)


@given(SEEDS, st.floats(-180, 180), st.floats(0.1, 30))
def test_oriented_overlap_does_not_depend_on_the_frame(seed, degrees, scale):
    rng = np.random.default_rng(seed)
    a, b = turned(rng, 4, 40), turned(rng, 4, 40)
    turn = np.radians(degrees)
    rotation = np.asarray([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    moved = [
        np.concatenate([x[:, :2] @ rotation * scale + 7, x[:, 2:4] * scale, x[:, 4:] + degrees], 1) for x in (a, b)
    ]
    np.testing.assert_allclose(oriented_iou(*moved), oriented_iou(a, b), atol=1e-4)


@given(SEEDS)
def test_oriented_overlap_of_upright_boxes_is_that_of_boxes(seed):
    rng = np.random.default_rng(seed)
    a, b = turned(rng, 5, 40), turned(rng, 4, 40)
    a[:, 4] = b[:, 4] = 0
    np.testing.assert_allclose(oriented_iou(a, b), box_iou(upright(a), upright(b)), atol=1e-5)
    assert oriented_iou(a[:0], b).shape == (0, 4) and oriented_iou(a, b[:0]).shape == (5, 0)


# ---- precision of oriented boxes -------------------------------------------------------------------------------------


def oriented_scene(rng, angle=None):
    """A sample of random oriented boxes and an answer near some of them; all of one angle if it is given."""
    n, extra = int(rng.integers(1, 6)), int(rng.integers(0, 4))
    truth = turned(rng, n)
    near = truth[rng.random(n) < 0.8] + rng.normal(0, 0.7, (1, 5))
    guess = np.concatenate([near, near + [1, 1, 0, 0, 5], turned(rng, extra)])
    guess[:, 2:4] = np.maximum(guess[:, 2:4], 1)
    if angle is not None:
        truth[:, 4] = guess[:, 4] = angle
    objects = Objects(
        upright(truth), tuple(rng.choice(NAMES, n)), oriented=truth.astype(np.float32), ignore=rng.random(n) < 0.15
    )
    labels = tuple(rng.choice(NAMES[:2], len(guess)))
    answer = Answer(
        "oriented", (SIDE, SIDE), boxes=upright(guess), oriented=guess.astype(np.float32), labels=labels,
        scores=rng.random(len(guess)),
    )  # fmt: skip
    return answer, Sample(size=(SIDE, SIDE), labels=NAMES, objects=objects)


def measured(name, pairs):
    measure = metric(name)
    for answer, sample in pairs:
        measure.add(answer, sample)
    return measure.result()


@pytest.mark.parametrize("seed", range(6))
def test_precision_of_upright_oriented_boxes_is_that_of_boxes(seed):
    rng = np.random.default_rng(seed)
    pairs = [oriented_scene(rng, angle=0) for _ in range(12)]
    found = measured("oriented_box", pairs)
    assert found == pytest.approx(measured("coco_box", pairs), abs=1e-9)
    assert 0 < found["AP"] < found["AP50"] < 1


def slow_precision(pairs, threshold):
    """Average precision of one class at one threshold, 101 points of recall: the protocol in loops."""
    rows, count = [], 0
    for image, (answer, sample) in enumerate(pairs):
        count += len(sample.objects)
        iou = oriented_iou(answer.oriented, sample.objects.oriented)
        taken = set()
        for i in np.argsort(-answer.scores, kind="stable"):
            free = [(iou[i, j], j) for j in range(len(sample.objects)) if j not in taken and iou[i, j] >= threshold]
            if free:
                taken.add(max(free)[1])
            rows.append((-answer.scores[i], image, bool(free)))
    hits = np.cumsum([hit for *_, hit in sorted(rows)])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / count
    return np.mean([max(precision[recall >= r - 1e-12], default=0) for r in np.linspace(0, 1, 101)])


@pytest.mark.parametrize("seed", range(4))
def test_precision_of_oriented_boxes_equals_the_protocol_in_loops(seed):
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(10):
        answer, sample = oriented_scene(rng)
        sample.objects.ignore = None
        sample.objects.names, answer.labels = ("cat",) * len(sample.objects), ("cat",) * len(answer.labels)
        pairs.append((answer, sample))
    by_threshold = [slow_precision(pairs, t) for t in np.linspace(0.5, 0.95, 10)]
    expected = {"AP": np.mean(by_threshold), "AP50": by_threshold[0], "AP75": by_threshold[5]}
    found = measured("oriented_box", pairs)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert 0 < found["AP75"] < found["AP50"] < 1


@pytest.mark.parametrize("degrees", [90, 37.5])
def test_turning_the_picture_does_not_change_the_precision_of_oriented_boxes(degrees):
    rng = np.random.default_rng(5)
    pairs = [oriented_scene(rng) for _ in range(8)]
    before = measured("oriented_box", pairs)
    turn = np.radians(degrees)
    rotation = np.asarray([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    for things in (thing for answer, sample in pairs for thing in (answer, sample.objects)):
        centre = (things.oriented[:, :2] - SIDE / 2) @ rotation + SIDE / 2
        things.oriented = np.concatenate([centre, things.oriented[:, 2:4], things.oriented[:, 4:] + degrees], 1)
    assert measured("oriented_box", pairs) == pytest.approx(before, abs=1e-6)


def test_oriented_boxes_are_needed():
    answer, sample = oriented_scene(np.random.default_rng(0))
    sample.objects.oriented = None
    for name in ("oriented_box", "refer_oriented"):
        with pytest.raises(ValueError, match="oriented"):
            metric(name).add(answer, sample)


@given(SEEDS)
def test_refer_oriented_takes_the_best_box_and_its_turned_overlap(seed):
    rng = np.random.default_rng(seed)
    guess, meant = turned(rng, 3, 50), turned(rng, 1, 50)
    scores = rng.random(3)
    sample = Sample(size=(SIDE, SIDE), objects=Objects(upright(meant), ("cup",), oriented=meant))
    answer = Answer("refer_oriented", (SIDE, SIDE), oriented=guess, boxes=upright(guess), scores=scores)
    iou = float(oriented_iou(guess, meant)[scores.argmax(), 0])
    ece = abs(scores.max() - (iou >= 0.5))
    nothing = Answer("refer_oriented", (SIDE, SIDE), oriented=guess[:0], boxes=upright(guess[:0]))
    pairs = [(answer, sample), (nothing, sample.but(objects=None)), (nothing, sample)]
    expected = {"Acc@0.5": ((iou >= 0.5) + 1) / 3, "mIoU": (iou + 1) / 3, "N-acc": 1, "T-acc": 0.5, "ECE": ece}
    assert measured("refer_oriented", pairs) == pytest.approx(expected)


# ---- key points ------------------------------------------------------------------------------------------------------


def pose_scene(rng, joints, unlabelled=True):
    n = int(rng.integers(1, 5))
    low = rng.uniform(0, SIDE - 24, (n, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 24, (n, 2))], 1)
    places = boxes[:, None, :2] + rng.random((n, joints, 2)) * (boxes[:, 2:] - boxes[:, :2])[:, None]
    seen = rng.integers(0, 3, (n, joints, 1)) * ((rng.random((n, 1, 1)) < 0.8) if unlabelled else 1)
    truth = np.concatenate([places * (seen > 0), seen], 2)
    near = np.concatenate([places + rng.normal(0, 1.5, places.shape), np.full((n, joints, 1), 2)], 2)
    guess = np.concatenate([near, near + [1.5, 0, 0]]).astype(np.float32)
    objects = Objects(
        boxes.astype(np.float32), tuple(rng.choice(NAMES[:2], n)), keypoints=truth.astype(np.float32),
        ignore=rng.random(n) < 0.1,
    )  # fmt: skip
    answer = Answer(
        "pose", (SIDE, SIDE), boxes=np.tile(boxes, (2, 1)).astype(np.float32), keypoints=guess,
        labels=objects.names * 2, scores=rng.random(2 * n),
    )  # fmt: skip
    return answer, Sample(size=(SIDE, SIDE), labels=NAMES, objects=objects)


def pycocotools_keypoints(pairs, sigmas):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def records(things, names, image):
        for box, points, name in zip(things.boxes, things.keypoints, names, strict=True):
            sides = box[2:] - box[:2]
            yield {
                "bbox": [*box[:2].tolist(), *sides.tolist()], "area": float(np.prod(sides.astype(float))),
                "keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum()),
                "image_id": image, "category_id": NAMES.index(name) + 1,
            }  # fmt: skip

    truths, answers = [], []
    for image, (answer, sample) in enumerate(pairs, 1):
        for thing, skip in zip(
            records(sample.objects, sample.objects.names, image), sample.objects.ignore, strict=True
        ):
            truths.append({**thing, "id": len(truths) + 1, "iscrowd": int(skip)})
        for thing, score in zip(records(answer, answer.labels, image), answer.scores, strict=True):
            answers.append({**thing, "score": float(score)})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i + 1, "width": SIDE, "height": SIDE} for i in range(len(pairs))],
        "annotations": truths,
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(NAMES)],
    }
    truth.createIndex()
    found = truth.loadRes(answers)
    evaluation = COCOeval(truth, found, "keypoints")
    evaluation.params.kpt_oks_sigmas = np.asarray(sigmas)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return dict(zip(("AP", "AP50", "AP75"), evaluation.stats[:3], strict=True))


@pytest.mark.parametrize("joints", [1, 5, 8, 17])
def test_key_point_precision_equals_pycocotools(joints, capsys):
    rng = np.random.default_rng(joints)
    pairs = [pose_scene(rng, joints) for _ in range(12)]
    sigmas = rng.uniform(0.02, 0.12, joints)
    measure = Keypoints(sigmas)
    for answer, sample in pairs:
        measure.add(answer, sample)
    capsys.readouterr()
    ours = measure.result()
    assert capsys.readouterr().out == ""
    theirs = pycocotools_keypoints(pairs, sigmas)
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, abs=1e-9)
    assert 0 < ours["AP"] < ours["AP50"] <= 1
    assert measured("keypoints", pairs) != pytest.approx(ours)  # other sigmas
    with pytest.raises(Fault, match=f"{joints + 1} points"):
        measure.add(*pose_scene(rng, joints + 1))


@given(SEEDS)
def test_similarity_equals_the_formula_in_loops(seed):
    rng = np.random.default_rng(seed)
    answer, sample = pose_scene(rng, 4)
    areas, sigmas = rng.uniform(50, 500, len(sample.objects)), rng.uniform(0.02, 0.1, 4)
    found = similarity(answer.keypoints, sample.objects.keypoints, areas, sigmas)
    for i, points in enumerate(answer.keypoints):
        for j, truth in enumerate(sample.objects.keypoints):
            terms = [
                math.exp(-(math.dist(p[:2], t[:2]) ** 2) / (2 * areas[j] * (2 * s) ** 2))
                for p, t, s in zip(points, truth, sigmas, strict=True)
                if t[2] > 0
            ]
            assert found[i, j] == pytest.approx(np.mean(terms) if terms else 0, abs=1e-5)


def test_the_share_of_correct_points_counts_those_near_in_the_box_that_is_the_objects():
    boxes = np.asarray([[0, 0, 20, 10], [30, 30, 50, 50]], np.float32)
    truth = np.asarray([[[2, 2, 2], [10, 5, 1], [0, 0, 0]], [[32, 32, 2], [48, 48, 2], [40, 40, 2]]], np.float32)
    guess = truth[:1].copy()
    guess[0, :, 0] += [1.9, 2.1, 0]  # a tenth of the longer side is 2
    answer = Answer("pose", (60, 60), boxes=boxes[:1], labels=("cat",), scores=np.ones(1), keypoints=guess)
    sample = Sample(size=(60, 60), objects=Objects(boxes, ("cat", "cat"), keypoints=truth))
    assert measured("keypoints", [(answer, sample)])["PCK@0.1"] == pytest.approx(1 / 5)
    answer.labels = ("dog",)
    assert measured("keypoints", [(answer, sample)])["PCK@0.1"] == 0
    sample.objects.ignore = np.asarray([False, True])
    answer.labels = ("cat",)
    assert measured("keypoints", [(answer, sample)])["PCK@0.1"] == pytest.approx(1 / 2)


# ---- points ----------------------------------------------------------------------------------------------------------


def pointed(points, labels, scores, objects):
    answer = Answer("point", (20, 20), points=np.asarray(points, np.float32), labels=labels, scores=np.asarray(scores))
    return measured("pointing", [(answer, Sample(size=(20, 20), objects=objects))])


def test_each_object_is_pointed_at_once_and_within_its_mask():
    boxes = np.asarray([[0, 0, 10, 10], [10, 10, 20, 20]], np.float32)
    objects = Objects(boxes, ("cat", "cat"))
    points, labels, scores = [(8, 8), (2, 2), (15, 15), (5, 15)], ("cat", "cat", "dog", "cat"), [0.9, 0.8, 0.7, 0.6]
    expected = {"precision": 1 / 4, "recall": 1 / 2, "F1": 1 / 3, "AUROC": 1.0}
    found = pointed(points, labels, scores, objects)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    masks = np.zeros((2, 20, 20), bool)
    masks[0, :5, :5] = masks[1, 10:, 10:] = True
    objects.masks = masks  # of the first object, the box at (8, 8) is empty: the second point is the one
    assert pointed(points, labels, scores, objects)["AUROC"] == pytest.approx(2 / 3)
    assert pointed(points, labels, scores, objects)["F1"] == pytest.approx(1 / 3)


def test_ignored_objects_are_neither_right_nor_wrong_to_point_at():
    boxes = np.asarray([[0, 0, 10, 10], [10, 10, 20, 20]], np.float32)
    objects = Objects(boxes, ("cat", "cat"), ignore=np.asarray([True, False]))
    found = pointed([(5, 5), (2, 2), (20, 20)], ("cat",) * 3, [0.9, 0.8, 0.5], objects)
    assert found == pytest.approx({"precision": 1, "recall": 1, "F1": 1, "ECE": 0.5})


@given(SEEDS)
def test_points_are_counted_as_a_loop_does(seed):
    rng = np.random.default_rng(seed)
    masks = np.zeros((3, 20, 20), bool)
    for mask in masks:
        x, y = rng.integers(0, 15, 2)
        mask[y : y + 6, x : x + 6] = True
    names, labels = tuple(rng.choice(NAMES[:2], 3)), tuple(rng.choice(NAMES[:2], 6))
    points, scores = rng.uniform(0, 20, (6, 2)).astype(np.float32), rng.permutation(6) / 10 + 0.1
    free, right = {0, 1, 2}, 0
    for i in np.argsort(-scores):
        x, y = map(int, np.minimum(points[i], 19))
        met = [j for j in sorted(free) if names[j] == labels[i] and masks[j, y, x]]
        if met:
            free.remove(met[0])
            right += 1
    found = pointed(points, labels, scores, Objects(np.zeros((3, 4), np.float32), names, masks=masks))
    expected = {"precision": right / 6, "recall": right / 3, "F1": 2 * right / 9}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
