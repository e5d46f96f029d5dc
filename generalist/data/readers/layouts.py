"""Layouts: the files that corpora come in, read a document at a time.

Each gives ``(where, Document)``, where the place is named as a fault would name it. A title may be blank.
"""

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from generalist.data.images import IMAGE_SUFFIXES
from generalist.data.readers.files import read_object
from generalist.faults import Fault
from generalist.sequence.sample import Document

__all__ = ["Placed", "json_lines", "layout_of", "tab_separated", "text_files"]

Placed = tuple[str, Document]

TEXT_SUFFIXES = {".txt", ".md"}

COLUMNS = {
    "id": {"id", "_id", "pid", "docid", "doc_id"},
    "text": {"text", "passage", "body", "contents"},
    "title": {"title"},
}
"""What headers of tab-separated files call the columns."""

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)

# KILT marks headings and list items of Wikipedia with words that no article has.
_MARKUP = re.compile(r"(Section::::|BULLET::::-?\s*)")


def layout_of(path: Path) -> Callable[[Path], Iterator[Placed]]:
    """How a file or a folder is to be read. Raises Fault if there is no such thing."""
    if path.is_dir():
        return text_files
    if not path.is_file():
        raise Fault(
            f"{path}: no such file; a corpus is a BEIR folder, a folder of .txt and .md files, a .jsonl or .tsv file, "
            "or scenes:SPLIT"
        )
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return tab_separated if suffixes[-1:] in ([".tsv"], [".tab"]) else json_lines


def json_lines(path: Path) -> Iterator[Placed]:
    """One JSON object a line: ``id`` or ``_id``, ``title``, ``text``, ``image`` (a path, from the file's folder on); or
    those of KILT's knowledge source: ``wikipedia_id``, ``wikipedia_title``, ``text`` as a list of paragraphs."""
    for where, line in _lines(path):
        record = read_object(line, where)
        yield where, _kilt(record, where) if "wikipedia_id" in record else _record(record, path, where)


def tab_separated(path: Path) -> Iterator[Placed]:
    """Columns id, text and, where there is one, title (MS MARCO); a first line that names them may order them otherwise
    (DPR). A column in quotes is unquoted."""
    order: list[str] = ["id", "text", "title"]
    for number, (where, line) in enumerate(_lines(path)):
        cells = [_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")]
        if not number and (named := _header(cells)):
            order = named
            continue
        if not 2 <= len(cells) <= len(order):
            raise Fault(f"{where} has {len(cells)} columns, not {' and '.join(order)} with tabs between them")
        values = dict(zip(order, cells, strict=False))
        yield where, Document(_identity(values.get("id", ""), where), values.get("title", ""), values.get("text", ""))


def text_files(folder: Path) -> Iterator[Placed]:
    """Every .txt and .md file below a folder. The id is its path from there, the title its first heading, which
    is then left out of the text, or its name. The picture beside it that has its name belongs to it."""
    found = sorted(folder.rglob("*"))
    pictures = {path.with_suffix(""): str(path.absolute()) for path in found if path.suffix.lower() in IMAGE_SUFFIXES}
    for path in found:
        if path.suffix.lower() not in TEXT_SUFFIXES or not path.is_file():
            continue
        text = "".join(line for _, line in _lines(path, blank=True))
        heading = _HEADING.search(text) if path.suffix.lower() == ".md" else None
        if heading:
            text = text[: heading.start()] + text[heading.end() :]
        title = heading.group(1) if heading else path.stem if text.strip() else ""
        picture = pictures.get(path.with_suffix(""), "")
        yield str(path), Document(path.relative_to(folder).as_posix(), title, text.strip(), picture)


def _lines(path: Path, blank: bool = False) -> Iterator[tuple[str, str]]:
    """Lines with where they are; without the blank ones unless they are asked for."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            # Bytes, because text would also be cut at U+2028 and the like, which JSON allows inside a string.
            for number, data in enumerate(file, 1):
                where = f"{path}: line {number}"
                try:
                    line = data.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise Fault(f"{where} is not UTF-8 text ({error.reason} at byte {error.start + 1})") from error
                if blank or line.strip():
                    yield where, line
    except (OSError, EOFError) as error:
        raise Fault(f"{path}: cannot be read ({error})") from error


def _record(record: dict[str, Any], path: Path, where: str) -> Document:
    identity = _identity(_text(record, "_id" if "_id" in record else "id", where), where)
    image = _text(record, "image", where)
    # Whoever searches may stand in another folder.
    image = str(path.parent.absolute() / image) if image else ""
    return Document(identity, _text(record, "title", where), _text(record, "text", where), image)


def _kilt(record: dict[str, Any], where: str) -> Document:
    title = _text(record, "wikipedia_title", where)
    paragraphs = record.get("text", [])
    if not isinstance(paragraphs, list) or not all(isinstance(one, str) for one in paragraphs):
        raise Fault(f"{where}: 'text' beside 'wikipedia_id' is a list of paragraphs")
    if paragraphs and paragraphs[0].strip() == title.strip():
        paragraphs = paragraphs[1:]  # every article begins with its title
    text = "\n".join(_clean(_MARKUP.sub("", one)).strip() for one in paragraphs)
    return Document(_identity(_text(record, "wikipedia_id", where), where), title, text)


def _identity(identity: str, where: str) -> str:
    if not identity:
        raise Fault(f"{where} has no 'id' (or '_id')")
    return identity


def _text(record: dict[str, Any], field: str, where: str) -> str:
    value = record.get(field)
    if isinstance(value, (dict, list)):
        raise Fault(f"{where}: {field!r} is a text, not a {type(value).__name__}")
    return "" if value is None else _clean(str(value))


def _clean(text: str) -> str:
    # JSON can spell half of a surrogate pair, which no tokenizer and no file takes.
    return text.encode("utf-8", "replace").decode("utf-8")


def _header(cells: list[str]) -> list[str] | None:
    """The columns that a first line names, if it names them."""
    names = [next((name for name, words in COLUMNS.items() if cell.strip().lower() in words), "") for cell in cells]
    return names if {"id", "text"} <= set(names) and all(names) and len(set(names)) == len(names) else None


def _unquoted(cell: str) -> str:
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if quoted else cell
