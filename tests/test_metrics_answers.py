"""Measures of panoptic maps, normals, counts, grounded captions and scores, against their definitions in loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.metrics import metric
from generalist.metrics.calibration import Calibration
from generalist.sequence.sample import Answer, Objects, Sample

SEEDS = st.integers(0, 2**32 - 1)


def measured(name, pairs):
    measure = metric(name)
    for answer, sample in pairs:
        measure.add(answer, sample)
    return measure.result()


# ---- scores ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), max_size=40))
def test_auroc_is_how_often_a_right_answer_scores_more_than_a_wrong_one(rows):
    calibration = Calibration()
    for score, right in rows:
        calibration.add([score], [right])
    good, bad = [s for s, r in rows if r], [s for s, r in rows if not r]
    found = calibration.result()
    if not good or not bad:
        assert "AUROC" not in found
        return
    pairs = [1.0 if g > b else 0.5 if g == b else 0.0 for g in good for b in bad]
    assert found["AUROC"] == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_auroc_does_not_depend_on_the_scale_of_the_scores_and_calibration_does():
    rng = np.random.default_rng(0)
    scores, right = rng.random(50), rng.random(50) < 0.5
    before, after = Calibration(), Calibration()
    before.add(scores, right)
    for part in (slice(0, 20), slice(20, 50)):
        after.add(scores[part] ** 3, right[part])
    assert after.result()["AUROC"] == pytest.approx(before.result()["AUROC"])
    assert after.result()["ECE"] != pytest.approx(before.result()["ECE"])


# ---- panoptic --------------------------------------------------------------------------------------------------------

THINGS, STUFF = ("cat", "dog"), ("sky", "sea")


def objects_of(segments, names, ignore=None):
    """Every segment of a map (H, W) of rows as an object with its mask."""
    masks = np.stack([segments == i for i in range(len(names))]) if names else np.zeros((0, *segments.shape), bool)
    stuff = np.asarray([name in STUFF for name in names], bool)
    return Objects(np.zeros((len(names), 4), np.float32), tuple(names), masks=masks, stuff=stuff, ignore=ignore)


def panoptic_pair(rng, side=12):
    """Two maps of blocks that mostly agree."""
    names = [str(name) for name in rng.choice(THINGS + STUFF, 6)]
    truth = np.kron(rng.integers(-1, 6, (4, 4)), np.ones((3, 3), int))
    guess = np.where(rng.random((side, side)) < 0.2, rng.integers(-1, 6, (side, side)), truth)
    called = [name if rng.random() < 0.8 else str(rng.choice(THINGS + STUFF)) for name in names]
    objects = objects_of(truth, names, rng.random(6) < 0.15)
    found = objects_of(guess, called)
    answer = Answer("panoptic", (side, side), masks=found.masks, labels=found.names, boxes=found.boxes)
    answer.scores = rng.random(6).astype(np.float32)
    return answer, Sample(size=(side, side), objects=objects)


def regions(masks, names):
    """Sets of pixels of each segment: one of all that is of one stuff name, one of each thing."""
    out = {}
    for i, (mask, name) in enumerate(zip(masks, names, strict=True)):
        out.setdefault(name if name in STUFF else (name, i), [name, set()])[1].update(
            zip(*np.nonzero(mask), strict=True)
        )
    return [(name, pixels) for name, pixels in out.values() if pixels]


def slow_panoptic(pairs):
    tally = {name: [0.0, 0, 0, 0] for name in THINGS + STUFF}
    for answer, sample in pairs:
        o = sample.objects
        void = {
            p for mask, skip in zip(o.masks, o.ignore, strict=True) if skip for p in zip(*np.nonzero(mask), strict=True)
        }
        truths = regions(o.masks[~o.ignore], [n for n, skip in zip(o.names, o.ignore, strict=True) if not skip])
        matched = set()
        for name, whole in regions(answer.masks, answer.labels):
            pixels = whole - void
            for k, (other, theirs) in enumerate(truths):
                iou = len(pixels & theirs) / max(len(pixels | theirs), 1)
                if other == name and iou > 0.5:
                    tally[name][0] += iou
                    tally[name][1] += 1
                    matched.add(k)
                    break
            else:
                tally[name][2] += len(whole & void) <= len(whole) / 2
        for k, (name, _) in enumerate(truths):
            tally[name][3] += k not in matched
    rows = []
    for iou, right, wrong, missed in tally.values():
        if right + wrong + missed:
            quality = iou / (right + wrong / 2 + missed / 2)
            rows.append((quality, iou / max(right, 1), right / (right + wrong / 2 + missed / 2)))
    return dict(zip(("PQ", "SQ", "RQ"), np.mean(rows, axis=0), strict=True))


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_panoptic_quality_equals_the_definition_on_sets_of_pixels(seed):
    rng = np.random.default_rng(seed)
    pairs = [panoptic_pair(rng) for _ in range(3)]
    found, expected = measured("panoptic", pairs), slow_panoptic(pairs)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    # Neither the order of the segments nor that of the pictures matters.
    for answer, _ in pairs:
        order = rng.permutation(6)
        answer.masks, answer.scores = answer.masks[order], answer.scores[order]
        answer.labels = tuple(answer.labels[i] for i in order)
    assert measured("panoptic", pairs[::-1]) == pytest.approx(found)


def test_regions_of_one_stuff_are_one_even_where_only_another_picture_has_it():
    half = np.zeros((4, 4), int)
    half[:, 2:] = 1
    cat = Sample(size=(4, 4), objects=objects_of(np.where(half, -1, 0), ["cat"]))
    sky = Sample(size=(4, 4), objects=objects_of(half * 0, ["sky"]))
    quarters = np.asarray([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 2, 2]])
    wrong = objects_of(quarters, ["cat", "sky", "sky"])
    right = objects_of(half, ["sky", "sky"])
    pairs = [
        (Answer("panoptic", (4, 4), masks=o.masks, labels=o.names, scores=np.ones(len(o))), sample)
        for o, sample in ((wrong, cat), (right, sky))
    ]
    # One sky right, one wrong though it is in two pieces: 1 / (1 + 1/2). The cat is right.
    assert measured("panoptic", pairs)["RQ"] == pytest.approx((1 + 2 / 3) / 2)
    assert measured("panoptic", pairs)["SQ"] == 1


def test_masks_that_overlap_are_refused():
    answer, sample = panoptic_pair(np.random.default_rng(1))
    answer.masks[:2] = True
    with pytest.raises(ValueError, match="overlap"):
        metric("panoptic").add(answer, sample)


# ---- normals ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(SEEDS)
def test_angles_equal_those_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    pairs, errors = [], []
    for _ in range(2):
        truth = rng.normal(size=(3, 5, 3))
        truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
        guess = truth + rng.normal(size=truth.shape) * rng.choice([0.001, 0.3, 2])
        truth[rng.random((3, 5)) < 0.3] = 0
        for t, g in zip(truth.reshape(-1, 3), guess.reshape(-1, 3), strict=True):
            if t.any():
                errors.append(math.degrees(math.acos(np.clip(t @ g / np.linalg.norm(g), -1, 1))))
        pairs.append((Answer("normals", normals=guess), Sample(normals=truth)))
    found = measured("normals", pairs)
    if not errors:
        assert found == {}
        return
    assert found["mean_deg"] == pytest.approx(np.mean(errors), abs=1e-5)
    assert found["median_deg"] == pytest.approx(np.median(errors), abs=0.0051)
    assert found["within_11.25"] == pytest.approx(np.mean(np.asarray(errors) < 11.25))


def test_small_angles_are_measured_as_small_and_no_direction_as_a_right_angle():
    truth = np.zeros((1, 2, 3), np.float32)
    truth[..., 2] = -1
    guess = np.asarray([[[math.sin(1e-3), 0, -math.cos(1e-3)], [0, 0, 0]]])
    found = measured("normals", [(Answer("normals", normals=guess), Sample(normals=truth))])
    assert found["mean_deg"] == pytest.approx((math.degrees(1e-3) + 90) / 2, rel=1e-6)


# ---- counts ----------------------------------------------------------------------------------------------------------


def test_counts_are_right_or_so_far_off():
    rows = [(3, "3", 0.9), (5, "3", 0.8), (None, "2", 0.1), (0, "0", 0.7)]
    pairs = [(Answer("count", number=n, scores=np.asarray([s])), Sample(text=text)) for n, text, s in rows]
    expected = {"accuracy": 0.5, "MAE": 1.0, "AUROC": 0.75, "ECE": (0.1 + 0.8 + 0.1 + 0.3) / 4}
    assert measured("counting", pairs) == pytest.approx(expected)
    with pytest.raises(ValueError, match="'two'"):
        metric("counting").add(Answer("count", number=2), Sample(text="two"))


# ---- grounded captions -----------------------------------------------------------------------------------------------

BOXES = np.asarray([[0, 0, 10, 10], [20, 0, 30, 10], [0, 20, 10, 30]], np.float32)
MEANT = Sample(
    size=(30, 30),
    objects=Objects(BOXES, ("cup", "cup", "dog")),
    parts=(("two cups", (0, 1)), ("beside", ()), ("a dog", (2,))),
    text="two cups beside a dog",
)


def grounded(text, phrases, boxes=BOXES):
    answer = Answer("grounded_caption", (30, 30), text=text, phrases=phrases, boxes=boxes, scores=np.ones(len(boxes)))
    return measured("grounded", [(answer, MEANT)])


@pytest.mark.parametrize(
    ("text", "phrases", "grounding", "f1"),
    [
        ("Two cups beside a dog.", ((0, 8, (1, 0)), (16, 21, (2,))), 1, 1),
        ("a dog and two cups", ((0, 5, (2,)), (10, 18, (0, 1))), 1, 1),
        ("two cups beside a dog", ((0, 8, (0,)), (16, 21, (2,))), 1 / 2, 1 / 2),  # one box of the two
        ("two cups beside a dog", ((0, 8, (0, 0)), (16, 21, (2,))), 1 / 2, 1 / 2),  # one box twice
        ("two cups beside a dog", ((0, 8, (0, 1, 2)), (16, 21, (2,))), 1 / 2, 1 / 2),  # one too many
        ("two cups beside a cat", ((0, 8, (0, 1)), (16, 21, (2,))), 1 / 2, 1 / 2),  # other words
        ("two cups beside a dog", ((0, 8, (0, 1)),), 1 / 2, 2 / 3),
        ("a dog, a dog", ((0, 5, (2,)), (7, 12, (2,))), 1 / 2, 1 / 2),  # said twice, meant once
        ("two cups beside a dog", (), 0, 0),
    ],
)
def test_a_phrase_is_right_if_words_and_boxes_are(text, phrases, grounding, f1):
    found = grounded(text, phrases)
    assert (found["grounding"], found["phrase_F1"]) == pytest.approx((grounding, f1))
    assert found["exact"] == (text == MEANT.text)


def test_boxes_of_phrases_are_matched_at_half_of_their_union():
    phrases = ((0, 8, (0, 1)), (16, 21, (2,)))
    for shift, right in ((3.2, 1), (3.5, 0.5)):  # IoU (10 - s) / (10 + s), a half at 10/3
        moved = BOXES.copy()
        moved[0, [0, 2]] += shift
        assert grounded(MEANT.text, phrases, moved)["grounding"] == right
