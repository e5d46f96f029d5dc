"""Sorted identifiers against a naive scan: intervals, counts, continuations, and the Constraint made of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generalist.retrieval import order
from generalist.retrieval.identifiers import Identifiers
from generalist.retrieval.order import mark_of, token_type
from generalist.retrieval.rows import Rows, tokens_of_rows
from generalist.sequence.automaton import State

END = 3
TOKENS = st.sampled_from([0, 1, 2, 4, 5])
IDENTIFIERS = st.lists(st.lists(TOKENS, max_size=5).map(lambda ids: [*ids, END]), min_size=1, max_size=30)


NOBODY = np.zeros(0, np.int64)


@pytest.fixture(params=[0, 10**6], ids=["halved", "looked through"])
def look(request, monkeypatch):
    """Both ways to find what continues an interval, whatever its width."""
    monkeypatch.setattr(order, "LOOK", request.param)


def over(rows):
    return Identifiers([rows], [len(rows)], [NOBODY], rows.longest)


def built(identifiers):
    return over(Rows.of(identifiers, END)), sorted(identifiers)


def naive(identifiers, prefix):
    """What comes after a prefix anywhere, by looking at every identifier."""
    return sorted({ids[len(prefix)] for ids in identifiers if ids[: len(prefix)] == prefix and len(ids) > len(prefix)})


@given(IDENTIFIERS)
def test_the_matrix_is_the_sorted_identifiers_and_equal_ones_keep_their_order(identifiers):
    rows = Rows.of(identifiers, END)
    assert [[int(t) for t in row if t != rows.mark] for row in rows.matrix] == sorted(identifiers)
    assert rows.order.tolist() == sorted(range(len(identifiers)), key=lambda i: (identifiers[i], i))
    tokens, starts = tokens_of_rows(rows.matrix, rows.order)
    assert [tokens[a:b].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)] == identifiers


@given(IDENTIFIERS, st.lists(st.integers(-1, 70000), max_size=7))
def test_any_prefix_has_the_interval_of_a_naive_scan(identifiers, prefix):
    constraint, rows = built(identifiers)
    ((_, low, high),) = constraint.find([prefix])
    found = [i for i, ids in enumerate(rows) if ids[: len(prefix)] == prefix]
    assert list(range(low, high)) == found
    assert constraint.count(prefix) == len(found)


@given(IDENTIFIERS, st.data())
def test_documents_are_those_of_a_naive_scan(identifiers, data):
    constraint, _ = built(identifiers)
    ids = data.draw(st.sampled_from(identifiers))
    for depth in range(len(ids)):
        assert not len(constraint.documents(ids[:depth]))
    assert constraint.documents(ids).tolist() == [i for i, other in enumerate(identifiers) if other == ids]


@given(identifiers=IDENTIFIERS, count=st.integers(1, 5), data=st.data())
def test_a_decoder_of_many_rows_is_allowed_what_a_naive_scan_allows(look, identifiers, count, data):
    """Rows advance with any token, allowed or not, and are reordered, as beams are."""
    constraint, _ = built(identifiers)
    state, written = constraint.start(count), [[] for _ in range(count)]
    for _ in range(constraint.bound + 1):
        whole = [ids in identifiers for ids in written]
        nexts = [[] if end else naive(identifiers, ids) for ids, end in zip(written, whole, strict=True)]
        allowed = constraint.allowed(state)
        assert constraint.done(state).tolist() == whole
        assert allowed.columns.tolist() == sorted({token for ids in nexts for token in ids})
        assert [allowed.columns[row].tolist() for row in allowed.mask] == nexts
        ids = [data.draw(st.sampled_from(n) if n and data.draw(st.booleans()) else st.integers(0, 6)) for n in nexts]
        state = constraint.advance(state, np.asarray(ids))
        written = [old if end else [*old, t] for old, t, end in zip(written, ids, whole, strict=True)]
        rows = data.draw(st.lists(st.integers(0, len(written) - 1), min_size=1, max_size=5))
        state, written = constraint.reorder(state, np.asarray(rows)), [written[r] for r in rows]


def test_a_whole_row_stays_whatever_it_is_fed_and_a_lost_row_is_never_done():
    constraint, _ = built([[1, END], [1, 2, END], [1, 2, END]])
    state = constraint.start(3)
    for ids in ([1, 1, 9], [END, 2, 1], [0, END, END], [7, -1, END]):
        state = constraint.advance(state, np.asarray(ids))
    assert constraint.done(state).tolist() == [True, True, False]
    assert state.rows[:2].tolist() == [[2, 2, 3], [3, 0, 2]]  # 2 sorts before the end token
    assert state.rows[2, 1] == state.rows[2, 2]
    assert constraint.allowed(state).mask.shape == (3, 0)


def test_on_a_device_the_same_arrays_come_as_tensors():
    constraint, _ = built([[1, END], [1, 2, END], [4, END]])
    moved = constraint.on(torch.from_numpy)
    state = moved.advance(moved.start(2), torch.tensor([1, 4]))
    state = moved.reorder(state, torch.tensor([1, 0, 0]))
    assert isinstance(state, State)
    allowed, plain = moved.allowed(state), constraint.allowed(state)
    assert torch.is_tensor(allowed.columns) and torch.is_tensor(moved.done(state))
    assert allowed.columns.tolist() == plain.columns.tolist() == [2, 3]
    assert allowed.mask.tolist() == plain.mask.tolist() == [[False, True], [True, True], [True, True]]


def test_a_memory_mapped_matrix_answers_as_one_in_memory(tmp_path):
    rows = Rows.of([[1, END], [1, 2, END], [4, 5, 5, END]], END)
    np.save(tmp_path / "identifiers.npy", rows.matrix)
    mapped = over(Rows(np.load(tmp_path / "identifiers.npy", mmap_mode="r"), rows.order, END, rows.size))
    assert mapped.count([1]) == 2
    assert mapped.documents([4, 5, 5, END]).tolist() == [2]


@pytest.mark.parametrize("wrong", [[], [1], [END, END], [1, END, 2], [-1, END]])
def test_an_identifier_ends_with_the_end_token_and_only_there(wrong):
    with pytest.raises(ValueError, match="an identifier"):
        Rows.of([[1, END], wrong], END)


@given(IDENTIFIERS, st.data())
def test_nothing_follows_a_whole_identifier(identifiers, data):
    constraint, _ = built(identifiers)
    ids = data.draw(st.sampled_from(identifiers))
    for token in (END, 0, -1, mark_of(np.uint16)):
        assert constraint.count([*ids, token]) == 0


def test_tokens_take_two_bytes_where_the_mark_leaves_room():
    assert token_type(2**16 - 1) is np.uint16 and token_type(2**16) is np.uint32
    wide, _ = built([[2**16 - 1, END], [2**17, 1, END]])
    assert wide.shards[0].matrix.dtype == np.uint32
    assert wide.allowed(wide.start(1)).columns.tolist() == [2**16 - 1, 2**17]
