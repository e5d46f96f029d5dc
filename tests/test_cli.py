"""The command line as a contract: JSON keys, exit statuses, faults in one line, batches that go on past a bad file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from generalist.app.cli import app
from generalist.model.build import build_model, save_model
from generalist.sequence.geometry import rle_decode
from generalist.sequence.vocabulary import Vocabulary

ROOT = Path(__file__).parent.parent
SIZE = (40, 24)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a model of random weights, as small as one can be."""
    torch.manual_seed(0)
    vocabulary = Vocabulary.load("tiny")
    folder = tmp_path_factory.mktemp("weights") / "random"
    spec = {"width": 32, "depth": 1, "heads": 1, "image_size": 32}
    save_model(build_model(spec, vocabulary), folder, vocabulary)
    return str(folder)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images, and one in a folder of its own that has the name of the first."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    (folder / "more").mkdir()
    for name in ("a.png", "b.jpg", "more/a.png"):
        Image.fromarray(rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)).save(folder / name)
    return folder


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def lines(result: Result) -> list[dict]:
    """What a command that must have worked printed, each line one JSON object."""
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def blamed(result: Result, *said: object, told: str = "") -> None:
    """Exit status 2, nothing on standard output, and one line that names what is at fault."""
    assert result.exit_code == 2, result.output
    faults = [line for line in result.stderr.splitlines() if line.startswith("generalist: ")]
    assert len(faults) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in said:
        assert str(word) in faults[0]


# ---- predict ---------------------------------------------------------------------------------------------------------

KEYS = {
    "detect cube, red ball": {"boxes", "labels", "scores"},
    "outline every cube": {"boxes", "labels", "scores", "masks"},
    "segment sky, ground": {"semantic", "scores"},
    "depth": {"depth", "scores"},
    "where is the red cube": {"boxes", "scores"},
    "segment the red cube": {"boxes", "scores", "masks"},
    "caption": {"text", "scores"},
    "how many cubes are there?": {"text", "number", "scores"},
    "is the cube red?": {"text", "scores"},
}


@pytest.mark.parametrize("instruction", KEYS)
def test_predict_json_has_the_keys_of_its_task_and_no_others(model, images, tmp_path, instruction):
    (answer,) = lines(call("predict", images / "a.png", instruction, "-m", model, "--json", "--out", tmp_path))
    assert set(answer) == {"task", "image", "size", "seconds"} | KEYS[instruction]
    assert answer["image"] == str(images / "a.png") and answer["size"] == list(SIZE)
    for box in answer.get("boxes", []):
        assert -1e-3 <= box[0] <= box[2] <= SIZE[0] + 1e-3 and -1e-3 <= box[1] <= box[3] <= SIZE[1] + 1e-3
    runs = [*answer.get("masks", []), *answer.get("semantic", {}).values()]
    assert all(rle_decode(rle).shape == SIZE[::-1] for rle in runs)
    if "semantic" in answer:
        assert list(answer["semantic"]) == ["sky", "ground"]
    if "depth" in answer:
        depth = Image.open(answer["depth"])
        assert depth.mode == "I;16" and depth.size == SIZE and np.asarray(depth).min() > 0


def test_rescoring_lowers_scores_and_keeps_the_things(model, images):
    words = ["predict", images / "a.png", "outline every cube", "-m", model, "--json"]
    (plain,), (again,) = lines(call(*words)), lines(call(*words, "--rescore"))
    assert sorted(map(tuple, plain["boxes"])) == sorted(map(tuple, again["boxes"])) and plain["boxes"]
    score = dict(zip(map(tuple, plain["boxes"]), plain["scores"], strict=True))
    assert all(s <= score[tuple(b)] for b, s in zip(again["boxes"], again["scores"], strict=True))
    assert sum(again["scores"]) < sum(plain["scores"]) and again["scores"] == sorted(again["scores"], reverse=True)


def test_folders_and_globs_name_images_once_and_pictures_do_not_clash(model, images, tmp_path):
    result = call(
        "predict", images, images / "*.png", images / "more", "caption", "-m", model, "--json", "--draw", tmp_path
    )
    assert [Path(answer["image"]) for answer in lines(result)] == [
        images / "a.png",
        images / "b.jpg",
        images / "more/a.png",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"a.caption.png", "b.caption.png", "a-2.caption.png"}


def test_what_was_understood_goes_to_standard_error(model, images):
    result = call("predict", images / "a.png", "find every cube and ball", "-m", model)
    assert result.exit_code == 0 and "detect" in result.stderr and "cube, ball" in result.stderr
    assert "a.png" in result.stdout


def test_a_bad_file_does_not_stop_the_others(model, images, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes((images / "a.png").read_bytes()[:40])
    result = call("predict", bad, images / "a.png", images / "b.jpg", "caption", "-m", model, "--json")
    blamed(result, bad)
    assert [json.loads(line)["image"] for line in result.stdout.splitlines()] == [
        str(images / n) for n in ("a.png", "b.jpg")
    ]


def test_a_huge_image_is_refused_by_its_header(model, tmp_path):
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    huge = tmp_path / "huge.png"
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    huge.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    )
    blamed(call("predict", huge, "caption", "-m", model, "--json"), huge, "pixels")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png", "detekt", "--task", "detekt"], "did you mean 'detect'"),
        (["a.png", "", "--task", "detect"], "labels"),
        (["a.png", "make me a sandwich"], "nearest prompts"),
        (["a.png", "which document shows this picture"], "generalist search"),
        (["detect cube"], "without an image"),
        (["nothing/*.png", "caption"], "nothing/*.png"),
        (["missing.png", "caption"], "missing.png"),
        (["a.png", "caption", "--tasks-dir", "nowhere"], "nowhere"),
    ],
)
def test_a_request_at_fault_is_told_once(model, images, monkeypatch, words, said):
    monkeypatch.chdir(images)
    result = call("predict", *words, "-m", model)
    blamed(result, said)
    assert not result.stdout


def test_a_task_file_with_a_typo_is_named_with_its_field(model, images, tmp_path):
    file = tmp_path / "mine.yaml"
    table = yaml.safe_load((ROOT / "tasks" / "caption.yaml").read_text())
    file.write_text(yaml.safe_dump({**table, "sumary": "x"}))
    for words in (["predict", images / "a.png", "caption", "-m", model], ["tasks"]):
        blamed(call(*words, "--tasks-dir", tmp_path), file, "sumary", "'summary'")


def test_a_picture_folder_that_cannot_be_made_is_named(model, images, tmp_path):
    (tmp_path / "taken").write_text("a file")
    blamed(call("predict", images / "a.png", "caption", "-m", model, "--draw", tmp_path / "taken"), "taken")


# ---- models ----------------------------------------------------------------------------------------------------------


def test_a_truncated_checkpoint_is_named(model, images, tmp_path):
    import shutil

    folder = tmp_path / "cut"
    shutil.copytree(model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    blamed(call("predict", images / "a.png", "caption", "-m", folder), folder)


def test_a_model_that_is_not_there_is_named(images):
    blamed(call("predict", images / "a.png", "caption", "-m", "no/such"), "no/such")


# ---- index and search ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def index(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    titles = ["red cube", "red ball", "cone"]
    rows = [{"id": f"d{i}", "title": title, "text": "some words"} for i, title in enumerate(titles)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = call("index", folder / "corpus.jsonl", "--out", folder / "index", "-m", model)
    assert result.exit_code == 0, result.stderr
    return folder / "index"


def test_search_lists_documents(model, index, images):
    (answer,) = lines(call("search", index, "a red cube", "-m", model, "-k", 2, "--json"))
    assert set(answer) == {"task", "documents", "scores", "answerable", "seconds"} and len(answer["documents"]) == 2
    assert set(answer["documents"][0]) == {"id", "title", "score", "evidence"}
    (answer,) = lines(call("search", index, "--image", images / "a.png", "-m", model, "--json"))
    assert answer["image"] == str(images / "a.png") and answer["size"] == list(SIZE) and len(answer["documents"]) == 3


def test_an_index_of_ngrams_is_searched(model, index, tmp_path):
    made = call("index", index.parent / "corpus.jsonl", "--out", tmp_path / "i", "-m", model, "--identifiers", "ngram")
    assert made.exit_code == 0, made.stderr
    (answer,) = lines(call("search", tmp_path / "i", "a red cube", "-m", model, "-k", 2, "--json"))
    for hit in answer["documents"]:
        text = f"{hit['title']} some words"
        assert hit["evidence"] and all(run["text"] in text and run["weight"] > 0 for run in hit["evidence"])


def test_an_index_of_another_vocabulary_is_named(model, index, tmp_path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(index, other)
    meta = json.loads((other / "meta.json").read_text())
    (other / "meta.json").write_text(json.dumps({**meta, "fingerprint": "0" * 16}))
    blamed(call("search", other, "red cube", "-m", model, "--json"), other, "another vocabulary")


def test_documents_are_added_removed_and_merged(model, index, tmp_path):
    out = tmp_path / "i"
    more = tmp_path / "more.tsv"
    more.write_text("e1\tsome text\tblue cone\ne2\t \n")

    def change(*words):
        result = call("index", *words, "--out", out, "-m", model)
        assert result.exit_code == 0, result.stderr
        return result.stderr

    def listed():
        (answer,) = lines(call("search", out, "a red cube", "-m", model, "-k", 50, "--json"))
        return sorted(hit["id"] for hit in answer["documents"])

    assert "3 documents" in change(index.parent / "corpus.jsonl")
    said = change(more, "--add")
    assert "1 added, 4 documents" in said and "left out 1 without title and text" in said
    assert listed() == ["d0", "d1", "d2", "e1"]
    blamed(call("index", more, "--add", "--out", out, "-m", model), "document 'e1' would be there twice")
    (tmp_path / "ids.txt").write_text("d0\n\nd2\n")
    assert "2 removed, 2 documents" in change("--remove-list", tmp_path / "ids.txt")
    assert listed() == ["d1", "e1"]
    assert "1 removed, 1 added, merged, 2 documents" in change(more, "--remove", "e1", "--add", "--merge")
    assert listed() == ["d1", "e1"]
    blamed(call("index", "--remove", "d0", "--out", out, "-m", model), "'d0'")
    blamed(call("index", "--remove", "d1", "--out", tmp_path / "none", "-m", model), tmp_path / "none")
    blamed(call("index", more, "--add", "--identifiers", "ngram", "--out", out, "-m", model), "ngram")
    for words in ([], ["--add"], [more, "--merge"], [more, "--remove", "d1"]):
        blamed(call("index", *words, "--out", out, "-m", model), "index: ")
    assert listed() == ["d1", "e1"]


def test_an_index_trains_a_model_of_its_own_which_search_then_uses(model, tmp_path):
    corpus, out = tmp_path / "corpus.jsonl", tmp_path / "moon"
    texts = ["The moon pulls the sea. It has no air.", "A tide is the rise of the sea under the Moon."]
    corpus.write_text(
        "".join(json.dumps({"id": str(i), "title": f"t{i}", "text": t}) + "\n" for i, t in enumerate(texts))
    )
    done = call("index", corpus, "--out", out, "--train", "0.001", "-m", model)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "moon", "moon.model"]
    (answer,) = lines(call("search", out, "the moon", "--json"))
    assert answer["task"] == "quote" and {hit["id"] for hit in answer["documents"]} <= {"0", "1"}
    blamed(call("index", corpus, "--out", out, "--train", "0", "-m", model), "--train is a number of minutes above 0")
    blamed(call("index", "--out", out, "--merge", "--train", "1", "-m", model), "--train goes with a corpus")


def test_a_query_of_bytes_that_are_no_text_is_answered(model, index):
    for query in ("\udcff\udcfe", "\x00\x07", "\U000e0001"):
        (answer,) = lines(call("search", index, query, "-m", model, "-k", 100, "--json"))
        assert len(answer["documents"]) == 3  # k is more than there are


def test_search_needs_something_to_look_for_and_somewhere(model, index, tmp_path):
    blamed(call("search", index, "-m", model), "--image")
    blamed(call("search", tmp_path / "none", "red", "-m", model), tmp_path / "none")
    blamed(call("index", tmp_path / "none.jsonl", "--out", tmp_path / "i", "-m", model), tmp_path / "none.jsonl")


# ---- eval, train, tasks ----------------------------------------------------------------------------------------------


def test_eval_json_is_one_object_of_exactly_these_keys(model):
    data = "scenes:test?size=32"
    (record,) = lines(call("eval", "ask", "--data", data, "--limit", 3, "-m", model, "--json"))
    assert list(record) == ["task", "data", "model", "n", "metrics", "seconds"]
    assert (record["task"], record["data"], record["model"], record["n"]) == ("ask", data, model, 3)
    assert "accuracy" in record["metrics"]


def test_calibrate_writes_beside_the_weights_what_later_answers_use(model, images, tmp_path):
    import shutil

    folder = shutil.copytree(model, tmp_path / "own")
    words = ["calibrate", "ask", "refer", "--data", "scenes:validation?size=32", "--limit", 6, "-m", folder]
    first, second = lines(call(*words, "--json"))
    keys = ["data", "model", "task", "n", "right", "ECE", "ECE_after", "scale", "shift"]
    assert list(first) == list(second) == keys and (first["task"], second["task"]) == ("ask", "refer")
    assert first["n"] == 6 and first["scale"] > 0 and 0 <= first["ECE"] <= 1
    table = json.loads((folder / "calibration.json").read_text())
    assert {task: row["n"] for task, row in table.items()} == {"ask": 6, "refer": 6}
    again = lines(call(*words, "--json"))
    assert again == [first, second]  # answered without the calibration that is there
    (folder / "calibration.json").write_text(json.dumps({"refer": {"scale": 0.001, "shift": 2.0}}))
    (answer,) = lines(call("predict", images / "a.png", "the red cube", "-t", "refer", "-m", folder, "--json"))
    assert answer["scores"] == pytest.approx([1 / (1 + np.exp(-2.0))], abs=0.01)
    (folder / "calibration.json").write_text("{")
    blamed(call("predict", images / "a.png", "caption", "-m", folder), folder / "calibration.json")


def test_calibrate_leaves_the_model_alone_where_a_copy_is_asked_for(model, tmp_path):
    words = ["calibrate", "ask", "--data", "scenes:validation?size=32", "--limit", 6, "-m", model]
    blamed(call(*words[:1], "caption", *words[2:], "--out", tmp_path / "copy"), "caption.yaml")
    assert not list(tmp_path.iterdir())  # nothing was fitted, so nothing is left behind
    before = {path.name: path.stat().st_mtime_ns for path in Path(model).iterdir()}
    done = call(*words, "--out", tmp_path / "copy", "--json")
    assert lines(done)[0]["task"] == "ask" and f"--model {tmp_path / 'copy'}" in done.stderr
    assert before == {path.name: path.stat().st_mtime_ns for path in Path(model).iterdir()}
    kept = {path.name for path in (tmp_path / "copy").iterdir()}
    assert kept == {*before, "calibration.json"} and not (tmp_path / "copy.part").exists()
    blamed(call(*words, "--out", tmp_path / "copy"), tmp_path / "copy", "already", "--model")
    blamed(call("calibrate", "ask", "--limit", 6), "tiny", "shipped", "--out")


def test_calibrate_names_what_it_cannot_do(model):
    data = ["--data", "scenes:validation?size=32", "-m", model]
    blamed(call("calibrate", "caption", *data), "caption.yaml", "right answers from wrong")
    blamed(call("calibrate", "askk", *data), "did you mean 'ask'")
    blamed(call("calibrate", "--data", "scenes:tset", "-m", model), "tset")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ask", "--data", "scenez:test"], "did you mean 'scenes'"),
        (["askk", "--data", "scenes:test"], "did you mean 'ask'"),
        (["ask", "--data", "scenes:tset"], "tset"),
        (["detect", "--data", "voc:/no/such:train"], "/no/such"),
    ],
)
def test_eval_names_what_is_not_there(model, words, said):
    blamed(call("eval", *words, "-m", model), said)


def test_train_names_recipes_and_fields(tmp_path):
    blamed(call("train", "tinny"), "did you mean 'tiny'")
    blamed(call("train", "tiny", "stepz=3"), "stepz", "'steps'")


def test_train_runs_a_recipe_with_changes(tmp_path):
    file = tmp_path / "r.yaml"
    source = {"data": "scenes:train?size=32", "tasks": {"ask": 1}}
    file.write_text(yaml.safe_dump({
        "name": "r", "out": str(tmp_path / "run"), "model": {"width": 32, "depth": 1, "heads": 1, "image_size": 32},
        "steps": 99, "rows": 1, "loaders": 0, "precision": "no", "sources": [source],
    }))  # fmt: skip
    result = call("train", file, "steps=1")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file() and not result.stdout
    watched = "validate={data: 'scenes:val?size=32&length=2', task: ask, metric: accuracy, every: 1}"
    result = call("train", file, "steps=2", watched, f"out={tmp_path / 'watched'}")
    assert result.exit_code == 0 and "ask accuracy" in result.stderr, result.output
    assert (tmp_path / "watched" / "best").is_dir() and not result.stdout
    blamed(call("train", "real/bcc"), "did you mean 'real/bccd'")


def test_tasks_tells_all_and_one():
    everything = call("tasks")
    assert everything.exit_code == 0
    assert all(path.stem in everything.stdout for path in (ROOT / "tasks").glob("*.yaml"))
    one = call("tasks", "refer_mask")
    assert "box mask{16} | none" in one.stdout and "segment the {phrase}" in one.stdout
    blamed(call("tasks", "refr"), "did you mean 'refer'")


# ---- the process -----------------------------------------------------------------------------------------------------


def test_help_and_tasks_load_no_torch():
    code = ("import sys; from typer.testing import CliRunner; from generalist.app.cli import app\n"
            "for words in (['--help'], ['predict', '--help'], ['tasks'], ['tasks', 'detect']):\n"
            "    assert CliRunner().invoke(app, words).exit_code == 0, words\n"
            "heavy = {'torch', 'transformers', 'matplotlib', 'supervision', 'datasets'}\n"
            "print(sorted(heavy & set(sys.modules)))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_exit_statuses_of_the_process():
    def status(*words: str, **options: object) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "generalist.app.cli", *words], cwd=ROOT, text=True,
                              stderr=subprocess.PIPE, **options)  # fmt: skip

    fault = status("tasks", "refr")
    assert fault.returncode == 2 and len(fault.stderr.splitlines()) == 1
    assert status("frobnicate").returncode == 2
    read, write = os.pipe()
    os.close(read)  # nobody listens
    silent = status("tasks", stdout=write)
    os.close(write)
    assert silent.returncode == 0 and not silent.stderr


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (RuntimeError("ours"), 1)])
def test_interrupts_and_faults_of_ours_have_their_own_status(monkeypatch, error, status):
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("generalist.app.report.print_tasks", broken)
    assert call("tasks").exit_code == status
