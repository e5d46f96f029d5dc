"""Apart: a text that is given with a request, and stands apart from what is said of it.

A document to be filed, a question to be looked up: in quotation marks, behind a colon, on lines of its own, or as a
sentence beside the sentence that says what to do with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from generalist.sequence.english import is_question

__all__ = ["Apart", "apart"]

_QUOTED = re.compile(r"(?:^|(?<=[\s:(]))(?:\"([^\"]+)\"|“([^”]+)”|‘([^’]+)’|'((?:[^']|'(?=\w))+)')(?=[\s.,;:?!)]|$)")
_Mark = Literal["line", ":", "."]
_MARKS: dict[_Mark, re.Pattern[str]] = {
    "line": re.compile(r"\s*\n\s*"),
    ":": re.compile(r":\s+|\s+[-–]+\s+|\s*[-=]+>\s*"),
    ".": re.compile(r"(?<=[.!?])\s+(?=\S)"),
}
_CAPTION = re.compile(r"^(?:text|document|passage|article|content|query|question)\s*:\s*", re.I)
_BLANK = re.compile(r"\s*\n\s*(?:[\w ]+):?\s*$")
"""A line that is left to be filled in: Identifier:"""
_BEGUN = re.compile(r"(?::|\n)\s*[^\s:]")
_RETURN = re.compile(
    r"([^:]+):\s+(.+[.!?])\s+((?:please|give|return|assign|what|which|how)\b[^.?!]*[.?!]*)", re.I | re.S
)
"""New document: ... Please return its identifier."""
MOST = 30
"""Words of what is said of a text."""


@dataclass(frozen=True, slots=True)
class Apart:
    """said: what is to be done. given: with what, as it was typed, without the marks around it. how: quoted, on a line
    of its own, behind a colon, a sentence."""

    said: str
    given: str
    how: _Mark | Literal['"']

    def stands_for(self, field: str) -> bool:
        """Whether a field of this name is given so: a document anyhow, names and phrases behind a colon."""
        if field == "document":
            return True
        if field == "query":
            return self.how == ":" or (self.how == '"' and " " in self.given) or is_question(self.given)
        return self.how == ":" and ":" not in self.said


def apart(text: str) -> Iterator[Apart]:
    """Every way in which a text could be what is said of another, and that other; the surest mark first."""
    for found in _ways(text.strip()):
        given = _CAPTION.sub("", found.given.strip())
        quoted = _QUOTED.fullmatch(given)
        given = next(filter(None, quoted.groups())).strip() if quoted else given
        if given and found.said.strip() and len(found.said.split()) <= MOST:
            yield replace(found, said=found.said.strip(), given=given)


def _ways(text: str) -> Iterator[Apart]:
    for found in _QUOTED.finditer(text):
        before, after = text[: found.start()], text[found.end() :]
        inline = before.rpartition("\n")[2].strip() or after.partition("\n")[0].strip()
        if _BEGUN.search(before) or ("\n" in text and inline):
            continue  # what is quoted is of a text that has begun: index this: he said "no"
        yield Apart(f"{before} {after}", found[0], '"')
    if before_and_after := _RETURN.fullmatch(text):
        head, body, order = before_and_after.groups()
        yield Apart(f"{head} {order}", body, ":")
    if blank := _BLANK.search(text):
        head, colon, body = text[: blank.start()].partition(":")
        yield Apart(f"{head} {blank[0]}" if colon else blank[0], body if colon else head, "line")
    for how, mark in _MARKS.items():
        cuts = [found.span() for found in mark.finditer(text)]
        if not cuts:
            continue
        (first, begin), (end, last) = cuts[0], cuts[-1]
        yield Apart(text[:first], text[begin:], how)
        yield Apart(text[last:], text[:end], how)
        if len(cuts) > 1:
            yield Apart(f"{text[:first]} {text[last:]}", text[begin:end], how)
