"""Kinds of identifiers: how each is made of documents, which arrays hold it, and what a decoder is given of these."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.retrieval.identifiers import Identifiers, SortedIdentifiers, shared_lengths, sort_identifiers
from generalist.retrieval.substrings import Substrings, laid_out, suffix_array
from generalist.sequence.sample import Document
from generalist.sequence.units.text import fold
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["KINDS", "Arrays", "Kind", "Made", "document_tokens", "title_identifier"]

Arrays = dict[str, NDArray[Any]]
Made = tuple[Arrays, NDArray[np.int64], int]
"""The arrays, the order in which the documents stand in them, and how many different identifiers there are."""


class Kind(ABC):
    """arrays: dtype and axes of each array of an index. longest: most tokens of an identifier unless one says.
    task: the shipped task that writes them."""

    arrays: dict[str, tuple[type, int]]
    longest: int
    task: str

    @abstractmethod
    def make(
        self, documents: Sequence[Document], vocabulary: Vocabulary, longest: int, done: Callable[[int], None]
    ) -> Made:
        """Reads documents one by one, telling how many are done. Raises Fault for one that cannot be named."""

    @abstractmethod
    def fits(self, arrays: Arrays, documents: int) -> bool:
        """Whether the arrays are those of so many documents."""

    @abstractmethod
    def open(self, arrays: Arrays, vocabulary: Vocabulary, longest: int) -> Identifiers:
        """The constraint that the arrays are."""


class Titles(Kind):
    """Whole titles, after GENRE: an identifier names every document of this title."""

    arrays = {"identifiers": (np.int32, 2), "shared": (np.uint16, 1)}
    task = "retrieve"
    longest = 48  # without the end token: as many pieces as the answer of the shipped ``retrieve`` task, ``docid{48}``

    def make(
        self, documents: Sequence[Document], vocabulary: Vocabulary, longest: int, done: Callable[[int], None]
    ) -> Made:
        identifiers = []
        for i, document in enumerate(documents):
            identifiers.append(title_identifier(document, vocabulary, longest))
            done(i + 1)
        matrix, order = sort_identifiers(identifiers, vocabulary.eos)
        shared = shared_lengths(matrix)
        return {"identifiers": matrix, "shared": shared}, order, int((shared < matrix.shape[1]).sum())

    def fits(self, arrays: Arrays, documents: int) -> bool:
        return len(arrays["identifiers"]) == len(arrays["shared"]) == documents

    def open(self, arrays: Arrays, vocabulary: Vocabulary, longest: int) -> Identifiers:
        return SortedIdentifiers(arrays["identifiers"], vocabulary.eos, arrays["shared"])


class Ngrams(Kind):
    """Any run of tokens of a title or a text, after SEAL: an identifier names every document that holds it."""

    arrays = {"tokens": (np.int32, 1), "starts": (np.int64, 1), "suffixes": (np.int64, 1)}
    longest = 10
    task = "quote"

    def make(
        self, documents: Sequence[Document], vocabulary: Vocabulary, longest: int, done: Callable[[int], None]
    ) -> Made:
        texts = []
        for i, document in enumerate(documents):
            texts.append(document_tokens(document, vocabulary))
            if not texts[-1]:
                raise Fault(f"document {document.id!r} has neither a title nor a text")
            done(i + 1)
        tokens, starts = laid_out(texts)
        arrays: Arrays = {"tokens": tokens, "starts": starts, "suffixes": suffix_array(tokens)}
        return arrays, np.arange(len(documents)), len(tokens)

    def fits(self, arrays: Arrays, documents: int) -> bool:
        tokens, starts, suffixes = (arrays[name] for name in self.arrays)
        return len(starts) == documents + 1 and len(tokens) == len(suffixes) == starts[-1]

    def open(self, arrays: Arrays, vocabulary: Vocabulary, longest: int) -> Identifiers:
        return Substrings(arrays["tokens"], arrays["starts"], arrays["suffixes"], longest)


KINDS: dict[str, Kind] = {"title": Titles(), "ngram": Ngrams()}


def title_identifier(document: Document, vocabulary: Vocabulary, longest: int = Titles.longest) -> list[int]:
    """The tokens that name a document: its title as the retrieve task writes it, cut, and the end token."""
    ids = vocabulary.encode_plain(document.title)[:longest]
    if not ids:
        raise Fault(f"document {document.id!r} has no title")
    return [*ids, vocabulary.eos]


def document_tokens(document: Document, vocabulary: Vocabulary) -> list[int]:
    """A document as the text that its substrings are of: its title and its text, without case."""
    return [*vocabulary.encode_plain(fold(document.title)), *vocabulary.encode_plain(fold(document.text))]
