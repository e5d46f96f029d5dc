"""``generalist data``: what it counts is what is there, and what is broken is told."""

import json

import numpy as np
import pytest
from folders import HEIGHT, WIDTH, index_map, picture, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from generalist.app.cli import app
from generalist.app.describe import Description, annotated
from generalist.app.inventory import Inventory, spread
from generalist.data.readers import open_data
from generalist.sequence.sample import VOID, Objects, Sample


def call(*words):
    return CliRunner().invoke(app, ["data", *map(str, words)])


def yolo(root, count=5):
    """Images of two sizes, the first of which has no labels."""
    for i in range(count):
        picture(root / f"images/{i}.png", i)
        write(root / f"labels/{i}.txt", f"{i % 2} 0.5 0.5 0.2 0.5\n0 0.5 0.5 0.4 0.5\n" if i else "")
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(root / f"images/{count - 1}.png")
    write(root / "classes.txt", "cat\ndog\nemu\n")
    return f"yolo:{root}"


def test_a_set_in_numbers(tmp_path):
    result = call(yolo(tmp_path), "--json")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    record = json.loads(line)
    assert (record["items"], record["looked_at"], record["tasks"]) == (5, 5, ["detect", "refer"])
    assert record["images"] == {"width": [30, 30, 60], "height": [20, 20, 40], "different_sizes": 2}
    things = record["read"]["detect"]["objects"]
    assert things["classes"] == {"cat": 6, "dog": 2, "emu": 0}
    assert (things["count"], things["per_image"], things["images_without"]) == (8, [0, 2, 2], 1)
    assert things["box"] == spread(np.sqrt([6 * 10, 12 * 10] * 3 + [12 * 20, 24 * 20]))
    assert things["small_medium_large"] == [8, 0, 0]
    assert record["broken"] == {"count": 0, "first": []} and record["skipped"] == []


def test_a_set_in_tables_and_pictures(tmp_path):
    result = call(yolo(tmp_path), "--draw", tmp_path / "out", "--limit", 3)
    assert result.exit_code == 0 and not result.stderr
    for said in ("5, the first 3 of them looked at", "30 wide, 20 high, 1 size", "cat", "emu", "4; an image 0 / 2 / 2"):
        assert said in result.stdout
    for task in ("detect", "refer"):
        with Image.open(tmp_path / f"out/{task}.png") as image:
            assert image.width > 3 * 720


def test_pictures_are_drawn_as_training_would_vary_them(tmp_path):
    spec = yolo(tmp_path)
    rules = ["--augment", "scale: [0.2, 0.3], colour: 0.5"]
    sheets = []
    for words in ([], rules):
        assert call(spec, "--draw", tmp_path / "out", "--limit", 1, *words).exit_code == 0
        sheets.append(np.asarray(Image.open(tmp_path / "out/detect.png")))
    assert sheets[1].shape[0] > sheets[0].shape[0]  # a square
    for words, said in ((["--augment", "flip: 1"], "--draw"), (["--draw", tmp_path, "--augment", "flop: 1"], "flop"),
                        (["--draw", tmp_path, "--augment", "{flip"], "augment")):  # fmt: skip
        refused = call(spec, *words)
        assert refused.exit_code == 2 and said in refused.stderr and refused.stderr.count("\n") == 1


def test_what_is_broken_is_told_and_the_rest_described(tmp_path):
    spec = yolo(tmp_path)
    (tmp_path / "images/1.png").write_bytes(b"no image")
    write(tmp_path / "labels/2.txt", "cat 1 2 3")
    write(tmp_path / "labels/3.txt", "9 0.5 0.5 0.2 0.5\n0 0.5 0.5 0 0.5\n0 0.5 0.5 0.5 0.5")
    result = call(spec, "--json")
    assert result.exit_code == 2
    told = [line for line in result.stderr.splitlines() if line.startswith("generalist: ")]
    assert len(told) == 2 and "images/1.png: not a readable image" in told[0] and "labels/2.txt: line 1" in told[1]
    record = json.loads(result.stdout)
    assert record["broken"]["count"] == 2 and len(record["broken"]["first"]) == 2
    assert [(row["kind"], row["count"]) for row in record["skipped"]] == [
        ("class without a name", 1),
        ("box of no area", 1),
    ]
    assert record["read"]["detect"]["items"] == 3
    table = call(spec)
    assert table.exit_code == 2
    for said in ("broken items", "cannot be read", "left out", "class without a name", "labels/3.txt"):
        assert said in table.stdout


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("yolo:nowhere", "there is no folder nowhere"),
        ("yolo", "a path is missing"),
        ("yolk:x", "did you mean 'yolo'"),
        ("yolo:{}:val", "no split 'val'"),
        ("coco:{}/empty.json", "holds no items"),
        ("coco:{}/bare.json", "holds nothing that a task could be made of"),
    ],
)
def test_a_set_that_cannot_be_opened_is_a_fault_in_one_line(tmp_path, spec, said):
    yolo(tmp_path)
    write(tmp_path / "empty.json", {"images": []})
    write(tmp_path / "bare.json", {"images": [{"id": 1, "file_name": "1.png"}]})
    result = call(spec.format(tmp_path))
    assert result.exit_code == 2 and not result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("generalist: ") and said in line


def test_depth_maps_and_labels(tmp_path):
    metres = np.full((HEIGHT, WIDTH), 2000, np.uint16)
    metres[:5], metres[5] = 0, 9000
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, :3] = 7
    for stem in ("a", "b"):
        picture(tmp_path / f"images/{stem}.png")
        index_map(tmp_path / f"depth/{stem}.png", metres)
        index_map(tmp_path / f"labels/{stem}.png", labels)
    write(tmp_path / "classes.txt", "sky\nroad\n")
    depth = Description(f"rgbd:{tmp_path}").run()["read"]["depth"]["depth"]
    assert depth == {"nearest": [2, 2, 2], "median": [2, 2, 2], "farthest": [9, 9, 9], "holes": 0.25}
    record = Description(f"labelmaps:{tmp_path}").run()
    assert record["read"]["segment"]["pixels"] == {"classes": {"sky": 0.9, "road": 0}, "unlabelled": 0.1}
    assert record["skipped"][0]["count"] == 2


def test_lines_of_any_task_and_ids_that_come_twice(tmp_path):
    picture(tmp_path / "a.png")
    lines = [
        {"id": "x", "image": "a.png", "question": "what?", "texts": ["a", "b"]},
        {"id": "x", "query": "who?", "documents": ["1", "2", "3"]},
        {"image": "b.png"},
    ]
    write(tmp_path / "set.jsonl", "\n".join(map(json.dumps, lines)))
    description = Description(f"jsonl:{tmp_path}/set.jsonl")
    record = description.run()
    read = record["read"]["any"]
    assert (read["items"], read["texts"]["count"], read["documents"]["per_item"]) == (2, 2, [3, 3, 3])
    assert read["question"]["commonest"] == [["what?", 1]]
    assert record["skipped"] == [{"kind": "id of several items (all are read)", "count": 1, "first": ["x"]}]
    assert len(description.faults) == 1 and "b.png" in str(description.faults[0])


@given(st.lists(st.lists(st.sampled_from(["cat", "dog", "emu"]), max_size=6), min_size=1, max_size=6))
def test_an_inventory_counts_every_object_once(images):
    inventory = Inventory()
    for names in images:
        boxes = np.tile(np.asarray([[0, 0, 3, 3]], np.float32), (len(names), 1))
        inventory.add(Sample(labels=("cat", "cow"), objects=Objects(boxes, tuple(names))))
    found = inventory.record()["objects"]
    every = [name for names in images for name in names]
    assert found["count"] == len(every) == sum(found["classes"].values())
    assert found["classes"] == {name: every.count(name) for name in found["classes"]}
    assert {"cat", "cow"} <= set(found["classes"]) and list(found["classes"].values()) == sorted(
        found["classes"].values(), reverse=True
    )
    assert found["images_without"] == images.count([])


def test_what_is_drawn_is_the_annotation():
    data = open_data("scenes:test?length=1&size=64")
    for task in data.tasks:
        sample = data.sample(0, task)
        answer = annotated(sample, task)
        assert answer.scores is None and answer.size == sample.size
        if sample.objects is not None:
            kept = [name for name in sample.objects.names if name or sample.objects.stuff is None]
            assert answer.labels == tuple(kept)
        assert answer.depth is sample.depth and answer.semantic is sample.semantic
    objects = Objects(np.zeros((2, 4), np.float32), ("cat", "dog"), ignore=np.asarray([False, True]))
    assert annotated(Sample(objects=objects), "detect").labels == ("cat", "dog (ignored)")
    labels = tuple(f"c{i}" for i in range(90))
    semantic = np.asarray([[-1, 7], [88, VOID]], np.int16)
    answer = annotated(Sample(labels=labels, semantic=semantic), "segment")
    assert answer.names == ("c7", "c88") and answer.semantic.tolist() == [[-1, 0], [1, -1]]
