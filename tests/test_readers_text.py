"""Questions and queries: VQAv2, VQA-RAD and KILT."""

import json

import numpy as np
import pytest
from folders import picture, write

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.data.readers.skipped import skipped_by
from generalist.faults import Fault
from generalist.metrics.ranking import Ranking
from generalist.sequence.sample import Answer


def people(**counts):
    return [{"answer": answer, "answer_id": i} for answer, n in counts.items() for i in range(n)]


@pytest.fixture
def vqav2(tmp_path):
    questions = [
        {"question_id": 1, "image_id": 42, "question": "What  is it?"},
        {"question_id": 2, "image_id": 42, "question": "How many?"},
        {"question_id": 3, "image_id": 42, "question": "Why?"},
    ]
    notes = [
        {"question_id": 2, "image_id": 42, "answer_type": "number", "answers": people(two=2, three=2, four=2, five=4)},
        {"question_id": 1, "image_id": 42, "answer_type": "other", "multiple_choice_answer": "dog",
         "answers": people(puppy=4, dog=4, cat=2)},
    ]  # fmt: skip
    stem = "v2_mscoco_val2014"
    write(tmp_path / "v2_OpenEnded_mscoco_val2014_questions.json", {"questions": questions})
    write(tmp_path / f"{stem}_annotations.json", {"annotations": notes})
    write(tmp_path / "v2_OpenEnded_mscoco_test2015_questions.json", {"questions": questions})
    picture(tmp_path / "val2014/COCO_val2014_000000000042.jpg")
    return tmp_path


def test_vqav2_accepts_what_three_people_said(vqav2):
    data = open_data(f"vqa:{vqav2}:val")
    assert (len(data), data.tasks) == (2, ("ask",))
    first, second = data.sample(0, "ask"), data.sample(1, "ask")
    assert (first.question, first.text, first.texts) == ("What is it?", "dog", ("dog", "puppy"))
    assert (second.text, second.texts, second.id) == ("five", ("five",), "2")
    drawn = [data.sample(0, "ask", np.random.default_rng(seed)) for seed in range(30)]
    assert {(sample.question, sample.text) for sample in drawn} == {
        ("What is it?", "dog"), ("What is it?", "puppy"), ("How many?", "five"),
    }  # fmt: skip
    assert [(kind, count) for kind, count, _ in skipped_by(data)] == [("question without an answer", 1)]
    assert len(open_data(f"vqa:{vqav2}:val2014?type=number")) == 1
    with pytest.raises(Fault, match="no answer type 'numbers'; did you mean 'number'.* There are number, other"):
        open_data(f"vqa:{vqav2}:val2014?type=numbers")
    with pytest.raises(Fault, match="no split 'test'; there are val2014"):  # its questions have no annotations
        open_data(f"vqa:{vqav2}:test")


def test_vqa_of_a_list(tmp_path):
    records = [
        {"qid": 4, "image_name": "a.jpg", "question": "Is it?", "answer": "no", "answer_type": "CLOSED "},
        {"qid": 4, "image_name": "a.jpg", "question": "Is it not?", "answer": "yes", "answer_type": "OPEN"},
        {"qid": 5, "image_name": "a.jpg", "question": "Is it so?", "answer": " "},
        {"qid": 6, "image_name": "b.jpg", "question": "Who?", "answers": ["he", "she", "he"]},
        {"qid": 7, "question": "Where?", "answer": 3},
    ]
    write(tmp_path / "train.json", records)
    picture(tmp_path / "images/a.jpg")
    data = open_data(f"vqa:{tmp_path}:train")
    assert [data.sample(0, "ask").texts, len(data)] == [("no",), 2]
    with pytest.raises(Fault, match=r"images/b\.jpg: there is no such image"):
        data.sample(1, "ask")
    assert [(kind, count) for kind, count, _ in skipped_by(data)] == [
        ("question whose id was there before", 1),
        ("question without an answer", 1),
        ("question without an image", 1),
    ]
    assert len(open_data(f"vqa:{tmp_path}:train?type=closed")) == 1
    write(tmp_path / "train.json", [{"answer": "no"}])
    with pytest.raises(Fault, match=r"train\.json: question 0 has no 'question'"):
        open_data(f"vqa:{tmp_path}")


def test_questions_about_one_image_stay_together(tmp_path):
    images = ["a", "b", "a", "c", "b", "a", "c", "d"]
    write(tmp_path / "train.json", [{"image": f"{name}.png", "question": f"{i}?", "answer": "no"}
                                    for i, name in enumerate(images)])  # fmt: skip
    for name in set(images):
        picture(tmp_path / f"images/{name}.png")
    data = open_data(f"vqa:{tmp_path}:train")
    assert [data.sample(i, "ask").question for i in range(8)] == ["0?", "2?", "5?", "1?", "4?", "3?", "6?", "7?"]
    assert [data.follows(i) for i in range(8)] == [False, True, True, False, True, False, True, False]
    parts = [open_data(f"vqa:{tmp_path}:train?fold={k}/4") for k in (1, 2, 4)]
    assert [len(part) for part in parts] == [3, 2, 1]  # the edges are moved to where an image's questions begin
    with pytest.raises(Fault, match="none of its 8 items"):
        open_data(f"vqa:{tmp_path}:train?fold=2/8")
    asked = {parts[1].sample(i, "ask", np.random.default_rng(i)).question for i in [0, 1] * 20}
    assert asked == {"1?", "4?"}


def page(number, title):
    return {"wikipedia_id": str(number), "title": title, "section": "x", "bleu_score": 1.0}


LINES = [
    {"id": "q1", "input": "who  wrote it", "output": [
        {"answer": "A", "provenance": [page(7, "Seven"), page(8, "Eight")]},
        {"answer": "B", "provenance": [page(7, "Seven")]}, {"answer": "A"}, {"meta": {}}]},
    {"id": "q2", "input": "no evidence", "output": [{"answer": "A"}]},
    {"id": "q1", "input": "again", "output": [{"provenance": [page(9, "Nine")]}]},
    {"id": "q3", "input": "another", "output": [{"provenance": [page(9, "Nine")]}]},
]  # fmt: skip


@pytest.fixture
def kilt(tmp_path):
    write(tmp_path / "nq-dev-kilt.jsonl", "\n".join(map(json.dumps, LINES)))
    write(tmp_path / "nq-test-kilt.jsonl", json.dumps({"id": "1", "input": "x"}))
    return tmp_path


def test_kilt(kilt):
    data = open_data(f"kilt:{kilt}:dev")
    first, second = data.sample(0, "retrieve"), data.sample(1, "retrieve")
    assert (first.id, first.query, first.documents, first.text) == ("q1", "who wrote it", ("7", "8"), "Seven")
    assert (first.evidence, second.evidence) == ((("7", "8"), ("7",)), (("9",),))
    assert (second.documents, second.text, first.texts) == (("9",), "Nine", ("Seven", "Eight"))
    drawn = {data.sample(0, "retrieve", np.random.default_rng(seed)).text for seed in range(20)}
    assert drawn == {"Seven", "Eight"}
    assert [(kind, count) for kind, count, _ in skipped_by(data)] == [
        ("query without a relevant page", 1),
        ("query whose id was there before", 1),
    ]
    measure = Ranking()
    measure.add(Answer("retrieve", documents=[{"id": "8"}, {"id": "7"}]), first)
    assert measure.result()["nDCG@10"] == measure.result()["R-precision"] == 1
    assert measure.result()["R@1"] == 0.5 and data.tasks == ("retrieve",)  # both end where 7 stands
    assert len(open_data(f"kilt:{kilt}/nq-dev-kilt.jsonl")) == 2
    with pytest.raises(Fault, match="holds no query with a relevant page"):
        open_data(f"kilt:{kilt}:test")
    with pytest.raises(Fault, match="no split 'train'; there are nq-dev-kilt, nq-test-kilt"):
        open_data(f"kilt:{kilt}:train")


def test_kilt_with_its_knowledge_source(kilt, small_model, vocabulary, tasks):
    pages = [{"wikipedia_id": str(i), "wikipedia_title": f"T{i}", "text": [f"T{i}\n", "one  two\n"]} for i in (7, 9)]
    write(kilt / "wiki/source.jsonl", "\n".join(map(json.dumps, pages)))
    data = open_data(f"kilt:{kilt}:dev?corpus={kilt}/wiki/source.jsonl")
    assert [(d.id, d.title, d.text) for d in data.documents] == [("7", "T7", "one  two"), ("9", "T9", "one  two")]
    assert data.sample(0, "retrieve").documents == ("7",) and data.sample(0, "retrieve").evidence == (("7",),)
    assert data.tasks == ("retrieve", "quote") and data.sample(0, "quote").texts[0] in "T7 one two"
    generalist = Generalist(small_model, vocabulary, tasks)
    finder = Evaluation(generalist, "retrieve", data.name, alone=True)
    assert finder.run()["n"] == 2 and [document.title for document in finder.finder.index] == ["T7", "T9"]
    with pytest.raises(Fault, match="has no documents to search"):
        Evaluation(generalist, "retrieve", f"kilt:{kilt}:dev").run()
    write(kilt / "wiki/corpus.jsonl", json.dumps({"_id": "9", "title": "Nine", "text": "x"}))
    assert len(open_data(f"kilt:{kilt}:dev?corpus={kilt}/wiki")) == 1


def test_a_line_that_is_not_kilt_is_named(kilt):
    write(kilt / "nq-dev-kilt.jsonl", json.dumps(LINES[0]) + '\n{"id": "1", "output": [3]}')
    with pytest.raises(Fault, match=r"nq-dev-kilt\.jsonl: line 2 has not KILT's 'input' and 'output'"):
        open_data(f"kilt:{kilt}:dev")
