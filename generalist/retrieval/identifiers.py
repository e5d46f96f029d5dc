"""Identifiers: what a decoder may write in order to name a document, as intervals of something sorted.

Whatever the kind, a row that writes stands in an interval of each shard, which every token narrows, and which is empty
when nothing there continues as it did. A row may write what any shard allows it; counts add up, and documents are
those of all shards. Documents are numbered through all shards, the removed ones left out.

Legend: S shards, R rows of a decoder, C columns, K sequences of tokens.
"""

from collections.abc import Callable, Sequence
from copy import copy
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from generalist.retrieval.order import Ids, Order, begins
from generalist.sequence.automaton import Allowed, State

__all__ = ["Identifiers"]

RUNS = 16
"""Runs of columns that are sooner copied one by one than gathered column by column."""

_Pairs = tuple[Ids, NDArray[Any]]


class Identifiers:
    """A Constraint by intervals, over whole identifiers or over all that texts hold.

    The state of R rows is (R, 1 + 2S) int64 numpy: the tokens written, then low and high in each shard; and in ``last``
    (R,) bool which of them are whole, which need not be found out at every turn. Arrays handed
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
        return State(self._start(rows), 0, np.zeros(rows, bool))

    def _start(self, rows: int) -> Ids:
        ends = [end for shard in self.shards for end in (0, len(shard))]
        return np.tile(np.asarray([[0, *ends]], np.int64), (rows, 1))

    def allowed(self, state: State) -> Allowed:
        """Columns (C,) int64, sorted: the ids that may come next in any row; mask (R, C) bool: in each.

        A row that is whole, or whose intervals are empty, allows nothing.
        """
        first, place = _distinct(state.rows)
        written, found, columns = self._follow(state.rows[first], state.last[first], state.step)
        # Where all rows are one, as at the start, it is shown as often as there are rows, but not copied.
        alike = len(first) == 1
        at = np.zeros(1, np.int64) if alike else first
        mask = np.zeros((1 if alike else len(place), len(columns)), bool)
        for row, bits in written:
            _unpack(bits, columns, mask, at[row])
        # A place for each token, of which only those that are columns are ever looked at.
        column = np.empty(self._size, np.int64)
        column[columns] = np.arange(len(columns))
        for row, token in found:
            mask.reshape(-1)[at[row] * len(columns) + column[token]] = True  # one index is faster than two
        if alike:
            mask = as_strided(mask, (len(place), len(columns)), (0, 1))
        elif len(first) < len(place):
            again = np.flatnonzero(first[place] != np.arange(len(place)))
            mask[again] = mask[first[place[again]]]
        return Allowed(self._convert(columns), self._convert(mask))

    def _follow(self, rows: Ids, whole: NDArray[np.bool_], step: int) -> tuple[list[_Pairs], list[_Pairs], Ids]:
        """Of each shard what is written down of the rows and what is found, and the tokens (C,) in either, sorted."""
        seen = np.zeros(self._size, bool)
        found, written = [], []
        for shard, low, high in self._intervals(rows):
            high = np.where(whole, low, high)
            known, bits = shard.written_down(low, high, step)
            if len(known):
                written.append((known, bits))
                high[known] = low[known]
                seen[: shard.size] |= np.unpackbits(np.bitwise_or.reduce(bits, 0), count=shard.size).view(bool)
            found.append(shard.follow(low, high, step))
            seen[found[-1][1]] = True
        return written, found, np.flatnonzero(seen)

    def advance(self, state: State, ids: Any) -> State:
        """States after ``ids`` (R,). A row that is whole stays where it is, whatever it is fed."""
        whole: NDArray[np.bool_] = state.last
        after = self.narrow(state.rows, _on_host(ids))
        if whole.any():
            after[whole] = state.rows[whole]
        return State(after, state.step + 1, self.complete(after))

    def reorder(self, state: State, rows: Any) -> State:
        at = _on_host(rows)
        return State(state.rows[at], state.step, state.last[at])

    def done(self, state: State) -> Any:
        """(R,) bool: rows that have written a whole identifier."""
        return self._convert(state.last)

    # ---- intervals -----------------------------------------------------------------------------------------------

    def narrow(self, rows: Ids, ids: Ids) -> Ids:
        """The rows (R, 1 + 2S) after ``ids`` (R,); low equals high where nothing is left."""
        depth = rows[:, 0]
        out = np.empty_like(rows)
        out[:, 0] = depth + 1
        for i, (shard, low, high) in enumerate(self._intervals(rows)):
            out[:, 2 * i + 1], out[:, 2 * i + 2] = shard.narrow(low, high, depth, ids)
        return out

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


def _distinct(rows: Ids) -> tuple[Ids, Ids]:
    """Where different rows stand, each once, and (R,) which of these each row is like. Beams at the start, and beams
    that repeat, stand in one interval, which is looked through once."""
    order = np.lexsort(rows.T)
    ordered = rows[order]
    new = np.append(True, (ordered[1:] != ordered[:-1]).any(1))[: len(rows)]
    place = np.empty(len(rows), np.int64)
    place[order] = np.cumsum(new) - 1
    return order[new], place


def _unpack(bits: NDArray[np.uint8], columns: Ids, mask: NDArray[np.bool_], rows: Ids) -> None:
    """Joins bits (P, ceil(V / 8)) of tokens to the ``rows`` (P,) of a mask over ``columns``, sorted.

    Row by row, so that nothing large is made on the way; and run by run where columns are nearly all there is, which
    are then copied and not gathered."""
    inside = columns[: np.searchsorted(columns, 8 * bits.shape[1])]
    ends = np.flatnonzero(np.diff(inside) != 1) + 1
    edges = [0, *ends.tolist(), len(inside)] if len(ends) < RUNS else []
    runs = [(low, high, int(inside[low])) for low, high in pairwise(edges) if low < high]
    for row, packed in zip(rows.tolist(), bits, strict=True):
        table, out = np.unpackbits(packed).view(bool), mask[row, : len(inside)]
        for low, high, token in runs:
            out[low:high] |= table[token : token + high - low]
        if not runs:
            out |= table[inside]


def _on_host(ids: Any) -> Ids:
    return np.asarray(ids.cpu() if hasattr(ids, "cpu") else ids).astype(np.int64)
