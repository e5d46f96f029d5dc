"""Search with random weights against a scan that scores every title by the uncached model; BM25 against bm25s."""

import json
from copy import deepcopy
from types import SimpleNamespace

import bm25s
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from speaker import speaker

from generalist.faults import Fault
from generalist.metrics.ranking import Ranking
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.hits import Hit, hits
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import document_tokens, title_identifier
from generalist.retrieval.scoring import ALPHA, key_weights
from generalist.retrieval.search import search
from generalist.sequence.granularity import GRANULARITIES
from generalist.sequence.picture import letterbox, normalise
from generalist.sequence.sample import Document, Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()
TASKS = load_tasks(VOCABULARY)
RETRIEVE = TASKS["retrieve"]
TITLES = ["red cube", "red cubes", "red", "a blue sphere behind a red cube", "a blue sphere", "twins", "twins", "twins"]
DOCUMENTS = [Document(str(i), title, f"text of {title}") for i, title in enumerate(TITLES)]
EVERY = sorted([*range(VOCABULARY["text"].start, VOCABULARY["text"].stop), VOCABULARY.eos])
PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
REQUESTS = [
    Sample(query="cube"),
    Sample(image=PICTURE, size=(30, 20)),
    Sample(query="a far longer query about spheres", image=PICTURE[::-1].copy(), size=(30, 20)),
]


@pytest.fixture(scope="module")
def model():
    model = speaker(VOCABULARY)
    with torch.no_grad():
        model.token_embed.weight.mul_(25)  # as drawn, every token would be nearly as likely as the next
    return model


@pytest.fixture(scope="module")
def speaking(model):
    """One that would sooner or later say words of the documents, unasked."""
    held = sorted({token for document in DOCUMENTS for token in document_tokens(document, VOCABULARY)})
    model = deepcopy(model)
    with torch.no_grad():
        weight = model.token_embed.weight
        kept = 2 * weight[held]
        weight.div_(25)
        weight[held] = kept
    return model


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return Index.build(DOCUMENTS, VOCABULARY, tmp_path_factory.mktemp("search") / "index")


@pytest.fixture(scope="module")
def ngrams(tmp_path_factory):
    return Index.build(DOCUMENTS, VOCABULARY, tmp_path_factory.mktemp("search") / "ngrams", kind="ngram")


@torch.inference_mode()
def log_probability(model, request, ids):
    """Of writing ``ids``, the whole sequence read at once, each token among all text: whatever an index holds."""
    prompt = RETRIEVE.render(request).ids.tolist()
    pixels = None if request.image is None else torch.from_numpy(normalise(letterbox(request.image, 32)[None]))
    logits = model(input_ids=torch.tensor([[*prompt, VOCABULARY.bos, *ids]]), pixel_values=pixels).logits[0]
    steps = range(len(prompt), len(prompt) + len(ids))
    return sum(
        float(logits[at][EVERY].log_softmax(0)[EVERY.index(token)]) for at, token in zip(steps, ids, strict=True)
    )


def test_with_room_for_all_the_ranking_is_that_of_scoring_every_title(model, index):
    identifiers = [title_identifier(document, VOCABULARY) for document in DOCUMENTS]
    answers = search(index, model, RETRIEVE, REQUESTS, k=100, beams=len(DOCUMENTS))
    for request, answer in zip(REQUESTS, answers, strict=True):
        expected = [log_probability(model, request, ids) for ids in identifiers]
        order = np.argsort(-np.asarray(expected), kind="stable")
        assert [hit["id"] for hit in answer.documents] == [DOCUMENTS[i].id for i in order]
        found = {hit["id"]: hit for hit in answer.documents}
        assert [found[d.id]["score"] for d in DOCUMENTS] == pytest.approx(np.exp(expected).tolist(), rel=1e-3)
        assert [found[d.id]["evidence"][0]["weight"] for d in DOCUMENTS] == pytest.approx(expected, abs=1e-3)
        distinct = {hit["title"]: hit["score"] for hit in answer.documents}
        assert sum(distinct.values()) < 1  # what does not exist has its chance too, and none of them is told it


@pytest.mark.parametrize("beams", [1, 3, None])
def test_every_hit_exists_and_scores_strictly_decrease(model, index, beams):
    for answer in search(index, model, RETRIEVE, REQUESTS, k=4, beams=beams):
        assert 1 <= len(answer.documents) <= 4
        for hit in answer.documents:
            document = DOCUMENTS[int(hit["id"])]
            assert hit["title"] == document.title == hit["evidence"][0]["text"]
            assert 0 < hit["score"] <= 1
        scores = [np.float32(hit["score"]) for hit in answer.documents]
        assert all(a > b for a, b in zip(scores, scores[1:], strict=False))
        assert len({hit["id"] for hit in answer.documents}) == len(answer.documents)
        json.dumps(answer.json())


def test_documents_that_share_a_title_stand_together_in_the_order_of_the_corpus(model, index):
    for answer in search(index, model, RETRIEVE, REQUESTS, k=100):
        titles = [hit["title"] for hit in answer.documents]
        first = titles.index("twins")
        assert [hit["id"] for hit in answer.documents[first : first + 3]] == ["5", "6", "7"]


@pytest.mark.parametrize("beams", [1, 3, 15])
def test_ngrams_that_were_written_are_scored_as_such(speaking, ngrams, beams):
    """The evidence is of keys that the uncached model gives the probabilities of, and adds up to the score."""
    places, told = ngrams.identifiers.places, 0
    for request, answer in zip(REQUESTS, search(ngrams, speaking, RETRIEVE, REQUESTS, k=3, beams=beams), strict=True):
        assert len(answer.documents) <= 3
        told += len(answer.documents)
        for hit in answer.documents:
            text = document_tokens(DOCUMENTS[int(hit["id"])], VOCABULARY)
            assert sum(run["weight"] for run in hit["evidence"]) == pytest.approx(hit["score"], rel=1e-5)
            held = [text[a:b] for a in range(len(text)) for b in range(a + 1, min(a + 10, len(text)) + 1)]
            best = hit["evidence"][0]
            keys = [ids for ids in held if VOCABULARY.text(ids) == best["text"]]
            logs = [log_probability(speaking, request, ids) for ids in keys]
            counts = np.asarray([ngrams.identifiers.count(ids) for ids in keys])
            weights = key_weights(np.asarray(logs), counts, places) ** ALPHA
            assert any(best["weight"] == pytest.approx(weight, rel=1e-2) for weight in weights)
    assert told


@pytest.mark.parametrize("kind", ["index", "ngrams"])
def test_requests_answer_alike_alone_and_together(model, kind, request):
    index = request.getfixturevalue(kind)
    together = search(index, model, RETRIEVE, REQUESTS, batch=len(REQUESTS))
    alone = search(index, model, RETRIEVE, REQUESTS, batch=1)
    for a, b in zip(together, alone, strict=True):
        assert [hit["id"] for hit in a.documents] == [hit["id"] for hit in b.documents]
        assert [hit["score"] for hit in a.documents] == pytest.approx([hit["score"] for hit in b.documents], rel=1e-3)
    assert search(index, model, RETRIEVE, []) == []


def test_what_cannot_be_searched_is_refused(model, index, tmp_path):
    with pytest.raises(Fault, match="caption"):
        search(index, model, TASKS["caption"], REQUESTS)
    other = SimpleNamespace(config=SimpleNamespace(fingerprint="0" * 16))
    with pytest.raises(Fault, match="another vocabulary"):
        search(index, other, RETRIEVE, REQUESTS)
    with pytest.raises(Fault, match="at least 1"):
        search(index, model, RETRIEVE, REQUESTS, k=0)
    with pytest.raises(Fault, match="retrieve"):
        search(index, model, RETRIEVE, [Sample()])
    with pytest.raises(Fault, match="gone.png"):
        search(index, model, RETRIEVE, [Sample(image=tmp_path / "gone.png")])


@given(st.lists(st.one_of(st.just(0.0), st.floats(0, 1)), max_size=50), st.integers(1, 60))
def test_hits_keep_their_order_and_never_tie(scores, k):
    scores.sort(reverse=True)
    found = hits((Hit(Document(str(i), "t"), score, []) for i, score in enumerate(scores)), k)
    assert [hit["id"] for hit in found] == [str(i) for i in range(len(scores))][:k]
    written = [hit["score"] for hit in found]
    assert all(a > b > 0 for a, b in zip(written, written[1:], strict=False))
    assert written == pytest.approx(scores[:k], rel=1e-4, abs=1e-200)


# ---- the baseline ----------------------------------------------------------------------------------------------------


def test_bm25_ranks_and_scores_as_bm25s_does():
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(30)]
    documents = [Document(f"d{i}", rng.choice(words), " ".join(rng.choice(words, 12))) for i in range(40)]
    queries = [" ".join(rng.choice(words, 3)) for _ in range(10)] + ["word1 word1 word2 unheard"]
    engine = bm25s.BM25()
    engine.index(bm25s.tokenize([f"{d.title} {d.text}" for d in documents], show_progress=False), show_progress=False)
    for query, answer in zip(queries, Bm25(documents).search([Sample(query=q) for q in queries], k=5), strict=True):
        _, expected = engine.retrieve(bm25s.tokenize(query, show_progress=False), k=5, show_progress=False)
        assert [hit["score"] for hit in answer.documents] == pytest.approx(expected[0].tolist(), rel=1e-4)
        for hit in answer.documents:
            assert sum(item["weight"] for item in hit["evidence"]) == pytest.approx(hit["score"], rel=1e-4)
            document = next(d for d in documents if d.id == hit["id"])
            assert all(item["text"] in f"{document.title} {document.text}".split() for item in hit["evidence"])


def test_bm25_reads_an_index_and_finds_nothing_for_no_words(index):
    answers = Bm25(index).search([Sample(query=query) for query in ("blue sphere", "unheard of", "the", "")])
    assert {hit["id"] for hit in answers[0].documents} == {"3", "4"}
    assert [answer.documents for answer in answers[1:]] == [[], [], []]
    ranking = Ranking()
    ranking.add(answers[0], Sample(query="blue sphere", documents=("3", "4")))
    assert ranking.result()["R@10"] == 1
    with pytest.raises(Fault, match="words"):
        Bm25([Document("1", "the", "")])


# ---- granularity -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["index", "ngrams"])
def test_what_is_listed_is_what_is_asked_for(speaking, kind, request):
    index = request.getfixturevalue(kind)
    plain = search(index, speaking, RETRIEVE, REQUESTS, k=8)
    for granularity in GRANULARITIES:
        asked = [one.but(granularity=granularity) for one in REQUESTS]
        told = search(index, speaking, RETRIEVE, REQUESTS, k=8, granularity=granularity)
        prompted = search(index, speaking, RETRIEVE, REQUESTS, k=8, granularity=granularity, prompted=True)
        assert [a.documents for a in prompted] == [a.documents for a in search(index, speaking, RETRIEVE, asked, k=8)]
        assert [a.scores for a in told] == [a.scores for a in plain]  # read alike, and as sure of it
        if granularity == "passage":
            assert [a.documents for a in told] == [a.documents for a in prompted] == [a.documents for a in plain]
        for answer in (*told, *prompted):
            for hit in answer.documents:
                if granularity == "sentence":
                    document = DOCUMENTS[int(hit["id"])]
                    assert hit["sentence"] == document.text[slice(*hit["span"])] == document.text
                if granularity in ("document", "entity"):
                    assert {DOCUMENTS[int(one)].title for one in hit["passages"]} == {hit["title"]}
                    assert hit["id"] == (hit["title"] if granularity == "entity" else hit["passages"][0])
            assert len({hit["id"] for hit in answer.documents}) == len(answer.documents)
    assert all("sentence" not in hit and "passages" not in hit for answer in plain for hit in answer.documents)
    with pytest.raises(Fault, match="no granularity 'word'"):
        search(index, speaking, RETRIEVE, REQUESTS, granularity="word")


def test_a_granularity_is_asked_for_in_words_of_its_own():
    request = Sample(query="cube")
    told = {name: RETRIEVE.render(request.but(granularity=name)).text for name in GRANULARITIES}
    assert len(set(told.values())) == 4 and told["passage"] == RETRIEVE.render(request).text
    assert all(text.endswith(" answers: cube") for text in told.values())
    with pytest.raises(Fault, match="no prompt of granularity 'sentence'"):
        TASKS["index_document"].render(Sample(document="x", granularity="sentence"))


def test_runs_are_told_with_the_letters_that_they_are_of(speaking, ngrams):
    told = 0
    for answer in search(ngrams, speaking, RETRIEVE, REQUESTS, k=8):
        for hit in answer.documents:
            document = DOCUMENTS[int(hit["id"])]
            for run in hit["evidence"]:
                told += 1
                assert (
                    getattr(document, run["field"])[slice(*run["span"])]
                    == run["text"][: run["span"][1] - run["span"][0]]
                )
    assert told


def test_the_picture_of_a_document_is_told(model, tmp_path):
    documents = [Document("a", "red cube", "", "a.png"), Document("b", "red ball")]
    index = Index.build(documents, VOCABULARY, tmp_path / "index")
    (answer,) = search(index, model, RETRIEVE, REQUESTS[:1])
    assert {hit["id"]: hit.get("image") for hit in answer.documents} == {"a": "a.png", "b": None}
