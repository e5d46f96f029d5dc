"""Files of queries and of what was found: every line once, what is wrong with one told, the others answered."""

import gzip
import json
from pathlib import Path

import ir_measures
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner, Result

from generalist.app.cli import app
from generalist.app.documents import Searcher, find
from generalist.app.generalist import Generalist
from generalist.app.queries import BATCH, Queries, Query
from generalist.app.runs import Run
from generalist.faults import Fault
from generalist.metrics.scaling import Scaling, write_scalings
from generalist.model.build import build_model, save_model
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.fusion import fused
from generalist.retrieval.hits import Hit, hits
from generalist.retrieval.index import Index
from generalist.sequence.sample import Document, Sample
from generalist.sequence.vocabulary import Vocabulary

DOCUMENTS = [Document(f"d{i}", f"{colour} cube", f"It is {colour}. A cube it is.") for i, colour in enumerate(
    ("red", "green", "blue", "grey"))]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    vocabulary, folder = Vocabulary.load("tiny"), tmp_path_factory.mktemp("weights") / "random"
    save_model(build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary), folder, vocabulary)
    return folder


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "cubes"
    Index.build(DOCUMENTS, Vocabulary.load("tiny"), folder)
    return folder


@pytest.fixture(scope="module")
def generalist(model: Path) -> Generalist:
    return Generalist.from_pretrained(model)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


# ---- files of queries ------------------------------------------------------------------------------------------------


def test_queries_are_read_in_every_form(tmp_path: Path):
    (tmp_path / "q.txt").write_bytes(b"\xef\xbb\xbfred cube\n\n  what is it? \n")
    assert list(Queries(tmp_path / "q.txt")) == [Query("1", "red cube"), Query("3", "what is it?")]
    records = [
        {"_id": 7, "text": "a", "metadata": {}},
        {"id": "b", "query": "b", "image": "x.png"},
        {"text": "c\u2028d"},
    ]
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    (tmp_path / "q.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    expected = [Query("7", "a"), Query("b", "b", tmp_path / "x.png"), Query("3", "c\u2028d")]
    assert list(Queries(tmp_path / "q.jsonl")) == list(Queries(tmp_path / "q.jsonl.gz")) == expected
    (tmp_path / "q.tsv").write_text("12\twhat is it?\n")
    assert list(Queries(tmp_path / "q.tsv")) == [Query("12", "what is it?")]
    for name, said in (("none.txt", "cannot be read"), ("empty.txt", "holds no query")):
        (tmp_path / "empty.txt").write_text("\n \n")
        with pytest.raises(Fault, match=f"{name}: {said}"):
            Queries(tmp_path / name)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"id": "a"}', "neither a text nor an image"),
        (b'{"text": ["a"]}', "'text' is a text, not a list"),
        (b'{"id": "first", "text": "x"}', "query 'first' was already on line 1"),
        (b'{"text": "\xe9"}', "is not UTF-8 text"),
    ],
)
def test_a_line_at_fault_is_named_and_the_others_are_read(tmp_path: Path, line: bytes, said: str):
    (tmp_path / "q.jsonl").write_bytes(b'{"id": "first", "text": "x"}\n' + line + b'\n{"id": "last", "text": "y"}\n')
    first, fault, last = Queries(tmp_path / "q.jsonl")
    assert (first, last) == (Query("first", "x"), Query("last", "y")) and isinstance(fault, Fault)
    assert str(fault).startswith(f"{tmp_path / 'q.jsonl'}: line 2") and said in str(fault)


# ---- files of runs ---------------------------------------------------------------------------------------------------

LISTS = st.lists(
    st.lists(st.floats(1e-9, 1e9), max_size=20).map(lambda scores: sorted(scores, reverse=True)), max_size=5
)


@given(LISTS)
def test_a_trec_run_is_read_back_in_its_order(tmp_path_factory: pytest.TempPathFactory, lists: list[list[float]]):
    path = tmp_path_factory.getbasetemp() / "r.trec"
    with Run(path) as run:
        for i, scores in enumerate(lists):
            found = hits((Hit(Document(f"d{j}", ""), score, []) for j, score in enumerate(scores)), 20)
            run.add({"id": f"q{i}", "documents": found})
    read: dict[str, list] = {}
    for one in ir_measures.read_trec_run(str(path)):
        read.setdefault(one.query_id, []).append((np.float32(one.score), one.doc_id))
    assert {int(name[1:]): len(found) for name, found in read.items()} == {
        i: len(scores) for i, scores in enumerate(lists) if scores
    }
    for found in read.values():
        assert [name for _, name in found] == [f"d{j}" for j in range(len(found))]
        assert all(a[0] > b[0] for a, b in zip(found, found[1:], strict=False))
    columns = [line.split(" ") for line in path.read_text().splitlines()]
    assert all(len(line) == 6 and line[1] == "Q0" and line[5] == "generalist" for line in columns)


def test_a_trec_run_has_a_document_once(tmp_path: Path):
    found = [{"id": name, "score": score} for name, score in (("a", 3.0), ("b", 2.0), ("a", 1.0), ("c", 0.5))]
    with Run(tmp_path / "r.txt") as run:
        run.add({"id": "q", "documents": found[:1], "fused": found})
    lines = (tmp_path / "r.txt").read_text().splitlines()
    assert lines == [f"q Q0 {name} {rank} {score} generalist-fused" for rank, (name, score) in
                     enumerate((("a", 3), ("b", 2), ("c", 0.5)), 1)]  # fmt: skip


def test_a_run_is_there_when_it_is_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "r.run"
    path.write_text("old")
    said = r"r\.run: a TREC run cannot hold the id 'Moon §1', for its space; name a \.jsonl"
    with pytest.raises(Fault, match=said), Run(path) as run:
        run.add({"id": "q", "documents": [{"id": "Moon §1", "score": 1.0}]})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(Fault, match=r"r\.csv: a run is named \.trec"):
        Run(tmp_path / "r.csv")
    with pytest.raises(Fault, match="cannot be written"), Run(tmp_path / "none" / "r.trec"):
        pass


# ---- searching -------------------------------------------------------------------------------------------------------


def test_many_queries_are_answered_as_each_is_alone(model: Path, index: Path, tmp_path: Path, generalist: Generalist):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    records: list[dict] = [{"id": f"q{i}", "text": f"the {i} cube"} for i in range(BATCH)]
    records += [{"id": "both", "text": "red", "image": "a.png"}, {"id": "picture", "image": "a.png"}]
    bad = [{"id": "gone", "image": "none.png"}, {"id": "q0", "text": "again"}]
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(map(json.dumps, [*records[:3], bad[0], *records[3:], bad[1]])))
    done = call("search", index, "--queries", path, "-m", model, "-k", 3, "--json", "--out", tmp_path / "r.jsonl")
    assert done.exit_code == 2, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told == [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [one["id"] for one in told] == [record["id"] for record in records]
    faults = [line for line in done.stderr.splitlines() if line.startswith("generalist: ")]
    assert len(faults) == 2 and "none.png" in faults[0] and "line 12: query 'q0' was already on line 1" in faults[1]
    assert "10 queries answered, 2 at fault" in done.stderr
    for record, one in zip(records, told, strict=True):
        image = tmp_path / record["image"] if "image" in record else None
        alone = find(generalist, index, record.get("text", ""), image, k=3)
        assert [hit["id"] for hit in one["documents"]] == [hit["id"] for hit in alone.documents]
        assert one["answerable"] == pytest.approx(float(alone.scores[0]), abs=2e-3)
        assert one.get("image") == (None if image is None else str(image))
    (tmp_path / "q.txt").write_text("red cube\n")
    done = call("search", index, "--queries", tmp_path / "q.txt", "-m", model, "--out", tmp_path / "r.trec")
    assert (done.exit_code, done.stdout) == (0, "") and (tmp_path / "r.trec").read_text().startswith("1 Q0 d")
    done = call("search", index, "--queries", tmp_path / "q.txt", "-m", model)
    assert done.exit_code == 0 and "cube" in done.stdout and "1: red cube" in done.stderr


def test_what_goes_with_what_is_said(model: Path, index: Path, tmp_path: Path):
    (tmp_path / "q.txt").write_text("red cube\n")
    for words, said in (
        (["red", "--queries", tmp_path / "q.txt"], "--queries FILE holds all queries"),
        (["red", "--out", tmp_path / "r.trec"], "--out goes with --queries"),
        (["--queries", tmp_path / "none.txt"], "none.txt: cannot be read"),
        (["--queries", tmp_path / "q.txt", "--out", tmp_path / "r.csv"], "r.csv: a run is named"),
        (["red", "--granularity", "word"], "no granularity 'word'"),
        (["red", "--granularity", "sentence", "--fuse"], "--fuse is not of sentences"),
    ):
        done = call("search", index, *words, "-m", model)
        assert (done.exit_code, done.stdout) == (2, "") and said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["q.txt"]


@pytest.mark.parametrize("granularity", ["", "document"])
def test_bm25_and_both_together_are_told_by_themselves(generalist: Generalist, index: Path, granularity: str):
    plain = find(generalist, index, "a green cube", k=2, granularity=granularity)
    both = find(generalist, index, "a green cube", k=2, granularity=granularity, fuse=True)
    assert plain.lists == {} and [h["id"] for h in both.documents] == [h["id"] for h in plain.documents]
    opened = Index.open(index, generalist.vocabulary)
    (lexical,) = Bm25(opened).search([Sample(query="a green cube", granularity=granularity)], 2)
    assert both.lists["bm25"] == lexical.documents and lexical.documents[0]["id"] == "d1"
    deep = find(generalist, index, "a green cube", k=100, granularity=granularity, fuse=True)
    assert both.lists["fused"] == fused(deep.documents, deep.lists["bm25"], 2)
    assert {"documents", "bm25", "fused", "answerable"} <= set(both.json())


def test_nothing_is_listed_where_nothing_answers(model: Path, index: Path, generalist: Generalist, tmp_path: Path):
    sure = float(find(generalist, index, "red").scores[0])
    for least, listed in ((sure - 1e-4, True), (sure + 1e-4, False)):
        answer = find(generalist, index, "red", at_least=least, fuse=True)
        assert bool(answer.documents) == bool(answer.lists["bm25"]) == bool(answer.lists["fused"]) == listed
        assert answer.json()["answerable"] == pytest.approx(sure, abs=1e-4)
    done = call("search", index, "red", "-m", model, "--at-least", 0.999, "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["documents"] == []
    assert "nothing here answers this" in done.stderr
    assert f"generalist calibrate retrieve --data READER:PATH[:SPLIT] --model {model}" in done.stderr
    assert not Searcher(generalist, index).calibrated
    write_scalings(model, {"retrieve": Scaling(shift=5.0)})
    try:
        done = call("search", index, "red", "-m", model, "--at-least", 0.5, "--json")
    finally:
        (model / "calibration.json").unlink()
    assert json.loads(done.stdout)["documents"] and done.stderr == ""


def test_scores_are_calibrated_over_queries_with_an_answer_and_without(model: Path, tmp_path: Path):
    for name, key in (("corpus", "title"), ("queries", "text")):
        rows = [{"_id": f"d{i}", key: f"w{i}"} for i in range(12)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "train.tsv").write_text("".join(f"d{i}\td{i}\t1\n" for i in range(12)))
    told = {}
    for share in (0, 1):
        words = [
            "calibrate",
            "retrieve",
            "--data",
            f"beir:{tmp_path}:train",
            "-m",
            model,
            "--json",
            "--unanswerable",
            share,
        ]
        done = call(*words)
        assert done.exit_code == 0, done.output
        told[share] = json.loads(done.stdout)
    (model / "calibration.json").unlink()
    assert told[0]["n"] == told[1]["n"] == 12 and told[1]["right"] == 0.0 <= told[0]["right"]
