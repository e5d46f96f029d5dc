"""Pattern: which token ids may follow one another. Units write patterns, the automaton compiles them."""

from dataclasses import dataclass
from functools import reduce

from generalist.sequence.vocabulary import Block

__all__ = [
    "Chain",
    "Choice",
    "Counted",
    "Listing",
    "Pattern",
    "Repeat",
    "Span",
    "longest",
    "of_block",
    "of_ids",
    "sole_length",
]


@dataclass(frozen=True, slots=True)
class Span:
    """One token with start <= id < stop and, where ``beyond`` is not 0, above the token written so many steps before:
    that is how a second corner lies beyond the first, and how a list goes from left to right."""

    start: int
    stop: int
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """Its parts, one after another; the empty chain writes nothing."""

    parts: tuple["Pattern", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of its parts."""

    parts: tuple["Pattern", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part, ``low`` to ``high`` times. There is no unbounded repeat: every answer ends."""

    part: "Pattern"
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The first ``low`` or more of its parts, one after another: a repeat whose rounds differ."""

    parts: tuple["Pattern", ...]
    low: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A token of ``number`` that announces n, then exactly n items: ``first[n - 1]``, then the last n - 1 of ``rest``
    (the k-th from its end is ``rest[k - 1]``). ``number.start`` announces ``low``."""

    number: Span
    low: int
    first: tuple["Pattern", ...]
    rest: tuple["Pattern", ...]


Pattern = Span | Chain | Choice | Repeat | Listing | Counted


def of_block(block: Block, size: int | None = None) -> Span:
    """Any token of a block, or of its first ``size``."""
    return Span(block.start, block.start + (block.size if size is None else min(size, block.size)))


def of_ids(ids: list[int]) -> Chain:
    """Exactly these tokens."""
    return reduce(lambda chain, i: Chain((*chain.parts, Span(i, i + 1))), ids, Chain(()))


def longest(pattern: Pattern) -> int:
    """The most tokens that it may write."""
    match pattern:
        case Span():
            return 1
        case Chain(parts) | Listing(parts):
            return sum(map(longest, parts))
        case Choice(parts):
            return max(map(longest, parts))
        case Repeat(part, _, high):
            return high * longest(part)
        case Counted(_, _, first, rest):
            return 1 + max(longest(part) + sum(map(longest, rest[:n])) for n, part in enumerate(first))


def sole_length(pattern: Pattern) -> int | None:
    """How many tokens it writes, None if that depends on what it writes."""
    match pattern:
        case Span():
            return 1
        case Chain(parts):
            lengths = [sole_length(part) for part in parts]
            return None if None in lengths else sum(n for n in lengths if n is not None)
        case Choice(parts):
            found = {sole_length(part) for part in parts}
            return found.pop() if len(found) == 1 else None
        case Repeat(part, low, high):
            each = sole_length(part)
            return each * low if each is not None and low == high else None
        case Listing(parts, low):
            return sole_length(Chain(parts)) if low == len(parts) else None
        case Counted():
            return None
