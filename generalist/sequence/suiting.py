"""Suiting: how well a text is what a field holds: a phrase is one thing, labels are many, a question asks."""

import re
from collections.abc import Set

from generalist.sequence.english import bared, is_empty, is_order, listed, stem, trimmed, words
from generalist.sequence.noun import Number, is_definite, number_of
from generalist.sequence.place import unplaced
from generalist.sequence.pointing import is_pointing

__all__ = ["FITS", "WHOLE", "asked", "named"]

WHOLE = 0.5
"""For a form that fits the whole of a text."""
FITS: dict[str, dict[Number, float]] = {
    "labels": {"each": 0.5, "many": 0.4, "either": 0.7, "kind": 0.25, "some": 0.1, "one": -0.35},
    "phrase": {"each": -0.9, "many": -0.7, "either": -0.7, "kind": -0.1, "some": 0.0, "one": 0.5},
}
NAMED = 0.35  # for a thing that is named, and nothing said of it
SENTENCES = 0.6  # for a name that has a sentence end within
WHICH = 0.4  # which animal is asleep: asks of a thing that no task speaks of
TRUTH = 0.2  # whether something is so; of a list, which is
CHOICE = 0.5  # of a question that names its answers

_WHICH = re.compile(
    r"(?:which|what)\s+(?:(?:type|kind|sort|colou?r|brand|make|species|breed)\s+of\s+)?(\w+)\s+"
    r"(?:is|are|was|were|has|have|does|do|did|will|can)\s",
    re.I,
)
_NEVER_FIRST = {"phrase": listed("for of with by to from as at round around"), "labels": listed("round around")}
_HERE_A = re.compile(r"\b(?:here|there|this|it)\s+(?:a|an)\s", re.I)
_EVERY = re.compile(r"\w\s+(?:of|for)\s+(?:every|each|all)\s", re.I)
"""The outline of every wagon is no one thing."""
_TRUTH = listed("does did has was were should")
_THERE = re.compile(r"(?:is|are)\s+there\b[^.?!,]*\?*$", re.I)
_NO_CHOICE = listed("who where when why how")
_CHOICE = re.compile(r"[,:–-]\s*(?!the\b)(?:an?\s+)?[\w-]+(?:\s[\w-]+)?(?:,[^,?]+)*,?\s+or\s+(?!the\b)[^,?]+\?*$", re.I)
"""What is it, an oak or a beech? - asks for one of them."""
_END = re.compile(r"[a-z]{3}[.!?]\s+\w")


def named(name: str, text: str, told: bool, pointed: bool) -> float | None:
    """How well a text is a phrase or labels; None where it cannot be.

    told: whether words of a task stand around it. pointed: whether a region says what is meant.
    """
    if pointed and (is_pointing(text) or is_pointing(text.partition(",")[0])):
        return None
    found = words(text)
    if all(map(is_empty, found)) or found[0].text in _NEVER_FIRST[name]:
        return None
    if (_EVERY if name == "phrase" else _HERE_A).search(text):
        return None
    number = number_of(unplaced(trimmed(text)) if name == "labels" else text)
    if number is None or (not told and not is_definite(text, number)):
        return None
    return FITS[name][number] - NAMED * (not told) - SENTENCES * bool(_END.search(text))


def asked(text: str, asks: bool, known: Set[str]) -> float | None:
    """How well a text is a question that no task but one for questions answers; None where it is none.

    asks: whether it is one by its words. known: the stems that tell tasks.
    """
    if not asks and not (text.endswith("?") and not is_order(text)):
        return None
    found = _WHICH.match(bared(text))
    which = WHICH * (found is not None and stem(found[1].lower()) not in known)
    choice = CHOICE * (bool(_CHOICE.search(text)) and words(text)[0].text not in _NO_CHOICE)
    which += WHICH * bool(_THERE.match(text))
    truth = TRUTH * (words(text)[0].text in _TRUTH and "," not in text)
    return which + truth - choice + (1.0 if asks else 0.7) - WHOLE
