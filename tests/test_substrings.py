"""Substrings against a naive scan: intervals, counts, continuations, documents, and what a decoder may write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.retrieval import substrings
from generalist.retrieval.substrings import MARK, Substrings, laid_out, suffix_array

TOKENS = st.sampled_from([0, 1, 2, 5])
DOCUMENTS = st.lists(st.lists(TOKENS, max_size=12), min_size=1, max_size=12)
WRITTEN = st.lists(st.integers(0, 6), max_size=6)


@pytest.fixture(params=[1, 10**6], ids=["searched", "looked through"])
def wide(request, monkeypatch):
    """Both ways to find what continues an interval, whatever its width."""
    monkeypatch.setattr(substrings, "WIDE", request.param)


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
    assert [tokens[a : b - 1].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)] == documents
    assert (tokens[starts[1:] - 1] == MARK).all()
    order = suffix_array(tokens).tolist()
    assert order == sorted(range(len(tokens)), key=lambda at: tokens[at:].tolist())


@given(DOCUMENTS, WRITTEN)
def test_counts_and_documents_are_those_of_a_naive_scan(documents, ids):
    held = Substrings.of(documents)
    found = places(documents, ids)
    if ids:
        assert held.count(ids) == len(found)
        assert held.documents(ids).tolist() == sorted({number for number, _ in found})


@given(documents=DOCUMENTS, ids=WRITTEN)
def test_continuations_are_those_of_a_naive_scan(wide, documents, ids):
    held = Substrings.of(documents)
    low, high = held.interval(ids)
    if low < high:
        assert held.continuations(low, high, len(ids)).tolist() == naive(documents, ids)


@given(documents=DOCUMENTS, longest=st.integers(1, 4), data=st.data())
def test_a_decoder_writes_what_the_collection_holds(wide, documents, longest, data):
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
