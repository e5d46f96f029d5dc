"""Streams: any set as rows of a Hugging Face dataset, and rows of one that training goes through."""

import os
from itertools import islice
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from folders import write
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from generalist.data.mixture import Mixture, Source
from generalist.data.readers import open_data
from generalist.data.readers.window import PARTS, Window, reach
from generalist.data.stream import ITEMS, _places, row, stream
from generalist.faults import Fault
from generalist.sequence.geometry import rle_decode
from generalist.sequence.sample import VOID
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

ROOT = Path(os.environ.get("GENERALIST_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


# ---- any set as a stream ---------------------------------------------------------------------------------------------


def plain(value):
    """What a row holds, as it can be compared: pictures as their pixels."""
    if hasattr(value, "getdata"):
        return np.asarray(value).tolist()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_rows_hold_what_samples_hold_whatever_the_task():
    data = open_data("scenes:test?size=32")
    for task in data.tasks:
        for index, found in enumerate(stream("scenes:test?size=32", task).take(2)):
            told = {name: value for name, value in row(data.sample(index, task)).items()}
            assert {name for name, value in found.items() if value is not None} == told.keys(), task
            for name, value in told.items():
                np.testing.assert_equal(plain(found[name]), plain(value), f"{task}: {name}")


def same_things(one, other):
    assert one.names == other.names and np.array_equal(one.boxes, other.boxes)
    for name in ("masks", "oriented"):
        if getattr(other, name) is not None:
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.ignore is None or np.array_equal(one.ignore, other.ignore)


@pytest.mark.parametrize("task", ["detect", "instances", "oriented", "caption", "ask", "depth", "retrieve"])
def test_what_is_written_as_parquet_is_read_again(task, tmp_path):
    spec, size = "scenes:test?size=64", 12
    stream(spec, task).take(size).to_parquet(tmp_path / "set.parquet")
    data, back = open_data(spec), open_data(f"hf:{tmp_path}/set.parquet")
    assert task in back.tasks and len(back) == size
    for index in range(size):
        one, other = data.sample(index, task), back.sample(index, task)
        assert np.array_equal(one.image, other.image) and (one.id, one.texts) == (other.id, other.texts)
        assert (one.question, one.query, one.documents) == (other.question, other.query, other.documents)
        assert one.depth is None or np.array_equal(one.depth, other.depth)
        if task in ("detect", "instances", "oriented"):
            same_things(one.objects, other.objects)


@pytest.mark.parametrize(
    ("spec", "task"),
    [
        ("voc:{}/bccd/BCCD:val", "detect"),
        ("instancemaps:{}/pennfudan:test?name=pedestrian&held=12", "instances"),
        ("rgbd:{}/depth_7scenes:test", "depth"),
        ("captions:{}/ucm_captions:val", "caption"),
    ],
)
def test_real_sets_are_read_again(spec, task, tmp_path):
    if not ROOT.is_dir():
        pytest.skip(f"no {ROOT}; set GENERALIST_DATA to the folder with the real sets")
    spec = spec.format(ROOT)
    stream(spec, task).take(4).to_parquet(tmp_path / "set.parquet")
    data, back = open_data(spec), open_data(f"hf:{tmp_path}/set.parquet")
    for index in range(4):
        one, other = data.sample(index, task), back.sample(index, task)
        assert np.array_equal(one.image, other.image) and one.texts == other.texts
        assert one.depth is None or np.array_equal(one.depth, other.depth)
        if one.objects is not None:
            same_things(one.objects, other.objects)


def test_loaders_share_a_stream_by_its_shards(tmp_path):
    count = 2 * ITEMS + 3
    lines = [f'{{"id": "{number}", "query": "q", "documents": ["d"]}}\n' for number in range(count)]
    write(tmp_path / "lines.jsonl", "".join(lines))
    rows = stream(f"jsonl:{tmp_path}/lines.jsonl", "retrieve")
    assert rows.num_shards == 3
    loader = DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert sorted(int(found["id"]) for found in loader) == list(range(count))


def test_maps_know_the_place_of_each_name():
    data = open_data("scenes:test?size=32")
    for index, found in enumerate(stream("scenes:test?size=32", "segment").take(3)):
        sample, places = data.sample(index, "segment"), np.asarray(found["semantic"])
        assert tuple(found["labels"]) == sample.labels
        assert np.array_equal(places, sample.semantic)


@pytest.mark.parametrize(("labels", "highest"), [(3, 255), (254, 255), (255, 65535), (400, 65535)])
def test_places_tell_void_from_none(labels, highest):
    semantic = np.asarray([[VOID, -1, 0, labels - 1]], np.int16)
    assert _places(semantic, labels).tolist() == [[highest, highest - 1, 0, labels - 1]]


def test_masks_are_runs():
    data = open_data("scenes:test?size=32")
    found = next(iter(stream("scenes:test?size=32", "instances")))
    drawn = np.stack([rle_decode(runs) for runs in found["masks"]])
    assert np.array_equal(drawn, data.sample(0, "instances").objects.masks)


def test_what_cannot_be_streamed_is_told(tmp_path):
    with pytest.raises(Fault, match="cannot pose 'retrieve_code'"):
        stream("scenes:test", "retrieve_code")
    lines = ['{"query": "q", "documents": ["d"]}\n'] * 9 + ['{"query": "q", "documents": ["d"], "phrase": "p"}\n']
    write(tmp_path / "lines.jsonl", "".join(lines))
    rows = stream(f"jsonl:{tmp_path}/lines.jsonl", "retrieve")
    with pytest.raises(Fault, match="item 9 has phrase, which the first 8 items have not"):
        list(rows)


# ---- a stream in training --------------------------------------------------------------------------------------------


class Files:
    """A stream of numbered rows, as many files as there are ``sizes``, with what is used of ``IterableDataset``."""

    def __init__(self, sizes, first=0):
        ends = np.cumsum([first, *sizes]).tolist()
        self.files = [list(range(a, b)) for a, b in zip(ends, ends[1:], strict=False)]
        self.num_shards = len(self.files)

    def iter(self, batch_size):
        rows = (number for file in self.files for number in file)
        while chunk := list(islice(rows, batch_size)):
            yield {"number": chunk}

    def shard(self, count, which, contiguous):
        assert not contiguous
        found = Files([])
        found.files = self.files[which::count]
        return found


def held(window):
    return [window[i]["number"] for i in range(len(window))]


STREAMS = st.lists(st.integers(0, 12), min_size=1, max_size=12).filter(any)


@given(STREAMS, st.integers(1, 20), st.floats(0.1, 9), st.integers(0, 60))
@settings(deadline=None)
def test_what_a_step_chooses_from_depends_on_the_step_alone(sizes, size, pace, step):
    gone, sprung = Window(Files(sizes), size), Window(Files(sizes), size)
    for at in range(step + 1):
        gone.reach(at, pace)
    sprung.reach(step, pace)
    assert held(gone) == held(sprung) and len(gone) > 0
    gone.reach(step + 40, pace)
    gone.reach(step, pace)  # back again, as when a loader is started anew
    assert held(gone) == held(sprung)


@given(STREAMS, st.integers(1, 20), st.floats(0.1, 9))
@settings(deadline=None)
def test_every_row_has_its_turn_and_none_is_of_another_part(sizes, size, pace):
    stream, window = Files(sizes), Window(Files(sizes), size)
    assert held(window) == list(range(min(size, sum(sizes))))
    if window.whole:
        window.reach(7, pace)
        assert sum(sizes) <= size and held(window) == list(range(sum(sizes)))
        return
    count = min(PARTS, len(sizes))
    parts = [{n for file in stream.files[which::count] for n in file} for which in range(count)]
    seen = [set() for _ in parts]
    for step in range(count * (int(max(map(len, parts)) / pace) + 2)):
        window.reach(step, pace)
        seen[step % count] |= set(held(window))
    for part, found in zip(parts, seen, strict=True):
        assert found == part or (not part and found == set(range(size)))


@pytest.fixture
def parquet(tmp_path):
    """Four files of 25 rows with a picture of their number and its name."""
    for file in range(4):
        numbers = range(25 * file, 25 * file + 25)
        features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
        pictures = [np.full((16, 16, 3), number, np.uint8) for number in numbers]
        rows = {"image": pictures, "label": [f"class {number}" for number in numbers]}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / f"set/train-{file}.parquet")
    return tmp_path / "set"


def mixture(data):
    vocabulary = Vocabulary.load("tiny")
    given = {"tasks": load_tasks(vocabulary), "task_weight": {"classify": 1.0}, "vocabulary": vocabulary}
    return Mixture([Source(data, 1.0, {"classify": 1})], sides=[16], rows=4, steps=60, **given)


def test_training_goes_through_a_stream_whatever_the_loaders(parquet):
    spec = f"hf:{parquet}:train?stream=12&labels=8"
    one, other = mixture(open_data(spec)), mixture(open_data(spec))
    ours = [one[step] for step in range(60)]
    loaded = DataLoader(other, batch_size=None, sampler=range(60), num_workers=2, multiprocessing_context="fork")
    for batch, theirs in zip(ours, loaded, strict=True):
        assert all(torch.equal(batch[name], theirs[name]) for name in ("pixels", "ids"))
    seen = torch.cat([batch["pixels"].flatten(1)[:, 0] for batch in ours]).unique()
    assert len(seen) > 75  # of a hundred; each row is drawn as often as not, and the first 12 alone are no stream
    again = mixture(open_data(spec))
    assert torch.equal(again[37]["pixels"], ours[37]["pixels"])


def test_what_does_not_move_stays_as_it_was(parquet):
    data = open_data(f"hf:{parquet}:train?stream=12")
    assert len(data) == 12 and [data.sample(i, "classify").text for i in (0, 11)] == ["class 0", "class 11"]
    reach(data, 5, 3.0)
    assert data.sample(0, "classify").text == "class 28"  # the second turn of the second file
    whole = open_data(f"hf:{parquet}:train?stream=200")
    reach(whole, 5, 3.0)
    assert len(whole) == 100 and whole.sample(0, "classify").text == "class 0"
    reach(open_data("scenes:test"), 5, 3.0)


def test_a_stream_that_breaks_off_is_named(parquet):
    data = open_data(f"hf:{parquet}:train?stream=12")
    (parquet / "train-2.parquet").write_bytes(b"PAR1")
    with pytest.raises(Fault, match="cannot be read on"):
        reach(data, 2, 3.0)
