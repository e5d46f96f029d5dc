"""Identifiers: what a decoder may write in order to name a document, as intervals of something sorted.

Whatever the kind, a row that writes stands in an interval of each shard, which every token narrows, and which is empty
when nothing there continues as it did. A row may write what any shard allows it; counts add up, and documents are
those of all shards. Documents are numbered through all shards, the removed ones left out.

Legend: S shards, R rows of a decoder, C columns, K sequences of tokens.
"""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from generalist.retrieval.order import Ids, Order, begins
from generalist.sequence.automaton import Allowed, State

__all__ = ["Identifiers"]


class Identifiers:
    """A Constraint by intervals, over whole identifiers or over all that texts hold.

    The state of R rows is (R, 1 + 2S) int64 numpy: the tokens written, then low and high in each shard. Arrays handed
    out pass through ``convert``, and those taken in may be numpy or tensors: the searching itself stays on the host.

    Args:
        shards: each sorted by itself. documents: of each, how many it holds. removed: of each, which of them are
            removed, sorted. bound: tokens after which a row is whole even where something follows.
    """

    _convert: Callable[[NDArray[Any]], Any] = staticmethod(np.asarray)

    def __init__(self, shards: Sequence[Order], documents: Sequence[int], removed: Sequence[Ids], bound: int):
        self.shards, self.removed, self.bound = list(shards), list(removed), bound
        self._first = begins([count - len(gone) for count, gone in zip(documents, self.removed, strict=True)])
        self._size = max((shard.size for shard in self.shards), default=0)

    def __len__(self) -> int:
        """Documents, without those that are removed."""
        return int(self._first[-1])

    def on(self, convert: Callable[[NDArray[Any]], Any]) -> Self:
        """The same constraint, whose arrays go through ``convert``, e.g. to a device."""
        other = copy(self)
        other._convert = convert
        return other

    # ---- the decoder's side --------------------------------------------------------------------------------------

    def start(self, rows: int) -> State:
        return State(self._start(rows), 0)

    def _start(self, rows: int) -> Ids:
        ends = [end for shard in self.shards for end in (0, len(shard))]
        return np.tile(np.asarray([[0, *ends]], np.int64), (rows, 1))

    def allowed(self, state: State) -> Allowed:
        """Columns (C,) int64, sorted: the ids that may come next in any row; mask (R, C) bool: in each.

        A row that is whole, or whose intervals are empty, allows nothing.
        """
        rows, place = _distinct(state.rows)
        whole = self.complete(rows)
        seen = np.zeros(self._size, bool)
        found, written = [], []
        for shard, low, high in self._intervals(rows):
            high = np.where(whole, low, high)
            if known := shard.written_down(low, high, state.step):
                written.append(known)
                high[known[0]] = low[known[0]]
                seen[: known[1].shape[1]] |= known[1].any(0)
            found.append(shard.follow(low, high, state.step))
            seen[found[-1][1]] = True
        columns = np.flatnonzero(seen)
        mask = np.zeros((len(rows), len(columns)), bool)
        column = np.cumsum(seen) - 1
        for row, table in written:
            inside = columns[: np.searchsorted(columns, table.shape[1])]
            mask[row, : len(inside)] |= table if len(inside) == table.shape[1] else table[:, inside]
        for row, token in found:
            mask[row, column[token]] = True
        return Allowed(self._convert(columns), self._convert(_repeated(mask, place)))

    def advance(self, state: State, ids: Any) -> State:
        """States after ``ids`` (R,). A row that is whole stays where it is, whatever it is fed."""
        after = self.narrow(state.rows, _on_host(ids))
        return State(np.where(self.complete(state.rows)[:, None], state.rows, after), state.step + 1)

    def reorder(self, state: State, rows: Any) -> State:
        return State(state.rows[_on_host(rows)], state.step)

    def done(self, state: State) -> Any:
        """(R,) bool: rows that have written a whole identifier."""
        return self._convert(self.complete(state.rows))

    # ---- intervals -----------------------------------------------------------------------------------------------

    def narrow(self, rows: Ids, ids: Ids) -> Ids:
        """The rows (R, 1 + 2S) after ``ids`` (R,); low equals high where nothing is left."""
        depth = rows[:, 0]
        out = [depth + 1]
        for shard, low, high in self._intervals(rows):
            out += shard.narrow(low, high, depth, ids)
        return np.stack(out, 1)

    def complete(self, rows: Ids) -> NDArray[np.bool_]:
        """(R,) bool: rows that have written a whole identifier: up to the bound, or nothing follows anywhere."""
        depth = rows[:, 0]
        held, goes_on = np.zeros((2, len(rows)), bool)
        for shard, low, high in self._intervals(rows):
            some = low < high
            held |= some
            goes_on |= some & ~shard.ended(low, high, np.maximum(depth, 1))
        return held & (depth > 0) & ((depth >= self.bound) | ~goes_on)

    def find(self, sequences: Sequence[Sequence[int]]) -> Ids:
        """The rows (K, 1 + 2S) of sequences of tokens, all narrowed together."""
        lengths = np.asarray([len(ids) for ids in sequences], np.int64)
        ids = np.full((len(sequences), int(lengths.max(initial=0))), -1, np.int64)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
        rows = self._start(len(sequences))
        for step in range(ids.shape[1]):
            longer = np.flatnonzero(lengths > step)
            rows[longer] = self.narrow(rows[longer], ids[longer, step])
        return rows

    def _intervals(self, rows: Ids) -> list[tuple[Order, Ids, Ids]]:
        return [(shard, rows[:, 2 * i + 1], rows[:, 2 * i + 2]) for i, shard in enumerate(self.shards)]

    # ---- documents -----------------------------------------------------------------------------------------------

    def counts(self, rows: Ids) -> Ids:
        """(R,) how many places, or whole identifiers, begin as each row does, those of removed documents left out."""
        counts = np.zeros(len(rows), np.int64)
        for shard, low, high in self._intervals(rows):
            counts += shard.live(low, high)
        return counts

    def count(self, ids: Sequence[int]) -> int:
        """How often the collection holds ``ids``."""
        return int(self.counts(self.find([ids]))[0])

    def documents(self, ids: Sequence[int]) -> Ids:
        """The numbers of the documents that these tokens name, sorted, each once: none for the beginning of a whole
        identifier."""
        rows = self.find([ids])
        found = [
            self.numbers(i, shard.owners(shard.places(int(low), int(high))))
            for i, (shard, (low,), (high,)) in enumerate(self._intervals(rows))
            if low < high and shard.names(low, len(ids))
        ]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *found]))

    def numbers(self, shard: int, owners: Ids) -> Ids:
        """Documents of a shard, none of them removed, as they are numbered through all of them."""
        return owners - np.searchsorted(self.removed[shard], owners) + self._first[shard]

    def locate(self, number: int) -> tuple[int, int]:
        """The shard of a document, and which it is there: the other way round."""
        shard = int(np.searchsorted(self._first, number, "right")) - 1
        removed = self.removed[shard]
        rank = number - self._first[shard]
        return shard, int(rank + np.searchsorted(removed - np.arange(len(removed)), rank, "right"))


def _distinct(rows: Ids) -> tuple[Ids, Ids | None]:
    """Rows, each once, and (R,) which of these each row is, or None where no two are alike. Beams at the start, and
    beams that repeat, stand in one interval, which is looked through once."""
    order = np.lexsort(rows.T)
    ordered = rows[order]
    new = np.append(True, (ordered[1:] != ordered[:-1]).any(1))[: len(rows)]
    if new.all():
        return rows, None
    place = np.empty(len(rows), np.int64)
    place[order] = np.cumsum(new) - 1
    return ordered[new], place


def _repeated(mask: NDArray[np.bool_], place: Ids | None) -> NDArray[np.bool_]:
    if place is None:
        return mask
    # At the start all rows are one: it is shown as often as there are rows, but not copied.
    return as_strided(mask, (len(place), mask.shape[1]), (0, 1)) if len(mask) == 1 else mask[place]


def _on_host(ids: Any) -> Ids:
    return np.asarray(ids.cpu() if hasattr(ids, "cpu") else ids).astype(np.int64)
