"""Spans: where runs of tokens stand in the title or the text of a document, in letters."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.sample import Document
from generalist.sequence.units.text import fold
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Spans"]


class Spans:
    """The places of a document's tokens, as an index of n-grams holds them: those of its title, then those of its text,
    both without case."""

    def __init__(self, document: Document, vocabulary: Vocabulary):
        self.title, self.text = (_places(text, vocabulary) for text in (document.title, document.text))

    def __call__(self, start: int, stop: int) -> dict[str, Any]:
        """Tokens ``start`` to ``stop`` as ``{"field": "title" or "text", "span": [first letter, after the last]}``. A
        run from the title into the text is told of the title alone."""
        of_title = start < len(self.title)
        places = self.title if of_title else self.text
        shift = 0 if of_title else len(self.title)
        part = places[start - shift : stop - shift]
        return {"field": "title" if of_title else "text", "span": [int(part[:, 0].min()), int(part[:, 1].max())]}


def _places(text: str, vocabulary: Vocabulary) -> NDArray[np.int64]:
    """(T, 2) the letters of the text that each token of it without case is of."""
    places = np.asarray(vocabulary.places(fold(text)), np.int64).reshape(-1, 2)
    if not len(places):
        return places
    # A letter may be several without case.
    letter = np.repeat(np.arange(len(text)), [len(fold(one)) for one in text])
    out = np.stack([letter[places[:, 0]], letter[places[:, 1] - 1] + 1], 1)
    # The space before a word is a part of its token, and none of the word.
    out[:, 0] += [text[a:b][:1].isspace() and b - a > 1 for a, b in out]
    return out
