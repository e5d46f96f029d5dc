"""Sets of oriented boxes and of referring expressions: DOTA and RefCOCO."""

import json
import pickle

import numpy as np
import pytest
from folders import HEIGHT, WIDTH, picture, write

from generalist.data.readers import open_data
from generalist.data.readers.skipped import skipped_by
from generalist.faults import Fault
from generalist.sequence.oriented import oriented_corners

TURNED = np.asarray([[14, 9, 10, 4, 30], [6, 12, 5, 3, -60], [15, 10, 8, 4, 0]], np.float32)
KINDS = ("small-vehicle 0", "ship 1", "ship 0")


@pytest.fixture
def dota(tmp_path):
    rings = [" ".join(f"{value:.4f}" for value in ring.ravel()) for ring in oriented_corners(TURNED)]
    lines = [f"{ring} {kind}" for ring, kind in zip(rings, KINDS, strict=True)]
    lines.append("40 40 50 40 50 50 40 50 plane 0")  # outside
    for split in ("train", "val"):
        picture(tmp_path / split / "images/P0001.png")
        picture(tmp_path / split / "images/P0002.png")
        write(tmp_path / split / "labelTxt-v1.0/P0003.txt", "")
        text = "imagesource:GoogleEarth\ngsd:0.146343590398\n" + "\n".join(lines if split == "train" else ())
        write(tmp_path / split / "labelTxt-v1.0/P0001.txt", text)
    return tmp_path


def test_dota(dota):
    data = open_data(f"dota:{dota}:train")
    assert (len(data), data.classes) == (1, ("plane", "ship", "small-vehicle"))
    assert data.tasks == ("detect", "oriented", "refer", "refer_oriented")
    objects = data.sample(0, "oriented").objects
    np.testing.assert_allclose(objects.oriented, TURNED, atol=2e-3)
    assert objects.ignore.tolist() == [False, True, False]
    for box, ring in zip(objects.boxes, oriented_corners(TURNED), strict=True):
        np.testing.assert_allclose(box, np.clip([*ring.min(0), *ring.max(0)], 0, [WIDTH, HEIGHT] * 2), atol=1e-3)
    refer = data.sample(0, "refer_oriented")
    assert refer.phrase == "small-vehicle" and refer.objects.oriented.shape == (1, 5)  # a ship may be the difficult one
    assert {kind: count for kind, count, _ in skipped_by(data)} == {
        "image without a text file": 1,
        "text file without an image": 1,
        "box of no area": 1,
    }
    with pytest.raises(Fault, match="there are train, val"):
        open_data(f"dota:{dota}")


@pytest.mark.parametrize("line", ["1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 x ship 0", "1 2 3 4 5 6 7 8 ship hard"])
def test_a_line_of_dota_that_does_not_fit_is_named(dota, line):
    write(dota / "val/labelTxt-v1.0/P0001.txt", f"gsd:1\n{line}\n")
    with pytest.raises(Fault, match=r"P0001\.txt: line 2 is not eight numbers, a class and a difficulty"):
        open_data(f"dota:{dota}:train")


SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]
REFS = [
    {"ref_id": 1, "ann_id": 11, "image_id": 7, "category_id": 1, "split": "testA", "file_name": "7_1.jpg",
     "sentences": [{"sent_id": 5, "sent": "man  left", "raw": "Man left"}, {"sent_id": 6, "sent": "", "raw": " "}]},
    {"ref_id": 2, "ann_id": 11, "image_id": 7, "category_id": 1, "split": "train",
     "sentences": [{"sent_id": 7, "sent": "him"}]},
    {"ref_id": 3, "ann_id": 12, "image_id": 7, "category_id": 1, "split": "testA", "sentences": [{"sent": "it"}]},
    {"ref_id": 4, "ann_id": 99, "image_id": 7, "category_id": 1, "split": "testA", "sentences": [{"sent": "it"}]},
]  # fmt: skip


@pytest.fixture
def refcoco(tmp_path):
    root = tmp_path / "refcoco"
    picture(tmp_path / "images/mscoco/images/train2014/7.jpg")
    notes = [
        {"id": 11, "image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 6], "segmentation": [SQUARE], "iscrowd": 0},
        {"id": 12, "image_id": 7, "category_id": 1, "bbox": [2, 3, 0, 6], "segmentation": [SQUARE], "iscrowd": 0},
    ]
    image = {"id": 7, "file_name": "7.jpg", "width": WIDTH, "height": HEIGHT}
    write(
        root / "instances.json", {"images": [image], "annotations": notes, "categories": [{"id": 1, "name": "person"}]}
    )
    (root / "refs(unc).p").write_bytes(pickle.dumps(REFS, 2))
    return root


@pytest.mark.parametrize("suffix", ["p", "json"])
def test_refcoco(refcoco, suffix):
    if suffix == "json":
        (refcoco / "refs(unc).p").unlink()
        write(refcoco / "refs(unc).json", json.dumps(REFS))
    data = open_data(f"refcoco:{refcoco}:testA")
    assert (len(data), data.tasks) == (1, ("refer", "refer_mask"))
    sample = data.sample(0, "refer_mask")
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[3:9, 2:12] = True
    assert (sample.phrase, sample.id, sample.objects.boxes.tolist()) == ("man left", "5", [[2, 3, 12, 9]])
    assert (sample.objects.masks[0] == expected).all()
    assert open_data(f"refcoco:{refcoco}:train").sample(0, "refer").phrase == "him"
    assert [(kind, count) for kind, count, _ in skipped_by(data)] == [
        ("expression without a word", 1),
        ("reference to an object of no area", 1),
        ("reference to an object or image that is not listed", 1),
    ]
    with pytest.raises(Fault, match="no split 'val'; there are testA, train"):
        open_data(f"refcoco:{refcoco}:val")


def test_refcoco_of_several_people_and_of_none(refcoco):
    (refcoco / "refs(google).p").write_bytes(pickle.dumps(REFS[1:2], 0))
    assert len(open_data(f"refcoco:{refcoco}:train?by=google")) == 1
    with pytest.raises(Fault, match="option by is one of google, unc"):
        open_data(f"refcoco:{refcoco}:train")
    (refcoco / "refs(google).p").write_bytes(pickle.dumps([{"ref_id": 1}]))
    with pytest.raises(Fault, match=r"refs\(google\)\.p: reference 0 has not all of ann_id, ref_id, sentences, split"):
        open_data(f"refcoco:{refcoco}:train?by=google")
    with pytest.raises(Fault, match=r"7\.jpg is in none of .*say \?images=FOLDER"):
        open_data(f"refcoco:{refcoco}:train?by=unc&images={refcoco}")
