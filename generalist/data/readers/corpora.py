"""Corpora: the documents that are searched, from a folder, a file or the generated world."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from generalist.data.readers.dataset import Spec
from generalist.data.readers.generated import Generated
from generalist.data.readers.layouts import Placed, layout_of
from generalist.faults import Fault
from generalist.sequence.sample import Document

__all__ = ["FIRST_WORDS", "PREFIXES", "Corpus", "corpus", "read_corpus", "titled", "worded"]

FIRST_WORDS = 12
"""Words of its text that stand in for the title of a document that has none."""


PREFIXES = ("beir", "kilt", "scenes")
"""What may stand before a colon in the name of a corpus."""


class Corpus(Iterable[Document]):
    """Every document of a corpus that is not empty, in its order, each with a title that is not blank. One at a time:
    it may be far larger than what is made of it.

    spec: a BEIR folder, ``beir:FOLDER`` or ``kilt:FILE``; a file with one JSON object a line or tab-separated columns,
    also with .gz; a folder of .txt and .md files; or ``scenes[:SPLIT[:N]]``, the documents of the first N generated
    scenes. See ``layouts``.

    Raises:
        Fault: there is no such corpus; while it is read: a line of it is at fault, or names a document that was there
            before, or no document is left; names the file and the line.
    """

    def __init__(self, spec: str | Path):
        self.name = str(spec)
        self.skipped = 0
        """Documents without a title, a text or an image that the last pass left out: nothing could find them."""
        self._scenes: list[Document] | None = None
        reader, _, rest = self.name.partition(":")
        if reader.partition("?")[0] == "scenes" and not Path(self.name).exists():
            self._scenes = _scenes(self.name)
            return
        self.path = Spec.parse(self.name).path if reader == "beir" else Path(rest if reader == "kilt" else self.name)
        beir = self.path / "corpus.jsonl"
        self.path = beir if reader == "beir" or beir.is_file() else self.path
        self._read = layout_of(self.path)

    def __iter__(self) -> Iterator[Document]:
        self.skipped = there = 0
        for document in self.every():
            if worded(document) or document.image:
                there += 1
                yield titled(document)
            else:
                self.skipped += 1
        if not there:
            raise Fault(f"{self.name}: holds no document" + (" that is not empty" if self.skipped else ""))

    def every(self) -> Iterator[Document]:
        """Every document as it is written there, the empty ones too, none twice."""
        if self._scenes is not None:
            yield from self._scenes
            return
        hashes = array("q")
        for _, document in self._placed():
            hashes.append(hash(document.id))
            yield document
        self._none_twice(np.sort(np.frombuffer(hashes, np.int64)))

    def _placed(self) -> Iterator[Placed]:
        return self._read(self.path)

    def _none_twice(self, hashes: np.ndarray) -> None:
        """Only if some hash came twice is the corpus read again, to say where: ids themselves are not kept."""
        twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        places: dict[str, str] = {}
        for where, document in self._placed() if twice else ():
            if hash(document.id) in twice:
                if document.id in places:
                    first = places[document.id].removeprefix(f"{self.path}: ")
                    raise Fault(f"{where}: document {document.id!r} was already on {first}")
                places[document.id] = where


def corpus(spec: str | Path) -> list[Document]:
    """Every document of a corpus as it is written there, the empty ones too: judgements may be of these."""
    return list(Corpus(spec).every())


def read_corpus(spec: str | Path) -> list[Document]:
    """All documents of a ``Corpus``, for one that is small enough to be held at once."""
    return list(Corpus(spec))


def worded(document: Document) -> bool:
    """Whether a document has a title or a text."""
    return bool(document.title.strip() or document.text.strip())


def titled(document: Document) -> Document:
    """The document, with its first words in the place of a title that is blank: what has none cannot be written."""
    if document.title.strip():
        return document
    return replace(document, title=" ".join(document.text.split()[:FIRST_WORDS]) or document.id)


def _scenes(spec: str) -> list[Document]:
    """``scenes:test:500?size=64``: the count is the corpus's, the rest is the reader's."""
    head, mark, options = spec.partition("?")
    name, _, count = head.rpartition(":") if head.count(":") > 1 else (head, "", "")
    if count and not (count.isascii() and count.isdigit() and int(count) > 0):
        raise Fault(f"{spec}: the number of scenes is a whole number above 0, not {count!r}")
    world = Generated(Spec.parse(name + mark + options))
    if count and int(count) > len(world):
        raise Fault(f"{spec}: there are {len(world)} scenes")
    return world.corpus(int(count) if count else None)
