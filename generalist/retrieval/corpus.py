"""Corpora: the documents that an index is built over, from a folder, a file or the generated world."""

import json
from collections.abc import Iterator
from pathlib import Path

from generalist.data.readers import Spec, open_data
from generalist.data.readers.generated import Generated
from generalist.faults import Fault
from generalist.sequence.sample import Document

__all__ = ["FIRST_WORDS", "read_corpus"]

FIRST_WORDS = 12
"""Words of its text that stand in for the title of a document that has none."""


def read_corpus(spec: str | Path) -> list[Document]:
    """Every document of a corpus, in its order, each with a title that is not blank.

    spec: a BEIR folder, or ``beir:FOLDER``; a file with one JSON object a line (``id`` or ``_id``, ``title``,
    ``text``); or ``scenes[:SPLIT[:N]]``, the documents of the first N generated scenes.

    Raises:
        Fault: there is no such corpus, it has no document, or a line of it is at fault; names the file and the line.
    """
    text = str(spec)
    if text.partition(":")[0].partition("?")[0] == "scenes" and not Path(text).exists():
        return _scenes(text)
    path = Spec.parse(text).path if text.startswith("beir:") else Path(text)
    file = path / "corpus.jsonl" if path.is_dir() else path
    documents = list(_documents(file))
    if not documents:
        raise Fault(f"{file}: holds no document")
    return documents


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


def _documents(file: Path) -> Iterator[Document]:
    """The documents of a file, a line at a time: a corpus may be far larger than what is made of it."""
    lines: dict[str, int] = {}
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                where = f"{file}: line {number}"
                document = _document(line, where)
                if document.id in lines:
                    raise Fault(f"{where}: document {document.id!r} was already on line {lines[document.id]}")
                lines[document.id] = number
                yield document
    except FileNotFoundError as error:
        raise Fault(f"{file}: no such file; a corpus is a BEIR folder, a .jsonl file or scenes:SPLIT") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{file}: not readable as UTF-8 text ({error})") from error


def _document(line: str, where: str) -> Document:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Fault(f"{where} is not JSON ({error})") from error
    if not isinstance(record, dict):
        raise Fault(f"{where} is not a JSON object")
    identity = _text(record, "_id" if "_id" in record else "id", where)
    title, text = _text(record, "title", where), _text(record, "text", where)
    if not identity:
        raise Fault(f"{where} has no 'id' (or '_id')")
    return Document(identity, title if title.strip() else " ".join(text.split()[:FIRST_WORDS]) or identity, text)


def _text(record: dict[str, object], field: str, where: str) -> str:
    value = record.get(field)
    if isinstance(value, (dict, list)):
        raise Fault(f"{where}: {field!r} is a text, not a {type(value).__name__}")
    # JSON can spell half of a surrogate pair, which no tokenizer and no file takes.
    return "" if value is None else str(value).encode("utf-8", "replace").decode("utf-8")
