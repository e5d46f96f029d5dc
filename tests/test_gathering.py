"""Granularity: sentences share the score of their passage, pages add their passages up, letters stand where told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.gathering import NEXT, check, gathered
from generalist.retrieval.hits import Hit
from generalist.retrieval.kinds import document_tokens
from generalist.retrieval.spans import Spans
from generalist.sequence.granularity import GRANULARITIES, page_of, sentences
from generalist.sequence.sample import Document, Sample
from generalist.sequence.units.text import fold
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()
WORDS = st.sampled_from(["red", "Blue.", "a", "cube!", "is?", "U.S.", "Straße", "日本", "\n", " ", "<0x41>", "😀"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


@given(TEXTS)
def test_sentences_are_all_of_a_text_but_the_space_between(text):
    spans = sentences(text)
    assert "".join(text[a:b] for a, b in spans).split() == [] or all(text[a:b].strip() == text[a:b] for a, b in spans)
    assert " ".join(text[a:b] for a, b in spans).split() == text.split()
    assert all(b <= c for (_, b), (c, _) in zip(spans, spans[1:], strict=False))
    assert all(text[b - 1] in ".!?" for _, b in spans[:-1])


@given(TEXTS, TEXTS)
def test_every_token_is_of_the_letters_it_stands_at(title, text):
    document = Document("1", title, text)
    tokens, spans = document_tokens(document, VOCABULARY), Spans(document, VOCABULARY)
    assert len(tokens) == len(spans.title) + len(spans.text)
    for start in range(len(tokens)):
        for stop in range(start + 1, min(start + 4, len(tokens)) + 1):
            told = spans(start, stop)
            held = getattr(document, told["field"])[slice(*told["span"])]
            run = VOCABULARY.text(tokens[start:stop])
            crossing = start < len(spans.title) < stop
            if "\N{REPLACEMENT CHARACTER}" not in run and not crossing:
                assert "".join(run.split()) in "".join(fold(held).split())


RUNS = st.lists(st.tuples(st.sampled_from(["title", "text"]), st.integers(0, 60), st.floats(0.1, 9)), min_size=1)


@given(TEXTS, RUNS)
def test_sentences_share_the_score_of_their_passage(text, runs):
    evidence = [{"text": "", "weight": w, "field": field, "span": [at, at + 1]} for field, at, w in runs]
    score = sum(w for _, _, w in runs)
    found = gathered([Hit(Document("1", "t", text), score, evidence)], "sentence")
    assert sum(hit.score for hit in found) == pytest.approx(score)
    assert sum(len(hit.evidence) for hit in found) == len(evidence)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    for hit in found:
        start, stop = hit.more.get("span", (0, 0))
        assert hit.more["sentence"] == (text[start:stop] if stop else "t")
        inside = sum(w for field, at, w in runs if field == "text" and start <= at < stop)
        assert hit is found[0] or hit.score == pytest.approx(inside)


PASSAGES = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0.1, 9)), min_size=1, max_size=12)


@given(PASSAGES, st.sampled_from([0.0, NEXT]))
def test_passages_of_one_page_add_up_each_by_half_of_the_one_before(told, share):
    told.sort(key=lambda one: -one[2])
    found = [
        Hit(Document(f"{name.upper()} §{i}" if marked else f"{name}{i}", name), score, [{"text": "", "weight": score}])
        for i, (name, marked, score) in enumerate(told)
    ]
    for granularity in ("document", "entity"):
        groups: dict = {}
        for name, marked, score in told:
            groups.setdefault((name, marked) if granularity == "document" else name, []).append(score)
        slow = sorted((sum(s * share**r for r, s in enumerate(scores)) for scores in groups.values()), reverse=True)
        pages = gathered(found, granularity, share)
        assert [hit.score for hit in pages] == pytest.approx(slow)
        passages = [one for hit in pages for one in hit.more["passages"]]
        assert sorted(passages) == sorted(hit.document.id for hit in found)
        for hit in pages:
            first = hit.more["passages"][0]
            assert hit.document.id == (page_of(first) if granularity == "document" else hit.document.title)
            assert [run["passage"] for run in hit.evidence] == hit.more["passages"]
    for granularity in ("", "passage"):
        assert gathered(found, granularity, share) == found


def test_a_page_is_what_stands_before_the_number_of_a_passage():
    assert [page_of(name) for name in ("Moon §12", "Moon§1", "§3", "Moon", "Super_Bowl_50_0")] == [
        "Moon", "Moon", "§3", "Moon", "Super_Bowl_50_0",
    ]  # fmt: skip
    check("")
    for name in GRANULARITIES:
        check(name)
    with pytest.raises(Fault, match="no granularity 'word'; there are sentence, passage, document, entity"):
        check("word")


def test_bm25_finds_pages_too():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["red", "cube", "ball", "blue"], 5)) for _ in range(6)]
    documents = [Document(f"P{i // 2} §{i % 2}", f"page {i // 2}", text) for i, text in enumerate(texts)]
    (passages,) = Bm25(documents).search([Sample(query="red ball")], 10)
    (pages,) = Bm25(documents).search([Sample(query="red ball", granularity="document")], 10)
    assert {hit["id"] for hit in pages.documents} == {page_of(hit["id"]) for hit in passages.documents}
