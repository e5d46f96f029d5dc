"""Identifiers: what a decoder may write in order to name a document, as intervals of something sorted.

Whatever the kind, a row that writes stands in an interval ``[low, high)`` which every token narrows, and which is empty
when nothing in the collection continues as it did. Here: whole identifiers (titles, codes), sorted, after GENRE (De Cao
et al. 2021) with binary search in place of a trie. Substrings narrow the same intervals over a suffix array.

Legend: D documents, L tokens of the longest identifier, R rows of a decoder, C columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.automaton import Allowed, State

__all__ = ["Identifiers", "SortedIdentifiers", "shared_lengths", "sort_identifiers"]

Ids = NDArray[np.int64]
PADDING = -1


class Identifiers(ABC):
    """A Constraint by intervals; a kind of identifier says how one narrows, what continues it, and where it may end.

    The state of R rows is (R, 3) int64 numpy: low, high, and the tokens written. Arrays handed out pass through
    ``convert``, and those taken in may be numpy or tensors: the searching itself stays on the host.
    """

    bound: int
    _convert: Callable[[NDArray[Any]], Any] = staticmethod(np.asarray)

    @abstractmethod
    def __len__(self) -> int:
        """The length of the widest interval."""

    @abstractmethod
    def narrow(self, rows: Ids, ids: Ids) -> Ids:
        """The rows (R, 3) after ``ids`` (R,); low equals high where nothing is left."""

    @abstractmethod
    def continuations(self, low: int, high: int, depth: int) -> Ids:
        """The tokens that come after the ``depth`` first ones anywhere in a non-empty interval, sorted, each once."""

    @abstractmethod
    def complete(self, rows: Ids) -> NDArray[np.bool_]:
        """(R,) bool: rows that have written a whole identifier."""

    @abstractmethod
    def documents(self, ids: Sequence[int]) -> Ids:
        """The numbers of the documents that these tokens name."""

    def on(self, convert: Callable[[NDArray[Any]], Any]) -> Self:
        """The same constraint, whose arrays go through ``convert``, e.g. to a device."""
        other = copy(self)
        other._convert = convert
        return other

    def interval(self, ids: Sequence[int]) -> tuple[int, int]:
        """``[low, high)`` of what begins with ``ids``; low equals high if nothing does."""
        rows = self._start(1)
        for token in ids:
            rows = self.narrow(rows, np.asarray([token], np.int64))
        return int(rows[0, 0]), int(rows[0, 1])

    def start(self, rows: int) -> State:
        return State(self._start(rows), 0)

    def _start(self, rows: int) -> Ids:
        return np.tile(np.asarray([[0, len(self), 0]], np.int64), (rows, 1))

    def allowed(self, state: State) -> Allowed:
        """Columns (C,) int64, sorted: the ids that may come next in any row; mask (R, C) bool: in each.

        A row that is whole, or whose interval is empty, allows nothing.
        """
        # Beams at the start, and beams that repeat, stand in one interval: it is looked through once.
        distinct, place = np.unique(state.rows, axis=0, return_inverse=True)
        none = np.zeros(0, np.int64)
        live = (distinct[:, 0] < distinct[:, 1]) & ~self.complete(distinct)
        after = [self.continuations(*row) if on else none for row, on in zip(distinct.tolist(), live, strict=True)]
        columns = np.unique(np.concatenate([none, *after]))
        mask = np.zeros((len(distinct), len(columns)), bool)
        for row, ids in enumerate(after):
            mask[row, np.searchsorted(columns, ids)] = True
        return Allowed(self._convert(columns), self._convert(mask[place.reshape(-1)]))

    def advance(self, state: State, ids: Any) -> State:
        """States after ``ids`` (R,). A row that is whole stays where it is, whatever it is fed."""
        after = self.narrow(state.rows, _on_host(ids))
        return State(np.where(self.complete(state.rows)[:, None], state.rows, after), state.step + 1)

    def reorder(self, state: State, rows: Any) -> State:
        return State(state.rows[_on_host(rows)], state.step)

    def done(self, state: State) -> Any:
        """(R,) bool: rows that have written a whole identifier."""
        return self._convert(self.complete(state.rows))


class SortedIdentifiers(Identifiers):
    """Whole identifiers, each of which ends with the end token, so that none begins another.

    Args:
        matrix: (D, L) integers, rows in lexicographic order, padded with -1 on the right; may be memory-mapped. A row a
            document: those that share an identifier stand together, and the number of a document is its row.
        end: the vocabulary's end token.
        shared: (D,) integers, ``shared_lengths(matrix)`` if that is already known.
    """

    def __init__(self, matrix: NDArray[np.integer[Any]], end: int, shared: NDArray[np.integer[Any]] | None = None):
        self.matrix, self.end = matrix, end
        self.shared = shared_lengths(matrix) if shared is None else shared
        self.bound = int(matrix.shape[1])

    def __len__(self) -> int:
        return len(self.matrix)

    def narrow(self, rows: Ids, ids: Ids) -> Ids:
        low, high, depth = rows.T
        # A row already of full length is whole or padded: no id is below 0, so asking past the end must find nothing.
        inside = (depth < self.bound) & (ids >= 0)
        first = self._bisect(low, high, depth, ids)
        last = self._bisect(first, high, depth, ids + 1)
        return np.stack([first, np.where(inside, last, first), depth + 1], 1)

    def _bisect(self, low: Ids, high: Ids, depth: Ids, ids: Ids) -> Ids:
        """For each row, the first place in ``[low, high)`` with at least ``ids`` at ``depth``, else ``high``."""
        low, high, column = low.copy(), high.copy(), np.minimum(depth, self.bound - 1)
        while (open_ := np.flatnonzero(low < high)).size:
            middle = (low[open_] + high[open_]) // 2
            below = self.matrix[middle, column[open_]] < ids[open_]
            low[open_] = np.where(below, middle + 1, low[open_])
            high[open_] = np.where(below, high[open_], middle)
        return low

    def continuations(self, low: int, high: int, depth: int) -> Ids:
        # All rows here share the tokens before ``depth``; one that shares no more than these begins a new continuation.
        later = np.flatnonzero(self.shared[low + 1 : high] == depth) + low + 1
        return np.asarray(self.matrix[np.concatenate([[low], later]), depth], np.int64)

    def complete(self, rows: Ids) -> NDArray[np.bool_]:
        low, high, depth = rows.T
        last = self.matrix[np.minimum(low, len(self) - 1), np.minimum(depth, self.bound) - 1]
        return np.asarray((low < high) & (depth > 0) & (last == self.end))

    def documents(self, ids: Sequence[int]) -> Ids:
        """Rows of the documents with exactly this identifier; none if ``ids`` do not end with the end token."""
        low, high = self.interval(ids) if len(ids) and ids[-1] == self.end else (0, 0)
        return np.arange(low, high)


def sort_identifiers(identifiers: Sequence[Sequence[int]], end: int) -> tuple[NDArray[np.int32], Ids]:
    """Identifiers as the matrix (D, L) int32 that ``SortedIdentifiers`` wants, and (D,) which of them each row is.

    Equal ones keep their order.

    Raises:
        ValueError: one does not end with ``end``, or has it or a negative id before its end.
    """
    matrix = np.full((len(identifiers), max(map(len, identifiers), default=1)), PADDING, np.int32)
    for row, ids in enumerate(identifiers):
        if not ids or ids[-1] != end or end in ids[:-1] or min(ids) < 0:
            raise ValueError(f"identifier {row} does not end with the end token, or before its end")
        matrix[row, : len(ids)] = ids
    order = np.lexsort(matrix.T[::-1])
    return matrix[order], order


def shared_lengths(matrix: NDArray[np.integer[Any]]) -> NDArray[np.uint16]:
    """(D,): leading tokens that each row shares with the row before it; L for the same identifier, 0 for the first."""
    differ = np.asarray(matrix[1:] != matrix[:-1])
    lengths = np.where(differ.any(1), differ.argmax(1), matrix.shape[1])
    return np.concatenate([[0], lengths]).astype(np.uint16)[: len(matrix)]


def _on_host(ids: Any) -> Ids:
    return np.asarray(ids.cpu() if hasattr(ids, "cpu") else ids).astype(np.int64)
