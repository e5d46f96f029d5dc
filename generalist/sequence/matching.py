"""Reading an answer: which unit of the tree wrote which tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generalist.sequence.frame import Frame
from generalist.sequence.grammar import Alternatives, Announced, Literal, Node, Series, Times, UnitNode, pattern_of
from generalist.sequence.pattern import Chain, Choice, Counted, Listing, Pattern, Repeat, Span
from generalist.sequence.units import UNITS

__all__ = ["Part", "extents", "match"]


@dataclass(frozen=True, slots=True)
class Part:
    """A unit, or fixed tokens, found in a written answer: ``ids[start:stop]``."""

    unit: UnitNode | Literal
    start: int
    stop: int


def match(node: Node, ids: Sequence[int], frame: Frame) -> list[Part] | None:
    """The units and fixed tokens that ``ids`` spell, in order, or None if the tree does not write ``ids`` from end to
    end. Order among coordinates is the automaton's to keep, and is not looked at."""
    tree = _Matcher(ids, frame)
    return next((parts for stop, parts in tree.walk(node, 0) if stop == len(ids)), None)


class _Matcher:
    """Backtracking over the tree. A unit's extent is settled by its own pattern, longest first."""

    def __init__(self, ids: Sequence[int], frame: Frame):
        self.ids, self.frame = ids, frame

    def walk(self, node: Node, at: int) -> Iterator[tuple[int, list[Part]]]:
        match node:
            case UnitNode(name, size):
                for stop in extents(UNITS[name].pattern(self.frame, size), self.ids, at):
                    yield stop, [Part(node, at, stop)]
            case Literal():
                for stop in extents(pattern_of(node, self.frame), self.ids, at):
                    yield stop, [Part(node, at, stop)]
            case Series(parts):
                yield from self._series(parts, at)
            case Alternatives(parts):
                for part in parts:
                    yield from self.walk(part, at)
            case Times(part, low, high):
                yield from self._times(part, low, high, at)
            case Announced(part, low, high):
                yield from self._announced(part, low, high, at)

    def _series(self, parts: tuple[Node, ...], at: int) -> Iterator[tuple[int, list[Part]]]:
        if not parts:
            yield at, []
            return
        for middle, found in self.walk(parts[0], at):
            for stop, rest in self._series(parts[1:], middle):
                yield stop, found + rest

    def _announced(self, part: Node, low: int, high: int, at: int) -> Iterator[tuple[int, list[Part]]]:
        block = self.frame.vocabulary["number"]
        if at < len(self.ids) and self.ids[at] in block:
            count = block.index_of(self.ids[at])
            if low <= count <= high:
                for stop, rest in self._times(part, count, count, at + 1):
                    yield stop, [Part(UnitNode("number"), at, at + 1), *rest]

    def _times(self, part: Node, low: int, high: int, at: int) -> Iterator[tuple[int, list[Part]]]:
        if high > 0:
            for middle, found in self.walk(part, at):
                if middle > at:
                    for stop, rest in self._times(part, max(low - 1, 0), high - 1, middle):
                        yield stop, found + rest
                elif low > 0:  # a part that may write nothing writes it as often as it must
                    yield at, found
        if low == 0:
            yield at, []


def extents(pattern: Pattern, ids: Sequence[int], at: int) -> list[int]:
    """Every place where a run of ``ids`` from ``at`` that the pattern writes may stop, longest first."""
    match pattern:
        case Span(start, stop):
            return [at + 1] if at < len(ids) and start <= ids[at] < stop else []
        case Choice(parts):
            return sorted({stop for part in parts for stop in extents(part, ids, at)}, reverse=True)
        case Chain(parts):
            places = {at}
            for part in parts:
                places = {stop for place in places for stop in extents(part, ids, place)}
            return sorted(places, reverse=True)
        case Repeat(part, low, high):
            return _several((part,) * high, low, ids, at)
        case Listing(parts, low):
            return _several(parts, low, ids, at)
        case Counted():
            raise TypeError("a counted list is read by its tree")


def _several(parts: tuple[Pattern, ...], low: int, ids: Sequence[int], at: int) -> list[int]:
    places, found = {at}, ({at} if low == 0 else set())
    for count, part in enumerate(parts, 1):
        places = {stop for place in places for stop in extents(part, ids, place)}
        if not places:
            break
        if count >= low:
            found |= places
    return sorted(found, reverse=True)
