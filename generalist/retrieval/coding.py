"""Coding: documents are given their codes, by a codebook and by what is already named so; and the codebook on disk.

codebook-0001    a folder beside the shards, of the arrays of ``Tree`` or ``Residual``
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from generalist.faults import Fault
from generalist.retrieval.codebook import BOOKS, LEVELS, Codebook, codes_of_a_level, number_digits, number_of
from generalist.retrieval.identifiers import Identifiers
from generalist.retrieval.rows import Rows
from generalist.sequence.sample import Document
from generalist.sequence.units.code import code_of
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["BookMeta", "Coder", "Embedder", "coded", "learned", "open_book", "write_book"]

PART = 1024
"""Documents that are read by the model, and coded, together."""


class Embedder(Protocol):
    """What gives documents their vectors (D, W) float32, see ``Vectors``. fingerprint: tells it from any other."""

    @property
    def fingerprint(self) -> str: ...
    def __call__(self, documents: Sequence[Document]) -> NDArray[np.float32]: ...


class BookMeta(BaseModel):
    """What meta.json says of a codebook. vectors: the fingerprint of what gave its vectors; files: bytes of each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^codebook-\d+$")
    method: str = Field(pattern=f"^({'|'.join(BOOKS)})$")
    vectors: str
    files: dict[str, int]


class Coder:
    """Gives vectors their codes, a document each, and none to two documents.

    Args:
        taken: codes that there are already.
    """

    def __init__(self, book: Codebook, vocabulary: Vocabulary, taken: Identifiers | None = None):
        self.book, self.vocabulary, self.taken = book, vocabulary, taken
        self.codes = codes_of_a_level(len(vocabulary["doc"]))
        self._next: dict[tuple[int, ...], int] = {}

    def __call__(self, vectors: NDArray[np.float32]) -> list[str]:
        """The code of each vector (X, D), as ``Document.code`` has it."""
        block = self.vocabulary["doc"]
        paths = [
            tuple(block[level * self.codes + code] for level, code in enumerate(path) if code >= 0)
            for path in self.book.paths(vectors).tolist()
        ]
        self._look_up(sorted({path for path in paths if path not in self._next}))
        out = []
        for path in paths:
            digits = number_digits(self._next[path], self.codes)
            out.append(code_of([*path, *(block[LEVELS * self.codes + digit] for digit in digits)], self.vocabulary))
            self._next[path] += 1
        return out

    def _look_up(self, paths: list[tuple[int, ...]]) -> None:
        """The first free number of each path: larger numbers sort later, so those of a shard's last place are told."""
        self._next.update(dict.fromkeys(paths, 0))
        if self.taken is None:
            return
        rows = self.taken.find(paths)
        first = self.vocabulary["doc"][LEVELS * self.codes]
        for i, shard in enumerate(self.taken.shards):
            assert isinstance(shard, Rows)
            for path, low, high in zip(paths, rows[:, 2 * i + 1], rows[:, 2 * i + 2], strict=True):
                if low < high:
                    ids = shard.matrix[high - 1, len(path) :].tolist()
                    number = number_of([token - first for token in ids[: ids.index(shard.end)]], self.codes)
                    self._next[path] = max(self._next[path], number + 1)


def learned(
    documents: Iterable[Document], vectors: Embedder, method: str, vocabulary: Vocabulary
) -> tuple[Codebook, list[str]]:
    """A codebook of all documents, and the code of each. Their vectors are held in memory at once, W float32 each.

    Raises:
        Fault: there is no such method.
    """
    if method not in BOOKS:
        raise Fault(f"{method!r} is no way to make codes; there are {', '.join(BOOKS)}")
    parts = [vectors(part) for part in _parts(documents)]
    if not parts:
        raise Fault("an index needs at least one document")
    held = np.concatenate(parts)
    book = BOOKS[method].learn(held, codes_of_a_level(len(vocabulary["doc"])))
    return book, Coder(book, vocabulary)(held)


def coded(documents: Iterable[Document], vectors: Embedder, coder: Coder) -> Iterator[Document]:
    """Documents with the codes that a codebook which is there already gives them."""
    for part in _parts(documents):
        for document, code in zip(part, coder(vectors(part)), strict=True):
            yield replace(document, code=code)


def _parts(documents: Iterable[Document]) -> Iterator[list[Document]]:
    rest = iter(documents)
    while part := list(islice(rest, PART)):
        yield part


# ---- on disk ---------------------------------------------------------------------------------------------------------


def write_book(folder: Path, book: Codebook, vectors: Embedder) -> BookMeta:
    """Writes a codebook into the folder of an index, beside what is there."""
    name = next(name for number in count(1) if not (folder / (name := f"codebook-{number:04}")).exists())
    book.save(folder / name)
    files = {path.name: path.stat().st_size for path in sorted((folder / name).iterdir())}
    method = next(method for method, kind in BOOKS.items() if isinstance(book, kind))
    return BookMeta(name=name, method=method, vectors=vectors.fingerprint, files=files)


def open_book(folder: Path, meta: BookMeta, vectors: Embedder) -> Codebook:
    """The codebook of an index, to code more documents with.

    Raises:
        Fault: it is cut short, or of the vectors of another model.
    """
    if vectors.fingerprint != meta.vectors:
        raise Fault(f"{folder}: its codes are of what another model makes of documents; name that one with --model")
    for name, size in meta.files.items():
        if not (folder / meta.name / name).is_file() or (folder / meta.name / name).stat().st_size != size:
            raise Fault(f"{folder / meta.name}: {name} is missing, cut short or changed")
    return BOOKS[meta.method].load(folder / meta.name)
