"""Saying: the values of a sample that a track writes, in their order; ``writing`` turns them into tokens."""

from typing import Any

import numpy as np

from generalist.sequence.frame import Frame
from generalist.sequence.grammar import (
    NONE,
    PLACES,
    Alternatives,
    Announced,
    Literal,
    Node,
    Series,
    Times,
    UnitNode,
    leaves,
    options,
)
from generalist.sequence.sample import Objects, Sample
from generalist.sequence.things import left_to_right, record
from generalist.sequence.writing import Value

__all__ = ["listed", "one", "says_nothing", "single"]


def says_nothing(tree: Node, sample: Sample) -> bool:
    """Whether the sample is known to hold no thing, and the answer, which says where things are, has ``none``."""
    known = sample.objects is not None and not len(sample.objects)
    can = isinstance(tree, Alternatives) and NONE in tree.parts
    return known and can and any(leaf.name in PLACES for leaf in leaves(tree))


def single(sample: Sample, frame: Frame) -> dict[str, Any]:
    """What a single track may say of a sample: its first object, and its text."""
    objects = sample.objects
    found = record(objects, 0, frame) if objects is not None and len(objects) else {}
    if sample.text:
        found |= dict.fromkeys(("text", "docid", "ngram", "code", "label"), sample.text)
    if sample.text.isdecimal():
        found["number"] = int(sample.text)
    return found


def one(tree: Node, found: dict[str, Any]) -> list[Value]:
    """The units of the first alternative that the record of a thing has all of.

    Raises:
        ValueError: there is no such alternative.
    """
    missing: list[str] = []
    for option in options(tree):
        lacks = [leaf.name for leaf in leaves(option) if found.get(leaf.name) is None]
        if not lacks:
            return _in_turn(option, found)
        missing = missing or lacks
    raise ValueError(f"{missing[0]!r} is not in the annotation")


def _in_turn(option: Node, found: dict[str, Any]) -> list[Value]:
    values: list[Value] = []
    for part in option.parts if isinstance(option, Series) else (option,):
        if isinstance(part, Literal):
            values.append((part.text, None))
        elif isinstance(part, UnitNode):
            values.append((part.name, found[part.name]))
        else:
            raise ValueError("answers with nested repeats are read, not yet written")
    return values


def listed(tree: Times | Announced, objects: Objects, frame: Frame) -> list[Value]:
    """Things from left to right, as many as the list has room for, after their number where the file announces it.

    Raises:
        ValueError: there are too few, or they are not annotated with what the list holds.
    """
    names = [leaf.name for leaf in leaves(tree.part)]
    records = [record(objects, i, frame) for i in range(len(objects))][: tree.high]
    if len(records) < tree.low:
        raise ValueError(f"the list holds {tree.low} at least: with '| none' it could say that there are none")
    if lacks := [name for name in names if any(name not in found for found in records)]:
        raise ValueError(f"{lacks[0]!r} is not in the annotation")
    values: list[Value] = [("number", len(records))] if isinstance(tree, Announced) else []
    if not records:
        return values
    order, places = left_to_right(np.stack([found[names[0]] for found in records]), frame)
    for i, place in zip(order, places, strict=True):
        values += [(name, place if name == names[0] else records[i][name]) for name in names]
    return values
