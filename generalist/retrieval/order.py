"""Order: something sorted, so that whatever begins alike stands together, in one interval ``[low, high)`` of places.

A token narrows an interval by binary search. What may come next is found by halving: an interval whose two ends go on
alike has one continuation, any other is cut in two. That costs by the continuations there are and not by the places
looked over, D log(W / D) for D of them in W places, and all intervals of a decoder are narrowed and halved together.

Removed documents keep their places until an index is merged. Those are known, sorted, as ``gone``: an interval is
empty if nothing but them is left in it, and a continuation that only they have does not exist.

Legend: R intervals, D continuations, W places of an interval.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "Ids", "Order", "begins", "mark_of", "spread", "token_type"]

Ids = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

LOOK = 4096
"""Places, of all intervals together, that are sooner looked at one by one than halved."""


def token_type(size: int) -> type[np.uint16] | type[np.uint32]:
    """The smallest type for the tokens of a vocabulary of ``size`` and the mark above them."""
    return np.uint16 if size <= np.iinfo(np.uint16).max else np.uint32


def mark_of(dtype: Any) -> int:
    """What stands where no token does: the largest number of the type, so that it sorts after every token."""
    return int(np.iinfo(dtype).max)


class Order(ABC):
    """One sorted collection: of whole identifiers, or of all that follows each place of a text.

    mark: what stands where no token does. size: above every token. gone: (G,) places of removed documents, sorted.
    """

    def __init__(self, mark: int, size: int, gone: NDArray[Any] | None = None):
        self.mark, self.size = mark, size
        self.gone: NDArray[Any] = np.zeros(0, np.uint32) if gone is None else gone

    @abstractmethod
    def __len__(self) -> int:
        """Places."""

    @abstractmethod
    def after(self, places: Ids, depth: Any) -> NDArray[Any]:
        """The token after the first ``depth`` ones at each place, the mark if there is none. A place may be one past
        the last, for which anything is answered."""

    @abstractmethod
    def owners(self, places: Ids) -> Ids:
        """The document of each place, counted with the removed ones."""

    @abstractmethod
    def names(self, place: int, depth: int) -> bool:
        """Whether the first ``depth`` tokens of a place name a document."""

    @abstractmethod
    def places_of(self, documents: Ids) -> Ids:
        """All places of documents, sorted: what is gone when they are removed."""

    @abstractmethod
    def ended(self, low: Ids, high: Ids, depth: Ids) -> NDArray[np.bool_]:
        """(R,) bool, of intervals that are not empty: nothing comes after their first ``depth`` tokens, at least 1."""

    def narrow(self, low: Ids, high: Ids, depth: Ids, ids: Ids) -> tuple[Ids, Ids]:
        """Each interval after one more token; low equals high where nothing that was not removed is left."""
        known = (ids >= 0) & (ids < self.mark)
        first, last = np.where(known, ids, -1), np.where(known, ids + 1, -1)
        twice = (np.concatenate(pair) for pair in ((low, low), (high, high), (depth, depth), (first, last)))
        found = self._bisect(*twice)
        return self.trim(found[: len(low)], found[len(low) :])

    def _bisect(self, low: Ids, high: Ids, depth: Ids, ids: Ids) -> Ids:
        """The first place of each interval with at least ``ids`` after ``depth`` tokens; its end if there is none."""
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            below = (self.after(middle, depth) < ids) & (low < high)
            low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
        return low

    def children(self, low: Ids, high: Ids, depth: int) -> tuple[Ids, NDArray[Any], Ids]:
        """Every continuation of intervals that are not empty: (D,) which interval, its token, the first place."""
        if int((high - low).sum()) <= LOOK:
            row, place = spread(low, high)
            token = self.after(place, depth)
            first = np.concatenate([[True], (token[1:] != token[:-1]) | (row[1:] != row[:-1])])
            return row[first], token[first], place[first]
        return self._halved(low, high, depth)

    def _halved(self, low: Ids, high: Ids, depth: int) -> tuple[Ids, NDArray[Any], Ids]:
        row, a, b = np.arange(len(low)), low, high - 1
        at_a, at_b = self.after(a, depth), self.after(b, depth)
        found = [(row, at_a, a)]
        while True:
            # Between places that go on unlike one another, at least one continuation begins.
            unlike = at_a != at_b
            row, a, b, at_a, at_b = row[unlike], a[unlike], b[unlike], at_a[unlike], at_b[unlike]
            next_to = b - a == 1
            found.append((row[next_to], at_b[next_to], b[next_to]))
            row, a, b, at_a, at_b = (array[~next_to] for array in (row, a, b, at_a, at_b))
            if not len(row):
                break
            middle = (a + b) >> 1
            at_middle = self.after(middle, depth)
            row, a, b = np.tile(row, 2), np.concatenate([a, middle]), np.concatenate([middle, b])
            at_a, at_b = np.concatenate([at_a, at_middle]), np.concatenate([at_middle, at_b])
        rows, tokens, places = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return rows, tokens, places

    def follow(self, low: Ids, high: Ids, depth: int) -> tuple[Ids, NDArray[Any]]:
        """What may come after ``depth`` tokens in each interval: (D,) which interval, and the token, each once."""
        open_ = np.flatnonzero(low < high)
        if not len(open_):
            return open_, open_
        low, high = low[open_], high[open_]
        row, token, start = self.children(low, high, depth)
        if len(self.gone):
            order = np.lexsort((start, row))
            row, token, start = row[order], token[order], start[order]
            # A continuation reaches to where the next begins, or the interval ends.
            end = np.where(np.append(row[1:] != row[:-1], True), high[row], np.append(start[1:], 0))
            kept = self.live(start, end) > 0
            row, token = row[kept], token[kept]
        real = token != self.mark
        return open_[row[real]], token[real]

    def written_down(self, low: Ids, high: Ids, depth: int) -> tuple[Ids, NDArray[np.uint8]]:
        """The same of some intervals, where it need not be found: which (P,), and what may come, as bits of tokens
        (P, ceil(size / 8))."""
        return np.zeros(0, np.int64), np.zeros((0, 0), np.uint8)

    def live(self, low: Ids, high: Ids) -> Ids:
        """(R,) how many places of each interval are of documents that were not removed."""
        if not len(self.gone):
            return high - low
        return high - low - (self.before(high) - self.before(low))

    def before(self, places: Ids) -> Ids:
        """How many gone places are before each."""
        # numpy would copy all of gone to the type of the places.
        return np.searchsorted(self.gone, places.astype(self.gone.dtype))

    def trim(self, low: Ids, high: Ids) -> tuple[Ids, Ids]:
        """The intervals, empty if only removed documents are left in them."""
        return low, np.where(self.live(low, high) > 0, high, low) if len(self.gone) else high

    def places(self, low: int, high: int) -> Ids:
        """The places of an interval that are of documents that were not removed."""
        places = np.arange(low, high)
        if not len(self.gone):
            return places
        first, last = self.before(np.asarray([low, high]))
        return np.delete(places, self.gone[first:last].astype(np.int64) - low)


def spread(low: Ids, high: Ids) -> tuple[Ids, Ids]:
    """All places of intervals, one interval after the other: (W,) which interval, and the place."""
    width = high - low
    row = np.repeat(np.arange(len(low)), width)
    return row, np.arange(len(row)) + np.repeat(low - np.cumsum(width) + width, width)


def begins(lengths: Sequence[int] | NDArray[Any]) -> Ids:
    """Where runs of these lengths (D,) begin when they are laid end to end, and the end (D + 1,)."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))]).astype(np.int64)
