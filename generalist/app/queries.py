"""Queries: a file of them, a line each, and each with a fault of its own where there is one."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from generalist.app.documents import Searcher, asking
from generalist.data.readers.files import read_object
from generalist.faults import Fault
from generalist.sequence.sample import Answer, Sample

__all__ = ["Batches", "Queries", "Query"]

BATCH = 8
"""Queries that are read and answered together."""

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Query:
    """What one line asks for: a text, a picture or both. id: what the line says, or its number."""

    id: str
    text: str
    image: Path | None = None


class Queries:
    """The lines of a file that are not blank, read as they are asked for; a Fault in the place of one that is at fault.

    .jsonl: ``{"_id" or "id", "text" or "query", "image"}``, as BEIR's queries.jsonl; a path of an image goes from the
    file's folder on. .tsv: id and text (MS MARCO). Any other file: a text a line. All of them also with .gz.

    Raises:
        Fault: there is no such file, or it cannot be read.
    """

    def __init__(self, path: Path):
        self.path = path
        suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
        reads = {".jsonl": self._record, ".json": self._record, ".tsv": self._columns}
        self._read = reads.get(suffixes[-1] if suffixes else "", self._text)
        self._count = sum(1 for _ in self._lines())
        if not self._count:
            raise Fault(f"{path}: holds no query")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Query | Fault]:
        places: dict[str, int] = {}
        for number, line in self._lines():
            where = f"{self.path}: line {number}"
            try:
                query = self._read(_decoded(line, where), number, where)
                if not query.text and query.image is None:
                    raise Fault(f"{where} has neither a text nor an image")
                if query.id in places:
                    raise Fault(f"{where}: query {query.id!r} was already on line {places[query.id]}")
            except Fault as fault:
                yield fault
                continue
            places[query.id] = number
            yield query

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with _opened(self.path) as file:
                for number, line in enumerate(file, 1):
                    line = line.removeprefix(_MARK) if number == 1 else line
                    if line.strip():
                        yield number, line
        except (OSError, EOFError) as error:
            raise Fault(f"{self.path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error

    def _record(self, line: str, number: int, where: str) -> Query:
        record = read_object(line, where)
        identity, text, image = (
            _text(record, names, where) for names in (("_id", "id"), ("text", "query"), ("image",))
        )
        return Query(identity or str(number), text, self.path.parent / image if image else None)

    def _columns(self, line: str, number: int, where: str) -> Query:
        identity, tab, text = line.partition("\t")
        if not tab or not identity.strip():
            raise Fault(f"{where} is not an id and a text with a tab between them")
        return Query(identity.strip(), text.strip())

    def _text(self, line: str, number: int, where: str) -> Query:
        return Query(str(number), line.strip())


class Batches:
    """The queries of a file answered by a searcher, some at a time.

    answered, faults: how many there were of each, up to now.
    """

    def __init__(self, searcher: Searcher, queries: Queries):
        self.searcher, self.queries = searcher, queries
        self.answered = self.faults = 0

    def __len__(self) -> int:
        return len(self.queries)

    def __call__(
        self,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> Iterator[tuple[Query, Answer]]:
        """Each query with its answer, in their order. What is wrong with one is told to ``on_fault``, and the others
        are answered."""
        part: list[tuple[Query, Sample]] = []
        for query in self.queries:
            try:
                if isinstance(query, Fault):
                    raise query
                part.append((query, asking(query.text, query.image)))
            except Fault as fault:
                self.faults += 1
                on_fault(fault)
                progress(1)
            if len(part) == BATCH:
                yield from self._told(part, progress)
                part = []
        if part:
            yield from self._told(part, progress)

    def _told(
        self, part: list[tuple[Query, Sample]], progress: Callable[[int], None]
    ) -> Iterator[tuple[Query, Answer]]:
        answers = self.searcher([request for _, request in part])
        for (query, _), answer in zip(part, answers, strict=True):
            answer.image = None if query.image is None else str(query.image)
            yield query, answer
        self.answered += len(part)
        progress(len(part))


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault(f"{where} is not UTF-8 text ({error.reason} at byte {error.start + 1})") from error


def _text(record: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    """The first of these fields that is there, as a text. An id may be a number."""
    value = next((record[name] for name in names if record.get(name) is not None), "")
    if isinstance(value, dict | list | bool):
        raise Fault(f"{where}: {names[0]!r} is a text, not a {type(value).__name__}")
    # JSON can spell half of a surrogate pair, which no tokenizer and no file takes.
    return str(value).encode("utf-8", "replace").decode("utf-8").strip()
