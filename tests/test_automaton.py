"""The tables, against the matcher that reads the tree itself, and on numpy and torch alike."""

from itertools import pairwise

import numpy as np
import pytest
import strategies
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.sequence.automaton import Automaton, compile_pattern
from generalist.sequence.frame import Frame
from generalist.sequence.grammar import parse_answer, pattern_of
from generalist.sequence.matching import match
from generalist.sequence.pattern import Chain, Choice, Counted, Listing, Pattern, Repeat, Span
from generalist.sequence.thompson import is_ambiguous
from generalist.sequence.vocabulary import Vocabulary

LEAVES = st.sampled_from(
    [
        "label",
        "point",
        "box",
        "depth",
        "none",
        "text{2}",
        "text{1}",
        "polygon{4}",
        "'<p>'",
        "'of'",
        "label*",
        "number point{#3}",
        "number (box label){#2}",
        "number label{#2}",
    ]  # fmt: skip
)
ANSWERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' | '.join(parts)})"),
        st.tuples(inner, st.sampled_from(["?", "{2}", "{0,2}", "{1,3}"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=4,
)


def alphabet(vocabulary: Vocabulary) -> list[int]:
    """A token of each kind that an answer may hold, and some that none may."""
    kinds = [vocabulary[block][i] for block, i in (("label", 0), ("label", 1), ("label", 2), ("depth", 9))]
    kinds += [vocabulary["loc"][i] for i in (7, 8, 200)] + list(vocabulary["number"])[:4]
    return [*kinds, vocabulary["mask"][0], vocabulary.none, vocabulary.eos, vocabulary.phrase, *vocabulary.encode("of")]


def longest(pattern: Pattern) -> int:
    match pattern:
        case Span():
            return 1
        case Chain(parts):
            return sum(map(longest, parts))
        case Choice(parts):
            return max(map(longest, parts))
        case Repeat(part, _, high):
            return high * longest(part)
        case Listing(parts):
            return longest(Chain(parts))
        case Counted():
            return 1 + max(longest(Chain(items)) for items in rounds(pattern))


def rounds(pattern: Counted) -> list[tuple[Pattern, ...]]:
    """For each number that a counted list may announce, from its lowest, the items that then come."""
    counts = range(pattern.low, len(pattern.first) + 1)
    return [(pattern.first[n - 1], *reversed(pattern.rest[: n - 1])) for n in counts]


def stops(pattern: Pattern, ids: list[int], at: int) -> set[int]:
    """Where a run of ``ids`` from ``at`` that the pattern writes may end, by trying everything."""
    match pattern:
        case Span(start, stop, beyond):
            fits = at < len(ids) and start <= ids[at] < stop and not (beyond and ids[at] <= ids[at - beyond])
            return {at + 1} if fits else set()
        case Chain(parts):
            ends = {at}
            for part in parts:
                ends = {stop for end in ends for stop in stops(part, ids, end)}
            return ends
        case Choice(parts):
            return {stop for part in parts for stop in stops(part, ids, at)}
        case Repeat(part, low, high):
            return stops(Listing((part,) * high, low), ids, at)
        case Listing(parts, low):
            return {stop for n in range(low, len(parts) + 1) for stop in stops(Chain(parts[:n]), ids, at)}
        case Counted(number, low):
            if at >= len(ids) or not number.start <= ids[at] < number.stop:
                return set()
            return stops(Chain(rounds(pattern)[ids[at] - number.start]), ids, at + 1)


def compiled(answer: str, vocabulary: Vocabulary) -> tuple[Automaton, Frame, bool]:
    """The tables of an answer, its frame, and whether an end token has been put after it."""
    frame = Frame(vocabulary, labels=("cup", "jug"))
    pattern = pattern_of(parse_answer(answer), frame)
    try:
        automaton = compile_pattern(pattern, len(vocabulary), vocabulary.eos)
    except Fault as fault:
        assert "ambiguous" in str(fault) and is_ambiguous(pattern)
        reject()
    assert automaton.bound - longest(pattern) in (0, 1)
    return automaton, frame, automaton.bound > longest(pattern)


def walk(automaton: Automaton, rng: np.random.Generator, known: list[int]) -> list[int]:
    """An answer that the tables allow, of tokens in ``known`` where there are any."""
    state, ids = automaton.start(1), []
    while not automaton.done(state)[0]:
        allowed = automaton.allowed(state)
        columns = allowed.columns[allowed.mask[0]]
        few = np.intersect1d(columns, known)
        ids.append(int(rng.choice(few if len(few) else columns)))
        state = automaton.advance(state, np.asarray(ids[-1:]))
    return ids


@settings(max_examples=60)
@given(answer=ANSWERS, seed=strategies.SEEDS)
def test_tables_accept_what_the_tree_writes(vocabulary: Vocabulary, answer: str, seed: int) -> None:
    automaton, frame, ended = compiled(answer, vocabulary)
    rng, known, tree = np.random.default_rng(seed), alphabet(vocabulary), parse_answer(answer)

    pattern = pattern_of(tree, frame)

    def naive(ids: list[int]) -> bool:
        if ended and (not ids or ids[-1] != vocabulary.eos):
            return False
        written = ids[:-1] if ended else ids
        found = len(written) in stops(pattern, written, 0)
        # The matcher reads what the tree says, and leaves the order of coordinates to the tables.
        assert match(tree, written, frame) is not None or not found
        return found

    whole = [ids for ids in (walk(automaton, rng, known) for _ in range(4)) if len(ids) <= 16]
    assert all(automaton.accepts(ids) and naive(ids) for ids in whole)
    broken = [ids[:at] + ids[at + 1 :] for ids in whole for at in range(len(ids))]
    changed = [ids[:at] + [int(rng.choice(known))] + ids[at:] for ids in whole for at in range(len(ids) + 1)]
    guessed = [rng.choice(known, n).tolist() for n in (0, 1, 1, 2, 2, 3, 4)]
    for ids in [*broken, *changed, *guessed]:
        assert automaton.accepts(ids) == naive(ids), ids


@given(answer=ANSWERS, seed=strategies.SEEDS)
def test_every_answer_ends_within_the_bound(vocabulary: Vocabulary, answer: str, seed: int) -> None:
    automaton, _, _ = compiled(answer, vocabulary)
    rng = np.random.default_rng(seed)
    for ids in (walk(automaton, rng, []) for _ in range(3)):
        assert len(ids) <= automaton.bound and automaton.accepts(ids)
        assert not any(automaton.accepts(ids[:n]) for n in range(len(ids)))  # done is the only end
        assert len(automaton.states(ids)) == len(ids) + 1


@given(answer=ANSWERS)
def test_columns_hold_all_that_any_state_allows(vocabulary: Vocabulary, answer: str) -> None:
    automaton, _, _ = compiled(answer, vocabulary)
    level = {1}
    for columns in automaton.columns_at:
        allowed = [set(np.flatnonzero(automaton.next[state][automaton.class_of])) for state in level]
        assert set(columns.tolist()) == set().union(*allowed) and (np.diff(columns) > 0).all()
        for state, ids in zip(level, allowed, strict=True):
            runs = automaton.ranges[state]
            assert ids == {token for start, stop in runs for token in range(start, stop)}
            assert all(a[1] < b[0] for a, b in pairwise(runs))
        level = {int(after) for state in level for after in automaton.next[state]} - {0}
    assert len(automaton.columns_at) == automaton.bound
    assert all(not automaton.next[state].any() for state in level)


@given(answer=ANSWERS, seed=strategies.SEEDS)
def test_numpy_and_torch_walk_alike(vocabulary: Vocabulary, answer: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    automaton, _, _ = compiled(answer, vocabulary)
    moved = automaton.on(torch.from_numpy)
    rng, rows = np.random.default_rng(seed), 5
    ours, theirs = automaton.start(rows), moved.start(rows)
    for _ in range(min(automaton.bound, 12) + 1):
        a, b = automaton.allowed(ours), moved.allowed(theirs)
        np.testing.assert_array_equal(a.columns, b.columns.numpy())
        np.testing.assert_array_equal(a.mask, b.mask.numpy())
        np.testing.assert_array_equal(automaton.done(ours), moved.done(theirs).numpy())
        # A row that is done is fed anything, as a decoder does until all the rows are.
        ids = np.asarray([rng.choice(a.columns[row]) if row.any() else rng.integers(len(vocabulary)) for row in a.mask])
        order = rng.permutation(rows)
        ours = automaton.reorder(automaton.advance(ours, ids), order)
        theirs = moved.reorder(moved.advance(theirs, torch.from_numpy(ids)), torch.from_numpy(order))
        np.testing.assert_array_equal(ours.rows, theirs.rows.numpy())
        assert ours.step == theirs.step and (ours.rows > 0).all()


def test_a_row_that_is_done_stays_done(vocabulary: Vocabulary) -> None:
    automaton, _, _ = compiled("label box | none", vocabulary)
    state = automaton.advance(automaton.start(2), np.asarray([vocabulary.none, vocabulary["label"][0]]))
    assert automaton.done(state).tolist() == [True, False]
    after = automaton.advance(state, np.asarray([vocabulary.pad, vocabulary["loc"][0]]))
    assert after.rows[0] == state.rows[0] and automaton.done(after)[0]
    assert not automaton.allowed(after).mask[0].any()
