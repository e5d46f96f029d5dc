"""Shard: some documents of an index, and the arrays that their identifiers are sorted in. A folder that never changes,
but for what is removed from it.

    documents.jsonl    {"id", "title", "text"}, and "image" and "code" where there is one, a line
    offsets.npy        (D + 1,) int64, bytes where the lines begin, and the end
    ids.npy            (D,) uint64, a hash of each id: documents are looked up by it
    removed-N.npy      documents removed, uint32, sorted; there only if there are some, as of change N of the index
    gone-KIND-N.npy    all places of these in the order of a kind, uint32, sorted

and for each kind of identifier that the index has: of titles

    identifiers.npy    (D, L) sorted, the mark after each (tokens are uint16, uint32 for vocabularies above 65,535)
    order.npy          (D,) uint32, the document that each row names

of codes the same, as

    codes.npy coded.npy

of n-grams, as ``Suffixes`` has them

    tokens.npy starts.npy suffixes.npy firsts.npy fresh.npy leads.npy nexts.npy

All of it is memory-mapped: opening costs nothing, and a million documents need not be in memory.
"""

import json
import shutil
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_REMOVED: tuple[Any, int] = (np.uint32, 1)


class ShardMeta(BaseModel):
    """What meta.json says of a shard. files: bytes of each file; identifiers: how many different ones there are of
    each kind; removed: how many of its documents are; change: the N of the files that say which."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^shard-\d+$")
    documents: int = Field(ge=1)
    identifiers: dict[str, int]
    removed: int = Field(default=0, ge=0)
    change: int = Field(default=0, ge=0)
    files: dict[str, int]


class Item(NamedTuple):
    """A document on its way into a shard: its line, the hash of its id, its tokens by each kind."""

    line: bytes
    hash: int
    tokens: Sequence[Iterable[int] | NDArray[Any]]


def hash_of(identity: str) -> int:
    """64 bits of an id. What they find is read again: two ids may share them."""
    return int.from_bytes(blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def item(document: Document, tokens: Sequence[Iterable[int]]) -> Item:
    """A document with its tokens by each kind, ready to be written."""
    record = {"id": document.id, "title": document.title, "text": document.text}
    record |= {name: value for name in ("image", "code") if (value := getattr(document, name))}
    return Item(json.dumps(record, ensure_ascii=False).encode() + b"\n", hash_of(document.id), tokens)


def write_shard(
    folder: Path, items: Iterator[Item], kinds: Mapping[str, Kind], vocabulary: Vocabulary
) -> ShardMeta | None:
    """Takes items until there are none, or the shard is full, and writes it: beside, then renamed. Memory grows by the
    bytes of their tokens. None, and no folder, if there was no item."""
    first = next(items, None)
    if first is None:
        return None
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    dtype = np.dtype(token_type(len(vocabulary)))
    held = [(array("I"), bytearray()) for _ in kinds]
    hashes, offsets = array("Q"), array("q", [0])
    with (beside / "documents.jsonl").open("wb") as file:
        for line, hash_, named in chain([first], items):
            file.write(line)
            offsets.append(offsets[-1] + len(line))
            hashes.append(hash_)
            for (lengths, tokens), ids in zip(held, named, strict=True):
                data = np.asarray(ids, dtype).tobytes()
                tokens += data
                lengths.append(len(data) // dtype.itemsize)
            if max(len(tokens) for _, tokens in held) >= MOST_TOKENS * dtype.itemsize:
                break
    arrays: Arrays = {"offsets": np.frombuffer(offsets, np.int64), "ids": np.frombuffer(hashes, np.uint64)}
    identifiers = {}
    for (name, kind), (lengths, tokens) in zip(kinds.items(), held, strict=True):
        starts = begins(np.frombuffer(lengths, np.uint32))
        found, identifiers[name] = kind.sort(np.frombuffer(tokens, dtype), starts, vocabulary)
        arrays |= found
    for name, values in arrays.items():
        np.save(beside / f"{name}.npy", values)
    files = {path.name: path.stat().st_size for path in sorted(beside.iterdir())}
    beside.rename(folder)
    return ShardMeta(name=folder.name, documents=len(hashes), identifiers=identifiers, files=files)


class Shard:
    """An open shard. orders: by kind, what its identifiers are sorted in.

    Raises:
        Fault: a file is missing, cut short or does not fit the others; names the folder.
    """

    def __init__(self, folder: Path, meta: ShardMeta, kinds: Mapping[str, Kind], vocabulary: Vocabulary):
        self.folder, self.meta, self.kinds, self.vocabulary = folder, meta, kinds, vocabulary
        for name, size in meta.files.items():
            if not (folder / name).is_file() or (folder / name).stat().st_size != size:
                raise Fault(f"{folder}: {name} is missing, cut short or changed")
        tombs = [f"{name}-{meta.change}" for name in ("removed", *(f"gone-{kind}" for kind in kinds))]
        wanted = {name: kinds[kind].arrays[name] for kind in kinds for name in kinds[kind].arrays}
        self._held = self._arrays({**wanted, **_STORED, **dict.fromkeys(tombs if meta.removed else (), _REMOVED)})
        self.offsets, self.hashes = self._held["offsets"], self._held["ids"]
        self.removed: Ids = self._held.get(tombs[0], np.zeros(0)).astype(np.int64)
        self.orders = {
            name: kind.order(self._held, vocabulary, self._held.get(tomb))
            for (name, kind), tomb in zip(kinds.items(), tombs[1:], strict=True)
        }

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
        fits = fits and all(kind.fits(arrays, self.meta.documents) for kind in self.kinds.values())
        if not fits or len(removed) != self.meta.removed:
            raise Fault(f"{self.folder}: its files do not fit one another")
        return arrays

    def held(self, kind: str) -> Held:
        """The shard as a constraint of a kind takes it."""
        return Held(self.orders[kind], self.meta.documents, self.removed)

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
        named = [kind.unsort(self._held) for kind in self.kinds.values()]
        kept = np.ones(self.meta.documents, bool)
        kept[self.removed] = False
        for at in np.flatnonzero(kept).tolist():
            tokens = [tokens[starts[at] : starts[at + 1]] for tokens, starts in named]
            yield Item(self.line(at), int(self.hashes[at]), tokens)

    def look_up(self, ids: Iterable[str]) -> dict[str, int]:
        """Which of its documents have these ids; ids that none has, or only a removed one, are left out."""
        wanted = set(ids)
        hashes = np.fromiter(map(hash_of, wanted), np.uint64, len(wanted))
        places = np.setdiff1d(np.flatnonzero(np.isin(self.hashes, hashes)), self.removed)
        return {identity: at for at in places.tolist() if (identity := self[at].id) in wanted}

    def without(self, documents: Ids, change: int) -> ShardMeta:
        """Writes that documents are removed as well, beside what is there, and returns what meta.json then says."""
        removed = np.union1d(self.removed, documents)
        gone = {f"gone-{name}": np.union1d(o.gone, o.places_of(documents)) for name, o in self.orders.items()}
        files = {name: size for name, size in self.meta.files.items() if not name.startswith(("removed-", "gone-"))}
        for name, values in {"removed": removed, **gone}.items():
            path = self.folder / f"{name}-{change}.npy"
            np.save(path, values.astype(np.uint32))
            files[path.name] = path.stat().st_size
        return self.meta.model_copy(update={"removed": len(removed), "change": change, "files": files})
