"""Readers on small sets written here, one of each layout: what is read is what was written."""

import itertools
import json

import numpy as np
import pytest
from folders import HEIGHT, WIDTH, index_map, picture, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generalist.data.images import load_image, load_map
from generalist.data.readers import READERS, corpus, open_data
from generalist.data.readers.posing import expressions, names_asked
from generalist.faults import Fault
from generalist.sequence.sample import VOID, Objects


def voc_page(*things):
    body = "".join(
        f"<object><name>{name}</name><difficult>{hard}</difficult><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for name, b, hard in things
    )
    return f"<annotation><size><width>{WIDTH}</width><height>{HEIGHT}</height></size>{body}</annotation>"


THINGS = (
    ("cat", (1, 2, 9, 8), 0),
    ("dog", (10, 2, 45, 12), 0),  # beyond the right edge
    ("cat", (5, 5, 5, 9), 0),  # no width
    ("cat", (20, 3, 28, 18), 1),
)


@pytest.fixture
def voc(tmp_path):
    for stem, things in (("a", THINGS), ("b", ()), ("c", (("emu", (0, 0, 5, 5), 0),))):
        picture(tmp_path / "JPEGImages" / f"{stem}.{'JPG' if stem == 'a' else 'jpg'}")
        write(tmp_path / "Annotations" / f"{stem}.xml", voc_page(*things))
    write(tmp_path / "ImageSets/Main/train.txt", "a\nb\n")
    write(tmp_path / "ImageSets/Main/val.txt", "c\n")
    write(tmp_path / "ImageSets/Main/cat_train.txt", "a  1\nb -1\n")
    return tmp_path


def test_voc_official_folders(voc):
    data = open_data(f"voc:{voc}:train")
    assert (len(data), data.classes, data.tasks) == (2, ("cat", "dog", "emu"), ("detect", "refer"))
    sample = data.sample(0, "detect")
    assert sample.labels == data.classes
    assert sample.size == (WIDTH, HEIGHT)
    assert sample.image.shape == (HEIGHT, WIDTH, 3)
    assert sample.objects.boxes.tolist() == [[1, 2, 9, 8], [10, 2, WIDTH, 12], [20, 3, 28, 18]]
    assert sample.objects.names == ("cat", "dog", "cat")
    assert sample.objects.ignore.tolist() == [False, False, True]
    assert len(data.sample(1, "detect").objects) == 0
    with pytest.raises(Fault, match=r"train, val$"):
        open_data(f"voc:{voc}:test")


def test_voc_flat_folders(tmp_path):
    for split, stem, suffix in (("train", "x", "JPG"), ("train", "y", "jpg"), ("test", "z", "PNG")):
        picture(tmp_path / split / f"{stem}.{suffix}")
        write(tmp_path / split / f"{stem}.xml", voc_page((stem, (0, 0, 5, 5), 0)))
    assert len(open_data(f"voc:{tmp_path}:train")) == 2
    assert open_data(f"voc:{tmp_path}:test").classes == ("x", "y", "z")
    assert len(open_data(f"voc:{tmp_path / 'test'}")) == 1


def test_voc_with_a_broken_page_names_it(voc):
    write(voc / "Annotations/b.xml", "<annotation><object>")
    with pytest.raises(Fault, match=r"b\.xml: not a VOC annotation"):
        open_data(f"voc:{voc}:train")


def test_an_image_that_is_not_there_refuses_its_item_alone(voc, coco):
    (voc / "JPEGImages/b.jpg").unlink()
    data = open_data(f"voc:{voc}:train")
    assert len(data) == 2 and len(data.sample(0, "detect").objects) == 3
    with pytest.raises(Fault, match=r"JPEGImages/b\.jpg: there is no such image"):
        data.sample(1, "detect")
    (coco / "train2017/7.jpg").unlink()
    data = open_data(f"coco:{coco}:train")
    with pytest.raises(Fault, match=r"train2017/7\.jpg: there is no such image"):
        data.sample(0, "detect")
    assert len(data.sample(1, "detect").objects) == 0


SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]
RUNS = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * 4, HEIGHT * (WIDTH - 4)]}


@pytest.fixture
def coco(tmp_path):
    images = [{"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in (7, 9)]
    notes = [
        {"id": 1, "image_id": 7, "category_id": 44, "bbox": [2, 3, 10, 6], "segmentation": [SQUARE], "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 4, HEIGHT], "segmentation": RUNS, "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 3, "bbox": [5, 5, 0, 4], "segmentation": [SQUARE], "iscrowd": 0},
    ]
    names = [{"id": 44, "name": "bottle"}, {"id": 3, "name": "car"}]
    captions = [{"id": i, "image_id": 7 + 2 * (i // 3), "caption": f"text  {i}\n"} for i in range(5)]
    for image in images:
        picture(tmp_path / "train2017" / image["file_name"], image["id"])
    page = {"images": images, "annotations": notes, "categories": names}
    write(tmp_path / "annotations/instances_train2017.json", page)
    write(tmp_path / "annotations/captions_train2017.json", {"images": images, "annotations": captions})
    return tmp_path


def test_coco_boxes_masks_crowds_and_captions(coco):
    data = open_data(f"coco:{coco}:train")
    assert data.tasks == ("detect", "instances", "instances_pixels", "refer", "refer_mask", "caption")
    assert (len(data), data.classes) == (2, ("bottle", "car"))
    boxes = data.sample(0, "detect").objects
    assert boxes.masks is None
    assert boxes.boxes.tolist() == [[2, 3, 12, 9], [0, 0, 4, HEIGHT]]
    assert boxes.ignore.tolist() == [False, True]
    masks = data.sample(0, "instances").objects.masks
    polygon, runs = np.zeros((2, HEIGHT, WIDTH), bool)
    polygon[3:9, 2:12] = True
    runs[:, :4] = True
    assert (masks == np.stack([polygon, runs])).all()
    assert data.sample(1, "instances").objects.masks.shape == (0, HEIGHT, WIDTH)
    caption = data.sample(0, "caption")
    assert (caption.text, caption.texts) == ("text 0", ("text 0", "text 1", "text 2"))
    drawn = {data.sample(0, "caption", np.random.default_rng(i)).text for i in range(30)}
    assert drawn == set(caption.texts)


def test_coco_by_its_json(coco):
    data = open_data(f"coco:{coco}/annotations/instances_train2017.json")
    assert data.tasks == ("detect", "instances", "instances_pixels", "refer", "refer_mask")
    (coco / "train2017").rename(coco / "elsewhere")
    with pytest.raises(Fault, match=r"7\.jpg is in none of .*images=FOLDER"):
        open_data(data.name)
    assert len(open_data(f"{data.name}?images={coco}/elsewhere")) == 2


@pytest.mark.parametrize(
    ("part", "record", "reason"),
    [
        ("images", {"id": 1}, r"images\[2\] has not all of file_name, id"),
        ("annotations", {"bbox": [0, 0, 1, 1]}, r"annotations\[3\]"),
        (
            "annotations",
            {"image_id": 7, "id": 5, "category_id": 8, "bbox": [0, 0, 1, 1]},
            "annotation 5 is of category 8",
        ),
    ],
)
def test_a_coco_record_that_does_not_fit_is_named(coco, part, record, reason):
    path = coco / "annotations/instances_train2017.json"
    page = json.loads(path.read_text())
    page[part].append(record)
    write(path, page)
    with pytest.raises(Fault, match=r"instances_train2017\.json: " + reason):
        open_data(f"coco:{path}")


def test_coco_refers_to_an_object_with_its_mask(coco):
    data = open_data(f"coco:{coco}:train2017")
    sample = data.sample(0, "refer_mask")
    assert (sample.phrase, sample.objects.names, sample.objects.masks.sum()) == ("bottle", ("bottle",), 60)
    nothing = data.sample(1, "refer")
    assert nothing.phrase in data.classes
    assert len(nothing.objects) == 0


def test_label_maps_keep_their_meaning_in_any_order_of_names(tmp_path):
    values = np.random.default_rng(1).integers(0, 5, (HEIGHT, WIDTH), dtype=np.uint8)
    picture(tmp_path / "val/a.png")
    index_map(tmp_path / "valannot/a.png", values)
    write(tmp_path / "classes.txt", "sky\nroad\ntree\ncar\n")
    data = open_data(f"labelmaps:{tmp_path}:val?void=2")
    assert data.classes == ("sky", "road", "car")
    expected = np.asarray(["sky", "road", "void", "car", "void"])[values]
    for rng in (None, *map(np.random.default_rng, range(20))):
        sample = data.sample(0, "segment", rng)
        names = np.asarray([*sample.labels, "void", ""])[sample.semantic]
        assert (names == np.where(np.isin(expected, (*sample.labels, "void")), expected, "")).all()
        assert sample.semantic.dtype == np.int16


def test_label_maps_layouts_and_lists(tmp_path):
    values = np.full((HEIGHT, WIDTH), 11, np.uint8)
    picture(tmp_path / "images/train/a.jpg")
    index_map(tmp_path / "masks/train/a_mask.png", values)
    data = open_data(f"labelmaps:{tmp_path}:train?classes=camvid")
    assert len(data.classes) == 11
    assert (data.sample(0, "segment").semantic == VOID).all()
    with pytest.raises(Fault, match="no class names"):
        open_data(f"labelmaps:{tmp_path}:train")
    with pytest.raises(Fault, match="did you mean 'camvid'"):
        open_data(f"labelmaps:{tmp_path}:train?classes=canvid")
    write(tmp_path / "classes.json", {"11": "sky", "4": "sea"})
    assert (open_data(f"labelmaps:{tmp_path}").sample(0, "segment").semantic == 0).all()
    write(tmp_path / "other/config.yaml", "v: {images: ../images/train, masks: ../masks/train}\nclasses: {11: sun}\n")
    assert open_data(f"labelmaps:{tmp_path / 'other'}:v").sample(0, "segment").labels == ("sun",)


def test_a_label_map_of_another_size_or_in_colour_is_a_fault(tmp_path):
    picture(tmp_path / "v/a.png")
    picture(tmp_path / "vannot/a.png")
    data = open_data(f"labelmaps:{tmp_path}:v?classes=camvid")
    with pytest.raises(Fault, match=r"vannot/a\.png.*one channel"):
        data.sample(0, "segment")
    index_map(tmp_path / "vannot/a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(Fault, match=r"vannot/a\.png: \(4, 4\)"):
        data.sample(0, "segment")


def test_depth_in_all_layouts(tmp_path):
    units = np.random.default_rng(0).integers(0, 5000, (HEIGHT, WIDTH), dtype=np.uint16)
    units[0, 0], units[0, 1] = 0, 65535
    listed, beside, folders = tmp_path / "listed", tmp_path / "beside", tmp_path / "folders"
    for image, depth in (
        (listed / "rgb/1.jpg", listed / "d/1.png"),
        (beside / "f-1.color.jpg", beside / "f-1.depth.png"),
        (folders / "images/1.jpg", folders / "depth/1.png"),
    ):
        picture(image)
        index_map(depth, units)
    write(listed / "test.txt", "rgb/1.jpg d/1.png\n")
    expected = np.where(units == 65535, 0, units) / 1000
    for spec in (f"{listed}:test", f"{beside}", f"{folders}"):
        depth = open_data(f"rgbd:{spec}").sample(0, "depth").depth
        assert depth.dtype == np.float32
        assert np.allclose(depth, expected)
    assert np.allclose(open_data(f"rgbd:{beside}?scale=5000").sample(0, "depth").depth, expected / 5)
    with pytest.raises(Fault, match="scale is a positive number"):
        open_data(f"rgbd:{beside}?scale=nan")


def test_maps_of_lines(tmp_path):
    picture(tmp_path / "a.png")
    size = (HEIGHT, WIDTH)
    index_map(tmp_path / "few.png", np.full(size, 255, np.uint8))
    index_map(tmp_path / "many.png", np.resize(np.asarray([0, 1, 255, 256, 65535, 7], np.uint16), size))
    index_map(tmp_path / "far.png", np.resize(np.asarray([0, 500, 65535], np.uint16), size))
    np.save(tmp_path / "far.npy", np.full(size, 2.5))
    few, many = ["sky", "sea"], [f"name {i}" for i in range(257)]
    lines = [
        {"image": "a.png", "labels": few, "semantic": "few.png", "depth": "far.png"},
        {"image": "a.png", "labels": few, "semantic": "many.png", "depth": "far.png", "scale": 500},
        {"image": "a.png", "labels": many, "semantic": "many.png", "depth": "far.npy"},
    ]
    write(tmp_path / "set.jsonl", "\n".join(map(json.dumps, lines)))
    data = open_data(f"jsonl:{tmp_path}/set.jsonl")
    named = [data.sample(i, "segment").semantic for i in range(3)]
    assert (named[0] == VOID).all()
    assert named[1].ravel()[:6].tolist() == [0, 1, VOID, -1, VOID, -1]
    assert named[2].ravel()[:6].tolist() == [0, 1, 255, 256, VOID, 7]  # of so many names 255 is one
    metres = [data.sample(i, "depth").depth for i in range(3)]
    assert metres[0].ravel()[:3].tolist() == [0, 0.5, 0] and metres[1].ravel()[:3].tolist() == [0, 1, 0]
    assert (metres[2] == 2.5).all() and metres[2].dtype == np.float32


def karpathy(root, splits):
    for i, _ in enumerate(splits):
        picture(root / f"imgs/{i:02}.png", i)
    records = [
        {"filename": f"{i:02}.png", "split": split, "sentences": [{"raw": f"one {i} ."}, {"raw": f"two {i} ."}]}
        for i, split in enumerate(splits)
    ]
    write(root / "dataset.json", {"images": records[::-1]})


def test_captions_hold_out_the_last_twelve_only_without_splits(tmp_path):
    karpathy(tmp_path / "one", ["train"] * 15)
    karpathy(tmp_path / "own", ["train", "restval", "test"])
    held = open_data(f"captions:{tmp_path / 'one'}:val")
    assert [held.sample(i, "caption").text for i in range(len(held))] == [f"one {i} ." for i in range(3, 15)]
    assert len(open_data(f"captions:{tmp_path / 'one'}/dataset.json:train")) == 3
    assert len(open_data(f"captions:{tmp_path / 'own'}:train")) == 2
    with pytest.raises(Fault, match="'val'; there are test, train"):
        open_data(f"captions:{tmp_path / 'own'}:val")


@pytest.fixture
def beir(tmp_path):
    documents = [{"_id": "A §1", "title": "A", "text": "x\u2028y"}, {"_id": "2", "title": "", "text": ""}]
    write(tmp_path / "corpus.jsonl", "\n".join(json.dumps(d, ensure_ascii=False) for d in documents) + "\n")
    queries = [{"_id": i, "text": f"query {i}"} for i in ("q1", "q2", "q3")]
    write(tmp_path / "queries.jsonl", "\n".join(map(json.dumps, queries)))
    write(tmp_path / "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq3\tA §1\t2\nq3\t2\t1\nq1\t2\t0\nq2\t2\t1\n")
    return tmp_path


def test_beir(beir):
    data = open_data(f"beir:{beir}:test")
    first, second = (data.sample(i, "retrieve") for i in range(len(data)))
    assert (first.id, first.query, first.documents, first.text) == ("q3", "query q3", ("A §1", "2"), "A")
    assert (second.id, second.documents, second.text) == ("q2", ("2",), "")
    assert [d.text for d in corpus(beir)] == ["x\u2028y", ""]
    assert corpus(beir / "corpus.jsonl") == corpus(beir)


def test_beir_refuses_what_does_not_fit(beir):
    write(beir / "qrels/bad.tsv", "q9\t2\t1\n")
    with pytest.raises(Fault, match="query 'q9' is not in"):
        open_data(f"beir:{beir}:bad")
    write(beir / "corpus.jsonl", '{"_id": "1"}\n{"_id": "1"}\n')
    with pytest.raises(Fault, match=r"line 2: document '1' was already on line 1"):
        corpus(beir)
    write(beir / "corpus.jsonl", '{"_id": "1"}\n[]')
    with pytest.raises(Fault, match=r"corpus\.jsonl: line 2"):
        corpus(beir)


@pytest.mark.parametrize("spec", ["voc:{}", "coco:{}:a", "labelmaps:{}", "rgbd:{}", "captions:{}", "beir:{}:a"])
def test_a_missing_or_empty_folder_is_a_fault_that_names_it(spec, tmp_path):
    for folder in (tmp_path / "no", tmp_path):
        with pytest.raises(Fault, match=str(folder)):
            open_data(spec.format(folder))


def test_specs_that_are_wrong(voc):
    with pytest.raises(Fault, match="no reader 'cocoa'; did you mean 'coco'.*" + ".*".join(READERS)):
        open_data("cocoa:x:train")
    with pytest.raises(Fault, match="a path is missing"):
        open_data("voc:")
    with pytest.raises(Fault, match=r"name a split, .*:SPLIT; there are train, val"):
        open_data(f"voc:{voc}")
    with pytest.raises(Fault, match="no option 'size'"):
        open_data(f"voc:{voc}:train?size=3")
    data = open_data(f"voc:{voc}:train")
    with pytest.raises(Fault, match="cannot pose 'depth'; it can pose detect, refer"):
        data.sample(0, "depth")
    with pytest.raises(IndexError):
        data.sample(2, "detect")


def test_a_path_may_hold_a_colon(voc, tmp_path_factory):
    odd = tmp_path_factory.mktemp("odd") / "a:b"
    voc.rename(odd)
    assert len(open_data(f"voc:{odd}:train")) == 2
    picture(odd / "flat:1" / "a.png")
    write(odd / "flat:1" / "a.xml", voc_page())
    assert len(open_data(f"voc:{odd}/flat:1")) == 1


def test_training_requests_vary_and_stay_true(voc):
    data = open_data(f"voc:{voc}:train")
    asked = set()
    for seed in range(40):
        sample = data.sample(0, "detect", np.random.default_rng(seed))
        asked.add(sample.labels)
        whole = data.sample(0, "detect").objects
        assert len(set(sample.labels)) == len(sample.labels) > 0
        assert set(sample.labels) <= set(data.classes)
        expected = [b.tolist() for b, n in zip(whole.boxes, whole.names, strict=True) if n in sample.labels]
        assert sample.objects.boxes.tolist() == expected
    assert len(asked) > 6
    assert data.sample(0, "detect", np.random.default_rng(5)).labels == names_asked(
        data.classes, ("cat", "dog", "cat"), np.random.default_rng(5)
    )


def test_expressions_mean_one_object():
    boxes = np.asarray([[0, 0, 10, 10], [40, 0, 50, 10], [80, 20, 99, 39], [20, 50, 30, 60], [1, 1, 9, 9]], np.float32)
    names, ignore = ("cup", "cup", "cup", "cat", "emu"), np.asarray([False] * 4 + [True])
    found = dict(expressions(Objects(boxes, names, ignore=ignore), (100, 100)))
    # Neither a topmost nor a smallest cup: two are alike. No emu: it is ignored.
    assert found == {
        "leftmost cup": 0,
        "rightmost cup": 2,
        "bottommost cup": 2,
        "largest cup": 2,
        "second cup from the left": 1,
        "second cup from the right": 1,
        "cat": 3,
    }


@given(
    st.lists(st.tuples(*[st.integers(0, 90)] * 2, *[st.integers(1, 60)] * 2), min_size=1, max_size=7),
    st.lists(st.sampled_from(["cup", "cat"]), min_size=7, max_size=7),
)
def test_an_expression_is_true_of_its_object_alone(corners, names):
    """Each phrase is understood again by a slow reader that counts, and nothing less than clear is said."""
    boxes = np.asarray([(x, y, x + w, y + h) for x, y, w, h in corners], np.float32)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    orders = {
        "left": middle[:, 0], "right": -middle[:, 0], "leftmost": middle[:, 0], "rightmost": -middle[:, 0],
        "topmost": middle[:, 1], "bottommost": -middle[:, 1], "smallest": area, "largest": -area,
    }  # fmt: skip
    counted = {"second": 1, "third": 2, "fourth": 3}
    for phrase, row in expressions(Objects(boxes, tuple(names[: len(boxes)])), (150, 150)):
        words = phrase.split()
        name = next(word for word in words if word in ("cup", "cat"))
        rows = [i for i, other in enumerate(names[: len(boxes)]) if other == name]
        value = orders[words[-1] if " the " in phrase else words[0] if len(words) > 1 else "left"]
        ranked = sorted(rows, key=lambda i: value[i])
        place = counted.get(words[0], 0)
        assert ranked[place] == row
        assert len(words) > 1 or len(rows) == 1
        assert all(value[a] < value[b] for a, b in itertools.pairwise(ranked[: place + 2]))
        assert not phrase.endswith("on the left") or len(rows) == 2


def test_at_most_so_many_labels_are_asked_for_and_first_those_that_are_there():
    classes = [f"c{i}" for i in range(20)]
    assert names_asked(classes, ("c17", "c3"), None, 4) == ("c0", "c1", "c3", "c17")
    for seed in range(20):
        every = names_asked(classes, ("c17", "c3"), np.random.default_rng(seed))
        few = names_asked(classes, ("c17", "c3"), np.random.default_rng(seed), 4)
        assert len(few) == min(4, len(every))
        assert {"c17", "c3"} & set(every) <= set(few) <= set(every)


def test_images_are_upright_unless_annotated_as_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    stored = picture(tmp_path / "a.png", exif=exif)
    upright = np.rot90(stored, -1)
    assert (load_image(tmp_path / "a.png") == upright).all()
    assert (load_image(tmp_path / "a.png", annotated=(HEIGHT, WIDTH)) == upright).all()
    assert (load_image(tmp_path / "a.png", annotated=(WIDTH, HEIGHT)) == stored).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode, tmp_path):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    grey = Image.fromarray(np.full((4, 6), 200, np.uint8))
    image = Image.fromarray(np.full((4, 6), 200 << 8, np.uint16)) if mode == "I;16" else grey.convert(mode)
    image.save(path)
    pixels = load_image(path)
    assert (pixels.shape, pixels.dtype) == ((4, 6, 3), np.uint8)
    assert mode == "1" or np.abs(pixels.astype(int) - 200).max() <= 1


def test_arrays_are_images_too():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert (load_image(grey)[..., 1] == grey).all()
    assert load_image(np.zeros((2, 3, 4), np.uint8)).shape == (2, 3, 3)
    with pytest.raises(Fault, match="float64"):
        load_image(np.zeros((2, 3, 3)))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\xff\xd8\xff\xe0 ..."])
@pytest.mark.parametrize("load", [load_image, load_map])
def test_a_broken_image_is_a_fault_that_names_it(content, load, tmp_path):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(Fault, match=r"bad\.png: not a readable image"):
        load(path)


def test_truncated_missing_and_huge_images_are_faults(tmp_path):
    picture(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.png").mkdir()
    # A header that claims 2^14 x 2^14 pixels: refused before anything is decoded.
    Image.fromarray(np.zeros((1, 1), np.uint8)).convert("1").resize((1 << 14, 1 << 14)).save(tmp_path / "huge.png")
    for name, reason in (
        ("cut", "not a readable"),
        ("no", "no such image"),
        ("folder", "not a read"),
        ("huge", "pixels"),
    ):
        with pytest.raises(Fault, match=rf"{name}\.png: .*{reason}"):
            load_image(tmp_path / f"{name}.png")


def test_scenes_need_no_path():
    data = open_data("scenes:test?length=3&size=48")
    assert len(data) == len(data.corpus()) == 3
    for task in data.tasks:
        first, again = data.sample(1, task), data.sample(1, task)
        assert (first.phrase, first.text, first.labels) == (again.phrase, again.text, again.labels)
    with pytest.raises(Fault, match="no split 'tests'; there are train, validation, test"):
        open_data("scenes:tests")


def test_environment_variables_are_filled_in(monkeypatch):
    monkeypatch.setenv("WHICH", "test")
    assert open_data("scenes:${WHICH}").name == "scenes:test"
    monkeypatch.delenv("WHICH")
    with pytest.raises(Fault, match="WHICH is not set"):
        open_data("voc:$WHICH/a")
