"""Evaluation by law: right answers score as right, batches change nothing, what cannot be read is told and left out."""

import json
from pathlib import Path

import numpy as np
import pytest

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.faults import Fault
from generalist.model.build import build_model
from generalist.sequence.sample import Answer, Sample

DATA = "scenes:test?size=64"


class Knowing(Generalist):
    """Answers with the annotation: the task and the metric fit one another, or the score is not perfect."""

    def answer(self, task: str, requests: list[Sample], rivals: float | None = None) -> list[Answer]:
        out = []
        for request in requests:
            answer = Answer(task, request.size, names=request.labels, depth=request.depth, semantic=request.semantic)
            if request.objects is not None:
                answer.boxes, answer.masks = request.objects.boxes, request.objects.masks
                answer.labels, answer.scores = request.objects.names, np.ones(len(request.objects), np.float32)
            answer.text = request.text
            out.append(answer)
        return out


@pytest.fixture(scope="module")
def knowing(vocabulary, tasks):
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    return Knowing(model, vocabulary, tasks)


@pytest.mark.parametrize(
    ("task", "perfect"),
    [
        ("detect", {"AP": 1, "AP50": 1, "AP75": 1}),
        ("instances", {"AP": 1, "AP50": 1, "AP75": 1}),
        ("segment", {"mIoU": 1, "pixel_acc": 1}),
        ("depth", {"AbsRel": 0, "RMSE": 0, "delta1": 1}),
        ("refer", {"Acc@0.5": 1, "mIoU": 1}),
        ("refer_mask", {"gIoU": 1, "cIoU": 1}),
        ("caption", {"exact": 1, "BLEU-4": 1}),
        ("ask", {"accuracy": 1}),
    ],
)
def test_the_annotation_itself_scores_perfectly(knowing, task, perfect):
    found = Evaluation(knowing, task, DATA, limit=3, batch=2).run()
    assert found["n"] == 3 and found["seconds"] >= 0
    for name, value in perfect.items():
        assert found["metrics"][name] == pytest.approx(value, abs=1e-6), name


def test_retrieve_looks_among_the_documents_of_what_is_measured(vocabulary, tasks):
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    generalist = Generalist(model, vocabulary, tasks)
    whole = Evaluation(generalist, "retrieve", DATA, limit=5, batch=2).run()["metrics"]
    assert {name for name in whole if " " not in name} >= {"nDCG@10", "R@1", "R@10", "R@100", "MRR@10", "ECE"}
    assert whole["R@100"] == 1.0  # five documents, all of them listed
    again = Evaluation(generalist, "retrieve", DATA, limit=5, batch=5).run()["metrics"]
    assert again == pytest.approx(whole, abs=1e-6)


def test_documents_that_nobody_asks_for_stand_among_those_that_are_measured(vocabulary, tasks):
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    evaluation = Evaluation(Generalist(model, vocabulary, tasks), "retrieve", DATA, limit=2, alone=True, among=9)
    assert evaluation.run()["n"] == 2
    assert evaluation.finder is not None and len(evaluation.finder.index) == 9


@pytest.fixture
def beir(tmp_path: Path) -> str:
    """A set of three documents, each with a query that says its words."""
    titles = ["red cube", "blue ball", "green cone"]
    documents = [{"_id": f"d{i}", "title": title, "text": f"{title} here"} for i, title in enumerate(titles)]
    queries = [{"_id": f"q{i}", "text": f"the {title}"} for i, title in enumerate(titles)]
    for name, rows in {"corpus": documents, "queries": queries}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "qrels").mkdir()
    rows = "".join(f"q{i}\td{i}\t1\n" for i in range(3))
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return f"beir:{tmp_path}:test"


def test_bm25_stands_beside_text_queries(vocabulary, tasks, beir):
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    found = Evaluation(Generalist(model, vocabulary, tasks), "retrieve", beir).run()
    assert found["n"] == 3 and found["metrics"]["BM25 R@1"] == 1.0 and found["metrics"]["R@100"] == 1.0
    assert found["metrics"]["fused R@100"] == 1.0 and "unconstrained R@1" in found["metrics"]
    low, high = found["intervals"]["fused - BM25 nDCG@10"]
    assert -1 <= low <= high <= 0  # BM25 is right already
    assert found["cost"]["bytes_a_document"] > 0 and found["cost"]["seconds_a_query"] > 0


@pytest.mark.parametrize("kind", ["title", "ngram"])
def test_alone_nothing_stands_beside_either_kind_of_identifier(vocabulary, tasks, beir, kind):
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    generalist = Generalist(model, vocabulary, tasks)
    found = Evaluation(generalist, "retrieve", beir, identifiers=kind, alone=True).run()
    assert set(found["metrics"]) >= {"nDCG@10", "R@1", "R@10", "R@100", "MRR@10"}
    assert not [name for name in found["metrics"] if " " in name]


def many(folder: Path, count: int) -> str:
    """A set of so many documents, each with a query of its own."""
    words = [f"w{i}" for i in range(count)]
    documents = [{"_id": f"d{i}", "title": word, "text": f"{word} here"} for i, word in enumerate(words)]
    queries = [{"_id": f"q{i}", "text": f"the {word}"} for i, word in enumerate(words)]
    for name, rows in {"corpus": documents, "queries": queries}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("".join(f"q{i}\td{i}\t1\n" for i in range(count)))
    return f"beir:{folder}:test"


@pytest.mark.parametrize("kind", ["title", "ngram"])
def test_a_share_of_the_queries_finds_everything_but_what_answers_it(vocabulary, tasks, tmp_path, kind):
    data = many(tmp_path, 10)
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    generalist = Generalist(model, vocabulary, tasks)
    evaluation = Evaluation(generalist, "retrieve", data, batch=7, identifiers=kind, alone=True, unanswerable=0.4)
    pairs = list(evaluation.answered())
    asked = [evaluation.data.sample(i, evaluation.task.name) for i in range(len(pairs))]
    missing = [not sample.documents for _, sample in pairs]
    assert 0 < sum(missing) < len(pairs) and [sample.query for _, sample in pairs] == [one.query for one in asked]
    for (answer, sample), one in zip(pairs, asked, strict=True):
        found = {hit["id"] for hit in answer.documents}
        if sample.documents:
            assert sample.documents == one.documents and (kind == "ngram" or len(found) == 10)
        else:
            assert found.isdisjoint(one.documents) and (kind == "ngram" or len(found) == 9)
    assert len(evaluation.finder.index) == 10  # which stays whole
    assert 0 <= evaluation.finder.figures()["answerability AUROC"] <= 1
    again = Evaluation(generalist, "retrieve", data, 4, 3, identifiers=kind, alone=True, unanswerable=0.4)
    assert [not sample.documents for _, sample in again.answered()] == missing[:4]


def test_pages_of_kilt_are_found_by_their_passages(vocabulary, tasks, tmp_path):
    rows = [{"_id": f"{i // 2} §{i % 2}", "title": f"page {i // 2}", "text": f"cube {i}"} for i in range(8)]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evidence = [{"provenance": [{"wikipedia_id": "0", "title": "page 0"}, {"wikipedia_id": "3", "title": "page 3"}]},
                {"provenance": [{"wikipedia_id": "1", "title": "page 1"}]}]  # fmt: skip
    lines = [{"id": "q", "input": "cube", "output": evidence}, {"id": "r", "input": "ball", "output": evidence[1:]}]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    model = build_model({"width": 32, "depth": 1, "heads": 1, "image_size": 32}, vocabulary)
    data = f"kilt:{tmp_path}/dev.jsonl?corpus={tmp_path}/corpus.jsonl"
    for kind in ("title", "ngram"):
        evaluation = Evaluation(Generalist(model, vocabulary, tasks), "retrieve", data, identifiers=kind)
        figures = evaluation.run()["metrics"]
        assert {"R-precision", "BM25 R-precision", "fused R-precision"} <= set(figures)
        assert figures["BM25 R@10"] == 0.5  # both sets of the first query, and nothing says ball
        assert kind == "ngram" or figures["R@10"] == 1.0
    gone = Evaluation(Generalist(model, vocabulary, tasks), "quote", data, alone=True, unanswerable=1)
    for answer, sample in gone.answered():
        assert not sample.documents and not sample.evidence
        assert {hit["id"] for hit in answer.documents} <= ({"2"} if sample.id == "q" else {"0", "2", "3"})


def test_items_that_cannot_be_read_are_told_and_left_out(knowing):
    evaluation = Evaluation(knowing, "ask", DATA, limit=4)
    real = open_data(DATA).sample

    def sample(i: int, task: str) -> Sample:
        if i in bad:
            raise Fault(f"file {i}")
        return real(i, task)

    bad, told, done = {1}, [], []
    evaluation.data.sample = sample
    found = evaluation.run(done.append, lambda fault: told.append(str(fault)))
    assert found["n"] == 3 and told == ["file 1"] and sum(done) == 4
    bad |= {0, 2, 3}
    with pytest.raises(Fault, match="file"):
        evaluation.run()


def test_a_set_that_cannot_pose_the_task_is_named(knowing, beir):
    with pytest.raises(Fault, match="beir.* cannot pose 'ask'"):
        Evaluation(knowing, "ask", beir)
    with pytest.raises(Fault, match="ask: finds no documents"):
        Evaluation(knowing, "ask", DATA, unanswerable=0.5)
