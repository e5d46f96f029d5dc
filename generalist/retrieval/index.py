"""Index: a folder that holds documents, and the identifiers that a decoder may write.

    meta.json          what it is, over which vocabulary, and the size of every other file
    documents.jsonl    {"id", "title", "text"} a line
    offsets.npy        (D + 1,) int64, bytes where the lines begin, and the end

of titles, with the documents in their order

    identifiers.npy    (D, L) int32, sorted; row i names document i
    shared.npy         (D,) uint16, leading tokens that each row shares with the one before

of n-grams

    tokens.npy         (N,) int32, the documents end to end, -1 after each
    starts.npy         (D + 1,) int64, where each begins, and the end
    suffixes.npy       (N,) int64, the places in the order of what follows them

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
from generalist.retrieval.identifiers import Identifiers
from generalist.retrieval.kinds import KINDS, Arrays
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["FORMAT", "Index", "Meta", "Progress"]

FORMAT: Final = 1

Progress = Callable[[int, int], None]
"""Told (documents done, documents in all) every so often."""

_OFFSETS = {"offsets": (np.int64, 1)}


class Meta(BaseModel):
    """What meta.json says. files: bytes of each other file; identifiers: how many different ones there are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    kind: Literal["title", "ngram"] = "title"
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
        longest: int | None = None,
        kind: Literal["title", "ngram"] = "title",
    ) -> "Index":
        """Writes an index over the documents and opens it. An index already there is replaced.

        kind: what names a document. longest: pieces after which a title is cut, those of the task's ``docid{n}``, for a
        model writes no more; the most pieces of an n-gram.

        Raises:
            Fault: no documents, one without a title (of n-grams: and without a text), or ``folder`` holds something
                other than an index.
        """
        folder = Path(folder)
        if not documents:
            raise Fault(f"{folder}: an index needs at least one document")
        if folder.exists() and not _replaceable(folder):
            raise Fault(f"{folder}: is there already and is no index; name a new folder")

        def done(count: int) -> None:
            if progress is not None and (count % 1000 == 0 or count == len(documents)):
                progress(count, len(documents))

        longest = longest or KINDS[kind].longest
        arrays, order, identifiers = KINDS[kind].make(documents, vocabulary, longest, done)
        meta = {"kind": kind, "longest": longest, "identifiers": identifiers}
        _write(folder, arrays, [documents[i] for i in order], vocabulary, meta)
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
        arrays, lines = _arrays(folder, meta)
        identifiers = KINDS[meta.kind].open(arrays, vocabulary, meta.longest)
        return cls(folder, meta, vocabulary, identifiers, lines, arrays["offsets"])


def _cure(folder: Path) -> str:
    return f"build it with: generalist index CORPUS --out {folder}"


def _replaceable(folder: Path) -> bool:
    """Whether nothing would be lost: only files that an index is made of."""
    arrays = [name for kind in KINDS.values() for name in kind.arrays]
    names = {"meta.json", "documents.jsonl", *(f"{name}.npy" for name in [*arrays, *_OFFSETS])}
    return folder.is_dir() and all(path.name in names for path in folder.iterdir())


def _write(
    folder: Path, arrays: Arrays, documents: Sequence[Document], vocabulary: Vocabulary, about: dict[str, Any]
) -> None:
    """Everything beside the folder, then renamed to it: an index is whole or not there."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(beside / f"{name}.npy", array)
        np.save(beside / "offsets.npy", _write_documents(beside / "documents.jsonl", documents))
        meta = Meta(
            vocabulary=vocabulary.folder.name,
            fingerprint=vocabulary.fingerprint,
            documents=len(documents),
            **about,
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


def _arrays(folder: Path, meta: Meta) -> tuple[Arrays, NDArray[np.uint8]]:
    """The arrays and the bytes of documents.jsonl, memory-mapped, as many as meta.json says."""
    kind = KINDS[meta.kind]
    wanted = kind.arrays | _OFFSETS
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in wanted}
        lines = np.memmap(folder / "documents.jsonl", np.uint8, "r")
    except (OSError, ValueError, EOFError) as error:
        raise Fault(f"{folder}: cannot be read ({str(error).splitlines()[0]}); {_cure(folder)}") from error
    fits = all(arrays[name].dtype == dtype and arrays[name].ndim == axes for name, (dtype, axes) in wanted.items())
    offsets = arrays["offsets"]
    fits = fits and len(offsets) - 1 == meta.documents and offsets[-1] == len(lines)
    if not fits or not kind.fits(arrays, meta.documents):
        raise Fault(f"{folder}: its files do not fit one another; {_cure(folder)}")
    return arrays, lines
