"""Writing: the values of an annotation, in the order in which the answer writes them, to tokens."""

from collections.abc import Iterator, Sequence
from typing import Any

from generalist.sequence.frame import Frame
from generalist.sequence.grammar import Alternatives, Announced, Literal, Node, Series, Times, UnitNode
from generalist.sequence.units import UNITS

__all__ = ["Value", "after", "spell"]

Value = tuple[str, Any]
"""A unit's name and its value; fixed tokens are ``("<p>", None)``. A counted list opens with ``("number", n)``."""


def spell(tree: Node, values: Sequence[Value], frame: Frame) -> list[int]:
    """Tokens of the values, as the tree has them.

    Raises:
        ValueError: the tree writes no such values, or a unit cannot spell one.
    """
    names = [name for name, _ in values]
    found = next((nodes for stop, nodes in _walk(tree, names, 0) if stop == len(names)), None)
    if found is None:
        raise ValueError(f"the answer cannot hold {', '.join(names) or 'nothing'}")
    ids: list[int] = []
    for (name, value), node in zip(values, found, strict=True):
        if isinstance(node, Literal):
            ids += frame.vocabulary.encode(node.text)
            continue
        written = UNITS[name].encode(value, frame, node.size)
        frame = after(name, written, frame)
        ids += written
    return ids


def after(name: str, ids: Sequence[int], frame: Frame) -> Frame:
    """The frame once a unit has been written: what follows is relative to a box or a range as its tokens say it."""
    if name == "box":
        return frame.within(UNITS[name].decode(ids, frame))
    if name == "range":
        return frame.between(UNITS[name].decode(ids, frame))
    return frame


def _walk(node: Node, names: Sequence[str], at: int) -> Iterator[tuple[int, list[UnitNode | Literal]]]:
    """The nodes that the names from ``at`` on stand for, and where they end; every way to read them."""
    match node:
        case UnitNode(name):
            if at < len(names) and names[at] == name:
                yield at + 1, [node]
        case Literal(text):
            if at < len(names) and names[at] == text:
                yield at + 1, [node]
        case Series(parts):
            yield from _series(parts, names, at)
        case Alternatives(parts):
            for part in parts:
                yield from _walk(part, names, at)
        case Times(part, low, high):
            yield from _times(part, low, high, names, at)
        case Announced(part, low, high):
            if at < len(names) and names[at] == "number":
                for stop, found in _times(part, low, high, names, at + 1):
                    yield stop, [UnitNode("number"), *found]


def _series(parts: tuple[Node, ...], names: Sequence[str], at: int) -> Iterator[tuple[int, list[UnitNode | Literal]]]:
    if not parts:
        yield at, []
        return
    for middle, found in _walk(parts[0], names, at):
        for stop, rest in _series(parts[1:], names, middle):
            yield stop, found + rest


def _times(
    part: Node, low: int, high: int, names: Sequence[str], at: int
) -> Iterator[tuple[int, list[UnitNode | Literal]]]:
    if high > 0:
        for middle, found in _walk(part, names, at):
            if middle > at:
                for stop, rest in _times(part, max(low - 1, 0), high - 1, names, middle):
                    yield stop, found + rest
    if low == 0:
        yield at, []
