"""Pattern: which token ids may follow one another. Units write patterns, the automaton compiles them."""

from dataclasses import dataclass
from functools import reduce

from generalist.sequence.vocabulary import Block

__all__ = ["Chain", "Choice", "Pattern", "Repeat", "Span", "of_block", "of_ids"]


@dataclass(frozen=True, slots=True)
class Span:
    """One token with start <= id < stop."""

    start: int
    stop: int


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


Pattern = Span | Chain | Choice | Repeat


def of_block(block: Block, size: int | None = None) -> Span:
    """Any token of a block, or of its first ``size``."""
    return Span(block.start, block.start + (block.size if size is None else min(size, block.size)))


def of_ids(ids: list[int]) -> Chain:
    """Exactly these tokens."""
    return reduce(lambda chain, i: Chain((*chain.parts, Span(i, i + 1))), ids, Chain(()))
