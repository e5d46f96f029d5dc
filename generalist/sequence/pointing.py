"""Pointing: the words with which a request refers to a place that was given beside it: this, here, the marked area."""

import re

from generalist.sequence.english import stem, words

__all__ = ["POINTED", "is_pointing"]


def _any(text: str) -> str:
    return "(?:" + "|".join(sorted({stem(word) for word in text.split()}, key=len, reverse=True)) + ")"


_THIS = "(?:this|that|it|these|those|here|there|them|my)"
_AT = "(?:in|at|inside|within|of|around|for|under|on|from|about|below|to|with|into)"
_MARKED = _any(
    """marked selected highlighted given boxed outlined circled drawn bounding oriented rotated clicked indicated shown
    specified scribbled pointed tilted upright binary bounded chosen tapped painted masked axis aligned enclosed"""
)
_PLACE = _any(
    """region area place spot box point mask scribble part thing object item one segment patch location selection shape
    stroke rectangle polygon crop silhouette segmentation zone click pixel entity annotation rbox obb contour line"""
)
_NOUN = f"(?:(?:{_MARKED} )*{_PLACE}(?: {_PLACE})*)"
_DID = f"(?:{_MARKED}|gave|drew|put|mean|provid|pass|circl)"
_I = f"(?: (?:that |which )?i (?:have |just |had )?{_DID}(?: {_AT})?(?: it)?)"
_BARE = f"(?:(?:{_THIS} )?{_NOUN}|{_THIS}(?: (?!{_AT}\\b)\\S+)?|\\S+(?= i )|what is)"

POINTED = f"(?:(?:{_AT} )?{_BARE}(?: (?:{_AT} )?(?:{_THIS}|{_MARKED}|{_THIS} {_NOUN}|{_NOUN}))?{_I}?(?: {_MARKED})?)"
"""A pattern over stems joined by blanks, articles left out."""


def is_pointing(text: str) -> bool:
    """Whether a text names nothing but the place: "this", "the marked area"."""
    return re.fullmatch(POINTED, " ".join(word.stem for word in words(text) if not word.silent)) is not None
