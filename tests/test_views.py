"""An index of several kinds of identifier: what each finds, their sum against a slow reading of it, and what a model is
given to learn codes from."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from embedder import Letters, built
from hypothesis import given
from hypothesis import strategies as st
from speaker import speaker

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.data.readers.coded import Coded, codes_in
from generalist.faults import Fault
from generalist.retrieval.fusion import fused, summed
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import KINDS, document_tokens, kinds_of
from generalist.retrieval.scoring import ALPHA
from generalist.retrieval.search import search
from generalist.retrieval.views import search_views
from generalist.sequence.sample import Document, Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()
TASKS = load_tasks(VOCABULARY)
BY_KIND = {name: TASKS[kind.task] for name, kind in KINDS.items()}
TITLES = ["red cube", "red cubes", "red", "a blue sphere behind a red cube", "a blue sphere", "twins", "twins", "twins"]
DOCUMENTS = [Document(str(i), title, f"text of {title}") for i, title in enumerate(TITLES)]
REQUESTS = [Sample(query="cube"), Sample(query="a far longer query about spheres")]
MIXTURE = "title+ngram+code"


@pytest.fixture(scope="module")
def model():
    model = speaker(VOCABULARY)
    held = sorted({token for document in DOCUMENTS for token in document_tokens(document, VOCABULARY)})
    with torch.no_grad():
        model.token_embed.weight[held] *= 50  # it would sooner or later say words of the documents, unasked
    return model


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    index = built(DOCUMENTS, VOCABULARY, tmp_path_factory.mktemp("views") / "index", MIXTURE)
    index.add([Document("new", "another red cube", "and its text")], vectors=Letters())
    index.remove(["2", "6"])
    return index


def log_odds(p, share):
    return max(0.0, np.log(p * (1 - share) / ((1 - p) * share)))


def slow(index, model, request, kinds, k):
    """Every document's score, word for word after the equation."""
    total: dict[str, float] = {}
    for kind in kinds:
        (answer,) = search(index.view(kind), model, BY_KIND[kind], [request], k)
        scores = {}
        names = {hit["evidence"][0]["text"]: hit["evidence"][0]["weight"] for hit in answer.documents}
        among = 1.0 if kind == "ngram" else np.exp(list(names.values())).sum()
        for hit in answer.documents:
            if kind == "ngram":
                scores[hit["id"]] = hit["score"]
                continue
            (document,) = [d for d in index if d.id == hit["id"]]
            alike = [d for d in index if (d.title == document.title if kind == "title" else d.id == document.id)]
            odds = log_odds(np.exp(hit["evidence"][0]["weight"]) / among, len(alike) / (len(index) + 1))
            scores[hit["id"]] = odds**ALPHA
        best = max(scores.values(), default=0)
        counts = 0.2 if "ngram" in kinds and kind != "ngram" else 1.0
        for name, score in scores.items():
            total[name] = total.get(name, 0) + (counts * score / best if best else 0)
    return {name: score for name, score in total.items() if score > 0}


@pytest.mark.parametrize("request_", REQUESTS, ids=["short", "long"])
def test_scores_of_several_kinds_are_those_of_the_equation(index, model, request_):
    for kinds in (("title", "code"), ("ngram", "title"), ("code", "ngram", "title")):
        (answer,) = search_views(index.only(kinds), model, BY_KIND, [request_], k=100)
        expected = slow(index, model, request_, kinds, 100)
        assert {hit["id"]: hit["score"] for hit in answer.documents} == pytest.approx(expected, rel=1e-4)
        assert answer.task == BY_KIND[kinds[0]].name and answer.documents
        told = {one["kind"] for hit in answer.documents for one in hit["evidence"]}
        assert told <= set(kinds) and len(told) > 1
        for hit in answer.documents:
            (document,) = [d for d in index if d.id == hit["id"]]
            for one in hit["evidence"]:
                held = {"title": document.title, "code": document.code}
                assert one["kind"] == "ngram" or one["text"] == held[one["kind"]]
        json.dumps(answer.json())


def test_one_kind_is_searched_as_ever(index, model):
    for kind in KINDS:
        alone = search_views(index.only([kind]), model, BY_KIND, REQUESTS)
        plain = search(index.view(kind), model, BY_KIND[kind], REQUESTS)
        assert [answer.documents for answer in alone] == [answer.documents for answer in plain]
    with pytest.raises(Fault, match="names documents by title, not by code"):
        Index.build(DOCUMENTS, VOCABULARY, index.folder.parent / "titles").view("code")


HITS = st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0.01, 9)), unique_by=lambda hit: hit[0], max_size=6)


@given(st.lists(st.tuples(HITS, st.floats(0.1, 1)), min_size=1, max_size=4))
def test_a_sum_of_lists_is_that_of_their_shares(lists):
    told = [
        ([{"id": i, "title": i, "score": s, "evidence": [s]} for i, s in sorted(hits, key=lambda h: -h[1])], weight)
        for hits, weight in lists
    ]
    total = {}
    for hits, weight in lists:
        for name, score in hits:
            total[name] = total.get(name, 0) + weight * score / max(s for _, s in hits)
    found = summed(told, 10)
    assert {hit["id"]: hit["score"] for hit in found} == pytest.approx(total, rel=1e-4)
    if len(told) > 1:
        (first, _), (second, _) = told[:2]
        assert fused(first, second, 5, 0.3) == summed([(first, 0.3), (second, 0.7)], 5)


def test_kinds_are_named_with_plus_between_them():
    assert list(kinds_of("ngram+title")) == ["ngram", "title"]
    for wrong, said in product(["", "titles", "title+", "title+title"], ["kind|twice"]):
        with pytest.raises(Fault, match=said):
            kinds_of(wrong)


# ---- codes as answers ------------------------------------------------------------------------------------------------


@pytest.fixture
def beir(tmp_path):
    corpus = [{"_id": d.id, "title": d.title, "text": d.text} for d in DOCUMENTS] + [{"_id": "empty", "title": ""}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    queries = [{"_id": "q0", "text": "a cube"}, {"_id": "q1", "text": "twins"}, {"_id": "q2", "text": "nothing"}]
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "train.tsv").write_text("q0\t0\t1\nq1\t5\t1\nq1\t7\t1\nq2\tempty\t1\n")
    return tmp_path


def test_a_set_that_names_an_index_is_answered_with_its_codes(beir, index):
    codes = {document.id: document.code for document in index}
    assert codes_in(index.folder).items() >= codes.items()
    data = open_data(f"beir:{beir}:train?codes={index.folder}")
    assert isinstance(data, Coded) and data.tasks == ("retrieve", "quote", "ask_for", "retrieve_code")
    assert [data.sample(i, "retrieve_code").texts for i in range(3)] == [(codes["0"],), (codes["5"], codes["7"]), ()]
    assert data.sample(1, "retrieve").text == "twins"
    rng = np.random.default_rng(0)
    drawn = {data.sample(i % 3, "retrieve_code", rng).text for i in range(60)}
    assert drawn == {codes["0"], codes["5"], codes["7"]}
    for name in drawn:
        ids = TASKS["retrieve_code"].encode(data.sample(0, "retrieve_code").but(text=name)).ids[0].tolist()
        assert [index[i].code for i in index.view("code").identifiers.documents(ids)] == [name]
    own = open_data(f"corpus:{beir}?kinds=inner&codes={index.folder}")
    assert own.sample(5, "retrieve_code").text == codes["5"]


def test_codes_that_are_not_there_are_refused(beir, tmp_path):
    Index.build(DOCUMENTS, VOCABULARY, tmp_path / "titles")
    for spec, said in {
        f"beir:{beir}:train?codes={tmp_path / 'titles'}": "have no codes",
        f"beir:{beir}:train?codes={tmp_path / 'nowhere'}": "is no index",
        f"scenes:test?codes={tmp_path / 'titles'}": "have no codes",
    }.items():
        with pytest.raises(Fault, match=said):
            open_data(spec)


def test_evaluation_looks_in_the_index_whose_codes_were_learned(beir, index, model):
    generalist = Generalist(model, VOCABULARY, TASKS)
    coded = f"beir:{beir}:train?codes={index.folder}"
    found = Evaluation(generalist, "retrieve_code", coded, limit=2, alone=True).run()
    assert found["n"] == 2 and 0 <= found["metrics"]["nDCG@10"] <= 1
    evaluation = Evaluation(generalist, "retrieve", coded, limit=2, alone=True, identifiers="title+code")
    assert evaluation.run()["n"] == 2 and list(evaluation.finder.index.kinds) == ["title", "code"]
    mixture = Evaluation(generalist, "retrieve", f"beir:{beir}:train", limit=2, alone=True, identifiers="title+ngram")
    assert mixture.run()["n"] == 2
    with pytest.raises(Fault, match=r"\?codes=INDEX"):
        Evaluation(generalist, "retrieve", f"beir:{beir}:train", identifiers="title+code").run()
