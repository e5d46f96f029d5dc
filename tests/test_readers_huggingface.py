"""Hugging Face datasets made here and kept on disk: every field, by its column."""

import json

import datasets
import numpy as np
import pytest
from folders import HEIGHT, WIDTH, write
from PIL import Image

from generalist.data.readers import open_data
from generalist.data.readers.skipped import skipped_by
from generalist.faults import Fault
from generalist.sequence.geometry import rle_encode
from generalist.sequence.sample import VOID

PIXELS = np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH = np.random.default_rng(1).integers(1, 9000, (HEIGHT, WIDTH), dtype=np.uint16)
LABELS = np.random.default_rng(2).integers(0, 4, (HEIGHT, WIDTH), dtype=np.uint8)
KINDS = datasets.ClassLabel(names=["cat", "dog"])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def saved(tmp_path):
    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "said": datasets.List(datasets.Value("string")),
            "question": datasets.Value("string"),
            "reply": datasets.Value("string"),
            "kind": KINDS,
            "objects": {
                "bbox": datasets.List(datasets.List(datasets.Value("float32"))),
                "category": datasets.List(KINDS),
            },
            "map": datasets.Image(),
            "far": datasets.Image(),
            "file": datasets.Value("string"),
        }
    )
    rows = {
        "picture": [Image.fromarray(pixels) for pixels in PIXELS],
        "said": [["a  cat", "one cat"], ["a dog"], []],
        "question": ["what is it?", "and this?", "what?"],
        "reply": ["cat", "dog", "x"],
        "kind": [0, 1, 1],
        "objects": [
            {"bbox": [[1, 2, 10, 5], [3, 3, 0, 9], [4, 4, 5, 5]], "category": [0, 1, -1]},
            {"bbox": [], "category": []},
            {"bbox": [[1, 1, 2, 2]], "category": []},
        ],
        "map": [Image.fromarray(LABELS)] * 3,
        "far": [Image.fromarray(DEPTH)] * 3,
        "file": ["a.jpg", "b.jpg", "c.jpg"],
    }
    data = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": data, "test": data.select([2])}).save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def test_captions_and_ids(saved):
    data = open_data(f"hf:{saved}:train?image=picture&texts=said&id=file")
    assert data.tasks == ("ask",)  # the column "question" bears the name of its field
    data = open_data(f"hf:{saved}:train?image=picture&texts=said&question=reply&id=file")
    sample = data.sample(0, "ask")
    assert (sample.question, sample.text, sample.texts, sample.id) == ("cat", "a cat", ("a cat", "one cat"), "a.jpg")
    assert (sample.image == PIXELS[0]).all() and sample.size == (WIDTH, HEIGHT)
    drawn = {data.sample(0, "ask", np.random.default_rng(seed)).text for seed in range(20)}
    assert drawn == {"a cat", "one cat"}
    with pytest.raises(Fault, match="row 2 has no text"):
        data.sample(2, "ask")


def test_boxes_with_the_names_of_their_labels(saved):
    data = open_data(f"hf:{saved}:train?image=picture&boxes=objects.bbox&names=objects.category&format=xywh")
    assert data.classes == ("cat", "dog") and "detect" in data.tasks
    objects = data.sample(0, "detect").objects
    assert (objects.boxes.tolist(), objects.names) == ([[1, 2, 11, 7]], ("cat",))
    assert len(data.sample(1, "detect").objects) == 0
    assert [(kind, count) for kind, count, _ in skipped_by(data)] == [
        ("box of no area", 1),
        ("label that is no class", 1),
    ]
    with pytest.raises(Fault, match="row 2 has 1 boxes and 0 names"):
        data.sample(2, "detect")
    with pytest.raises(Fault, match="format is xyxy or xywh, not 'yolo'"):
        open_data(f"hf:{saved}:train?format=yolo")


def test_masks_as_polygons_or_runs(tmp_path):
    outline, runs = [[1.0, 2.0, 9.0, 2.0, 9.0, 8.0, 1.0, 8.0]], rle_encode(LABELS > 1)
    lines = [
        {"image": f"{tmp_path}/a.png", "boxes": [[1, 2, 9, 8]], "names": ["cat"], "masks": [outline]},
        {"image": f"{tmp_path}/a.png", "boxes": [[1, 2, 9, 8]], "names": ["cat"], "masks": [outline, outline]},
        {"image": f"{tmp_path}/a.png", "boxes": [[1, 2, 9, 8]], "names": ["cat"], "masks": [[[1.0]]]},
    ]
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    write(tmp_path / "lines.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    data = open_data(f"hf:{tmp_path}/lines.jsonl")
    assert {"detect", "instances", "refer_mask"} <= set(data.tasks) and "oriented" not in data.tasks
    mask = data.sample(0, "instances").objects.masks[0]
    assert mask[2:8, 1:9].all() and mask.sum() == 48
    with pytest.raises(Fault, match="row 1 has 1 boxes and 2 masks"):
        data.sample(1, "instances")
    assert not data.sample(2, "instances").objects.masks.any()  # an outline of no area
    told = {**lines[0], "masks": [runs, rle_encode(np.ones((3, 3), bool))], "boxes": [[1, 2, 9, 8]] * 2}
    told |= {"names": ["cat"] * 2, "ignore": [True, False]}
    write(tmp_path / "runs.jsonl", json.dumps(told) + "\n")
    data = open_data(f"hf:{tmp_path}/runs.jsonl")
    assert data.sample(0, "detect").objects.ignore.tolist() == [True, False]
    with pytest.raises(Fault, match="row 0: what it says of its boxes cannot be read"):
        data.sample(0, "instances")


def test_a_class_of_the_whole_image_is_always_among_the_labels(saved):
    data = open_data(f"hf:{saved}:train?image=picture&label=kind")
    assert data.sample(1, "classify").labels == ("cat", "dog")
    for seed in range(30):
        sample = data.sample(1, "classify", np.random.default_rng(seed))
        assert sample.text == "dog" and sample.text in sample.labels
    words = open_data(f"hf:{saved}:train?image=picture&label=reply")
    assert words.classes == ("cat", "dog", "x") and words.sample(2, "classify").text == "x"


def test_maps_and_depth(saved, tmp_path):
    write(tmp_path / "names.txt", "sky\nroad\nvoid\n")
    data = open_data(f"hf:{saved}:train?image=picture&semantic=map&classes={tmp_path}/names.txt&depth=far")
    assert set(data.tasks) == {"segment", "depth", "depth_adaptive"}
    sample = data.sample(0, "segment")
    assert (sample.semantic == np.where(LABELS < 2, LABELS.astype(int), VOID)).all()
    np.testing.assert_allclose(data.sample(0, "depth").depth, DEPTH / 1000, rtol=1e-6)
    with pytest.raises(Fault, match="semantic maps need names"):
        open_data(f"hf:{saved}:train?image=picture&semantic=map")


def test_only_the_first_rows_are_streamed(saved):
    whole = open_data(f"hf:{saved}:train?image=picture&label=kind")
    some = open_data(f"hf:{saved}:train?image=picture&label=kind&stream=2")
    assert (len(whole), len(some), some.classes) == (3, 2, whole.classes)
    for i in range(2):
        one, other = whole.sample(i, "classify"), some.sample(i, "classify")
        assert (one.image == other.image).all() and one.text == other.text


def test_folders_and_files_that_load_dataset_takes(tmp_path):
    for name, pixels in zip(("cat", "dog"), PIXELS, strict=False):
        (tmp_path / "set/train" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "set/train" / name / "a.png")
    data = open_data(f"hf:{tmp_path}/set:train")
    assert (data.tasks, data.classes, len(data)) == (("classify",), ("cat", "dog"), 2)
    assert (data.sample(1, "classify").image == PIXELS[1]).all()
    assert len(open_data(f"hf:{tmp_path}/set:train?stream=1")) == 1
    write(tmp_path / "queries.jsonl", '{"q": "who?", "documents": ["1", "2"]}\n{"q": "what?", "documents": ["3"]}\n')
    found = open_data(f"hf:{tmp_path}/queries.jsonl?query=q").sample(0, "retrieve")
    assert (found.query, found.documents) == ("who?", ("1", "2"))


def test_expressions_of_one_box_a_row(tmp_path):
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    write(tmp_path / "refs.jsonl", f'{{"image": "{tmp_path}/a.png", "phrase": "the  cat", "boxes": [[1, 2, 8, 9]]}}\n')
    data = open_data(f"hf:{tmp_path}/refs.jsonl")
    sample = data.sample(0, "refer")
    assert (data.tasks, sample.phrase, sample.objects.boxes.tolist()) == (("refer",), "the cat", [[1, 2, 8, 9]])


def test_what_is_wrong_is_told_in_a_line(saved, tmp_path):
    for spec, reason in (
        (f"{saved}:val", "no split 'val'; there are test, train"),
        (f"{saved}:train?image=pictur", "no column 'pictur'; did you mean 'picture'.* There are picture, said"),
        (f"{saved}:train?colour=kind", "hf has no option 'colour'; it has id, image"),
        (f"{saved}:train?query=reply", "pose no task"),
        (f"{tmp_path}/nowhere", "nowhere: cannot be loaded"),
    ):
        with pytest.raises(Fault, match=reason) as caught:
            open_data(f"hf:{spec}")
        assert "\n" not in str(caught.value)


def test_a_broken_image_is_named_by_its_row(tmp_path):
    data = datasets.Dataset.from_dict({"image": [{"bytes": b"no image", "path": None}], "text": ["x"]})
    data = data.cast_column("image", datasets.Image())
    data.save_to_disk(tmp_path / "broken")
    with pytest.raises(Fault, match="row 0: not a readable image"):
        open_data(f"hf:{tmp_path}/broken").sample(0, "caption")
