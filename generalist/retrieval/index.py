"""Index: a folder that holds documents, and the identifiers that a decoder may write.

    meta.json        what it is, over which vocabulary, and which shards it has, with the size of every file
    shard-0001 ...   documents, each shard sorted by itself, once for each kind of identifier that names them
    codebook-0001    the centres that codes are of, where these are among the kinds

An index is what its meta.json says. Whatever changes it writes files beside those that are there, then replaces
meta.json in one step, then deletes what that no longer names: a crash at any moment leaves the old index or the new.
"""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from copy import copy
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from generalist.faults import Fault
from generalist.retrieval.coding import Coder, Embedder, coded, learned, open_book, write_book
from generalist.retrieval.identifiers import Identifiers
from generalist.retrieval.kinds import Kind, kinds_of
from generalist.retrieval.meta import Meta, commit, cure, read_meta, replaceable
from generalist.retrieval.shard import Item, Shard, ShardMeta, item, write_shard
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Index", "Progress"]

Progress = Callable[[int, int | None], None]
"""Told (documents done, documents in all if that is known) every so often."""


class Index(Sequence[Document]):
    """A sequence of documents, and ``identifiers``, the Constraint that names them. ``index[i]`` reads one document.

    The documents stand in the order in which they came; those that were removed are not counted. Where several kinds of
    identifier name them, ``identifiers`` are those of the first, and ``view`` gives those of another.
    """

    def __init__(self, folder: Path, meta: Meta, vocabulary: Vocabulary):
        self.folder, self.vocabulary = folder, vocabulary
        self._load(meta)

    def _load(self, meta: Meta) -> None:
        self.meta, self.kinds = meta, kinds_of(meta.kind)
        try:
            self.shards = [Shard(self.folder / one.name, one, self.kinds, self.vocabulary) for one in meta.shards]
        except Fault as fault:
            raise Fault(f"{fault}; {cure(self.folder)}") from fault
        self._look_by(next(iter(self.kinds)))

    def _look_by(self, kind: str) -> None:
        self.kind = kind
        self.identifiers: Identifiers = self.kinds[kind].constraint(
            [shard.held(kind) for shard in self.shards], self.meta.longest[kind]
        )

    def view(self, kind: str) -> "Index":
        """The same documents, named by one of the kinds that name them; to be searched, not to be changed."""
        return self.only([kind])

    def only(self, kinds: Collection[str]) -> "Index":
        """The same of some of the kinds. Raises Fault for one by which the documents have no names."""
        other = copy(self)
        if missing := [kind for kind in kinds if kind not in self.kinds]:
            raise Fault(f"{self.folder}: names documents by {self.meta.kind}, not by {missing[0]}")
        other.kinds = {kind: self.kinds[kind] for kind in kinds}
        other._look_by(next(iter(other.kinds)))
        return other

    @property
    def different(self) -> int:
        """Different identifiers of all shards; those that several shards have, or only removed documents, count too."""
        return sum(shard.identifiers[self.kind] for shard in self.meta.shards)

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
            raise Fault(f"{fault}; {cure(self.folder)}") from fault

    @classmethod
    def build(
        cls,
        documents: Iterable[Document],
        vocabulary: Vocabulary,
        folder: str | Path,
        progress: Progress | None = None,
        longest: int | None = None,
        kind: str = "title",
        vectors: Embedder | None = None,
        codes: str = "tree",
    ) -> "Index":
        """Writes an index over the documents, read one by one, and opens it. An index already there is replaced.

        kind: what names a document; several with + between them, as in ``title+ngram``. longest: pieces after which a
        title is cut, those of the task's ``docid{n}``, for a model writes no more; the most pieces of an n-gram.
        vectors: what codes are made of, by ``codes``, a way of ``codebook``; the documents are then gone through twice.

        Raises:
            Fault: no documents, two of one id, one without a title (of n-grams: and without a text; of codes: no
                vectors), or ``folder`` holds something other than an index.
        """
        folder, kinds = Path(folder), kinds_of(kind)
        if folder.exists() and not replaceable(folder):
            raise Fault(f"{folder}: is there already and is no index; name a new folder")
        bounds = {name: longest or one.longest for name, one in kinds.items()}
        book = None
        if "code" in kinds:
            vectors = _vectors(vectors, folder)
            documents = list(documents) if isinstance(documents, Iterator) else documents
            book, named = learned(documents, vectors, codes, vocabulary)
            documents = _Named(documents, named)

        def change(shards: tuple[ShardMeta, ...]) -> Meta:
            if not shards:
                raise Fault(f"{folder}: an index needs at least one document")
            kept = None if book is None or vectors is None else write_book(folder, book, vectors)
            return Meta(kind=kind, vocabulary=vocabulary.folder.name, fingerprint=vocabulary.fingerprint,
                        longest=bounds, shards=shards, codebook=kept)  # fmt: skip

        items = _items(documents, vocabulary, kinds, bounds, progress)
        return cls(folder, _written(folder, items, vocabulary, kinds, change), vocabulary)

    @classmethod
    def open(cls, folder: str | Path, vocabulary: Vocabulary) -> "Index":
        """Opens an index to be searched by a model of this vocabulary.

        Raises:
            Fault: no such folder, no index, cut short, or of another vocabulary; names the folder and the cure.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise Fault(f"{folder}: there is no such index folder; {cure(folder)}")
        meta = read_meta(folder)
        if meta.fingerprint != vocabulary.fingerprint:
            raise Fault(f"{folder}: is of another vocabulary ({meta.vocabulary!r}) than the model; {cure(folder)}")
        return cls(folder, meta, vocabulary)

    def add(
        self, documents: Iterable[Document], progress: Progress | None = None, vectors: Embedder | None = None
    ) -> int:
        """Writes a new shard of the documents beside the others, which are not touched; returns how many they are.

        vectors: as ``build`` had them, where documents are named by codes: they take those of the nearest centres.

        Raises:
            Fault: two have one id, an id is there already, or one cannot be named; then nothing has changed.
        """
        before = len(self)
        if self.meta.codebook is not None:
            vectors = _vectors(vectors, self.folder)
            book = open_book(self.folder, self.meta.codebook, vectors)
            documents = coded(documents, vectors, Coder(book, self.vocabulary, self.view("code").identifiers))

        def change(shards: tuple[ShardMeta, ...]) -> Meta:
            return self._changed((*self.meta.shards, *shards))

        items = _items(documents, self.vocabulary, self.kinds, self.meta.longest, progress)
        self._load(_written(self.folder, items, self.vocabulary, self.kinds, change, self.shards))
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
        commit(self.folder, meta)
        self._load(meta)
        return len(wanted)

    def merge(self) -> None:
        """Writes all documents that are left as one shard, or as few as hold them, in place of all shards."""
        self._load(
            _written(
                self.folder,
                (one for shard in self.shards for one in shard.items()),
                self.vocabulary,
                self.kinds,
                self._changed,
            )  # fmt: skip
        )

    def _changed(self, shards: tuple[ShardMeta, ...]) -> Meta:
        self._unchanged()
        return self.meta.model_copy(update={"shards": shards, "change": self.meta.change + 1})

    def _unchanged(self) -> None:
        if read_meta(self.folder) != self.meta:
            raise Fault(f"{self.folder}: was changed by someone else since it was opened; try again")


def _vectors(vectors: Embedder | None, folder: Path) -> Embedder:
    if vectors is None:
        raise Fault(f"{folder}: codes are made of what a model makes of the documents, and no model is there to ask")
    return vectors


class _Named(Iterable[Document]):
    """Documents, gone through again, with the codes that they were given."""

    def __init__(self, documents: Iterable[Document], codes: Sequence[str]):
        self._documents, self._codes = documents, codes

    def __len__(self) -> int:
        return len(self._codes)

    def __iter__(self) -> Iterator[Document]:
        for document, code in zip(self._documents, self._codes, strict=True):
            yield replace(document, code=code)


def _items(
    documents: Iterable[Document],
    vocabulary: Vocabulary,
    kinds: Mapping[str, Kind],
    longest: Mapping[str, int],
    progress: Progress | None,
) -> Iterator[Item]:
    total = len(documents) if isinstance(documents, Sized) else None
    number = 0
    for number, document in enumerate(documents, 1):
        yield item(document, [kind.tokens(document, vocabulary, longest[name]) for name, kind in kinds.items()])
        if progress is not None and number % 1000 == 0:
            progress(number, total)
    if progress is not None and number % 1000:
        progress(number, total)


def _written(
    folder: Path,
    items: Iterator[Item],
    vocabulary: Vocabulary,
    kinds: Mapping[str, Kind],
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
        while (written := write_shard(folder / next(free), items, kinds, vocabulary)) is not None:
            shards.append(written)
        opened = [Shard(folder / one.name, one, kinds, vocabulary) for one in shards]
        _no_id_twice(folder, [*beside, *opened])
        meta = change(tuple(shards))
        commit(folder, meta)
        return meta
    except BaseException as error:
        # What is not named by meta.json is nobody's: nothing of a failed change stays.
        for path in folder.glob("*") if new else [folder / one.name for one in shards]:
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
