"""The law of the sequence interface, for every task file: what is encoded reads back, and whatever is allowed reads.

Bounds stated here, with ``last`` = 255 (loc bins - 1) and ``side`` the longer edge of the picture in pixels:

    box     |x' - x| <= side * (2 sqrt|o| + 1/last) / last, where o is the coordinate's offset from its lattice point
            in the unit square: 0.7 / 255 of the edge at an eighth of the picture, 2 / 255 at most
    mask    IoU with a smooth shape that fills its box: 0.8 for boxes of 10 pixels and up, 0.9 from 40 pixels
    label   a pixel whose own cell has more than half of its bilinear weight comes back exactly
    depth   within half a bin, a ratio of 1000^(1 / 510) = 1.0137, of the depths in the cells around the pixel
    text    exactly
"""

from pathlib import Path

import numpy as np
import pytest
import strategies
import torch
import yaml
from answers import (
    OWN,
    assert_lawful,
    assert_mask,
    assert_valid,
    own_task,
    place_bound,
    random_walk,
    request_for,
    round_trip,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.raster import to_cells
from generalist.sequence.region import Region
from generalist.sequence.sample import VOID, Answer, Objects, Sample
from generalist.sequence.task import Task, TaskFile, load_tasks
from generalist.sequence.units.pixels import CELLS as SHOWN
from generalist.sequence.visual import spell_region
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Tracks

SHIPPED = sorted(load_tasks(Vocabulary.load("tiny")))
CELLS = 32
HALF_BIN = 1000 ** (1 / 510)


# ---- what is encoded reads back ----------------------------------------------------------------------------------


def assert_boxes(task: Task, sample: Sample, tracks: Tracks, answer: Answer) -> list[int]:
    """Every object has come back within its bound; returns which object each row of the answer is."""
    last, found = len(task.vocabulary["loc"]) - 1, sample.objects
    points = [p for p, ids in zip(tracks.points, tracks.ids, strict=True) if ids[0] != task.vocabulary.none]
    rows = [int(np.abs(found.boxes - box).max(1).argmin()) for box in answer.boxes]
    assert sorted(rows) == list(range(len(found)))
    for box, row, point in zip(answer.boxes, rows, points, strict=True):
        bound = place_bound(found.boxes[row], point, max(sample.size), last)
        assert (np.abs(box - found.boxes[row]) <= bound).all()
    return rows


def assert_masks(sample: Sample, answer: Answer, rows: list[int]) -> None:
    assert answer.masks.shape == (len(rows), *sample.size[::-1])
    for mask, row in zip(answer.masks, rows, strict=True):
        assert_mask(mask, sample.objects.masks[row])


@pytest.mark.parametrize("name", ["detect", "instances", "instances_pixels"])
@given(sample=strategies.object_samples())
def test_objects_come_back(tasks: dict[str, Task], name: str, sample: Sample) -> None:
    tracks, answer = round_trip(tasks[name], sample)
    rows = assert_boxes(tasks[name], sample, tracks, answer)
    assert answer.labels == tuple(sample.objects.names[row] for row in rows)
    if name == "instances":
        assert_masks(sample, answer, rows)
    if name == "instances_pixels":
        for mask, row in zip(answer.masks, rows, strict=True):
            assert_shown(mask, sample.objects.masks[row])


def assert_shown(found: np.ndarray, true: np.ndarray) -> None:
    """A mask that was shown has come back but for cells that its border or its box runs through."""
    reach = int(np.ceil(1.5 * max(true.shape) / SHOWN)) + 1

    def near(mask: np.ndarray) -> np.ndarray:
        wide = torch.nn.functional.max_pool2d(torch.from_numpy(mask)[None, None].float(), 2 * reach + 1, 1, reach)
        return wide[0, 0].numpy() > 0

    assert not (true & ~near(~true) & ~found).any() and not (found & ~near(true)).any()


@pytest.mark.parametrize("name", ["refer", "refer_mask"])
@given(sample=strategies.object_samples(most=1))
def test_the_one_object_comes_back(tasks: dict[str, Task], name: str, sample: Sample) -> None:
    tracks, answer = round_trip(tasks[name], sample)
    rows = assert_boxes(tasks[name], sample, tracks, answer)
    assert answer.labels is None
    if name == "refer_mask":
        assert_masks(sample, answer, rows)


@given(seed=strategies.SEEDS, names=strategies.NAMES, scale=st.sampled_from([1, 2, 4, 8]), short=st.integers(4, CELLS))
def test_label_cells_come_back(
    tasks: dict[str, Task], seed: int, names: tuple[str, ...], scale: int, short: int
) -> None:
    size = (CELLS * scale, short * scale) if seed % 2 else (short * scale, CELLS * scale)
    values = np.arange(-1, len(names), dtype=np.int16)
    field = strategies.blocks(np.random.default_rng(seed), size, values, CELLS)
    sample = Sample(size=size, labels=names, semantic=field)
    tracks, answer = round_trip(tasks["segment"], sample)
    assert answer.semantic.shape == field.shape and answer.semantic.dtype == np.int16
    centre = 1 - np.abs((np.arange(CELLS * scale) + 0.5) / scale % 1 - 0.5)
    own = (centre[: size[1], None] * centre[None, : size[0]] > 0.5) | (scale <= 2)
    np.testing.assert_array_equal(answer.semantic[own], field[own])
    again = tasks["segment"].encode(sample.but(semantic=answer.semantic))
    np.testing.assert_array_equal(again.ids, tracks.ids)


@given(seed=strategies.SEEDS, names=strategies.NAMES, scale=st.sampled_from([1, 2, 4]), share=st.floats(0, 1))
def test_void_is_not_taught(
    tasks: dict[str, Task], seed: int, names: tuple[str, ...], scale: int, share: float
) -> None:
    rng, size = np.random.default_rng(seed), (CELLS * scale,) * 2
    field = strategies.blocks(rng, size, np.arange(-1, len(names), dtype=np.int16), CELLS)
    void = strategies.blocks(rng, size, rng.random(1000) < share, CELLS)
    sample = Sample(size=size, labels=names, semantic=field)
    whole, known = map(tasks["segment"].encode, (sample, sample.but(semantic=np.where(void, VOID, field))))
    weights = np.stack(known.weights)
    np.testing.assert_array_equal(to_cells(weights, 16), ~void[::scale, ::scale])
    np.testing.assert_array_equal(np.stack(known.ids)[weights > 0], np.stack(whole.ids)[weights > 0])
    assert np.stack(whole.weights).all()


def test_part_of_a_cell_is_void(tasks: dict[str, Task]) -> None:
    field = np.full((CELLS * 4,) * 2, VOID, np.int16)
    field[0, 0] = 1
    tracks = tasks["segment"].encode(Sample(size=field.shape, labels=("a", "b"), semantic=field))
    assert np.stack(tracks.weights).sum() == 1 and tracks.weights[0][0] == 1
    assert tracks.ids[0][0] == tasks["segment"].vocabulary["label"][1]


def around(field: np.ndarray, radius: int) -> np.ndarray:
    """(H, W, d²): the pixels up to ``radius`` away; the field goes on as it ends."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(field, radius, "edge"), [2 * radius + 1] * 2).reshape(
        *field.shape, -1
    )


@given(seed=strategies.SEEDS, names=strategies.NAMES, size=strategies.SIZES)
def test_label_regions_come_back_in_any_size(
    tasks: dict[str, Task], seed: int, names: tuple[str, ...], size: tuple[int, int]
) -> None:
    values = np.arange(-1, len(names), dtype=np.int16)
    field = strategies.blocks(np.random.default_rng(seed), size, values, 3)
    _, answer = round_trip(tasks["segment"], Sample(size=size, labels=names, semantic=field))
    radius = int(np.ceil(1.5 * max(size) / CELLS)) + 1
    square = np.full((max(size),) * 2, -1, np.int16)  # beyond the picture there is nothing
    square[: size[1], : size[0]] = field
    near = around(square, radius)[: size[1], : size[0]]
    even = (near == field[..., None]).all(-1)
    np.testing.assert_array_equal(answer.semantic[even], field[even])


@given(seed=strategies.SEEDS, size=strategies.SIZES, across=st.integers(2, CELLS))
def test_depth_comes_back_within_half_a_bin(
    tasks: dict[str, Task], seed: int, size: tuple[int, int], across: int
) -> None:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.uniform(np.log(0.1), np.log(100), 50)).astype(np.float32)
    field = strategies.blocks(rng, size, values, across)
    holed = np.where(strategies.blocks(rng, size, np.asarray([True, False, False, False]), 5), 0, field)
    _, answer = round_trip(tasks["depth"], Sample(size=size, depth=holed.astype(np.float32)))
    assert answer.depth.shape == field.shape and (answer.depth > 0).all()
    near = around(holed, int(np.ceil(1.5 * max(size) / CELLS)) + 1)
    known = (near > 0).all(-1)
    least, most = near.min(-1) / HALF_BIN * 0.9999, near.max(-1) * HALF_BIN * 1.0001
    assert ((answer.depth >= least) & (answer.depth <= most))[known].all()


@pytest.mark.parametrize("name", ["ask", "caption", "retrieve"])
@given(text=strategies.TEXTS)
def test_text_comes_back(tasks: dict[str, Task], name: str, text: str) -> None:
    pieces = tasks[name].vocabulary.encode_plain(text)
    assume(len(pieces) <= {"ask": 16, "caption": 64, "retrieve": 48}[name])
    _, answer = round_trip(tasks[name], Sample(text=text))
    assert answer.text == text


@given(text=st.text("abc <>_0124loc", min_size=80, max_size=300).filter(str.strip))
def test_a_long_text_is_cut_where_the_answer_ends(tasks: dict[str, Task], text: str) -> None:
    tracks, answer = round_trip(tasks["ask"], Sample(text=text))
    assert answer.text == tasks["ask"].vocabulary.text(tracks.ids[0][:16])


@given(names=strategies.NAMES)
def test_a_crowd_fills_the_lattice_and_no_more(tasks: dict[str, Task], names: tuple[str, ...]) -> None:
    boxes = np.tile(np.asarray([[30, 30, 40, 40]], np.float32), (150, 1))
    sample = Sample(size=(64, 48), labels=names, objects=Objects(boxes, (names[0],) * 150))
    tracks, answer = round_trip(tasks["detect"], sample)
    assert all(ids[0] in tasks["detect"].vocabulary["label"] for ids in tracks.ids)
    assert (answer.labels or ())[:1] == names[:1]


# ---- what is allowed reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SHIPPED, *OWN])
@pytest.mark.parametrize("keep", [False, True])
def test_whatever_is_written_reads(tasks: dict[str, Task], vocabulary: Vocabulary, name: str, keep: bool) -> None:
    task = tasks[name] if name in tasks else own_task(vocabulary, name)
    for seed, count in enumerate([1, 2, 7, 64]):
        rng = np.random.default_rng([seed, keep])
        request = request_for(task, (int(rng.integers(1, 90)), int(rng.integers(1, 90))), count, rng)
        written = random_walk(task, request, rng, keep)
        for track in range(len(written.tokens)):
            assert task.constraint(request).accepts(written.ids(track))
            assert_lawful(task, request, written.ids(track))
        assert_valid(task, request, task.decode(written, request))


# ---- requests ------------------------------------------------------------------------------------------------------

IMAGE = np.zeros((4, 4, 3), np.uint8)
FULL = Sample(image=IMAGE, size=(4, 4), labels=("red cube", "ball"))
SPOKEN = {"phrase", "question", "query", "document"}


def asked(task: Task) -> Sample:
    """A request with everything that the task may be asked with."""
    return request_for(task, (40, 30), 2, np.random.default_rng(0))


@pytest.mark.parametrize("name", SHIPPED)
@given(names=strategies.NAMES, words=strategies.TEXTS)
def test_a_prompt_holds_its_fields(tasks: dict[str, Task], name: str, names: tuple[str, ...], words: str) -> None:
    task = tasks[name]
    given = {need.name for need in task.inputs}
    request = asked(task).but(labels=names, phrase=words, question=words, query=words, document=words)
    prompt = task.render(request)
    assert prompt.ids.shape == prompt.label.shape and len(prompt.ids) and prompt.point.shape == (len(prompt.ids), 2)
    for i, spelled in enumerate(names if "labels" in given else ()):
        expected = task.vocabulary.encode(spelled) if spelled.strip() else []
        assert list(prompt.ids[prompt.label == i]) == expected
    assert words in prompt.text or not SPOKEN & given
    pointed = ~np.isnan(prompt.point).any(1)
    if "region" in given:
        tokens, points = spell_region(request.region, task.frame(request))
        assert prompt.ids[pointed].tolist() == tokens and np.array_equal(prompt.point[pointed], points)
    assert pointed.any() == ("region" in given)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_request_that_lacks_an_input_is_told_which(tasks: dict[str, Task], name: str) -> None:
    task = tasks[name]
    blank = {"image": None, "labels": (), "region": None} | dict.fromkeys(SPOKEN, "")
    for need in task.inputs:
        if not need.optional:
            with pytest.raises(Fault, match=f"{name}.*{need.name}"):
                task.render(asked(task).but(**{need.name: blank[need.name]}))


@pytest.mark.parametrize("name", [name for name in SHIPPED if "_to_" in name])
def test_a_region_of_another_kind_is_told_which_is_wanted(tasks: dict[str, Task], name: str) -> None:
    with pytest.raises(Fault, match=f"{name}.*a region, of the kind '{name.partition('_to_')[0]}'"):
        tasks[name].render(asked(tasks[name]).but(region=Region("point", np.asarray([3, 4]))))


def test_a_retrieval_needs_a_picture_or_a_query(tasks: dict[str, Task]) -> None:
    retrieve = tasks["retrieve"]
    with pytest.raises(Fault, match="image, query"):
        retrieve.render(Sample())
    assert retrieve.render(Sample(image=IMAGE)).text == "which document shows this picture"
    assert retrieve.render(Sample(query="tides")).text == "which document answers: tides"
    assert retrieve.render(Sample(image=IMAGE, query="tides")).text == "which document answers: tides"


def test_too_many_labels_are_a_fault(tasks: dict[str, Task]) -> None:
    most = len(tasks["detect"].vocabulary["label"])
    with pytest.raises(Fault, match=f"{most + 1} labels"):
        tasks["detect"].encode(FULL.but(labels=tuple(map(str, range(most + 1)))))
    with pytest.raises(Fault, match="needs labels"):
        tasks["detect"].frame(FULL.but(labels=()))


def test_tables_are_compiled_once(tasks: dict[str, Task]) -> None:
    assert tasks["detect"].constraint(FULL) is tasks["detect"].automaton(2)
    assert tasks["detect"].automaton(2) is not tasks["detect"].automaton(3)


# ---- files ---------------------------------------------------------------------------------------------------------

GOOD = {
    "name": "look",
    "version": 1,
    "summary": "Looks.",
    "inputs": ["image", "labels"],
    "prompts": ["look for {labels}"],
    "grid": 4,
    "answer": "label box | none",
}

MISTAKES = {
    "a misspelt field": ({"promts": ["x"]}, r"promts: .*did you mean 'prompts'"),
    "a field unlike any": ({"zzz": 1}, r"zzz: Extra inputs"),
    "a missing field": ({"summary": ...}, r"summary: Field required"),
    "a wrong type": ({"grid": "wide"}, r"grid: .*integer"),
    "a lattice without points": ({"grid": 0}, r"grid: .*greater than or equal to 1"),
    "a name that is no word": ({"name": "Look here"}, r"name: .*pattern"),
    "no prompts": ({"prompts": []}, r"prompts: .*at least 1"),
    "an unknown policy": ({"keep": "some"}, r"keep: .*'all' or 'best'"),
    "an unknown input": ({"inputs": ["image", "labels", "sound"]}, r"inputs: 'sound' is none of image"),
    "a prompt with a missing input": ({"prompts": ["find {phrase}"]}, r"prompts: \{phrase\} in 'find .*' is not among"),
    "an unknown unit": ({"answer": "label bax"}, r"answer 'label bax': 'bax' is no unit; the units are text"),
    "an unclosed bracket": ({"answer": "(label box | none"}, r"answer .*a bracket is not closed"),
    "a bracket too many": ({"answer": "label box) | none"}, r"answer .*'\)' stands where nothing can follow"),
    "a count of nothing": ({"answer": "(label box){0}"}, r"answer .*\{0\} counts nothing"),
    "a size of nothing": ({"answer": "box mask{0}"}, r"answer .*mask\{0\} counts nothing"),
    "a count backwards": ({"answer": "(label box){3,2}"}, r"answer .*\{3,2\} counts nothing"),
    "a repeat of nothing": ({"answer": "* label"}, r"answer .*'\*' has nothing before it"),
    "an empty alternative": ({"answer": "label box |"}, r"answer .*empty alternative"),
    "a sign of another language": ({"answer": "label & box"}, r"answer .*cannot read '& box'"),
    "patches that make no square": ({"answer": "box mask{15} | none"}, r"mask\{15\}.*square"),
    "cells that make no square": ({"answer": "(label | none){3}"}, r"answer .*3 cells a track do not make a square"),
    "things without a place": ({"answer": "label | none"}, r"answer .*on a grid it writes a box"),
    "nothing but none": ({"answer": "none"}, r"answer .*nothing but none"),
    "two places": ({"answer": "label box | label point | none"}, r"answer .*on a grid it writes a box"),
    "a range of labels": ({"answer": "range (label | none){4}"}, r"answer .*on a grid it writes a box"),
    "two readings": ({"answer": "(label box?){1,2} label?", "grid": ...}, r"answer .*is ambiguous.*put a mark"),
    "two texts": ({"answer": "text text", "grid": ...}, r"answer 'text text': is ambiguous"),
    "two orders": (
        {"answer": "box 'x' | oriented 'x'", "grid": ...},
        r"answer .*in two ways want different orders.*put a mark",
    ),
    "a book": ({"answer": "text{600}", "grid": ...}, r"answer .*may be 600 tokens long, the most is 512"),
    "no end": ({"answer": "(label 'x'){99999999}", "grid": ...}, r"answer .*may be [\d,]+ tokens long"),
    "more things than bins": ({"answer": "point{0,99999999}", "grid": ...}, r"answer .*cannot hold 99999999 things"),
    "a count without a number": ({"answer": "label box{#}", "grid": ...}, r"answer .*what a number just before it"),
    "a count after something else": ({"answer": "number label box{#}", "grid": ...}, r"answer .*a number just before"),
    "a count up to nothing": ({"answer": "number box{#0}", "grid": ...}, r"answer .*\{#0\} counts nothing"),
    "a count too far": ({"answer": "number point{#200}", "grid": ...}, r"answer .*\{#200\} counts further .* to 127"),
    "a region that is not asked for": ({"at": "region", "grid": ...}, r"at: region wants a region among the inputs"),
    "a region on a grid": ({"at": "region", "inputs": ["image", "labels", "region"]}, r"at: region wants .*no grid"),
    "a region or none": (
        {"at": "region", "inputs": ["image", "labels", "region?"], "grid": ...},
        r"at: region wants .*not optional",
    ),
    "another place to be at": ({"at": "phrase"}, r"at: .*'region'"),
    "a region of no kind": ({"inputs": ["image", "labels", "region:ring"]}, r"inputs: 'region:ring'.*scribble"),
    "a kind of phrase": ({"inputs": ["image", "labels", "phrase:box"]}, r"inputs: 'phrase:box'"),
    "a label of nothing": ({"inputs": ["image"], "prompts": ["look"]}, r"answer .*a label points at a name"),
    "an optional name": ({"inputs": ["image", "labels?"]}, r"answer .*a label points at a name"),
    "a mask of nowhere": ({"answer": "mask{16} box | none"}, r"answer .*a mask is relative to a box"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, vocabulary: Vocabulary, mistake: str) -> None:
    change, reason = MISTAKES[mistake]
    fields = {k: v for k, v in (GOOD | change).items() if v is not ...}
    path = tmp_path / "look.yaml"
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    with pytest.raises(Fault, match=rf"{path}: {reason}") as error:
        load_tasks(vocabulary, tmp_path)
    assert "\n" not in str(error.value) and str(error.value).count(str(path)) == 1


@pytest.mark.parametrize("text", ["name: [look", "a: b: c", "\t- x", "{"])
def test_what_is_no_yaml_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "look.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Fault, match=rf"{path}: cannot be read as YAML: .*line \d+") as error:
        TaskFile.read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- look", "just words"])
def test_yaml_that_is_no_mapping_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "look.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Fault, match=rf"{path}: the file: "):
        TaskFile.read(path)


def test_a_file_or_folder_that_is_not_there_is_named(tmp_path: Path, vocabulary: Vocabulary) -> None:
    with pytest.raises(Fault, match="gone.yaml: cannot be read"):
        TaskFile.read(tmp_path / "gone.yaml")
    with pytest.raises(Fault, match="gone: no such folder"):
        load_tasks(vocabulary, tmp_path / "gone")


def test_a_later_folder_replaces_and_adds(tmp_path: Path, vocabulary: Vocabulary) -> None:
    for name in ("detect", "look"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(GOOD | {"name": name}), encoding="utf-8")
    tasks = load_tasks(vocabulary, tmp_path)
    assert set(tasks) == {*SHIPPED, "look"} and tasks["detect"].grid == 4


# ---- the frame -----------------------------------------------------------------------------------------------------


@given(share=st.floats(0, 1, width=32), point=st.none() | st.floats(0, 1, width=32))
def test_bins_and_coordinates_are_inverse(vocabulary: Vocabulary, share: float, point: float | None) -> None:
    frame = Frame(vocabulary, point=None if point is None else np.full(2, point, np.float32))
    last = len(vocabulary["loc"]) - 1
    value = np.full(2, share, np.float32)
    bins = frame.coordinate_bins(value)
    assert ((bins >= 0) & (bins <= last)).all()
    bound = 0.5 / last if point is None else (2 * np.sqrt(abs(share - point)) + 1 / last) / last
    assert (np.abs(frame.coordinates(bins) - value) <= bound + 1e-6).all()


@given(metres=st.floats(0.1, 100))
def test_depth_bins_are_half_a_bin_wide(vocabulary: Vocabulary, metres: float) -> None:
    frame = Frame(vocabulary)
    back = float(frame.depths(frame.depth_bins(metres)))
    assert max(back / metres, metres / back) <= HALF_BIN * 1.0001
