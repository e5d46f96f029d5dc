"""Quotes and corpora: runs stand in their documents, those that were asked for first; every kind of query points at a
document that holds what it says."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.data.quotes import RUN, Quotes, words_of
from generalist.data.readers import open_data
from generalist.data.readers.selfsupervised import KINDS
from generalist.faults import Fault
from generalist.sequence.granularity import GRANULARITIES
from generalist.sequence.sample import Document
from generalist.sequence.units.text import fold

WORDS = st.lists(st.sampled_from(["sea", "the", "Tide", "moon,", "rises", "--", "red"]), max_size=30).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS, st.integers(0, 9), st.booleans())
def test_runs_are_runs_of_their_document_each_once(texts, query, seed, drawn):
    quotes = Quotes([Document(str(i), "", text) for i, text in enumerate(texts)])
    rng = np.random.default_rng(seed) if drawn else None
    for i, text in enumerate(texts):
        runs = quotes.draw(i, query, 5, rng)
        places = {" ".join(words_of(text)[at : at + RUN]) for at in range(len(words_of(text)))}
        assert set(runs) <= places
        assert len(runs) == min(5, len(words_of(text)))


def test_the_best_run_opens_with_the_rarest_word_that_was_asked_for():
    filler = [Document(str(i), "", "the sea is wide and the sea is old") for i in range(20)]
    told = Document("x", "", "long ago the sea rose and Neptune, they said, was wide awake with the tide")
    quotes = Quotes([*filler, told])
    assert quotes.draw(20, "where was neptune near the sea", 1)[0].startswith("Neptune, they said")


def test_rare_words_are_worth_more_and_unknown_ones_nothing():
    quotes = Quotes([Document("a", "", "the sea"), Document("b", "", "the moon"), Document("c", "", "the moon")])
    the, sea, moon, mars = quotes.rarity(["the", "seas", "Moon", "mars"])  # known by six letters: "seas" is not "sea"
    assert sea == 0 == mars
    assert quotes.rarity(["sea"])[0] > moon > the > 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        ("1", "Moon", "The Moon pulls the sea twice a day. It has no air of its own."),
        ("2", "Tide", "A tide is the rise of the sea under the Moon. Sailors watch it closely."),
        ("3", "Tide", "Spring tides are the highest tides. They come with a full Moon."),
        ("4", "", "No title here at all."),
        ("5", "", ""),
    ]
    lines = [json.dumps({"_id": i, "title": title, "text": text}) for i, title, text in rows]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "What lifts the Sea?"}), encoding="utf-8")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query\tdocument\tscore\nq\t2\t1\n", encoding="utf-8")
    (tmp_path / "qrels" / "train.tsv").write_text("query\tdocument\tscore\nq\t1\t1\nq\t3\t0\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_query_has_an_answer_that_holds_its_runs(folder, kind):
    data = open_data(f"corpus:{folder}?kinds={kind}")
    assert len(data) == 4  # the empty one is nobody's answer
    texts = {"1": "Moon", "2": "Tide", "3": "Tide", "4": "No title here at all."}
    held = {document.id: f"{document.title} {document.text}" for document in data.documents}
    rng = np.random.default_rng(0)
    for index in range(4):
        for _ in range(10):
            sample = data.sample(index, "quote", rng)
            assert sample.query == fold(sample.query) != ""
            (answer,) = sample.documents
            assert all(" ".join(words_of(run)) in " ".join(words_of(held[answer])) for run in sample.texts)
            assert data.sample(index, "retrieve", rng).text in texts.values()


def test_kinds_point_where_they_say(folder):
    rng = np.random.default_rng(1)

    def answers(kind: str, index: int) -> set[str]:
        data = open_data(f"corpus:{folder}?kinds={kind}")
        return {data.sample(index, "quote", rng).documents[0] for _ in range(20)}

    assert answers("inner", 0) == answers("cloze", 0) == answers("lead", 0) == answers("keywords", 0) == {"1"}
    assert answers("body", 1) == {"3"}  # the other passage under its title
    assert answers("link", 1) == {"1"}  # which it names
    assert answers("link", 3) == {"4"}  # nothing named: itself


def test_a_cloze_is_mostly_answered_with_the_rest(folder):
    data = open_data(f"corpus:{folder}?kinds=cloze")
    rng = np.random.default_rng(2)
    told = [data.sample(0, "quote", rng) for _ in range(60)]
    inside = [all(fold(run) in sample.query for run in sample.texts) for sample in told]
    assert np.mean(inside) < 0.3


def test_a_judged_query_is_answered_with_runs_of_its_document(folder):
    data = open_data(f"beir:{folder}:test")
    sample = data.sample(0, "quote", np.random.default_rng(0))
    assert set(sample.query.split()) <= {"what", "lifts", "the", "sea?"} and sample.documents == ("2",)
    assert all(
        run in "Tide A tide is the rise of the sea under the Moon. Sailors watch it closely." for run in sample.texts
    )
    assert data.sample(0, "quote").query == "what lifts the sea?"
    assert data.seen == {"1"}


def test_a_query_whose_document_has_no_words_is_not_trained_on(folder):
    (folder / "qrels" / "train.tsv").write_text("q\t5\t1\n", encoding="utf-8")
    empty = open_data(f"beir:{folder}:train")
    assert empty.sample(0, "quote").documents == ("5",)
    with pytest.raises(Fault, match="no query has"):
        empty.sample(0, "quote", np.random.default_rng(0))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "a"}\n{"_id": "r", "text": "b"}', encoding="utf-8")
    (folder / "qrels" / "train.tsv").write_text("q\t5\t1\nr\t2\t1\n", encoding="utf-8")
    assert open_data(f"beir:{folder}:train").sample(0, "quote", np.random.default_rng(0)).documents == ("2",)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("?kinds=magic", "option kinds cannot be 'magic'"),
        ("?granularity=word", "option granularity cannot be 'word'; there are sentence, passage"),
        (":train", "no splits"),
        ("?kind=inner", "no option 'kind'"),
    ],
)
def test_a_spec_at_fault_is_named(folder, spec, said):
    with pytest.raises(Fault, match=said):
        open_data(f"corpus:{folder}{spec}")


def test_held_queries_are_kept_out_and_are_the_rest(tmp_path):
    queries = [{"_id": f"q{i}", "text": f"query {i}"} for i in range(30)]
    documents = [{"_id": f"d{i}", "title": f"t{i}"} for i in range(10)]
    for name, records in (("queries", queries), ("corpus", documents)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "train.tsv").write_text("".join(f"q{i}\td{i % 10}\t1\n" for i in range(30)), encoding="utf-8")

    def items(spec: str) -> dict[str, str]:
        data = open_data(f"beir:{tmp_path}:{spec}")
        return {sample.id: sample.documents[0] for sample in (data.sample(i, "quote") for i in range(len(data)))}

    kept, held = items("train?hold=7"), items("train-held?hold=7")
    assert kept.keys() | held.keys() == items("train").keys() and not kept.keys() & held.keys()
    assert 7 <= len(held) < 7 + 3 and not set(kept.values()) & set(held.values())  # those of a document go together
    assert open_data(f"beir:{tmp_path}:train-held?hold=7").seen == set(kept.values())
    with pytest.raises(Fault, match="no split 'train-held'"):
        items("train-held")
    with pytest.raises(Fault, match="no query of 'train' is left"):
        items("train?hold=30")


def test_a_query_is_asked_for_by_its_document(folder):
    (folder / "queries.jsonl").write_text(
        '{"_id": "q", "text": "What lifts the Sea?"}\n{"_id": "r", "text": "who watches"}', encoding="utf-8"
    )
    (folder / "qrels" / "train.tsv").write_text("q\t2\t1\nr\t2\t1\nr\t5\t1\n", encoding="utf-8")
    data = open_data(f"beir:{folder}:train")
    sample = data.sample(1, "ask_for")
    assert sample.document.startswith("tide a tide is the rise") and sample.text == "who watches"
    assert sample.texts == ("who watches", "what lifts the sea?")
    (folder / "qrels" / "train.tsv").write_text("q\t5\t1\n", encoding="utf-8")
    with pytest.raises(Fault, match="'q' has no relevant document"):
        open_data(f"beir:{folder}:train").sample(0, "ask_for")


@pytest.mark.parametrize("source", ["corpus:{}?kinds=inner&", "beir:{}:test?"])
def test_what_is_asked_for_is_said_and_answered_with(folder, source):
    """An entity with its name, a sentence with words of one sentence; without a draw nothing in particular is asked."""
    data = open_data(source.format(folder) + "granularity=" + ",".join(GRANULARITIES))
    rng, drawn = np.random.default_rng(3), set()
    titles = {document.id: document.title for document in data.documents}
    held = {document.id: f"{document.title} {document.text}" for document in data.documents}
    for turn in range(60):
        sample = data.sample(turn % len(data), "quote", rng)
        drawn.add(sample.granularity)
        (answer,) = sample.documents
        assert sample.texts[0] and all(run in held[answer] for run in sample.texts)
        if sample.granularity == "entity":
            assert sample.texts == (titles[answer],)
        if sample.granularity == "sentence":
            assert not any(mark in run for run in sample.texts for mark in (". ", "? "))
    assert drawn == {"", *GRANULARITIES}
    assert data.sample(0, "quote").granularity == ""
    assert open_data(source.format(folder)[:-1]).sample(0, "quote", rng).granularity == ""
