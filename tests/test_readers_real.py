"""Readers on real sets: in the folder that GENERALIST_DATA names, else in shared/data beside the repository."""

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from generalist.data.readers import corpus, open_data
from generalist.sequence.geometry import box_iou, boxes_of_masks
from generalist.sequence.sample import VOID

ROOT = Path(os.environ.get("GENERALIST_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")


def real(spec):
    """The set, or a skip that says what is missing."""
    reader, _, rest = spec.partition(":")
    folder = ROOT / rest.partition(":")[0].partition("?")[0]
    if not folder.exists():
        pytest.skip(f"no {folder}; set GENERALIST_DATA to the folder with the real sets")
    return open_data(f"{reader}:{ROOT}/{rest}")


@pytest.mark.parametrize(
    ("spec", "items", "classes"),
    [
        ("voc:bccd/BCCD:train", 205, 3),
        ("voc:bccd/BCCD:val", 87, 3),
        ("voc:playing_cards:train", 60, 6),
        ("voc:playing_cards:test", 32, 6),
        ("coco:coco_mini:train", 79, 80),
    ],
)
def test_objects_lie_inside_their_images(spec, items, classes):
    data = real(spec)
    assert (len(data), len(data.classes)) == (items, classes)
    rng = np.random.default_rng(0)
    for i in range(len(data)):
        sample = data.sample(i, "instances" if "instances" in data.tasks else "detect")
        boxes, (width, height) = sample.objects.boxes, sample.size
        assert sample.image.shape == (height, width, 3)
        assert (boxes >= 0).all()
        assert (boxes <= [width, height, width, height]).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert len(data.sample(i, "refer", rng).objects) <= 1


def test_masks_equal_those_of_pycocotools():
    from pycocotools.coco import COCO

    data = real("coco:coco_mini:train")
    theirs = COCO(str(ROOT / "coco_mini/annotations/instances_train2017.json"))
    overlaps = []
    for i in range(len(data)):
        sample = data.sample(i, "instances")
        notes = theirs.loadAnns(theirs.getAnnIds(imgIds=int(sample.id)))
        assert len(notes) == len(sample.objects)
        for note, mask in zip(notes, sample.objects.masks, strict=True):
            assert (theirs.annToMask(note).astype(bool) == mask).all()
        drawn = boxes_of_masks(sample.objects.masks)
        overlaps += np.diag(box_iou(drawn, sample.objects.boxes)).tolist()
    assert len(overlaps) == 648
    assert np.mean(overlaps) > 0.95  # x, y, width and height are in their places


@pytest.mark.parametrize(("spec", "items", "holes"), [("train", 56, 0.1), ("val", 12, 0.1)])
def test_camvid(spec, items, holes):
    data = real(f"labelmaps:camvid:{spec}?classes=camvid")
    assert (len(data), len(data.classes)) == (items, 11)
    maps = np.stack([data.sample(i, "segment").semantic for i in range(items)])
    assert maps.shape == (items, 360, 480)
    assert set(np.unique(maps)) == {VOID, *range(11)}
    assert (maps < 0).mean() < holes


@pytest.mark.parametrize(("spec", "items"), [(":train", 116), (":test", 42), ("/data", 167)])
def test_depth_of_a_kitchen(spec, items):
    data = real(f"rgbd:depth_7scenes{spec}")
    assert len(data) == items
    for i in range(0, items, 4):
        sample = data.sample(i, "depth")
        assert sample.depth.shape == sample.image.shape[:2] == (480, 640)
        assert 0.3 < np.median(sample.depth[sample.depth > 0]) < 4
        with Image.open(data._pairs[i][1]) as image:
            stored = np.asarray(image).astype(int)
        assert ((sample.depth == 0) == np.isin(stored, (0, 65535))).all()
        np.testing.assert_allclose(sample.depth, np.where(stored == 65535, 0, stored) / 1000, rtol=1e-6)


@pytest.mark.parametrize(
    ("spec", "items"),
    [("captions:ucm_captions:train", 54), ("captions:ucm_captions:val", 12), ("coco:coco_mini:val", 70)],
)
def test_captions(spec, items):
    data = real(spec)
    assert (len(data), data.tasks) == (items, ("caption",))
    for i in range(items):
        sample = data.sample(i, "caption")
        assert len(sample.texts) >= 5
        assert all(sample.texts)
        assert sample.text == sample.texts[0]


@pytest.mark.parametrize(
    ("name", "documents", "train", "test"),
    [("cranfield", 1400, 141, 84), ("qed_nq", 1343, 825, 530), ("xquad_en", 240, 726, 464)],
)
def test_retrieval(name, documents, train, test):
    data = real(f"beir:{name}/beir:train"), real(f"beir:{name}/beir:test")
    assert (len(data[0]), len(data[1])) == (train, test)
    ids = {document.id for document in corpus(ROOT / name / "beir")}
    assert len(ids) == documents
    for split in data:
        for i in range(len(split)):
            sample = split.sample(i, "retrieve")
            assert sample.query
            assert sample.documents
            assert set(sample.documents) <= ids


@pytest.mark.parametrize(("split", "items"), [("train", 79), ("val", 70)])
def test_panoptic_segments_have_the_areas_that_their_json_gives(split, items):
    data = real(f"coco:coco_mini/panoptic_segmentation:{split}")
    page = json.loads(data._pages.files[0].read_text())
    notes = {note["image_id"]: note["segments_info"] for note in page["annotations"]}
    assert (len(data), len(data.classes), sum(category["isthing"] for category in page["categories"])) == (
        items,
        80,
        80,
    )
    for i in range(items):
        sample = data.sample(i, "panoptic")
        written = notes[int(sample.id)]
        void = int("" in sample.objects.names)
        assert len(sample.objects) == len(written) + void
        areas = sample.objects.masks.sum((1, 2))
        assert areas[: len(written)].tolist() == [part["area"] for part in written]
        assert areas.sum() == sample.size[0] * sample.size[1]
    assert not list(data.skipped)


def written(folder):
    """The lines of a folder of label files, by the stem of the file."""
    return {path.stem: len(path.read_text().splitlines()) for path in sorted((ROOT / folder).glob("*.txt"))}


@pytest.mark.parametrize("kind", ["object_detection", "instance_segmentation"])
@pytest.mark.parametrize(("split", "items"), [("train", 79), ("val", 70)])
def test_yolo_reads_every_line(kind, split, items):
    data = real(f"yolo:coco_mini/{kind}:{split}")
    lines = written(f"coco_mini/{kind}/labels/{split}2017")
    assert (len(data), len(data.classes)) == (items, 80)
    assert ("instances" in data.tasks) == (kind == "instance_segmentation")
    samples = [data.sample(i, "detect") for i in range(items)]
    passed = sum(count for what, count, _ in data.skipped if "label file" not in what)
    assert sum(len(sample.objects) for sample in samples) + passed == sum(lines.values())


def test_yolo_boxes_are_those_of_coco():
    yolo, coco = real("yolo:coco_mini/object_detection:train"), real("coco:coco_mini:train")
    theirs = {int(sample.id): sample.objects for sample in (coco.sample(i, "detect") for i in range(len(coco)))}
    for i in range(len(yolo)):
        sample = yolo.sample(i, "detect")
        one, other = sample.objects, theirs[int(sample.id)]
        other = other.select(np.flatnonzero(~other.ignore))  # YOLO has no crowds
        assert sorted(one.names) == sorted(other.names)
        for box, name in zip(one.boxes, one.names, strict=True):
            same = other.boxes[[other_name == name for other_name in other.names]]
            assert np.abs(same - box).max(axis=1).min() < 1


def test_pedestrians_are_those_of_their_text_files():
    data = real("instancemaps:pennfudan?name=pedestrian")
    test = real("instancemaps:pennfudan:test?name=pedestrian&held=12")
    total = 0
    for i in range(len(data)):
        sample = data.sample(i, "instances")
        text = (ROOT / f"pennfudan/Annotation/{sample.id}.txt").read_text()
        corners = re.findall(r"\(Xmin, Ymin\) - \(Xmax, Ymax\) : \((\d+), (\d+)\) - \((\d+), (\d+)\)", text)
        theirs = np.asarray(corners, np.float32) - [1, 1, 0, 0]  # they count from 1, the last pixel included
        assert len(sample.objects) == len(theirs)
        assert np.diag(box_iou(sample.objects.boxes, theirs)).min() > 0.8
        total += len(theirs)
    assert (len(data), len(test), total) == (36, 12, 85)


@pytest.mark.parametrize(("split", "items"), [("train", 79), ("val", 70)])
def test_semantic_maps_of_coco(split, items):
    data = real(f"labelmaps:coco_mini/semantic_segmentation:{split}")
    assert len(data) == items
    for i in range(0, items, 3):
        sample = data.sample(i, "segment")
        with Image.open(data._pairs[i][1]) as image:
            counts = np.bincount(np.asarray(image).ravel())
        named = {data._palette.names[value]: counts[value] for value in np.flatnonzero(counts) if value}
        read = np.bincount(sample.semantic.ravel() - VOID, minlength=len(sample.labels) - VOID)
        assert read[:2].tolist() == [counts[0], 0]
        assert {name: count for name, count in zip(sample.labels, read[2:], strict=True) if count} == named
    assert not list(data.skipped)


@pytest.mark.parametrize("split", ["train", "val"])
def test_radiology_questions_are_those_of_the_file(split):
    data = real(f"vqa:vqa_rad:{split}")
    records = json.loads((ROOT / f"vqa_rad/{split}.json").read_text())
    passed = sum(count for _, count, _ in data.skipped)
    assert len(data) + passed == len(records)
    assert passed == len(records) - len({record["qid"] for record in records})
    by_id = {str(record["qid"]): record for record in records[::-1]}
    for question in data._questions:
        assert question.answers == ((" ".join(by_id[question.id]["answer"].split()), 1),)
    closed = real(f"vqa:vqa_rad:{split}?type=closed")
    assert len(closed) == sum(record["answer_type"].strip() == "CLOSED" for record in by_id.values())
    for i in range(0, len(closed), 40):
        assert closed.sample(i, "ask").image.ndim == 3


@pytest.mark.parametrize(
    ("root", "split", "pages"),
    [
        ("bccd/BCCD", "train", "Annotations"),
        ("bccd/BCCD", "val", "Annotations"),
        ("playing_cards", "train", "train"),
        ("playing_cards", "test", "test"),
    ],
)
def test_voc_boxes_are_those_of_the_xml(root, split, pages):
    data = real(f"voc:{root}:{split}")
    for i in range(len(data)):
        sample = data.sample(i, "detect")
        things = ElementTree.parse(ROOT / root / pages / f"{sample.id}.xml").getroot().findall("object")
        corners = [[float(t.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")] for t in things]
        whole = [(c, t.findtext("name")) for c, t in zip(corners, things, strict=True) if c[2] > c[0] and c[3] > c[1]]
        assert sample.objects.names == tuple(name for _, name in whole)
        expected = np.clip([c for c, _ in whole], 0, [*sample.size, *sample.size])
        np.testing.assert_array_equal(sample.objects.boxes, expected.astype(np.float32))
    degenerate = sum(count for _, count, _ in data.skipped)
    assert degenerate == {("bccd/BCCD", "train"): 1, ("bccd/BCCD", "val"): 1}.get((root, split), 0)


def test_captions_are_those_of_their_files():
    data = real("coco:coco_mini:val")
    notes = json.loads((ROOT / "coco_mini/annotations/captions_val2017.json").read_text())["annotations"]
    assert sum(len(data.sample(i, "caption").texts) for i in range(len(data))) == len(notes) == 351
    page = json.loads((ROOT / "ucm_captions/dataset.json").read_text())["images"]
    sets = [real(f"captions:ucm_captions:{split}") for split in ("train", "val")]
    read = sum(len(part.sample(i, "caption").texts) for part in sets for i in range(len(part)))
    assert read == sum(len(record["sentences"]) for record in page) == 330
