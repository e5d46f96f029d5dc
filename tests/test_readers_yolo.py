"""YOLO sets in their layouts, and the three kinds of lines."""

import numpy as np
import pytest
from folders import HEIGHT, WIDTH, picture, write

from generalist.data.readers import open_data
from generalist.data.readers.skipped import skipped_by
from generalist.faults import Fault
from generalist.sequence.oriented import oriented_corners


def line(index, points):
    return f"{index} " + " ".join(f"{x / WIDTH:.8f} {y / HEIGHT:.8f}" for x, y in points)


def box(index, x0, y0, x1, y1):
    w, h = (x1 - x0) / WIDTH, (y1 - y0) / HEIGHT
    return f"{index} {(x0 + x1) / 2 / WIDTH:.8f} {(y0 + y1) / 2 / HEIGHT:.8f} {w:.8f} {h:.8f}"


LINES = [box(0, 2, 3, 12, 9), box(1, 20, 4, 40, 10), box(7, 1, 1, 5, 5), box(0, 2, 3, 12, 9), box(0, 4, 4, 4, 8)]


def layout(root, kind):
    """One image with objects and one without a label file, in one of the layouts; gives the spec."""
    images, labels = {
        "ultralytics": ("images/train", "labels/train"),
        "roboflow": ("train/images", "train/labels"),
        "beside": ("train", "train"),
        "plain": ("images/train", "labels/train"),
        "shared": ("../images/train", "labels/train"),
        "list": ("images/train", "labels/train"),
    }[kind]
    for stem in ("a", "b"):
        picture(root / images / f"{stem}.jpg")
    write(root / labels / "a.txt", "\n".join(LINES))
    value = {"roboflow": "../train/images", "shared": "images/train", "list": "all.txt"}.get(kind, images)
    write(root / "all.txt", "./images/train/a.jpg\n./images/train/b.jpg\n")
    if kind == "plain":
        write(root / "classes.txt", "cat\ndog\n")
    else:
        write(root / "data.yaml", f"path: .\ntrain: {value}\nnames: [cat, dog]\n")
    return f"yolo:{root}:train"


@pytest.mark.parametrize("kind", ["ultralytics", "roboflow", "beside", "plain", "shared", "list"])
def test_layouts(tmp_path, kind):
    data = open_data(layout(tmp_path / "set", kind))
    assert (len(data), data.classes, data.tasks) == (2, ("cat", "dog"), ("detect", "refer"))
    sample = data.sample(0, "detect")
    np.testing.assert_allclose(sample.objects.boxes, [[2, 3, 12, 9], [20, 4, WIDTH, 10]], atol=1e-5)
    assert sample.objects.names == ("cat", "dog")
    assert len(data.sample(1, "detect").objects) == 0
    assert {kind: count for kind, count, _ in skipped_by(data)} == {
        "class without a name": 1,
        "line written twice": 1,
        "box of no area": 1,
        "image without a label file, taken to have no objects": 1,
    }


def write_set(root, *lines):
    picture(root / "images/a.png")
    write(root / "labels/a.txt", "\n".join(lines))
    write(root / "classes.txt", "cat\n")
    return f"yolo:{root}"


def test_polygons_are_masks(tmp_path):
    data = open_data(write_set(tmp_path, line(0, [(2, 3), (12, 3), (12, 9), (7, 9), (2, 9)]), box(0, 15, 2, 25, 12)))
    assert data.tasks == ("detect", "instances", "instances_pixels", "refer", "refer_mask")
    expected = np.zeros((2, HEIGHT, WIDTH), bool)
    expected[0, 3:9, 2:12], expected[1, 2:12, 15:25] = True, True
    assert (data.sample(0, "instances").objects.masks == expected).all()


def test_corners_are_oriented_boxes_unless_said_to_be_polygons(tmp_path):
    turned = np.asarray([[14, 9, 10, 4, 30]], np.float32)
    spec = write_set(tmp_path, line(0, oriented_corners(turned)[0]), box(0, 1, 1, 9, 5))
    data = open_data(spec)
    assert data.tasks == ("detect", "oriented", "refer", "refer_oriented")
    objects = data.sample(0, "oriented").objects
    np.testing.assert_allclose(objects.oriented, [*turned.tolist(), [5, 3, 8, 4, 0]], atol=1e-4)
    ring = oriented_corners(turned)[0]
    np.testing.assert_allclose(objects.boxes[0], [*ring.min(0), *ring.max(0)], atol=1e-4)
    assert "instances" in open_data(f"{spec}?kind=polygons").tasks
    with pytest.raises(Fault, match="kind is one of boxes, polygons, oriented, not 'obb'"):
        open_data(f"{spec}?kind=obb")


@pytest.mark.parametrize(
    ("text", "reason"), [("0 a b c d", "class and numbers"), ("0 1 2 3", "3 numbers"), ("0 .1 .1 nan .1", "4 numbers")]
)
def test_a_line_that_is_no_object_refuses_its_item(tmp_path, text, reason):
    data = open_data(write_set(tmp_path, box(0, 1, 1, 9, 5), text) + "?kind=boxes")
    with pytest.raises(Fault, match=rf"labels/a\.txt: line 2 .*{reason}"):
        data.sample(0, "detect")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(Fault, match="neither a yaml with names, nor images and labels folders"):
        open_data(f"yolo:{tmp_path}")
    picture(tmp_path / "images/a.png")
    with pytest.raises(Fault, match="no class names"):
        open_data(f"yolo:{tmp_path}")
    write(tmp_path / "data.yaml", "train: pictures\nnames: {0: cat}\n")
    with pytest.raises(Fault, match=r"pictures: there is no such folder of images; say \?images="):
        open_data(f"yolo:{tmp_path}/data.yaml:train")
    with pytest.raises(Fault, match="no split 'val'; there are train"):
        open_data(f"yolo:{tmp_path}:val")
