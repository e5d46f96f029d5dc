"""``text``: pieces. What ends them is what the file writes after them, or the end of the answer."""

from collections.abc import Sequence

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Pattern, Repeat, of_block
from generalist.sequence.units.unit import Weights

__all__ = ["LONGEST", "DocId", "Ngram", "Text", "fold"]

LONGEST = 64
"""Pieces in an answer when the task file does not say."""


class Text:
    """A string of at least one piece; longer ones are cut at ``size`` pieces."""

    name = "text"
    field = "text"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return Repeat(of_block(frame.vocabulary["text"]), 1, size or LONGEST)

    def encode(self, value: str, frame: Frame, size: int | None) -> list[int]:
        ids = frame.vocabulary.encode_plain(value)[: size or LONGEST]
        if not ids:
            raise ValueError("an empty text cannot be written")
        return ids

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> str:
        return frame.vocabulary.text(ids)


class DocId(Text):
    """``docid``: the identifier of a document, its title spelled as text; an index admits only titles that exist."""

    name = "docid"
    field = "text"


class Ngram(Text):
    """``ngram``: a run of words of a document, without case, from any of its words on; an index admits only runs that
    its documents hold."""

    name = "ngram"
    field = "text"

    def encode(self, value: str, frame: Frame, size: int | None) -> list[int]:
        return super().encode(fold(value), frame, size)


def fold(text: str) -> str:
    """A text without case, as n-grams and the queries for them are: who asks writes names small as often as not."""
    return text.casefold()
