"""Several shards, and documents removed from them, against a naive scan of the documents that are left: one constraint,
whatever the kind, before and after merging; and what is written to disk stays whole."""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from embedder import Letters, built
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.retrieval import meta as meta_module
from generalist.retrieval import order, shard, suffixes
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import KINDS, Held, document_tokens, title_identifier
from generalist.retrieval.rows import Rows
from generalist.retrieval.suffixes import Suffixes
from generalist.sequence.sample import Document
from generalist.sequence.units.code import code_ids
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()
END = 3
TOKENS = st.sampled_from([0, 1, 2, 5])
TEXTS = st.lists(st.lists(TOKENS, min_size=1, max_size=6), min_size=1, max_size=4)
TITLES = st.lists(st.lists(TOKENS, max_size=3).map(lambda ids: [*ids, END]), min_size=1, max_size=4)


@pytest.fixture(params=[0, 10**6], ids=["found", "looked through"])
def look(request, monkeypatch):
    monkeypatch.setattr(order, "LOOK", request.param)
    monkeypatch.setattr(suffixes, "LOOK", request.param)
    monkeypatch.setattr(suffixes, "NEXTS_IN", 1e-9)


def shards_of(kind, corpora, removed):
    """A constraint over shards, and the identifiers of each document that is left."""
    held = []
    for documents, gone in zip(corpora, removed, strict=True):
        one = Suffixes.of(documents) if kind == "ngram" else Rows.of(documents, END)
        numbers = np.asarray(sorted(gone), np.int64)
        one.gone = one.places_of(numbers).astype(np.uint32)
        held.append(Held(one, len(documents), numbers))
    left = [ids for texts, gone in zip(corpora, removed, strict=True) for i, ids in enumerate(texts) if i not in gone]
    return KINDS[kind].constraint(held, 4), left


def naive(kind, left, ids):
    """How often the documents hold ``ids``, which do, and what follows anywhere."""
    starts = [(n, at) for n, text in enumerate(left) for at in (range(len(text)) if kind == "ngram" else [0])]
    found = [(n, at) for n, at in starts if left[n][at : at + len(ids)] == ids]
    nexts = {left[n][at + len(ids)] for n, at in found if at + len(ids) < len(left[n])}
    names = sorted({n for n, _ in found}) if ids and (kind == "ngram" or ids[-1] == END) else []
    return len(found), names, sorted(nexts)


@settings(max_examples=80)
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)), count=st.integers(1, 3))
def test_shards_without_removed_documents_are_those_of_a_naive_scan(look, data, kind, count):
    corpora = [data.draw(TEXTS if kind == "ngram" else TITLES) for _ in range(count)]
    removed = [data.draw(st.sets(st.integers(0, len(documents) - 1))) for documents in corpora]
    constraint, left = shards_of(kind, corpora, removed)
    assert len(constraint) == len(left)
    for number, (s, i) in enumerate(
        (s, i) for s, texts in enumerate(corpora) for i in range(len(texts)) if i not in removed[s]
    ):
        assert constraint.locate(number) == (s, i)
        assert kind != "ngram" or constraint.text(number).tolist() == left[number]
    state, written = constraint.start(3), [[], [], []]
    for _ in range(constraint.bound):
        expected = [naive(kind, left, ids) for ids in written]
        ended = [bool(ids and n and (len(ids) == constraint.bound or not nexts))
                 for ids, (n, _, nexts) in zip(written, expected, strict=True)]  # fmt: skip
        nexts = [[] if end else found[2] for end, found in zip(ended, expected, strict=True)]
        rows = constraint.find(written)
        if any(written):
            assert constraint.counts(rows).tolist() == [found[0] for found in expected]
        assert [constraint.documents(ids).tolist() for ids in written] == [found[1] for found in expected]
        allowed = constraint.allowed(state)
        assert constraint.done(state).tolist() == ended
        assert [allowed.columns[row].tolist() for row in allowed.mask] == nexts
        assert allowed.columns.tolist() == sorted({token for ids in nexts for token in ids})
        ids = [data.draw(st.sampled_from(n) if n and data.draw(st.booleans()) else TOKENS) for n in nexts]
        state = constraint.advance(state, np.asarray(ids))
        written = [old if end else [*old, token] for old, token, end in zip(written, ids, ended, strict=True)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_token_that_only_removed_documents_hold_is_not_allowed(kind):
    for only in (0, 2, 5):  # below, between and above the others
        corpora = [[[1, 4], [only], [only, 1, only]] if kind == "ngram" else [[1, 4, END], [only, END], [only, 1, END]]]
        constraint, _ = shards_of(kind, corpora, [{1, 2}])
        assert constraint.allowed(constraint.start(1)).columns.tolist() == ([1, 4] if kind == "ngram" else [1])
        assert constraint.count([only]) == 0


@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
def test_any_removed_documents_leave_the_first_that_are_not(data, kind):
    corpora = [data.draw(TEXTS if kind == "ngram" else TITLES)]
    removed = [data.draw(st.sets(st.integers(0, len(corpora[0]) - 1)))]
    constraint, left = shards_of(kind, corpora, removed)
    one = constraint.shards[0]
    for low in range(len(one)):
        kept = [at for at in range(low, len(one)) if at not in one.gone]
        assert one.places(low, len(one)).tolist() == kept
        if kind == "ngram" and kept:
            assert one._first_live(np.asarray([low])).tolist() == kept[:1]


# ---- on disk ---------------------------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["red", "blue", "cube", "ball"]), min_size=1, max_size=4).map(" ".join)


MIXTURES = [*KINDS, "title+ngram", "code+ngram+title"]
NAMED = {"title": title_identifier, "ngram": document_tokens,
        "code": lambda document, vocabulary: [*code_ids(document.code, vocabulary), vocabulary.eos]}  # fmt: skip


def identifiers_of(kind, document):
    return NAMED[kind](document, VOCABULARY)


def names_in(index):
    book = index.meta.codebook
    return {"meta.json", *(one.name for one in index.meta.shards), *([book.name] if book else [])}


def uncoded(documents):
    return [replace(document, code="") for document in documents]


def check(index, documents, gone):
    """An index is its documents: listed, found by what they hold, and nothing found by what only the others held."""
    assert list(index) == documents
    for kind in index.kinds:
        check_view(index.view(kind), kind, documents, gone)
    assert index.identifiers.counts(index.identifiers.start(1).rows) > 0


def check_view(index, kind, documents, gone):
    texts = [identifiers_of(kind, document) for document in documents]
    assert kind != "code" or len(set(map(tuple, texts))) == len(texts)
    for document in [*documents, *gone]:
        ids = identifiers_of(kind, document)
        ids = ids[len(ids) // 3 :][:3] if kind == "ngram" else ids
        if kind != "ngram":
            expected = [i for i, text in enumerate(texts) if text == ids]
        else:
            expected = [i for i, t in enumerate(texts) if any(t[at : at + len(ids)] == ids for at in range(len(t)))]
        assert index.identifiers.documents(ids).tolist() == expected
        allowed = index.identifiers.allowed(index.identifiers.start(1))
        assert (ids[0] in allowed.columns) == any(ids[0] in text if kind == "ngram" else text[0] == ids[0]
                                                  for text in texts)  # fmt: skip


@settings(max_examples=15)
@given(data=st.data(), kind=st.sampled_from(MIXTURES))
def test_an_index_changes_as_a_list_of_documents_does(tmp_path, data, kind):
    number = iter(range(1000))

    def drawn():
        pairs = data.draw(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
        return [Document(f"d{next(number)}", *pair, image="x.png" * (i % 2)) for i, pair in enumerate(pairs)]

    documents, gone = drawn(), []
    index = built(
        documents, VOCABULARY, tmp_path / "index", kind, codes=data.draw(st.sampled_from(["tree", "residual"]))
    )
    assert uncoded(index) == documents
    documents = list(index)
    for step in data.draw(st.lists(st.sampled_from(["add", "remove", "merge", "open"]), max_size=6)):
        if step == "add":
            more = drawn()
            assert index.add(more, vectors=Letters()) == len(more)
            assert uncoded(index) == uncoded(documents) + more
            documents = documents + list(index)[-len(more) :]
        elif step == "remove" and len(documents) > 1:
            ids = st.sampled_from([document.id for document in documents])
            out = data.draw(st.sets(ids, min_size=1, max_size=len(documents) - 1))
            assert index.remove(out) == len(out)
            gone, documents = [*gone, *(d for d in documents if d.id in out)], [d for d in documents if d.id not in out]
        elif step == "merge":
            index.merge()
            assert len(index.shards) == 1 and not len(index.shards[0].removed)
        else:
            index = Index.open(index.folder, VOCABULARY)
        check(index, documents, gone)
    assert {path.name for path in index.folder.iterdir()} == names_in(index)


@pytest.mark.parametrize("kind", MIXTURES)
def test_a_long_build_is_cut_into_shards(tmp_path, kind, monkeypatch):
    documents = [Document(str(i), f"title {i % 5}", f"text of {i}") for i in range(40)]
    whole = built(documents, VOCABULARY, tmp_path / "whole", kind)
    monkeypatch.setattr(shard, "MOST_TOKENS", 25)
    cut = built(documents, VOCABULARY, tmp_path / "cut", kind)
    assert len(cut.shards) > 2 and list(cut) == list(whole)
    check(cut, list(cut), [])


@pytest.fixture(params=["title", "ngram", "code+title"])
def changing(request, tmp_path):
    documents = [Document(str(i), f"title {i}", f"text of {i}") for i in range(6)]
    index = built(documents, VOCABULARY, tmp_path / "index", request.param)
    index.add([Document("a", "title a", "other words")], vectors=Letters())
    return index


def unchanged(index):
    before = {path: path.read_bytes() for path in sorted(index.folder.rglob("*")) if path.is_file()}

    def same():
        return before == {path: path.read_bytes() for path in sorted(index.folder.rglob("*")) if path.is_file()}

    return same


def test_what_cannot_be_added_or_removed_changes_nothing(changing):
    same = unchanged(changing)
    for documents in ([Document("new", "t"), Document("a", "t")], [Document("b", "t"), Document("b", "t")]):
        with pytest.raises(Fault, match=f"document '{documents[-1].id}' would be there twice"):
            changing.add(documents, vectors=Letters())
    with pytest.raises(Fault, match="'c'"):
        changing.add([Document("b", "t"), Document("c", "")], vectors=Letters())
    with pytest.raises(Fault, match="no document 'x' to remove, nor 1 more"):
        changing.remove(["1", "x", "y"])
    with pytest.raises(Fault, match="no document would be left"):
        changing.remove([document.id for document in changing])
    assert changing.add([], vectors=Letters()) == 0 and changing.remove([]) == 0
    assert len(changing) == 7
    changing.remove(["a"])
    with pytest.raises(Fault, match="no document 'a'"):
        changing.remove(["a"])
    changing.add([Document("a", "again")], vectors=Letters())  # what was removed may come back
    assert [document.title for document in changing if document.id == "a"] == ["again"]
    assert not same()


class Crash(BaseException):
    """The machine stops: nothing is caught, nothing is cleaned up."""


@pytest.mark.parametrize(
    ("way", "at"),
    [
        *((way, at) for way in ("build", "add", "merge") for at in ("save", "rename", "replace")),
        *(("remove", at) for at in ("save", "replace")),
    ],
)
def test_a_crash_leaves_the_old_index_whole(changing, way, at, monkeypatch):
    """Whatever step of writing is the last: the folder is opened as it was, and the next change clears the rest."""
    documents = list(changing)
    change = {
        "build": lambda: built(documents[:2], VOCABULARY, changing.folder, changing.meta.kind),
        "add": lambda: changing.add([Document("b", "title b", "text")], vectors=Letters()),
        "remove": lambda: changing.remove(["a", "1"]),
        "merge": changing.merge,
    }[way]

    def stop(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        # Nothing that runs after a crash may help: cleaning up is out as well.
        patch.setattr(meta_module.shutil, "rmtree", stop)
        patch.setattr(shard, "shutil", SimpleNamespace(rmtree=lambda *_, **__: None))
        where = {"save": np, "rename": type(changing.folder), "replace": os}[at]
        patch.setattr(where, at, stop)
        with pytest.raises(Crash):
            change()
    again = Index.open(changing.folder, VOCABULARY)
    assert list(again) == documents
    again.remove(["a"])
    assert {path.name for path in again.folder.iterdir()} == names_in(again)


def test_a_change_by_someone_else_is_not_undone(changing):
    other = Index.open(changing.folder, VOCABULARY)
    other.remove(["1"])
    for change in (
        lambda: changing.add([Document("b", "b", "b")], vectors=Letters()),
        lambda: changing.remove(["2"]),
        changing.merge,
    ):
        with pytest.raises(Fault, match="changed by someone else"):
            change()
    assert list(Index.open(changing.folder, VOCABULARY)) == list(other)


def test_ids_of_one_hash_are_told_apart(changing, monkeypatch):
    monkeypatch.setattr(shard, "hash_of", lambda identity: len(identity))
    index = Index.build([Document(i, f"t {i}", "x") for i in "abc"], VOCABULARY, changing.folder)
    index.add([Document(i, f"t {i}", "x") for i in "de"])
    index.remove(["b", "e"])
    assert [document.id for document in index] == ["a", "c", "d"]
    with pytest.raises(Fault, match="'c' would be there twice"):
        index.add([Document("c", "t", "x")])
