"""Passages: a document in pieces that a model can read at once, each under the title, without case."""

from collections.abc import Sequence

from generalist.data.quotes import key_of, words_of
from generalist.sequence.sample import Document
from generalist.sequence.units.text import fold

__all__ = ["ROOM", "passage_of", "passages"]

ROOM = 100
"""Words of a passage: some 190 pieces, of the 256 places that an instruction has."""


def passages(document: Document) -> list[str]:
    """All passages of a document, in order; one of the title alone if it has no text."""
    words = words_of(document.text)
    parts = [" ".join(words[at : at + ROOM]) for at in range(0, len(words), ROOM)] or [""]
    return [fold(f"{document.title} {part}").strip() for part in parts]


def passage_of(parts: Sequence[str], query: str) -> int:
    """Which of the passages most of a query's words stand in; the first of those that are alike."""
    asked = {key_of(word) for word in words_of(query)}
    return max(range(len(parts)), key=lambda i: len(asked & set(map(key_of, words_of(parts[i])))))
