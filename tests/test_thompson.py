"""Whether an answer can be read in two ways, against every derivation written out."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.sequence.pattern import Chain, Choice, Counted, Listing, Pattern, Repeat, Span, longest, sole_length
from generalist.sequence.thompson import is_ambiguous

SPANS = st.builds(lambda start, size: Span(start, start + size), st.integers(0, 3), st.integers(1, 2))


def grown(inner: st.SearchStrategy[Pattern]) -> st.SearchStrategy[Pattern]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        parts.map(Chain),
        parts.map(Choice),
        st.builds(lambda part, low, more: Repeat(part, low, low + more), inner, st.integers(0, 1), st.integers(1, 2)),
        parts.map(lambda parts: Listing(parts, len(parts) // 2)),
        st.builds(
            lambda first, rest: Counted(Span(5, 7), 1, (first, rest), (rest,)), inner, inner
        ),
    )  # fmt: skip


PATTERNS = st.recursive(SPANS, grown, max_leaves=5)
Derivation = tuple[tuple[str, Span], ...]


def derivations(pattern: Pattern, at: str = "") -> set[Derivation]:
    """Every way to write the pattern: for each token the place of its span in the pattern, rounds told apart."""
    match pattern:
        case Span():
            return {((at, pattern),)}
        case Chain(parts):
            ways: set[Derivation] = {()}
            for i, part in enumerate(parts):
                ways = {way + more for way in ways for more in derivations(part, f"{at}.{i}")}
            return ways
        case Choice(parts):
            return {way for i, part in enumerate(parts) for way in derivations(part, f"{at}|{i}")}
        case Repeat(part, low, high):
            return derivations(Listing((part,) * high, low), at)
        case Listing(parts, low):
            return {way for n in range(low, len(parts) + 1) for way in derivations(Chain(parts[:n]), at)}
        case Counted(number, low, first, rest):
            ways = set()
            for n in range(low, len(first) + 1):
                token = number.start + n - low
                items = derivations(first[n - 1], f"{at}#{n}")
                for k in range(n - 1, 0, -1):
                    items = {way + more for way in items for more in derivations(rest[k - 1], f"{at}<{k}")}
                ways |= {((f"{at}={n}", Span(token, token + 1)), *way) for way in items}
            return ways


def alike(one: Derivation, other: Derivation) -> bool:
    """Whether some tokens are written by both."""
    spans = zip(one, other, strict=False)
    return len(one) == len(other) and all(a.start < b.stop and b.start < a.stop for (_, a), (_, b) in spans)


@settings(max_examples=150)
@given(pattern=PATTERNS)
def test_ambiguous_is_what_two_derivations_write(pattern: Pattern) -> None:
    ways = derivations(pattern)
    lengths = {len(way) for way in ways}
    assert max(lengths) == longest(pattern)
    if (sole := sole_length(pattern)) is not None:
        assert lengths == {sole}
    if len(ways) <= 400:
        assert is_ambiguous(pattern) == any(alike(a, b) for a, b in combinations(ways, 2))


A, B = Span(0, 1), Span(1, 2)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (Chain((Repeat(A, 0, 3), Repeat(A, 0, 3))), True),
        (Chain((Repeat(A, 0, 3), B, Repeat(A, 0, 3))), False),
        (Choice((Chain((A, B)), Chain((A, A)))), False),
        (Choice((Chain((A, B)), Chain((Span(0, 2), B)))), True),
        (Repeat(Repeat(A, 0, 1), 2, 2), True),
        (Repeat(Chain((A, Repeat(B, 0, 2))), 0, 4), False),
    ],
)
def test_two_readings_are_told_from_one(pattern: Pattern, expected: bool) -> None:
    assert is_ambiguous(pattern) is expected
