"""Substrings of a collection as identifiers, over a suffix array (SEAL, Bevilacqua et al. 2022).

Documents are laid end to end with a mark between them, and every place is sorted by what follows it: what begins with
the tokens written so far stands in one interval, which the next token narrows by binary search. Nothing is copied and
nothing recomputed: a token of text takes its own four bytes and four or eight for its place in the order, both of which
may be memory-mapped.

Legend: D documents, N places (tokens and marks), R rows of a decoder, V different tokens.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generalist.retrieval.identifiers import Identifiers, Ids

__all__ = ["MARK", "WIDE", "Substrings", "laid_out", "suffix_array"]

MARK = -1
"""Stands after every document; below every token, so that no interval of tokens reaches over it."""

WIDE = 4096
"""Places from which it is quicker to search an interval for every token than to look at all that follows in it."""


def laid_out(documents: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Documents end to end, each with its mark (N,), and where each begins, with the end (D + 1,)."""
    lengths = [len(ids) + 1 for ids in documents]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tokens = np.full(int(starts[-1]), MARK, np.int32)
    for start, ids in zip(starts, documents, strict=False):
        tokens[start : start + len(ids)] = ids
    return tokens, starts


def suffix_array(tokens: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Every place (N,), sorted by the tokens from it on."""
    from pydivsufsort import divsufsort

    if not len(tokens):
        return np.zeros(0, np.int64)
    return np.asarray(divsufsort((np.asarray(tokens, np.int64) - MARK).astype(np.uint32)), np.int64)


class Substrings(Identifiers):
    """Every run of up to ``longest`` tokens that some document holds.

    A row is whole once it has written ``longest`` tokens, or all that follows anywhere is the end of a document.

    Args:
        tokens, starts: as ``laid_out`` gives them. suffixes: ``suffix_array(tokens)``. May be memory-mapped.
    """

    def __init__(
        self,
        tokens: NDArray[np.integer[Any]],
        starts: NDArray[np.integer[Any]],
        suffixes: NDArray[np.integer[Any]],
        longest: int = 10,
    ):
        self.tokens, self.starts, self.suffixes, self.bound = tokens, starts, suffixes, longest

    @classmethod
    def of(cls, documents: Sequence[Sequence[int]], longest: int = 10) -> Self:
        """Lays documents (tokens each, 0 or more) out and sorts them, in memory."""
        tokens, starts = laid_out(documents)
        return cls(tokens, starts, suffix_array(tokens), longest)

    def __len__(self) -> int:
        return len(self.suffixes)

    @cached_property
    def _known(self) -> Ids:
        """The different tokens (V,), sorted; each one's first places are read off the order, not off the text."""
        found = []
        low = len(self.starts) - 1  # the marks come first
        while low < len(self):
            token = int(self.tokens[self.suffixes[low]])
            found.append(token)
            low = int(self._bisect(*(np.asarray([value]) for value in (low, len(self), 0, token + 1)))[0])
        return np.asarray(found, np.int64)

    def narrow(self, rows: Ids, ids: Ids) -> Ids:
        low, high, depth = rows.T
        first = self._bisect(low, high, depth, ids)
        last = self._bisect(first, high, depth, ids + 1)
        return np.stack([first, np.where(ids > MARK, last, first), depth + 1], 1)

    def _bisect(self, low: Ids, high: Ids, depth: Ids, ids: Ids) -> Ids:
        """For each row, the first place in ``[low, high)`` that has at least ``ids`` after ``depth`` tokens."""
        low, high = low.copy(), high.copy()
        while (open_ := np.flatnonzero(low < high)).size:
            middle = (low[open_] + high[open_]) // 2
            below = self._after(middle, depth[open_]) < ids[open_]
            low[open_] = np.where(below, middle + 1, low[open_])
            high[open_] = np.where(below, high[open_], middle)
        return low

    def _after(self, places: Ids, depth: Ids | int) -> Ids:
        """The token ``depth`` after each place of the order; past the end of the text there is another mark."""
        at = self.suffixes[places] + depth
        return np.where(at < len(self.tokens), self.tokens[np.minimum(at, len(self.tokens) - 1)], MARK)

    def continuations(self, low: int, high: int, depth: int) -> Ids:
        if high - low <= WIDE:
            found = np.unique(self._after(np.arange(low, high), depth))
            return np.asarray(found[found > MARK], np.int64)
        rows = np.tile(np.asarray([[low, high, depth]], np.int64), (len(self._known), 1))
        after = self.narrow(rows, self._known)
        return self._known[after[:, 0] < after[:, 1]]

    def complete(self, rows: Ids) -> NDArray[np.bool_]:
        low, high, depth = rows.T
        # In the order, those that end here come first: if the last one ends, all do.
        last = self._after(np.clip(high - 1, 0, max(len(self) - 1, 0)), depth)
        return np.asarray((low < high) & (depth > 0) & ((depth >= self.bound) | (last == MARK)))

    def count(self, ids: Sequence[int]) -> int:
        """How often the collection holds ``ids``."""
        low, high = self.interval(ids)
        return high - low

    def documents(self, ids: Sequence[int]) -> Ids:
        """The documents that hold ``ids``, in their order, each once."""
        low, high = self.interval(ids)
        return np.unique(np.searchsorted(self.starts, self.suffixes[low:high], "right") - 1) if ids else np.arange(0)
