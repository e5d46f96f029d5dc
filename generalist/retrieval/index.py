"""Index: a folder that holds documents, and the identifiers that a decoder may write.

    meta.json        what it is, over which vocabulary, and which shards it has, with the size of every file
    shard-0001 ...   documents, each shard sorted by itself

An index is what its meta.json says. Whatever changes it writes files beside those that are there, then replaces
meta.json in one step, then deletes what that no longer names: a crash at any moment leaves the old index or the new.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generalist.faults import Fault
from generalist.retrieval.kinds import KINDS
from generalist.retrieval.shard import Item, Shard, ShardMeta, item, write_shard
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["FORMAT", "Index", "Meta", "Progress"]

FORMAT: Final = 2

Progress = Callable[[int, int | None], None]
"""Told (documents done, documents in all if that is known) every so often."""

_EARLIER = {"documents.jsonl", *(f"{name}.npy" for name in
            ("offsets", "identifiers", "shared", "tokens", "starts", "suffixes"))}  # fmt: skip
"""Files that indexes of format 1 had in the folder itself."""


class Meta(BaseModel):
    """What meta.json says. change: how often the index was changed since it was built."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[2] = FORMAT
    kind: str = Field("title", pattern="^(title|ngram)$")
    vocabulary: str
    fingerprint: str
    longest: int = Field(ge=1)
    change: int = Field(default=0, ge=0)
    shards: tuple[ShardMeta, ...] = Field(min_length=1)

    @property
    def identifiers(self) -> int:
        """Different identifiers of all shards; those that several shards have, or only removed documents, count too."""
        return sum(shard.identifiers for shard in self.shards)


class Index(Sequence[Document]):
    """A sequence of documents, and ``identifiers``, the Constraint that names them. ``index[i]`` reads one document.

    The documents stand in the order in which they came; those that were removed are not counted.
    """

    def __init__(self, folder: Path, meta: Meta, vocabulary: Vocabulary):
        self.folder, self.vocabulary = folder, vocabulary
        self._load(meta)

    def _load(self, meta: Meta) -> None:
        self.meta, kind = meta, KINDS[meta.kind]
        try:
            self.shards = [Shard(self.folder / one.name, one, kind, self.vocabulary) for one in meta.shards]
        except Fault as fault:
            raise Fault(f"{fault}; {_cure(self.folder)}") from fault
        self.identifiers = kind.constraint([shard.held for shard in self.shards], meta.longest)

    def __len__(self) -> int:
        return len(self.identifiers)

    def __getitem__(self, at: Any) -> Any:
        """Document ``at``, in the order in which they came; a slice gives a list."""
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"document {at} of {len(self)}")
        shard, place = self.identifiers.locate(int(at) % len(self))
        try:
            return self.shards[shard][place]
        except Fault as fault:
            raise Fault(f"{fault}; {_cure(self.folder)}") from fault

    @classmethod
    def build(
        cls,
        documents: Iterable[Document],
        vocabulary: Vocabulary,
        folder: str | Path,
        progress: Progress | None = None,
        longest: int | None = None,
        kind: str = "title",
    ) -> "Index":
        """Writes an index over the documents, read one by one, and opens it. An index already there is replaced.

        kind: what names a document. longest: pieces after which a title is cut, those of the task's ``docid{n}``, for a
        model writes no more; the most pieces of an n-gram.

        Raises:
            Fault: no documents, two of one id, one without a title (of n-grams: and without a text), or ``folder``
                holds something other than an index.
        """
        folder = Path(folder)
        if folder.exists() and not _replaceable(folder):
            raise Fault(f"{folder}: is there already and is no index; name a new folder")
        longest = longest or KINDS[kind].longest

        def change(shards: tuple[ShardMeta, ...]) -> Meta:
            if not shards:
                raise Fault(f"{folder}: an index needs at least one document")
            return Meta(kind=kind, vocabulary=vocabulary.folder.name, fingerprint=vocabulary.fingerprint,
                        longest=longest, shards=shards)  # fmt: skip

        items = _items(documents, vocabulary, kind, longest, progress)
        return cls(folder, _written(folder, items, vocabulary, kind, change), vocabulary)

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
        return cls(folder, meta, vocabulary)

    def add(self, documents: Iterable[Document], progress: Progress | None = None) -> int:
        """Writes a new shard of the documents beside the others, which are not touched; returns how many they are.

        Raises:
            Fault: two have one id, an id is there already, or one cannot be named; then nothing has changed.
        """
        before = len(self)

        def change(shards: tuple[ShardMeta, ...]) -> Meta:
            return self._changed((*self.meta.shards, *shards))

        items = _items(documents, self.vocabulary, self.meta.kind, self.meta.longest, progress)
        self._load(_written(self.folder, items, self.vocabulary, self.meta.kind, change, self.shards))
        return len(self) - before

    def remove(self, ids: Iterable[str]) -> int:
        """Marks documents as removed, which hides them and whatever only they hold at once; returns how many they are.

        Raises:
            Fault: there is no such document, or none would be left; then nothing has changed.
        """
        wanted = dict.fromkeys(ids)
        found = [shard.look_up(wanted) for shard in self.shards]
        missing = [identity for identity in wanted if not any(identity in one for one in found)]
        if missing:
            more = f", nor {len(missing) - 1:,} more of those to remove" if len(missing) > 1 else ""
            raise Fault(f"{self.folder}: there is no document {missing[0]!r} to remove{more}")
        if len(wanted) == len(self):
            raise Fault(f"{self.folder}: no document would be left; build an index of others instead")
        self._unchanged()
        shards = []
        for shard, one in zip(self.shards, found, strict=True):
            if len(one) < shard.meta.documents - len(shard.removed):
                places = np.asarray(sorted(one.values()), np.int64)
                shards.append(shard.without(places, self.meta.change + 1) if one else shard.meta)
        meta = self._changed(tuple(shards))
        _commit(self.folder, meta)
        self._load(meta)
        return len(wanted)

    def merge(self) -> None:
        """Writes all documents that are left as one shard, or as few as hold them, in place of all shards."""
        self._load(
            _written(
                self.folder,
                (one for shard in self.shards for one in shard.items()),
                self.vocabulary,
                self.meta.kind,
                self._changed,
            )  # fmt: skip
        )

    def _changed(self, shards: tuple[ShardMeta, ...]) -> Meta:
        self._unchanged()
        return self.meta.model_copy(update={"shards": shards, "change": self.meta.change + 1})

    def _unchanged(self) -> None:
        if _read_meta(self.folder) != self.meta:
            raise Fault(f"{self.folder}: was changed by someone else since it was opened; try again")


def _cure(folder: Path) -> str:
    return f"build it with: generalist index CORPUS --out {folder}"


def _replaceable(folder: Path) -> bool:
    """Whether nothing would be lost: only what an index is made of."""
    known = {"meta.json", "meta.json.part", *_EARLIER}
    return folder.is_dir() and all(path.name in known or path.name.startswith("shard-") for path in folder.iterdir())


def _items(
    documents: Iterable[Document], vocabulary: Vocabulary, kind: str, longest: int, progress: Progress | None
) -> Iterator[Item]:
    total = len(documents) if isinstance(documents, Sized) else None
    number = 0
    for number, document in enumerate(documents, 1):
        yield item(document, KINDS[kind].tokens(document, vocabulary, longest))
        if progress is not None and number % 1000 == 0:
            progress(number, total)
    if progress is not None and number % 1000:
        progress(number, total)


def _written(
    folder: Path,
    items: Iterator[Item],
    vocabulary: Vocabulary,
    kind: str,
    change: Callable[[tuple[ShardMeta, ...]], Meta],
    beside: Sequence[Shard] = (),
) -> Meta:
    """Writes items as new shards and then the meta.json that ``change`` makes of them; all of it or nothing.

    beside: the shards that stay, whose ids the items may not have.
    """
    new = not folder.exists()
    shards: list[ShardMeta] = []
    try:
        free = (f"shard-{number:04}" for number in count(1) if not list(folder.glob(f"shard-{number:04}*")))
        while (written := write_shard(folder / next(free), items, KINDS[kind], vocabulary)) is not None:
            shards.append(written)
        opened = [Shard(folder / one.name, one, KINDS[kind], vocabulary) for one in shards]
        _no_id_twice(folder, [*beside, *opened])
        meta = change(tuple(shards))
        _commit(folder, meta)
        return meta
    except BaseException as error:
        # What is not named by meta.json is nobody's: nothing of a failed change stays.
        for path in folder.glob("shard-*") if new else [folder / one.name for one in shards]:
            shutil.rmtree(path, ignore_errors=True)
        for path in folder.glob("shard-*.part"):
            shutil.rmtree(path, ignore_errors=True)
        if new and folder.exists():
            folder.rmdir()
        if isinstance(error, OSError):
            raise Fault(f"{folder}: cannot be written ({error.strerror or error})") from error
        raise


def _no_id_twice(folder: Path, shards: Sequence[Shard]) -> None:
    kept = [np.setdiff1d(np.arange(shard.meta.documents), shard.removed) for shard in shards]
    hashes = [shard.hashes[at] for shard, at in zip(shards, kept, strict=True)]
    ordered = np.sort(np.concatenate([np.zeros(0, np.uint64), *hashes]))
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return
    seen: set[str] = set()
    for shard, at in zip(shards, kept, strict=True):
        for place in at[np.isin(shard.hashes[at], twice)].tolist():
            identity = shard[place].id
            if identity in seen:
                raise Fault(f"{folder}: document {identity!r} would be there twice")
            seen.add(identity)


def _commit(folder: Path, meta: Meta) -> None:
    """From one moment to the next the index is what ``meta`` says. Then what it does not name is deleted."""
    part = folder / "meta.json.part"
    part.write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(part, folder / "meta.json")
    files = {shard.name: shard.files for shard in meta.shards}
    for path in folder.iterdir():
        if path.is_dir() and path.name not in files:
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            for file in path.iterdir():
                if file.name not in files[path.name]:
                    file.unlink(missing_ok=True)
        elif path.name != "meta.json":
            path.unlink(missing_ok=True)


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
