"""Corpora: the documents that an index is built over, from a folder, a file or the generated world."""

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from generalist.data.readers import Spec, open_data
from generalist.data.readers.generated import Generated
from generalist.faults import Fault
from generalist.retrieval.layouts import Placed, layout_of
from generalist.retrieval.shard import hash_of
from generalist.sequence.sample import Document

__all__ = ["FIRST_WORDS", "Corpus", "read_corpus", "titled"]

FIRST_WORDS = 12
"""Words of its text that stand in for the title of a document that has none."""


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
        if self._scenes is not None:
            yield from self._scenes
            return
        self.skipped = 0
        hashes = array("Q")
        for _, document in self._placed():
            hashes.append(hash_of(document.id))
            if document.title.strip() or document.text.strip() or document.image:
                yield titled(document)
            else:
                self.skipped += 1
        self._none_twice(np.sort(np.frombuffer(hashes, np.uint64)))
        if len(hashes) == self.skipped:
            raise Fault(f"{self.path}: holds no document" + (" that is not empty" if self.skipped else ""))

    def _placed(self) -> Iterator[Placed]:
        return self._read(self.path)

    def _none_twice(self, hashes: np.ndarray) -> None:
        """Only if some hash came twice is the corpus read again, to say where: ids themselves are not kept."""
        twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        places: dict[str, str] = {}
        for where, document in self._placed() if twice else ():
            if hash_of(document.id) in twice:
                if document.id in places:
                    first = places[document.id].removeprefix(f"{self.path}: ")
                    raise Fault(f"{where}: document {document.id!r} was already on {first}")
                places[document.id] = where


def read_corpus(spec: str | Path) -> list[Document]:
    """All documents of a ``Corpus``, for one that is small enough to be held at once."""
    return list(Corpus(spec))


def titled(document: Document) -> Document:
    """The document, with its first words in the place of a title that is blank: what has none cannot be written."""
    if document.title.strip():
        return document
    title = " ".join(document.text.split()[:FIRST_WORDS]) or document.id
    return Document(document.id, title, document.text, document.image)


def _scenes(spec: str) -> list[Document]:
    """``scenes:test:500?size=64``: the count is the corpus's, the rest is the reader's."""
    head, mark, options = spec.partition("?")
    name, _, count = head.rpartition(":") if head.count(":") > 1 else (head, "", "")
    if count and not (count.isascii() and count.isdigit() and int(count) > 0):
        raise Fault(f"{spec}: the number of scenes is a whole number above 0, not {count!r}")
    world = open_data(name + mark + options)
    assert isinstance(world, Generated)
    if count and int(count) > len(world):
        raise Fault(f"{spec}: there are {len(world)} scenes")
    return world.corpus(int(count) if count else None)
