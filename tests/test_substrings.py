"""Substrings against a naive scan: intervals, counts, continuations, documents, and what a decoder may write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.retrieval import order, suffixes
from generalist.retrieval.order import mark_of
from generalist.retrieval.substrings import Substrings
from generalist.retrieval.suffixes import Suffixes, laid_out, suffix_order

TOKENS = st.sampled_from([0, 1, 2, 5])
DOCUMENTS = st.lists(st.lists(TOKENS, max_size=12), min_size=1, max_size=12)
WRITTEN = st.lists(st.integers(0, 6), max_size=6)


@pytest.fixture(params=["halved", "looked through", "fresh bits", "written down"])
def way(request, monkeypatch):
    """Every way to find what continues an interval, whatever its width and the size of the collection."""
    look = 10**6 if request.param == "looked through" else 0
    monkeypatch.setattr(order, "LOOK", look)
    monkeypatch.setattr(suffixes, "LOOK", 10**6 if request.param == "halved" else look)
    monkeypatch.setattr(suffixes, "NEXTS_IN", 1e-9 if request.param == "written down" else 1e9)


def places(documents, ids):
    """Where ``ids`` stand: (document, place) of each."""
    return [
        (number, at)
        for number, tokens in enumerate(documents)
        for at in range(len(tokens) - len(ids) + 1)
        if tokens[at : at + len(ids)] == ids
    ]


def naive(documents, ids):
    """What follows ``ids`` anywhere."""
    found = places(documents, ids)
    return sorted({documents[n][at + len(ids)] for n, at in found if at + len(ids) < len(documents[n])})


@given(DOCUMENTS)
def test_places_are_sorted_by_what_follows(documents):
    tokens, starts = laid_out(documents)
    mark = mark_of(tokens.dtype)
    assert [tokens[a : b - 1].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)] == documents
    assert (tokens[starts[1:] - 1] == mark).all()
    assert suffix_order(tokens).tolist() == sorted(range(len(tokens)), key=lambda at: tokens[at:].tolist())


@given(DOCUMENTS, st.lists(WRITTEN, max_size=4))
def test_counts_and_documents_are_those_of_a_naive_scan(documents, sequences):
    held = Substrings.of(documents)
    rows = held.find(sequences)
    for ids, row, count in zip(sequences, rows, held.counts(rows), strict=True):
        if ids:
            found = places(documents, ids)
            assert count == held.count(ids) == len(found)
            assert held.documents(ids).tolist() == sorted({number for number, _ in found})
            assert list(zip(*(array.tolist() for array in held.stands(row)), strict=True)) == found
    assert [held.text(i).tolist() for i in range(len(documents))] == documents


@given(documents=DOCUMENTS)
def test_written_down_is_what_would_be_found(way, documents):
    """And the shortcuts change nothing: without them the same is found."""
    shard = Suffixes.of(documents)
    for depth, ids in enumerate(([], [1], [1, 2])):
        (row,) = Substrings([shard], [len(documents)], [np.zeros(0, np.int64)], 9).find([ids])
        low, high = row[1:2], row[2:3]
        found = sorted(shard.follow(low, high, depth)[1].tolist())
        assert found == naive(documents, ids)
        written = shard.written_down(low, high, depth)
        if len(written[0]):
            assert np.flatnonzero(np.unpackbits(written[1][0])).tolist() == found


@given(documents=DOCUMENTS, longest=st.integers(1, 4), data=st.data())
def test_a_decoder_writes_what_the_collection_holds(way, documents, longest, data):
    held = Substrings.of(documents, longest)
    state, written = held.start(3), [[], [], []]
    for _ in range(longest):
        allowed = held.allowed(state)
        ended = [bool(ids) and (len(ids) == longest or not naive(documents, ids)) for ids in written]
        nexts = [[] if end else naive(documents, ids) for ids, end in zip(written, ended, strict=True)]
        assert held.done(state).tolist() == ended
        assert [allowed.columns[row].tolist() for row in allowed.mask] == nexts
        if not any(nexts):
            return
        ids = [data.draw(st.sampled_from(n)) if n else 0 for n in nexts]
        state = held.advance(state, np.asarray(ids))
        written = [[*old, token] if n else old for old, token, n in zip(written, ids, nexts, strict=True)]
        assert all(places(documents, ids) for ids in written)
    assert held.done(state).tolist() == [bool(ids) for ids in written]


def test_a_collection_without_words_allows_nothing():
    held = Substrings.of([[], []])
    assert not held.allowed(held.start(2)).columns.size and not held.count([1]) and not len(held.documents([1]))
