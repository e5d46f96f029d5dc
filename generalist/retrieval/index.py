"""Index: a folder that holds documents in the order of their identifiers, and the identifiers that a decoder may write.

    meta.json          what it is, over which vocabulary, and the size of every other file
    identifiers.npy    (D, L) int32, sorted; row i names document i
    shared.npy         (D,) uint16, leading tokens that each row shares with the one before
    documents.jsonl    {"id", "title", "text"} a line, row by row
    offsets.npy        (D + 1,) int64, bytes where the lines begin, and the end

All but meta.json is memory-mapped: opening costs nothing, and a million documents need not be in memory.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generalist.faults import Fault
from generalist.retrieval.identifiers import Identifiers, SortedIdentifiers, shared_lengths, sort_identifiers
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["FORMAT", "LONGEST", "Index", "Meta", "Progress", "title_identifier"]

FORMAT: Final = 1

LONGEST = 48
"""Pieces of a title, without the end token: as many as the answer of the shipped ``retrieve`` task, ``docid{48}``."""

Progress = Callable[[int, int], None]
"""Told (documents done, documents in all) every so often."""

_ARRAYS = {"identifiers": (np.int32, 2), "shared": (np.uint16, 1), "offsets": (np.int64, 1)}


class Meta(BaseModel):
    """What meta.json says. files: bytes of each other file; identifiers: how many different ones there are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    kind: Literal["title"] = "title"
    vocabulary: str
    fingerprint: str
    documents: int = Field(ge=1)
    identifiers: int = Field(ge=1)
    longest: int = Field(ge=1)
    files: dict[str, int]


class Index(Sequence[Document]):
    """A sequence of documents, and ``identifiers``, the Constraint that names them. ``index[i]`` reads one document."""

    def __init__(
        self,
        folder: Path,
        meta: Meta,
        vocabulary: Vocabulary,
        identifiers: Identifiers,
        lines: NDArray[np.uint8],
        offsets: NDArray[np.int64],
    ):
        self.folder, self.meta, self.vocabulary, self.identifiers = folder, meta, vocabulary, identifiers
        self._lines, self._offsets = lines, offsets

    def __len__(self) -> int:
        return self.meta.documents

    def __getitem__(self, at: Any) -> Any:
        """Document ``at``, in the order of identifiers; a slice gives a list."""
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"document {at} of {len(self)}")
        at = int(at) % len(self)
        line = self._lines[self._offsets[at] : self._offsets[at + 1]].tobytes()
        try:
            return Document(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise Fault(f"{self.folder}: documents.jsonl is damaged at line {at + 1}; {_cure(self.folder)}") from error

    @classmethod
    def build(
        cls,
        documents: Sequence[Document],
        vocabulary: Vocabulary,
        folder: str | Path,
        progress: Progress | None = None,
        longest: int = LONGEST,
    ) -> "Index":
        """Writes an index over the documents' titles and opens it. An index already there is replaced.

        longest: pieces after which a title is cut, those of the task's ``docid{n}``: a model writes no more.

        Raises:
            Fault: no documents, a document without a title, or ``folder`` holds something other than an index.
        """
        folder = Path(folder)
        if not documents:
            raise Fault(f"{folder}: an index needs at least one document")
        if folder.exists() and not _replaceable(folder):
            raise Fault(f"{folder}: is there already and is no index; name a new folder")
        identifiers = []
        for i, document in enumerate(documents):
            identifiers.append(title_identifier(document, vocabulary, longest))
            if progress is not None and (i % 1000 == 999 or i + 1 == len(documents)):
                progress(i + 1, len(documents))
        matrix, order = sort_identifiers(identifiers, vocabulary.eos)
        _write(folder, matrix, [documents[i] for i in order], vocabulary, longest)
        return cls.open(folder, vocabulary)

    @classmethod
    def open(cls, folder: str | Path, vocabulary: Vocabulary) -> "Index":
        """Opens an index to be searched by a model of this vocabulary.

        Raises:
            Fault: no such folder, no index, cut short, or of another vocabulary; names the folder and the cure.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise Fault(f"{folder}: there is no such index folder; {_cure(folder)}")
        meta = _read_meta(folder)
        if meta.fingerprint != vocabulary.fingerprint:
            raise Fault(f"{folder}: is of another vocabulary ({meta.vocabulary!r}) than the model; {_cure(folder)}")
        for name, size in meta.files.items():
            if not (folder / name).is_file() or (folder / name).stat().st_size != size:
                raise Fault(f"{folder}: {name} is missing, cut short or changed; {_cure(folder)}")
        matrix, shared, offsets, lines = _arrays(folder, meta)
        return cls(folder, meta, vocabulary, SortedIdentifiers(matrix, vocabulary.eos, shared), lines, offsets)


def title_identifier(document: Document, vocabulary: Vocabulary, longest: int = LONGEST) -> list[int]:
    """The tokens that name a document: its title as the retrieve task writes it, cut, and the end token."""
    ids = vocabulary.encode_plain(document.title)[:longest]
    if not ids:
        raise Fault(f"document {document.id!r} has no title")
    return [*ids, vocabulary.eos]


def _cure(folder: Path) -> str:
    return f"build it with: generalist index CORPUS --out {folder}"


def _replaceable(folder: Path) -> bool:
    """Whether nothing would be lost: only files that an index is made of."""
    names = {"meta.json", "documents.jsonl", *(f"{name}.npy" for name in _ARRAYS)}
    return folder.is_dir() and all(path.name in names for path in folder.iterdir())


def _write(
    folder: Path, matrix: NDArray[np.int32], documents: Sequence[Document], vocabulary: Vocabulary, longest: int
) -> None:
    """Everything beside the folder, then renamed to it: an index is whole or not there."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        shared = shared_lengths(matrix)
        np.save(beside / "identifiers.npy", matrix)
        np.save(beside / "shared.npy", shared)
        np.save(beside / "offsets.npy", _write_documents(beside / "documents.jsonl", documents))
        meta = Meta(
            vocabulary=vocabulary.folder.name,
            fingerprint=vocabulary.fingerprint,
            documents=len(documents),
            identifiers=int((shared < matrix.shape[1]).sum()),
            longest=longest,
            files={path.name: path.stat().st_size for path in sorted(beside.iterdir())},
        )
        (beside / "meta.json").write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        raise Fault(f"{folder}: cannot be written ({error.strerror or error})") from error


def _write_documents(path: Path, documents: Sequence[Document]) -> NDArray[np.int64]:
    offsets = np.zeros(len(documents) + 1, np.int64)
    with path.open("wb") as file:
        for i, document in enumerate(documents):
            record = {"id": document.id, "title": document.title, "text": document.text}
            file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            offsets[i + 1] = file.tell()
    return offsets


def _read_meta(folder: Path) -> Meta:
    try:
        values = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault(f"{folder}: is no index, its meta.json is missing or broken; {_cure(folder)}") from error
    if isinstance(values, dict) and values.get("format", FORMAT) != FORMAT:
        raise Fault(f"{folder}: is an index of format {values['format']}, this version reads {FORMAT}; {_cure(folder)}")
    try:
        return Meta.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise Fault(f"{folder}: meta.json: {where}: {first['msg']}; {_cure(folder)}") from error


def _arrays(folder: Path, meta: Meta) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
    """identifiers, shared, offsets and the bytes of documents.jsonl, memory-mapped, as many as meta.json says."""
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
        lines = np.memmap(folder / "documents.jsonl", np.uint8, "r")
    except (OSError, ValueError, EOFError) as error:
        raise Fault(f"{folder}: cannot be read ({str(error).splitlines()[0]}); {_cure(folder)}") from error
    fits = all(arrays[name].dtype == kind and arrays[name].ndim == axes for name, (kind, axes) in _ARRAYS.items())
    matrix, shared, offsets = arrays["identifiers"], arrays["shared"], arrays["offsets"]
    if not fits or (len(matrix), len(shared), len(offsets) - 1) != (meta.documents,) * 3 or offsets[-1] != len(lines):
        raise Fault(f"{folder}: its files do not fit one another; {_cure(folder)}")
    return matrix, shared, offsets, lines
