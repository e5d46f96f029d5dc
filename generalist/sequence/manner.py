"""Manner: what a request says of its answer and not of the thing: "with dots", ", box", "? draw a box", "one by one".

Such words tell the task as surely as the verb does, and belong to no name and no phrase. They stand apart at either end
of a request, and all that they hold are words that tell tasks, and words that tell nothing.
"""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from generalist.sequence.english import EMPTY, LONG, QUANTIFIERS, is_empty, listed, trimmed, words
from generalist.sequence.noun import MASS

__all__ = ["Parted", "parted"]

_ADVERB = (
    r"(?:one\s+by\s+one|one\s+(?:for\s+)?each|one\s+apiece|one\s+(?:at\s+a|after)\s+(?:time|another)|individually|separately|on\s+(?:its|their)\s+own"
    r"|each(?:\s+one)?\s+(?:individually|separately|on\s+its\s+own)|by\s+themselves|all\s+together|all\s+told|altogether"
    r"|in\s+total|in\s+all|overall|combined|accurately|precisely|carefully|exactly|tightly)"
)
_LAST_ADVERB = re.compile(rf"[\s,;:-]+(?P<tail>{_ADVERB})[\s.!?]*$", re.I)
_FIRST_ADVERB = re.compile(rf"\s*(?P<tail>{_ADVERB})[\s,]+(?=\S)", re.I)
_WITH = r"(?:with|as|using|in|by|via|through)"
_FIRST_WITH = re.compile(rf"\s*(?P<tail>{_WITH}\s[^,:;]+)[,:;]\s*(?=\S)", re.I)
_APART = re.compile(
    rf"(?P<mark>[?!.;:]\s+|\s+-+\s+|\s*[-=]+>\s*|,\s*|\s(?={_WITH}\s)|\s(?=and\s))(?P<tail>[^?!.;:,]+)[\s.!?]*$", re.I
)
_CLAUSE = re.compile(r"\s(?:that|which|so)\s.*$", re.I)
_DOING = listed(
    """give show return output provide draw put make mark get box mask outline segment trace report tell include add
    highlight point extract produce cut print list compute"""
)
_SHOWING = listed("mark show indicate highlight tag annotate label visualise visualize display")
_SLIGHT = listed("answer reply respond return output provide draw exact exactly tight tightly single one own each only")
_WORN = listed("mask masks")
"""People with masks wear them; people with dots were asked for as dots."""


@dataclass(frozen=True)
class Parted:
    """A request without its manner. said: the stems of all that was taken off. telling: those that tell tasks."""

    text: str
    said: frozenset[str]
    telling: frozenset[str]


def parted(text: str, known: Set[str]) -> Parted:
    """Takes off all that speaks of the answer, as far as the rest still names a thing. known: stems that tell tasks."""
    if len(text) > LONG:
        return Parted(text, frozenset(), frozenset())
    whole, said = text, set[str]()
    text = trimmed(text)
    while True:
        for rest, tail in _ends(text, known):
            found = _said(tail, known, {word.stem for word in words(rest)})
            if found is not None and not all(is_empty(word) or word.stem in known for word in words(rest)):
                text, said = rest, said | found
                break
        else:
            return Parted(text if said else whole, frozenset(said), frozenset(said & known))


def _ends(text: str, known: Set[str]) -> Iterator[tuple[str, str]]:
    """Each way in which the end or the beginning could be manner: the rest, and the manner."""
    if found := _LAST_ADVERB.search(text):
        yield text[: found.start()], found["tail"]
    for pattern in (_FIRST_ADVERB, _FIRST_WITH):
        if found := pattern.match(text):
            yield text[found.end() :], found["tail"]
    for start in [match.start() for match in re.finditer(r"[?!.;:,\s]", text)]:
        found = _APART.match(text, start)
        if found and _stands_apart(text[:start], found["mark"].strip(), found["tail"], known):
            yield text[:start], found["tail"]


def _stands_apart(before: str, mark: str, tail: str, known: Set[str]) -> bool:
    """Whether what stands behind a mark can be manner and no thing among others."""
    said = tail.lower().split()
    means = [word for word in words(_CLAUSE.sub("", tail)) if not is_empty(word)]
    if mark == "," or (mark == ":" and "," in before):
        alone = len(said) == 1 and (said[0].endswith("s") or said[0] in MASS or _is_listed(before, said[0], known))
        return not alone and (bool(re.match(rf"(?:{_WITH}|one)\s", tail, re.I)) or not re.search("[,:]", before))
    if mark:
        return True
    if said[0] == "and":
        return len(said) > 2 and said[1] in _DOING
    if not means or (means[-1].text in _WORN and len(means) == 1 and said[0] == "with"):
        return False
    if said[0] == "as":
        return True
    many = means[-1].text.endswith("s") or len(means) > 1 or bool(QUANTIFIERS.intersection(said))
    return many or bool(_SHOWING.intersection(before.lower().split()[:3]))


def _is_listed(before: str, word: str, known: Set[str]) -> bool:
    """Whether a word behind a comma is the next of the names that a verb began: detect sphere, face; but not box."""
    first = next((one.stem for one in words(before) if not one.silent), "")
    return first in known and word not in _DOING and not word.endswith("ed")


def _said(tail: str, known: Set[str], before: Set[str]) -> set[str] | None:
    """What a manner says, as stems; None where it is none."""
    if re.fullmatch(_ADVERB, tail, re.I):
        return {word.stem for word in words(tail) if not word.silent}
    said = [word for word in words(_CLAUSE.sub("", tail)) if not word.silent and word.text not in EMPTY]
    said = [word for word in said if word.text not in _SLIGHT and word.stem != "picture"]
    said = [word for word in said if word.stem in known or word.stem not in before]  # masks of dogs, one per dog
    if not said or any(word.stem not in known for word in said):
        return None
    return {word.stem for word in said}
