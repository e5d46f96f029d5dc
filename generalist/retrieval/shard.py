"""Shard: some documents of an index, and the arrays that their identifiers are sorted in. A folder that never changes,
but for what is removed from it.

    documents.jsonl    {"id", "title", "text"}, and "image" where there is one, a line
    offsets.npy        (D + 1,) int64, bytes where the lines begin, and the end
    ids.npy            (D,) uint64, a hash of each id: documents are looked up by it
    removed-N.npy      documents removed, uint32, sorted; there only if there are some, as of change N of the index
    gone-N.npy         all places of these in the order, uint32, sorted

of titles

    identifiers.npy    (D, L) sorted, the mark after each (tokens are uint16, uint32 for vocabularies above 65,535)
    order.npy          (D,) uint32, the document that each row names

of n-grams, as ``Suffixes`` has them

    tokens.npy starts.npy suffixes.npy firsts.npy fresh.npy leads.npy nexts.npy

All of it is memory-mapped: opening costs nothing, and a million documents need not be in memory.
"""

import json
import shutil
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from generalist.faults import Fault
from generalist.retrieval.kinds import Held, Kind
from generalist.retrieval.order import Arrays, Ids, begins, token_type
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Item", "Shard", "ShardMeta", "hash_of", "item", "write_shard"]

MOST_TOKENS = 1 << 28
"""A shard is closed when it has so many: that bounds the memory that sorting takes, and keeps places in 32 bits."""

_STORED: dict[str, tuple[Any, int]] = {"offsets": (np.int64, 1), "ids": (np.uint64, 1)}
_REMOVED: dict[str, tuple[Any, int]] = {"removed": (np.uint32, 1), "gone": (np.uint32, 1)}


class ShardMeta(BaseModel):
    """What meta.json says of a shard. files: bytes of each file; identifiers: how many different ones there are;
    removed: how many of its documents are; change: the N of the files that say which."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^shard-\d+$")
    documents: int = Field(ge=1)
    identifiers: int = Field(ge=1)
    removed: int = Field(default=0, ge=0)
    change: int = Field(default=0, ge=0)
    files: dict[str, int]


class Item(NamedTuple):
    """A document on its way into a shard: its line, the hash of its id, its tokens."""

    line: bytes
    hash: int
    tokens: Iterable[int] | NDArray[Any]


def hash_of(identity: str) -> int:
    """64 bits of an id. What they find is read again: two ids may share them."""
    return int.from_bytes(blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def item(document: Document, tokens: Iterable[int]) -> Item:
    """A document with its tokens, ready to be written."""
    record = {"id": document.id, "title": document.title, "text": document.text}
    if document.image:
        record["image"] = document.image
    return Item(json.dumps(record, ensure_ascii=False).encode() + b"\n", hash_of(document.id), tokens)


def write_shard(folder: Path, items: Iterator[Item], kind: Kind, vocabulary: Vocabulary) -> ShardMeta | None:
    """Takes items until there are none, or the shard is full, and writes it: beside, then renamed. Memory grows by the
    bytes of their tokens. None, and no folder, if there was no item."""
    first = next(items, None)
    if first is None:
        return None
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    dtype = np.dtype(token_type(len(vocabulary)))
    lengths, hashes, tokens = array("I"), array("Q"), bytearray()
    offsets = array("q", [0])
    with (beside / "documents.jsonl").open("wb") as file:
        for line, hash_, ids in chain([first], items):
            file.write(line)
            offsets.append(offsets[-1] + len(line))
            data = np.asarray(ids, dtype).tobytes()
            tokens += data
            lengths.append(len(data) // dtype.itemsize)
            hashes.append(hash_)
            if len(tokens) >= MOST_TOKENS * dtype.itemsize:
                break
    starts = begins(np.frombuffer(lengths, np.uint32))
    arrays, identifiers = kind.sort(np.frombuffer(tokens, dtype), starts, vocabulary)
    arrays |= {"offsets": np.frombuffer(offsets, np.int64), "ids": np.frombuffer(hashes, np.uint64)}
    for name, values in arrays.items():
        np.save(beside / f"{name}.npy", values)
    files = {path.name: path.stat().st_size for path in sorted(beside.iterdir())}
    beside.rename(folder)
    return ShardMeta(name=folder.name, documents=len(lengths), identifiers=identifiers, files=files)


class Shard:
    """An open shard.

    Raises:
        Fault: a file is missing, cut short or does not fit the others; names the folder.
    """

    def __init__(self, folder: Path, meta: ShardMeta, kind: Kind, vocabulary: Vocabulary):
        self.folder, self.meta, self.kind, self.vocabulary = folder, meta, kind, vocabulary
        for name, size in meta.files.items():
            if not (folder / name).is_file() or (folder / name).stat().st_size != size:
                raise Fault(f"{folder}: {name} is missing, cut short or changed")
        tombs = _REMOVED if meta.removed else {}
        arrays = self._arrays({**kind.arrays, **_STORED, **{f"{name}-{meta.change}": tombs[name] for name in tombs}})
        self.offsets, self.hashes = arrays["offsets"], arrays["ids"]
        self.removed: Ids = np.zeros(0, np.int64)
        self.gone = None
        if meta.removed:
            self.removed = arrays[f"removed-{meta.change}"].astype(np.int64)
            self.gone = arrays[f"gone-{meta.change}"]
        self._sorted = {name: arrays[name] for name in kind.arrays}
        self.order = kind.order(self._sorted, vocabulary, self.gone)

    def _arrays(self, wanted: dict[str, tuple[Any, int]]) -> Arrays:
        """The arrays and the bytes of documents.jsonl, memory-mapped, as many as meta.json says."""
        try:
            # Plain views: numpy is slower on its own memory maps.
            arrays = {
                name: np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))
                for name in wanted
            }
            self.lines = np.asarray(np.memmap(self.folder / "documents.jsonl", np.uint8, "r"))
        except (OSError, ValueError, EOFError) as error:
            raise Fault(f"{self.folder}: cannot be read ({str(error).splitlines()[0]})") from error
        types = token_type(len(self.vocabulary))
        fits = all(arrays[name].dtype == (dtype or types) and arrays[name].ndim == axes
                   for name, (dtype, axes) in wanted.items())  # fmt: skip
        offsets, removed = arrays["offsets"], arrays.get(f"removed-{self.meta.change}", ())
        fits = fits and len(offsets) - 1 == len(arrays["ids"]) == self.meta.documents and offsets[-1] == len(self.lines)
        if not fits or len(removed) != self.meta.removed or not self.kind.fits(arrays, self.meta.documents):
            raise Fault(f"{self.folder}: its files do not fit one another")
        return arrays

    @property
    def held(self) -> Held:
        """The shard as a constraint takes it."""
        return Held(self.order, self.meta.documents, self.removed)

    def __getitem__(self, at: int) -> Document:
        """Document ``at`` of the shard, removed or not."""
        try:
            return Document(**json.loads(self.line(at)))
        except (ValueError, TypeError) as error:
            raise Fault(f"{self.folder}: documents.jsonl is damaged at line {at + 1}") from error

    def line(self, at: int) -> bytes:
        """The line of document ``at``."""
        return self.lines[self.offsets[at] : self.offsets[at + 1]].tobytes()

    def items(self) -> Iterator[Item]:
        """Its documents without the removed ones, to be written again."""
        tokens, starts = self.kind.unsort(self._sorted)
        kept = np.ones(self.meta.documents, bool)
        kept[self.removed] = False
        for at in np.flatnonzero(kept).tolist():
            yield Item(self.line(at), int(self.hashes[at]), tokens[starts[at] : starts[at + 1]])

    def look_up(self, ids: Iterable[str]) -> dict[str, int]:
        """Which of its documents have these ids; ids that none has, or only a removed one, are left out."""
        wanted = set(ids)
        hashes = np.fromiter(map(hash_of, wanted), np.uint64, len(wanted))
        places = np.setdiff1d(np.flatnonzero(np.isin(self.hashes, hashes)), self.removed)
        return {identity: at for at in places.tolist() if (identity := self[at].id) in wanted}

    def without(self, documents: Ids, change: int) -> ShardMeta:
        """Writes that documents are removed as well, beside what is there, and returns what meta.json then says."""
        removed = np.union1d(self.removed, documents)
        gone = self.order.places_of(documents)
        gone = gone if self.gone is None else np.union1d(self.gone, gone)
        files = {name: size for name, size in self.meta.files.items() if not name.startswith(tuple(_REMOVED))}
        for name, values in (("removed", removed), ("gone", gone)):
            path = self.folder / f"{name}-{change}.npy"
            np.save(path, values.astype(np.uint32))
            files[path.name] = path.stat().st_size
        return self.meta.model_copy(update={"removed": len(removed), "change": change, "files": files})
