"""Every figure against an independent one: pycocotools, or the definition written out naively."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.metrics import METRICS, metric
from generalist.metrics.calibration import Calibration
from generalist.metrics.cider import cider_d
from generalist.metrics.matching import greedy_matches
from generalist.metrics.text import plain_answer
from generalist.sequence.geometry import box_iou
from generalist.sequence.sample import VOID, Answer, Objects, Sample

NAMES = ("cat", "dog", "cup")
SIDE = 48


def scene(rng, masks=False, crowds=True):
    """A sample of random boxes (or masks in them) and an answer that is near some of them."""

    def boxes(n):
        low = rng.uniform(0, SIDE - 12, (n, 2))
        return np.concatenate([low, low + rng.uniform(4, 12, (n, 2))], 1).astype(np.float32)

    def drawn(box):
        y, x = np.mgrid[:SIDE, :SIDE] + 0.5
        inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
        return inside & (rng.random((SIDE, SIDE)) < 0.9)

    n, extra = int(rng.integers(0, 6)), int(rng.integers(0, 4))
    truth = boxes(n)
    near = truth[rng.random(n) < 0.8] + rng.normal(0, 0.8, (1, 4)).astype(np.float32)
    guess = np.concatenate([near, near + 1, boxes(extra)])
    objects = Objects(
        truth, tuple(rng.choice(NAMES, n)), ignore=(rng.random(n) < 0.15) if crowds else np.zeros(n, bool)
    )
    labels = tuple(rng.choice(NAMES[:2], len(guess)))
    answer = Answer("detect", (SIDE, SIDE), boxes=guess, labels=labels, scores=rng.random(len(guess)))
    if masks:
        objects.masks = np.asarray([drawn(b) for b in truth], bool).reshape(-1, SIDE, SIDE)
        answer.masks = np.asarray([drawn(b) for b in guess], bool).reshape(-1, SIDE, SIDE)
    return answer, Sample(size=(SIDE, SIDE), labels=NAMES, objects=objects)


def pycocotools_precision(pairs, kind):
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def record(box, mask):
        if kind == "segm":
            run = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            return {"segmentation": run, "area": float(coco_mask.area(run)), "bbox": list(coco_mask.toBbox(run))}
        x, y, x1, y1 = map(float, box)
        return {"bbox": [x, y, x1 - x, y1 - y], "area": (x1 - x) * (y1 - y)}

    truths, answers = [], []
    for image, (answer, sample) in enumerate(pairs, 1):
        o = sample.objects
        masks = o.masks if o.masks is not None else [None] * len(o)
        for box, name, skip, mask in zip(o.boxes, o.names, o.ignore, masks, strict=True):
            extra = {"id": len(truths) + 1, "image_id": image, "category_id": NAMES.index(name) + 1}
            truths.append(record(box, mask) | extra | {"iscrowd": int(skip)})
        masks = answer.masks if answer.masks is not None else [None] * len(answer.labels)
        for box, name, score, mask in zip(answer.boxes, answer.labels, answer.scores, masks, strict=True):
            extra = {"image_id": image, "category_id": NAMES.index(name) + 1, "score": float(score)}
            answers.append(record(box, mask) | extra)
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i + 1, "width": SIDE, "height": SIDE} for i in range(len(pairs))],
        "annotations": truths,
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(NAMES)],
    }
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(answers), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return dict(zip(("AP", "AP50", "AP75"), evaluation.stats[:3], strict=True))


@pytest.mark.parametrize(("name", "kind"), [("coco_box", "bbox"), ("coco_mask", "segm")])
@pytest.mark.parametrize("seed", range(6))
def test_precision_equals_pycocotools(name, kind, seed, capsys):
    rng = np.random.default_rng(seed)
    pairs = [scene(rng, masks=kind == "segm") for _ in range(12)]
    measure = metric(name)
    for answer, sample in pairs:
        measure.add(answer, sample)
    capsys.readouterr()
    ours = measure.result()
    assert capsys.readouterr().out == ""  # standard output belongs to --json
    theirs = pycocotools_precision(pairs, kind)
    assert {k: ours[k] for k in theirs} == pytest.approx(theirs, abs=1e-9)
    assert 0 < ours["AP"] < ours["AP50"] < 1
    assert 0 <= ours["ECE"] <= 1


def test_precision_without_answers_is_zero_and_without_objects_absent():
    nothing = Answer("detect", boxes=np.zeros((0, 4), np.float32), labels=(), scores=np.zeros(0, np.float32))
    one = Sample(size=(9, 9), objects=Objects(np.asarray([[1, 1, 5, 5]], np.float32), ("cat",)))
    measure = metric("coco_box")
    measure.add(nothing, Sample(size=(9, 9), objects=one.objects.select([])))
    assert measure.result() == {}
    measure.add(nothing, one)
    assert measure.result() == {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_is_the_weighted_gap_of_the_bins(rows):
    calibration = Calibration()
    for score, right in rows:
        calibration.add([score], [right])
    expected = 0.0
    for b in range(15):
        mine = [(s, r) for s, r in rows if max(math.ceil(s * 15) - 1, 0) == b]
        if mine:
            gap = abs(np.mean([s for s, _ in mine]) - np.mean([r for _, r in mine]))
            expected += len(mine) / len(rows) * gap
    assert calibration.result()["ECE"] == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10_000))
def test_matching_takes_each_object_once_and_the_best_answer_first(seed):
    rng = np.random.default_rng(seed)
    answer, sample = scene(rng)
    overlap = box_iou(answer.boxes, sample.objects.boxes)
    match, counted = greedy_matches(overlap, answer.scores, sample.objects.ignore)
    hit = match >= 0
    assert len(set(match[hit])) == hit.sum() and (overlap[hit, match[hit]] >= 0.5).all()
    assert hit.sum() <= (~sample.objects.ignore).sum()
    assert not (hit & ~counted).any()
    order = np.argsort(-answer.scores)
    if len(order) and (~sample.objects.ignore).any():
        open_ = overlap[order[0]][~sample.objects.ignore]
        assert hit[order[0]] == (open_.max() >= 0.5)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_mean_iou_and_accuracy_equal_the_naive_count(seed):
    rng = np.random.default_rng(seed)
    measure = metric("miou")
    truths, guesses = [], []
    for _ in range(3):
        # The truth and the answer each have the names in an order of their own.
        labels, names = tuple(rng.permutation(NAMES)), tuple(rng.permutation(NAMES))
        truth, guess = rng.integers(VOID, 3, (7, 5)).astype(np.int16), rng.integers(-1, 2, (7, 5)).astype(np.int16)
        measure.add(Answer("segment", names=names, semantic=guess), Sample(labels=labels, semantic=truth))
        truths += [labels[i] if i >= 0 else None if i == VOID else "-" for i in truth.ravel()]
        guesses += [names[i] if i >= 0 else "-" for i in guess.ravel()]
    known = [(t, g) for t, g in zip(truths, guesses, strict=True) if t is not None]
    ious = []
    for name in NAMES:
        both = sum(t == g == name for t, g in known)
        either = sum(name in pair for pair in known)
        ious += [both / either] if either else []
    right = sum(t == g for t, g in known) / len(known)
    assert measure.result() == pytest.approx({"mIoU": np.mean(ious), "pixel_acc": right})


def test_mean_iou_agrees_with_torchmetrics():
    torch = pytest.importorskip("torch")
    jaccard = pytest.importorskip("torchmetrics.classification").MulticlassJaccardIndex(3, ignore_index=VOID)
    rng = np.random.default_rng(3)
    truth, guess = rng.choice([VOID, 0, 1, 2], (20, 20)), rng.integers(0, 3, (20, 20))
    measure = metric("miou")
    measure.add(Answer("segment", names=NAMES, semantic=guess), Sample(labels=NAMES, semantic=truth))
    expected = float(jaccard(torch.as_tensor(guess), torch.as_tensor(truth)))
    assert measure.result()["mIoU"] == pytest.approx(expected, abs=1e-6)


def test_a_name_given_where_none_of_them_is_costs():
    truth = np.asarray([[0, 0, -1, VOID]], np.int16)
    for guess, figures in (([0, 0, -1, 1], (1, 1)), ([0, 0, 0, -1], (2 / 3, 2 / 3)), ([0, 0, 1, 0], (1 / 2, 2 / 3))):
        measure = metric("miou")
        measure.add(
            Answer("segment", names=NAMES, semantic=np.asarray([guess], np.int16)), Sample(labels=NAMES, semantic=truth)
        )
        assert tuple(measure.result().values()) == pytest.approx(figures)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_depth_equals_the_naive_mean_over_images(seed):
    rng = np.random.default_rng(seed)
    measure, rows = metric("depth"), []
    for _ in range(3):
        truth = np.where(rng.random((4, 6)) < 0.3, 0, rng.uniform(0.5, 9, (4, 6))).astype(np.float32)
        guess = rng.uniform(0.3, 12, (4, 6)).astype(np.float32)
        measure.add(Answer("depth", depth=guess), Sample(depth=truth))
        pairs = [(float(p), float(t)) for p, t in zip(guess.ravel(), truth.ravel(), strict=True) if t > 0]
        if pairs:
            n = len(pairs)
            relative = sum(abs(p - t) / t for p, t in pairs) / n
            square = math.sqrt(sum((p - t) ** 2 for p, t in pairs) / n)
            rows.append((relative, square, sum(max(p / t, t / p) < 1.25 for p, t in pairs) / n))
    expected = dict(zip(("AbsRel", "RMSE", "delta1"), np.mean(rows, axis=0), strict=True)) if rows else {}
    assert measure.result() == pytest.approx(expected, rel=1e-6)


def test_refer_takes_the_best_scored_box_and_counts_nothing_as_right_where_nothing_is_meant():
    boxes = np.asarray([[0, 0, 4, 4], [10, 10, 20, 20]], np.float32)
    meant = Sample(size=(30, 30), objects=Objects(np.asarray([[10, 10, 20, 25]], np.float32), ("cup",)))
    measure = metric("refer_box")
    measure.add(Answer("refer", boxes=boxes, scores=np.asarray([0.2, 0.9])), meant)  # IoU 100/150
    measure.add(Answer("refer", boxes=boxes, scores=np.asarray([0.6, 0.2])), meant)  # IoU 0
    measure.add(Answer("refer", boxes=boxes[:0]), meant.but(objects=meant.objects.select([])))  # right: nothing
    measure.add(Answer("refer", boxes=boxes[:0]), meant)
    expected = {"Acc@0.5": 0.5, "mIoU": (2 / 3 + 1) / 4, "N-acc": 1, "T-acc": 2 / 3, "ECE": (0.1 + 0.6) / 2, "AUROC": 1}
    assert measure.result() == pytest.approx(expected)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_refer_mask_equals_the_naive_count(seed):
    rng = np.random.default_rng(seed)
    measure, ious, both, either = metric("refer_mask"), [], 0, 0
    told = {False: [], True: []}  # by whether something is meant, whether that is said
    for _ in range(3):
        truth, guess = (rng.random((1, 6, 6)) < rng.choice([0, 0.5]) for _ in range(2))
        told[truth.any()].append(truth.any() == guess.any())
        objects = Objects(np.zeros((1, 4), np.float32), ("cup",), masks=truth)
        measure.add(Answer("refer_mask", (6, 6), masks=guess), Sample(size=(6, 6), objects=objects))
        i, u = (truth & guess).sum(), (truth | guess).sum()
        ious.append(i / u if u else 1)
        both, either = both + i, either + u
    expected = {"gIoU": np.mean(ious), "cIoU": both / either if either else 1}
    if told[False]:
        expected |= {name: np.mean(said) for name, said in zip(("N-acc", "T-acc"), told.values(), strict=True) if said}
    assert measure.result() == pytest.approx(expected)


def slow_cider(captions, references):
    """The formula once more, over the whole vocabulary of n-grams as dense vectors."""

    def grams(text, n):
        tokens = text.split()
        return Counter(" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1))

    scores = []
    for caption, mine in zip(captions, references, strict=True):
        by_n = []
        for n in (1, 2, 3, 4):
            vocabulary = sorted(
                {g for texts in references for t in texts for g in grams(t, n)} | set(grams(caption, n))
            )
            df = np.asarray([sum(any(g in grams(t, n) for t in texts) for texts in references) for g in vocabulary])
            idf = np.log(len(references) / np.maximum(df, 1))
            c = np.asarray([grams(caption, n)[g] for g in vocabulary]) * idf
            values = []
            for text in mine:
                r = np.asarray([grams(text, n)[g] for g in vocabulary]) * idf
                norm = np.linalg.norm(c) * np.linalg.norm(r)
                gap = len(caption.split()) - len(text.split())
                cosine = np.minimum(c, r) @ r / norm if norm > 0 else 0.0
                values.append(10 * np.exp(-(gap**2) / 72) * cosine)
            by_n.append(np.mean(values))
        scores.append(np.mean(by_n))
    return float(np.mean(scores))


sentence = st.lists(
    st.sampled_from(("a", "red", "blue", "cup", "ball", "on", "left", "of", "the", "table")), min_size=1, max_size=9
)
item = st.tuples(sentence, st.lists(sentence, min_size=1, max_size=4))


@settings(max_examples=60, deadline=None)
@given(st.lists(item, min_size=1, max_size=5))
def test_cider_equals_the_formula_written_out(items):
    captions = [" ".join(caption) for caption, _ in items]
    references = [[" ".join(text) for text in texts] for _, texts in items]
    assert cider_d(captions, references) == pytest.approx(slow_cider(captions, references), abs=1e-9)


def test_cider_of_a_case_worked_by_hand():
    # Two images without a word in common: every idf is log 2. The caption "a b" against "a b c": one order has
    # cosine 2/sqrt(2*3), the next 1/sqrt(1*2), the others nothing; lengths differ by one. The other caption is exact
    # in three orders and has no 4-gram.
    first = math.exp(-1 / 72) * (2 / math.sqrt(6) + 1 / math.sqrt(2)) / 4
    expected = 10 * (first + 3 / 4) / 2
    assert cider_d(["a b", "X, y z!"], [["a b c"], ["x y z."]]) == pytest.approx(expected)


def test_captions_count_every_reference():
    measure = metric("caption")
    measure.add(
        Answer("caption", text="A  Cat sits on the mat"), Sample(texts=("it sleeps there", "a cat sits on the mat"))
    )
    measure.add(Answer("caption", text="one dog runs over green grass"), Sample(text="one dog runs over dry grass"))
    result = measure.result()
    assert result["exact"] == 0.5
    # Clipped n-gram counts of both captions together: 6+5 of 12, 5+3 of 10, 4+2 of 8, 3+1 of 6; no brevity penalty.
    assert result["BLEU-4"] == pytest.approx((11 / 12 * 8 / 10 * 6 / 8 * 4 / 6) ** 0.25)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("The left.", "left"),
        ("Two", "2"),
        ("x-ray", "X ray"),
        ("1,000 m", "1000 m"),
        ("don't", "dont"),
        ("2.5 CM!", "the 2.5 cm"),
    ],
)
def test_answers_are_compared_in_plain_form(answer, accepted):
    measure = metric("accuracy")
    measure.add(Answer("ask", text=answer, scores=np.asarray([0.75])), Sample(text="", texts=("other", accepted)))
    assert measure.result() == {"accuracy": 1.0, "ECE": 0.25}


@given(st.text(st.characters(codec="ascii")))
def test_the_plain_form_of_a_plain_form_is_itself(text):
    assert plain_answer(plain_answer(text)) == plain_answer(text)


def test_a_wrong_answer_is_wrong():
    measure = metric("accuracy")
    measure.add(Answer("ask", text="2.5"), Sample(text="25"))
    assert measure.result() == {"accuracy": 0.0}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.permutations(range(30)), st.sets(st.integers(0, 39), min_size=1)), min_size=1, max_size=4))
def test_ranking_equals_the_naive_formulas(queries):
    measure, rows = metric("ranking"), []
    for found, relevant in queries:
        found = found[:20]
        documents = [{"id": f"d {i}", "score": 0.5} for i in found]  # equal scores: the order alone counts
        measure.add(Answer("retrieve", documents=documents), Sample(documents=tuple(f"d {i}" for i in relevant)))
        gains = [i in relevant for i in found]
        best = sum(1 / math.log2(r + 2) for r in range(min(10, len(relevant))))
        recall = [sum(gains[:k]) / len(relevant) for k in (1, 10, 100)]
        first = next((1 / (r + 1) for r, g in enumerate(gains[:10]) if g), 0.0)
        precision = sum(gains[: len(relevant)]) / len(relevant)
        rows.append([sum(g / math.log2(r + 2) for r, g in enumerate(gains[:10])) / best, *recall, first, precision])
    names = ("nDCG@10", "R@1", "R@10", "R@100", "MRR@10", "R-precision")
    expected = dict(zip(names, np.mean(rows, axis=0), strict=True))
    assert measure.result() == pytest.approx(expected, abs=1e-9)


def test_a_query_with_no_hit_counts_and_a_repeat_counts_once():
    measure = metric("ranking")
    measure.add(Answer("retrieve", documents=[]), Sample(documents=("a",)))
    measure.add(Answer("retrieve", documents=[{"id": "b"}, {"id": "b"}, {"id": "a"}]), Sample(documents=("a",)))
    assert measure.result()["MRR@10"] == pytest.approx(0.25)
    assert measure.result()["R@10"] == pytest.approx(0.5)


PERFECT = {
    "coco_box": {"AP": 1, "AP50": 1, "AP75": 1, "ECE": 0},
    "coco_mask": {"AP": 1, "AP50": 1, "AP75": 1, "ECE": 0},
    "miou": {"mIoU": 1, "pixel_acc": 1},
    "consistency": {"consistency": 1},
    "depth": {"AbsRel": 0, "RMSE": 0, "delta1": 1},
    "refer_box": {"Acc@0.5": 1, "mIoU": 1, "ECE": 0},
    "refer_mask": {"gIoU": 1, "cIoU": 1, "ECE": 0},
    "caption": {"CIDEr-D": 10, "BLEU-4": 1, "exact": 1},
    "accuracy": {"accuracy": 1, "ECE": 0},
    "counting": {"accuracy": 1, "MAE": 0, "ECE": 0},
    "grounded": {"CIDEr-D": 10, "BLEU-4": 1, "exact": 1, "grounding": 1, "phrase_F1": 1, "ECE": 0},
    "keypoints": {"AP": 1, "AP50": 1, "AP75": 1, "PCK@0.1": 1, "ECE": 0},
    "normals": {"mean_deg": 0, "median_deg": 0, "within_11.25": 1},
    "oriented_box": {"AP": 1, "AP50": 1, "AP75": 1, "ECE": 0},
    "panoptic": {"PQ": 1, "SQ": 1, "RQ": 1, "ECE": 0},
    "pointing": {"precision": 1, "recall": 1, "F1": 1, "ECE": 0},
    "refer_oriented": {"Acc@0.5": 1, "mIoU": 1, "ECE": 0},
    "ranking": {"nDCG@10": 1, "R@1": 1, "R@10": 1, "R@100": 1, "MRR@10": 1, "R-precision": 1, "ECE": 0},
}


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_answer_is_perfect_and_nothing_gives_nothing(name):
    measure = metric(name)
    assert measure.result() == {}
    for i, text in enumerate(("one red cup stands here", "two small dogs run home")):
        mask = np.zeros((1, 9, 9), bool)
        mask[0, 2:6, i : 5 + i] = True
        box = np.asarray([[i, 2, 5 + i, 6]], np.float32)
        depth = np.where(mask[0], 2.0, 0.0).astype(np.float32)
        semantic = mask[0].astype(np.int16)
        normals = np.where(mask[0, ..., None], np.asarray([0.6, 0, -0.8], np.float32), 0)
        turned, point = np.asarray([[2.5 + i, 4, 5, 4, 0]], np.float32), box[:, :2] + 2
        keypoints = np.asarray([[[3, 4, 2], [5, 5, 1], [0, 0, 0]]], np.float32)
        first, rest = text.split(" ", 3)[:3], text.split(" ", 3)[3]
        objects = Objects(box, ("cup",), masks=mask, oriented=turned, keypoints=keypoints, points=point)
        sample = Sample(
            size=(9, 9), labels=NAMES, objects=objects, semantic=semantic, depth=depth, normals=normals,
            text="3" if name == "counting" else text, parts=((" ".join(first), (0,)), (rest, ())), documents=("d1",),
        )  # fmt: skip
        answer = Answer(
            "any", (9, 9), names=NAMES, boxes=box, labels=("cup",), scores=np.ones(1, np.float32), masks=mask,
            oriented=turned, keypoints=keypoints, points=point, semantic=semantic, depth=depth, normals=normals,
            text=text, number=3, phrases=((0, len(" ".join(first)), (0,)),), documents=[{"id": "d1", "score": 1.0}],
        )  # fmt: skip
        measure.add(answer, sample)
    assert measure.result() == pytest.approx(PERFECT[name])
    assert all(type(value) is float for value in measure.result().values())


def test_an_unknown_metric_is_a_fault_that_names_the_known():
    with pytest.raises(Fault, match=r"coco_bix.*coco_box"):
        metric("coco_bix")
