"""Kinds of identifiers: the tokens of a document, the arrays that a shard sorts them into, and what a decoder is given.

A shard takes its documents as tokens, end to end, and gives them back: so shards are merged without reading a text.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.retrieval.identifiers import Identifiers
from generalist.retrieval.order import Arrays, Ids, Order, mark_of
from generalist.retrieval.rows import Rows, row_arrays, tokens_of_rows
from generalist.retrieval.substrings import Substrings
from generalist.retrieval.suffixes import Suffixes, marked, suffix_arrays
from generalist.sequence.sample import Document
from generalist.sequence.units.code import LONGEST, code_ids, code_of
from generalist.sequence.units.text import fold
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["KINDS", "Held", "Kind", "document_tokens", "kinds_of", "title_identifier"]


class Held(NamedTuple):
    """A shard as a constraint takes it. documents: how many it holds; removed: which of them are, sorted."""

    order: Order
    documents: int
    removed: Ids


class Kind(ABC):
    """arrays: dtype and axes of each array of a shard, None for that of tokens. longest: most tokens of an identifier
    unless one says. unit: what a task writes them as. block: of the vocabulary, what they are written in. task: the
    shipped task that does."""

    arrays: dict[str, tuple[type | None, int]]
    longest: int
    unit: str
    block: str = "text"
    task: str

    def among(self, vocabulary: Vocabulary) -> list[int]:
        """The ids that a token of an identifier is chosen from if nothing but the grammar holds the model, sorted."""
        block = vocabulary[self.block]
        return sorted([*range(block.start, block.stop), vocabulary.eos])

    @abstractmethod
    def tokens(self, document: Document, vocabulary: Vocabulary, longest: int) -> list[int]:
        """What a shard holds of a document. Raises Fault for one that cannot be named."""

    def text(self, ids: Sequence[int], vocabulary: Vocabulary) -> str:
        """What people read of tokens that name documents, without the end token."""
        return vocabulary.text(ids)

    @abstractmethod
    def sort(self, tokens: NDArray[Any], starts: Ids, vocabulary: Vocabulary) -> tuple[Arrays, int]:
        """The arrays of documents that stand end to end in ``tokens``, at ``starts`` (D + 1,), and how many different
        identifiers there are."""

    @abstractmethod
    def unsort(self, arrays: Arrays) -> tuple[NDArray[Any], Ids]:
        """The tokens and starts that the arrays were made of."""

    @abstractmethod
    def fits(self, arrays: Arrays, documents: int) -> bool:
        """Whether the arrays are those of so many documents."""

    @abstractmethod
    def order(self, arrays: Arrays, vocabulary: Vocabulary, gone: NDArray[Any] | None = None) -> Order:
        """What the arrays are; gone: the places of removed documents."""

    @abstractmethod
    def constraint(self, shards: Sequence[Held], longest: int) -> Identifiers:
        """The constraint over shards."""


class Whole(Kind):
    """Whole identifiers: one names every document that has it. rows, names: what the two arrays are called, ``Rows``'s
    matrix and its order."""

    rows: str
    names: str

    def sort(self, tokens: NDArray[Any], starts: Ids, vocabulary: Vocabulary) -> tuple[Arrays, int]:
        matrix, order, different = row_arrays(tokens, starts, vocabulary.eos)
        return {self.rows: matrix, self.names: order}, different

    def unsort(self, arrays: Arrays) -> tuple[NDArray[Any], Ids]:
        return tokens_of_rows(arrays[self.rows], arrays[self.names])

    def fits(self, arrays: Arrays, documents: int) -> bool:
        return len(arrays[self.rows]) == len(arrays[self.names]) == documents

    def order(self, arrays: Arrays, vocabulary: Vocabulary, gone: NDArray[Any] | None = None) -> Order:
        return Rows(arrays[self.rows], arrays[self.names], vocabulary.eos, len(vocabulary), gone)

    def constraint(self, shards: Sequence[Held], longest: int) -> Identifiers:
        # An identifier may be far below the bound: a decoder makes room for the longest that there is.
        return Identifiers(*_columns(shards), max(one.order.longest for one in shards if isinstance(one.order, Rows)))


class Titles(Whole):
    """Titles, after GENRE: several documents may have one."""

    arrays = {"identifiers": (None, 2), "order": (np.uint32, 1)}
    rows, names = arrays
    unit = "docid"
    task = "retrieve"
    longest = 48  # without the end token: as many pieces as the answer of the shipped ``retrieve`` task, ``docid{48}``

    def tokens(self, document: Document, vocabulary: Vocabulary, longest: int) -> list[int]:
        return title_identifier(document, vocabulary, longest)


class Codes(Whole):
    """Codes of a ``codebook``, after DSI and TIGER: every document has one of its own."""

    arrays = {"codes": (None, 2), "coded": (np.uint32, 1)}
    rows, names = arrays
    unit = "code"
    block = "doc"
    task = "retrieve_code"
    longest = LONGEST

    def tokens(self, document: Document, vocabulary: Vocabulary, longest: int) -> list[int]:
        if not document.code:
            raise Fault(f"document {document.id!r} has no code")
        return [*code_ids(document.code, vocabulary)[:longest], vocabulary.eos]

    def text(self, ids: Sequence[int], vocabulary: Vocabulary) -> str:
        return code_of(ids, vocabulary)


class Ngrams(Kind):
    """Any run of tokens of a title or a text, after SEAL: an identifier names every document that holds it."""

    arrays = {
        "tokens": (None, 1),
        "starts": (np.uint32, 1),
        "suffixes": (np.uint32, 1),
        "firsts": (np.uint32, 1),
        "fresh": (np.uint8, 2),
        "leads": (np.uint64, 1),
        "nexts": (np.uint8, 2),
    }
    longest = 10
    unit = "ngram"
    task = "quote"

    def tokens(self, document: Document, vocabulary: Vocabulary, longest: int) -> list[int]:
        tokens = document_tokens(document, vocabulary)
        if not tokens:
            raise Fault(f"document {document.id!r} has neither a title nor a text")
        return tokens

    def sort(self, tokens: NDArray[Any], starts: Ids, vocabulary: Vocabulary) -> tuple[Arrays, int]:
        arrays = suffix_arrays(*marked(tokens, starts))
        return arrays, len(arrays["tokens"])

    def unsort(self, arrays: Arrays) -> tuple[NDArray[Any], Ids]:
        tokens, starts = np.asarray(arrays["tokens"]), arrays["starts"].astype(np.int64)
        return tokens[tokens != mark_of(tokens.dtype)], starts - np.arange(len(starts))

    def fits(self, arrays: Arrays, documents: int) -> bool:
        tokens, starts, suffixes, firsts, fresh, leads, nexts = (arrays[name] for name in self.arrays)
        return (
            len(starts) == documents + 1
            and len(tokens) == len(suffixes) == starts[-1]
            and firsts[-1] == len(tokens) - documents
            and fresh.shape[1] == (len(tokens) + 7) // 8
            and nexts.shape == (len(leads), (len(firsts) + 6) // 8)
        )

    def order(self, arrays: Arrays, vocabulary: Vocabulary, gone: NDArray[Any] | None = None) -> Order:
        return Suffixes(**{name: arrays[name] for name in self.arrays}, gone=gone)

    def constraint(self, shards: Sequence[Held], longest: int) -> Identifiers:
        return Substrings(*_columns(shards), longest)


KINDS: dict[str, Kind] = {"title": Titles(), "ngram": Ngrams(), "code": Codes()}


def kinds_of(names: str) -> dict[str, Kind]:
    """The kinds that a text such as ``title+ngram`` names, in its order. Raises Fault for none, or one named twice."""
    wanted = names.split("+")
    for name in wanted:
        if name not in KINDS:
            raise Fault(f"{names}: there is no kind {name!r} of identifier; there are {', '.join(KINDS)}, joined by +")
        if wanted.count(name) > 1:
            raise Fault(f"{names}: names {name!r} twice")
    return {name: KINDS[name] for name in wanted}


def _columns(shards: Sequence[Held]) -> tuple[list[Order], list[int], list[Ids]]:
    return [one.order for one in shards], [one.documents for one in shards], [one.removed for one in shards]


def title_identifier(document: Document, vocabulary: Vocabulary, longest: int = Titles.longest) -> list[int]:
    """The tokens that name a document: its title as the retrieve task writes it, cut, and the end token."""
    ids = vocabulary.encode_plain(document.title)[:longest]
    if not ids:
        raise Fault(f"document {document.id!r} has no title")
    return [*ids, vocabulary.eos]


def document_tokens(document: Document, vocabulary: Vocabulary) -> list[int]:
    """A document as the text that its substrings are of: its title and its text, without case."""
    return [*vocabulary.encode_plain(fold(document.title)), *vocabulary.encode_plain(fold(document.text))]
