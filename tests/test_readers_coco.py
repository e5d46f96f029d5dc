"""COCO's key points, panoptic maps, several files of one split, and what of them is broken."""

import json

import numpy as np
import pytest
from folders import HEIGHT, WIDTH, picture, write
from PIL import Image

from generalist.data.readers import open_data
from generalist.data.readers.skipped import skipped_by
from generalist.faults import Fault
from generalist.metrics.panoptic import Panoptic
from generalist.sequence.sample import Answer

IMAGES = [{"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in (7, 9)]
PEOPLE = [
    {"id": 1, "image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 6], "keypoints": [3, 4, 2, 0, 0, 0], "iscrowd": 0},
    {"id": 2, "image_id": 7, "category_id": 1, "bbox": [9, 3, 10, 6], "keypoints": [0] * 6, "iscrowd": 0},
]
PERSON = {"id": 1, "name": "person", "keypoints": ["nose", "tail"]}


@pytest.fixture
def people(tmp_path):
    """Instances and key points of the same people, as COCO has them: in two files with the same ids."""
    for image in IMAGES:
        picture(tmp_path / "val" / image["file_name"], image["id"])
    notes = [{k: v for k, v in person.items() if k != "keypoints"} for person in PEOPLE]
    notes.append({"id": 3, "image_id": 7, "category_id": 5, "bbox": [1, 1, 4, 4], "iscrowd": 0})
    categories = [{"id": 1, "name": "person"}, {"id": 5, "name": "kite"}]
    page = {"images": IMAGES, "annotations": notes, "categories": categories}
    write(tmp_path / "annotations/instances_val.json", page)
    page = {"images": IMAGES, "annotations": PEOPLE, "categories": [PERSON]}
    write(tmp_path / "annotations/person_keypoints_val.json", page)
    return tmp_path


def test_people_of_two_files_are_the_same_people(people):
    data = open_data(f"coco:{people}:val")
    assert data.tasks == ("detect", "pose", "refer")
    assert data.classes == ("person", "kite")
    assert data.sample(0, "detect").objects.names == ("person", "person", "kite")
    sample = data.sample(0, "pose")
    assert sample.labels == ("person",)
    assert sample.objects.joints == ("nose", "tail")
    assert sample.objects.keypoints.tolist() == [[[3, 4, 2], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]
    assert sample.objects.ignore.tolist() == [False, True]
    assert data.sample(1, "pose").objects.keypoints.shape == (0, 2, 3)
    assert not list(skipped_by(data))


def test_key_points_alone(people):
    data = open_data(f"coco:{people}/annotations/person_keypoints_val.json")
    assert data.tasks == ("detect", "pose", "refer")
    assert len(data.sample(0, "pose").objects) == 2


SEGMENTS = [
    {"id": 300, "category_id": 1, "iscrowd": 0},
    {"id": 70000, "category_id": 2, "iscrowd": 0},
    {"id": 5, "category_id": 1, "iscrowd": 1},
    {"id": 6, "category_id": 1, "iscrowd": 0},
]


@pytest.fixture
def panoptic(tmp_path):
    """A map with a cat, a crowd of cats, sky, and a row of pixels that nobody has labelled."""
    picture(tmp_path / "val/7.jpg")
    values = np.full((HEIGHT, WIDTH), 70000)
    values[5:10, 3:9], values[15:, :10], values[0] = 300, 5, 0
    colours = np.stack([values % 256, values // 256 % 256, values // 256**2], -1).astype(np.uint8)
    (tmp_path / "annotations/panoptic_val").mkdir(parents=True)
    Image.fromarray(colours).save(tmp_path / "annotations/panoptic_val/7.png")
    page = {
        "images": IMAGES,
        "annotations": [{"image_id": 7, "file_name": "7.png", "segments_info": SEGMENTS}],
        "categories": [{"id": 2, "name": "sky", "isthing": 0}, {"id": 1, "name": "cat", "isthing": 1}],
    }
    write(tmp_path / "annotations/panoptic_val.json", page)
    return tmp_path, values


def test_panoptic_maps(panoptic):
    root, values = panoptic
    data = open_data(f"coco:{root}:val")
    assert len(data) == 1  # the image without segments is skipped
    assert data.classes == ("cat",)
    assert set(data.tasks) >= {"panoptic", "segment", "detect", "instances", "refer_mask"}
    whole = data.sample(0, "panoptic")
    assert whole.labels == ("sky", "cat")
    assert whole.objects.names == ("cat", "sky", "cat", "")
    assert whole.objects.stuff.tolist() == [False, True, False, True]
    assert whole.objects.ignore.tolist() == [False, False, True, True]
    assert (whole.objects.masks == [values == value for value in (300, 70000, 5, 0)]).all()
    trained = data.sample(0, "panoptic", np.random.default_rng(0)).objects
    assert "" not in trained.names
    semantic = data.sample(0, "segment")
    expected = np.select([values == 0, values == 70000], ["void", "sky"], "cat")
    assert (np.asarray([*semantic.labels, "void", ""])[semantic.semantic] == expected).all()
    things = data.sample(0, "instances").objects
    assert (things.names, things.boxes.tolist()) == (("cat", "cat"), [[3, 5, 9, 10], [0, 15, 10, HEIGHT]])
    assert dict((kind, count) for kind, count, _ in skipped_by(data)) == {
        "image without segments": 1,
        "segment without a pixel": 1,
    }


def test_an_answer_of_the_panoptic_truth_is_perfect(panoptic):
    sample = open_data(f"coco:{panoptic[0]}:val").sample(0, "panoptic")
    told = sample.objects.select(np.flatnonzero(~sample.objects.ignore))
    measure = Panoptic()
    measure.add(Answer("panoptic", sample.size, labels=told.names, masks=told.masks), sample)
    assert measure.result()["PQ"] == 1


def test_panoptic_maps_that_do_not_fit_are_named(panoptic):
    root, _ = panoptic
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(root / "annotations/panoptic_val/7.png")
    with pytest.raises(Fault, match=r"panoptic_val/7\.png: \(3, 3\) pixels"):
        open_data(f"coco:{root}:val").sample(0, "panoptic")
    (root / "annotations/panoptic_val").rename(root / "elsewhere")
    with pytest.raises(Fault, match=r"its segment maps are not in .*panoptic_val"):
        open_data(f"coco:{root}:val")


def test_what_is_skipped_of_coco_is_counted_and_named(people):
    path = people / "annotations/instances_val.json"
    page = json.loads(path.read_text())
    page["images"].append(page["images"][0])
    page["annotations"] += [
        page["annotations"][0],
        {"id": 8, "image_id": 7, "category_id": 5},
        {"id": 9, "image_id": 7, "category_id": 5, "bbox": [40, 2, 10, 3]},
        {"id": 10, "image_id": 55, "category_id": 5, "bbox": [1, 2, 10, 3]},
    ]
    write(path, page)
    data = open_data(f"coco:{path}")
    assert len(data) == 2
    assert len(data.sample(0, "detect").objects) == len(data.sample(0, "detect").objects) == 3
    found = {kind: (count, names[0].partition(": ")[2]) for kind, count, names in skipped_by(data)}
    assert found == {
        "image listed twice": (1, "7.jpg"),
        "annotation written twice": (1, "annotation 1 of image 7"),
        "annotation without a box": (1, "annotation 8 of image 7"),
        "annotation of an image that is not listed": (1, "annotation 10 of image 55"),
        "box of no area": (1, ""),
    }


def test_so_many_names_are_asked_for(people):
    assert open_data(f"coco:{people}:val?labels=1").sample(0, "detect").labels == ("person",)
    with pytest.raises(Fault, match="labels is a whole number above zero, not '0'"):
        open_data(f"coco:{people}:val?labels=0")
