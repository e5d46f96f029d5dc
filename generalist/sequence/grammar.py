"""Answer expressions of task files: ``label box mask{16} | none`` to a tree, and the tree to a pattern.

    answer   := sequence ("|" sequence)*
    sequence := item+
    item     := (unit | "none" | 'quoted' | "(" answer ")") repeat? | "number" item "{#}"
    repeat   := "*" | "+" | "?" | "{n}" | "{m,n}"

Juxtaposition is sequence. ``{n}`` straight after ``mask``, ``pixels``, ``text``, ``docid``, ``ngram``, ``code``,
``polygon`` or ``keypoints`` is that unit's size (patches, cells, most tokens, most vertices, points), not a repeat.
``*`` and ``+`` stop at 32, so that every answer is bounded. ``number box{#}`` announces how many boxes follow, and
exactly so many do.

A repeat of items that open with a place and have one length is a list: its items are written from left to right, each
starting in a bin beyond the one before. So no list can hold a thing twice, and every set of things has one spelling.
``{#4}`` counts to 4 at most, ``{#}`` to 32.
"""

import re
from dataclasses import dataclass, replace

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Chain, Choice, Counted, Listing, Pattern, Repeat, Span, of_ids, sole_length
from generalist.sequence.units import UNITS

__all__ = [
    "IDENTIFIERS",
    "NONE",
    "PLACES",
    "Alternatives",
    "Announced",
    "Literal",
    "Node",
    "Series",
    "Times",
    "UnitNode",
    "follows",
    "is_list",
    "leaves",
    "options",
    "parse_answer",
    "pattern_of",
    "writes",
]

MOST = 32
SIZED = frozenset({"mask", "pixels", "text", "docid", "ngram", "code", "polygon", "keypoints"})
PLACES = ("box", "oriented", "point")
"""Units that say where a thing is."""
IDENTIFIERS = frozenset({"docid", "ngram", "code"})
"""Units that name documents: what may be written is up to an index."""


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


@dataclass(frozen=True, slots=True)
class Announced:
    """A number, at least 1, and then exactly so many of a part."""

    part: "Node"
    low: int = 1
    high: int = MOST


Node = UnitNode | Literal | Series | Alternatives | Times | Announced

NONE = Literal("<none>")
"""The answer that nothing is here."""

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[a-z_]+)|'(?P<quoted>[^']+)'|(?P<count>\{(?:\d+(?:,\d+)?|#\d*)\})|(?P<mark>[()|*+?]))"
)


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
        parts: list[Node] = []
        while self.tokens and self.tokens[0] not in (("mark", "|"), ("mark", ")")):
            part = self.item()
            parts.append(self._announced(part, parts) if self._counted() else part)
        if not parts:
            raise Fault(f"answer {self.text!r}: an empty alternative")
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _counted(self) -> bool:
        return bool(self.tokens) and self.tokens[0][0] == "count" and self.tokens[0][1].startswith("{#")

    def _announced(self, part: Node, before: list[Node]) -> Node:
        """``number`` and the counted item after it become one node."""
        count = self.tokens.pop(0)[1]
        high = int(count[2:-1] or MOST)
        if high < 1:
            raise Fault(f"answer {self.text!r}: {count} counts nothing")
        if not before or before.pop() != UnitNode("number"):
            raise Fault(f"answer {self.text!r}: {{#}} counts what a number just before it announces")
        return Announced(part, high=high)

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
        if word in SIZED and self._sized():
            count = self.tokens.pop(0)[1]
            if int(count[1:-1]) < 1:
                raise Fault(f"answer {self.text!r}: {word}{count} counts nothing")
            return self.repeat(UnitNode(word, int(count[1:-1])))
        return self.repeat(UnitNode(word))

    def _sized(self) -> bool:
        return bool(self.tokens) and self.tokens[0][0] == "count" and self.tokens[0][1][1:-1].isdigit()

    def repeat(self, node: Node) -> Node:
        if not self.tokens or self._counted():
            return node
        kind, word = self.tokens[0]
        if kind == "count":
            low, _, high = word[1:-1].partition(",")
            if int(high or low) < max(int(low), 1):
                raise Fault(f"answer {self.text!r}: {word} counts nothing")
            node = Times(node, int(low), int(high or low))
        elif word == "*":
            node = Times(node, 0, MOST)
        elif word == "+":
            node = Times(node, 1, MOST)
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
        case Times(part, low) | Announced(part, low):
            return (unit == "number" and isinstance(node, Announced)) or (low > 0 and writes(part, unit))


def follows(node: Node, unit: str, other: str, given: bool) -> bool:
    """Whether every ``unit`` comes after an ``other``, which may be ``given`` before the answer starts."""
    match node:
        case UnitNode(name):
            return given or name != unit
        case Literal():
            return True
        case Series(parts):
            before = [given or any(writes(earlier, other) for earlier in parts[:i]) for i in range(len(parts))]
            return all(follows(part, unit, other, known) for part, known in zip(parts, before, strict=True))
        case Alternatives(parts):
            return all(follows(part, unit, other, given) for part in parts)
        case Times(part) | Announced(part):
            return follows(part, unit, other, given)


def leaves(node: Node) -> list[UnitNode]:
    """Every unit of the tree, in the order of the file."""
    match node:
        case UnitNode():
            return [node]
        case Literal():
            return []
        case Series(parts) | Alternatives(parts):
            return [leaf for part in parts for leaf in leaves(part)]
        case Times(part):
            return leaves(part)
        case Announced(part):
            return [UnitNode("number"), *leaves(part)]


def is_list(node: Node) -> bool:
    """Whether the node repeats things that each open with a place and have one length."""
    if not isinstance(node, (Times, Announced)) or node.high < 2:
        return False
    parts = node.part.parts if isinstance(node.part, Series) else (node.part,)
    units = [part.name for part in parts if isinstance(part, UnitNode)]
    return (
        len(units) == len(parts)
        and units[0] in PLACES
        and not {"text", "docid", "ngram", "code", "polygon"} & set(units)
    )


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
            if is_list(node):
                if high > (bins := len(frame.vocabulary["loc"])):
                    raise Fault(f"a list goes from left to right in {bins} bins: it cannot hold {high} things")
                item = pattern_of(part, frame)
                # Only items that must come need room after those before them: the others are left out for want of it.
                return Listing(tuple(_in_order(item, max(low - 1 - k, 0), k > 0) for k in range(high)), low)
            return Repeat(pattern_of(part, frame), low, high)
        case Announced(part, low, high):
            return _announced(pattern_of(part, frame), frame, low, high, is_list(node))


def _announced(item: Pattern, frame: Frame, low: int, high: int, ordered: bool) -> Counted:
    block = frame.vocabulary["number"]
    if high >= len(block):
        raise Fault(f"{{#{high}}} counts further than the vocabulary, which counts to {len(block) - 1}")
    number = Span(block[low], block[high] + 1)
    if not ordered:
        return Counted(number, low, (item,) * high, (item,) * max(high - 1, 0))
    first = [_in_order(item, n - 1, False) for n in range(1, high + 1)]
    rest = [_in_order(item, k - 1, True) for k in range(1, high)]
    return Counted(number, low, tuple(first), tuple(rest))


def _in_order(item: Pattern, after: int, follows: bool) -> Pattern:
    """An item of a list whose first coordinate leaves a bin each for ``after`` more, and exceeds that of the item
    before it where it ``follows`` one."""
    length = sole_length(item)
    assert isinstance(item, Chain) and length is not None
    first, *others = item.parts
    if isinstance(first, Chain):
        return Chain((_opened(first, after, length if follows else 0), *others))
    return _opened(item, after, length if follows else 0)


def _opened(place: Chain, after: int, beyond: int) -> Chain:
    first, *others = place.parts
    assert isinstance(first, Span)
    return Chain((replace(first, stop=first.stop - after, beyond=beyond), *others))
