"""Answer expressions of task files: ``label box mask{16} | none`` to a tree, and the tree to a pattern.

    answer   := sequence ("|" sequence)*
    sequence := item+
    item     := (unit | "none" | 'quoted' | "(" answer ")") repeat?
    repeat   := "*" | "?" | "{n}" | "{m,n}"

Juxtaposition is sequence. ``{n}`` straight after ``mask``, ``text``, ``docid`` or ``polygon`` is that unit's size
(patches, most pieces, most vertices), not a repeat. ``*`` stops at 32, so that every answer is bounded.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Chain, Choice, Pattern, Repeat, Span, of_ids
from generalist.sequence.units import UNITS

__all__ = [
    "NONE",
    "Alternatives",
    "Literal",
    "Node",
    "Part",
    "Series",
    "Times",
    "UnitNode",
    "extents",
    "match",
    "options",
    "parse_answer",
    "pattern_of",
    "writes",
]

MOST = 32
SIZED = frozenset({"mask", "text", "docid", "polygon"})


@dataclass(frozen=True, slots=True)
class UnitNode:
    name: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """Fixed tokens; ``none`` is the literal of the control token."""

    text: str


@dataclass(frozen=True, slots=True)
class Series:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Times:
    part: "Node"
    low: int
    high: int


Node = UnitNode | Literal | Series | Alternatives | Times

NONE = Literal("<none>")
"""The answer that nothing is here."""

_TOKEN = re.compile(r"\s*(?:(?P<word>[a-z_]+)|'(?P<quoted>[^']+)'|(?P<count>\{\d+(?:,\d+)?\})|(?P<mark>[()|*?]))")


def parse_answer(text: str) -> Node:
    """The tree of an answer expression.

    Raises:
        Fault: a word that is no unit, an unclosed bracket, or anything else that is not of the form above.
    """
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if not found:
            raise Fault(f"answer {text!r}: cannot read {text[at:].strip()!r}")
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        at = found.end()
    parser = _Parser(text, tokens)
    tree = parser.answer()
    if parser.tokens:
        raise Fault(f"answer {text!r}: {parser.tokens[0][1]!r} stands where nothing can follow")
    return tree


class _Parser:
    def __init__(self, text: str, tokens: list[tuple[str, str]]):
        self.text, self.tokens = text, tokens

    def answer(self) -> Node:
        parts = [self.series()]
        while self._next("mark", "|"):
            parts.append(self.series())
        return parts[0] if len(parts) == 1 else Alternatives(tuple(parts))

    def series(self) -> Node:
        parts = []
        while self.tokens and self.tokens[0] not in (("mark", "|"), ("mark", ")")):
            parts.append(self.item())
        if not parts:
            raise Fault(f"answer {self.text!r}: an empty alternative")
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def item(self) -> Node:
        kind, word = self.tokens.pop(0)
        if kind == "quoted":
            return self.repeat(Literal(word))
        if (kind, word) == ("mark", "("):
            inside = self.answer()
            if not self._next("mark", ")"):
                raise Fault(f"answer {self.text!r}: a bracket is not closed")
            return self.repeat(inside)
        if kind != "word":
            raise Fault(f"answer {self.text!r}: {word!r} has nothing before it")
        if word == "none":
            return self.repeat(NONE)
        if word not in UNITS:
            raise Fault(f"answer {self.text!r}: {word!r} is no unit; the units are {', '.join(UNITS)}")
        if word in SIZED and self.tokens and self.tokens[0][0] == "count" and "," not in self.tokens[0][1]:
            count = self.tokens.pop(0)[1]
            if int(count[1:-1]) < 1:
                raise Fault(f"answer {self.text!r}: {word}{count} counts nothing")
            return self.repeat(UnitNode(word, int(count[1:-1])))
        return self.repeat(UnitNode(word))

    def repeat(self, node: Node) -> Node:
        if not self.tokens:
            return node
        kind, word = self.tokens[0]
        if kind == "count":
            low, _, high = word[1:-1].partition(",")
            if int(high or low) < max(int(low), 1):
                raise Fault(f"answer {self.text!r}: {word} counts nothing")
            node = Times(node, int(low), int(high or low))
        elif word == "*":
            node = Times(node, 0, MOST)
        elif word == "?":
            node = Times(node, 0, 1)
        else:
            return node
        self.tokens.pop(0)
        return node

    def _next(self, kind: str, word: str) -> bool:
        if self.tokens and self.tokens[0] == (kind, word):
            self.tokens.pop(0)
            return True
        return False


def writes(node: Node, unit: str) -> bool:
    """Whether every answer of the tree holds the unit."""
    match node:
        case UnitNode(name):
            return name == unit
        case Literal():
            return False
        case Series(parts):
            return any(writes(part, unit) for part in parts)
        case Alternatives(parts):
            return all(writes(part, unit) for part in parts)
        case Times(part, low):
            return low > 0 and writes(part, unit)


def options(node: Node) -> tuple[Node, ...]:
    """The alternatives of a tree other than ``none``."""
    parts = node.parts if isinstance(node, Alternatives) else (node,)
    return tuple(part for part in parts if part != NONE)


def pattern_of(node: Node, frame: Frame) -> Pattern:
    """What the tree may write for a request with this frame's labels."""
    match node:
        case UnitNode(name, size):
            return UNITS[name].pattern(frame, size)
        case Literal(text):
            return of_ids(frame.vocabulary.encode(text))
        case Series(parts):
            return Chain(tuple(pattern_of(part, frame) for part in parts))
        case Alternatives(parts):
            return Choice(tuple(pattern_of(part, frame) for part in parts))
        case Times(part, low, high):
            return Repeat(pattern_of(part, frame), low, high)


@dataclass(frozen=True, slots=True)
class Part:
    """A unit found in a written answer: its tokens are ``ids[start:stop]``."""

    unit: UnitNode
    start: int
    stop: int


def match(node: Node, ids: Sequence[int], frame: Frame) -> list[Part] | None:
    """The units that ``ids`` spell, in order, or None if the tree does not write ``ids`` from end to end."""
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
                    yield stop, []
            case Series(parts):
                yield from self._series(parts, at)
            case Alternatives(parts):
                for part in parts:
                    yield from self.walk(part, at)
            case Times(part, low, high):
                yield from self._times(part, low, high, at)

    def _series(self, parts: tuple[Node, ...], at: int) -> Iterator[tuple[int, list[Part]]]:
        if not parts:
            yield at, []
            return
        for middle, found in self.walk(parts[0], at):
            for stop, rest in self._series(parts[1:], middle):
                yield stop, found + rest

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
            places, found = {at}, ({at} if low == 0 else set())
            for count in range(1, high + 1):
                places = {stop for place in places for stop in extents(part, ids, place)}
                if not places:
                    break
                if count >= low:
                    found |= places
            return sorted(found, reverse=True)
