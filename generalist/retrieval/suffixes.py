"""Suffixes: every place of a text, sorted by what follows it (Manber and Myers 1990).

Documents are laid end to end with a mark after each. A token takes two bytes for itself, where the vocabulary is below
65,536, and four for its place in the order. The beginnings of the order are looked at most and are the widest, so what
they hold is written down once, in about a twelfth of that space:

    firsts   (V + 1,)         where the places of each first token begin: an interval of one token is a look-up
    fresh    (2, ceil(N / 8)) bits: whether a place differs from the one before it within its first 2 and 3 tokens,
                              so that all continuations of an interval one or two tokens deep are its set bits
    leads    (P,)             the intervals one and two tokens deep that the most different tokens follow: the first
                              place of each times 4, plus the depth, sorted
    nexts    (P, ceil(V / 8)) bits: the tokens that follow each of these, for they are in almost every beam's way

Legend: D documents, N places (tokens and marks), V above every token, R intervals.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generalist.retrieval.order import LOOK, Arrays, Ids, Order, begins, mark_of, spread, token_type

__all__ = ["Suffixes", "laid_out", "suffix_arrays", "suffix_order"]

FRESH = 2
"""Depths whose continuations are written down as bits."""

NEXTS_IN = 8
"""Of so many tokens a byte may go to ``nexts``."""

CHUNK = 1 << 22


def laid_out(documents: Sequence[Sequence[int]]) -> tuple[NDArray[Any], Ids]:
    """Documents end to end, each with its mark (N,), and where each begins, with the end (D + 1,)."""
    flat = list(chain.from_iterable(documents))
    tokens = np.asarray(flat, token_type(max(flat, default=0) + 1))
    return marked(tokens, begins([len(ids) for ids in documents]))


def marked(tokens: NDArray[Any], starts: Ids) -> tuple[NDArray[Any], Ids]:
    """The same documents with a mark after each, and where each begins then."""
    out = np.full(len(tokens) + len(starts) - 1, mark_of(tokens.dtype), tokens.dtype)
    lengths = np.diff(starts)
    out[np.arange(len(tokens)) + np.repeat(np.arange(len(lengths)), lengths)] = tokens
    return out, starts + np.arange(len(starts))


def suffix_order(tokens: NDArray[Any]) -> NDArray[np.uint32]:
    """Every place (N,), sorted by the tokens from it on."""
    from pydivsufsort import divsufsort

    order = divsufsort(tokens) if len(tokens) else np.zeros(0, np.int32)
    return order.view(np.uint32) if order.dtype == np.int32 else order.astype(np.uint32)


def suffix_arrays(tokens: NDArray[Any], starts: Ids) -> Arrays:
    """All that ``Suffixes`` wants of documents as ``marked`` gives them. N is below 2**32."""
    suffixes = suffix_order(tokens)
    first = tokens[suffixes[: len(tokens) - len(starts) + 1]]  # the marks come last
    size = int(first[-1]) + 1 if len(first) else 0
    firsts = np.searchsorted(first, np.arange(size + 1, dtype=tokens.dtype))
    fresh = _fresh(tokens, suffixes, firsts)
    order = Suffixes(tokens, starts, suffixes, firsts, fresh)
    leads, nexts = _nexts(order)
    return {
        "tokens": tokens,
        "starts": starts.astype(np.uint32),
        "suffixes": suffixes,
        "firsts": firsts.astype(np.uint32),
        "fresh": fresh,
        "leads": leads,
        "nexts": nexts,
    }


def _fresh(tokens: NDArray[Any], suffixes: NDArray[Any], firsts: Ids) -> NDArray[np.uint8]:
    padded = np.append(tokens, np.full(FRESH, mark_of(tokens.dtype), tokens.dtype))
    bits = np.zeros((FRESH, (len(tokens) + 7) // 8), np.uint8)
    begun = np.zeros(len(tokens), bool)
    begun[firsts[firsts < len(tokens)]] = True
    for depth in range(FRESH):
        for low in range(0, len(tokens), CHUNK):
            token = padded[suffixes[max(low - 1, 0) : low + CHUNK].astype(np.int64) + depth + 1]
            begun[max(low, 1) : low + CHUNK] |= token[1:] != token[:-1]
        bits[depth] = np.packbits(begun)
    return bits


def _nexts(order: "Suffixes") -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """The intervals whose continuations are most, as ``leads`` has them, and their rows of bits."""
    row = (order.size + 7) // 8
    starts = order.firsts
    found = []
    for depth in range(1, FRESH + 1):
        begun = np.flatnonzero(np.unpackbits(order.fresh[depth - 1], count=len(order)).view(bool))
        many = np.diff(np.searchsorted(begun, starts))
        # A row of bits costs the same whatever it holds: the others are few enough to be looked up one by one.
        at = np.flatnonzero(many > row // 4)
        found.append((starts[at], starts[at + 1], np.full(len(at), depth), many[at]))
        starts = np.append(begun, len(order))
    low, high, deep, many = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    best = np.argsort(-many, kind="stable")[: int(len(order) / NEXTS_IN / max(row, 1))]
    leads = (low.astype(np.uint64) << np.uint64(2)) | deep.astype(np.uint64)
    best = best[np.argsort(leads[best])]
    nexts = np.zeros((len(best), row), np.uint8)
    for i, at in enumerate(best):
        table = np.zeros(order.size, bool)
        table[order.follow(low[at : at + 1], high[at : at + 1], int(deep[at]))[1]] = True
        nexts[i] = np.packbits(table)
    return leads[best], nexts


class Suffixes(Order):
    """The places of a text, sorted; an interval is every place where some run of tokens stands.

    Args:
        tokens, starts: as ``laid_out`` gives them; the others: see above. gone: as ``Order`` has it. All may be
            memory-mapped. Without ``leads`` and ``nexts`` nothing is lost but time.
    """

    def __init__(
        self,
        tokens: NDArray[Any],
        starts: NDArray[Any],
        suffixes: NDArray[Any],
        firsts: NDArray[Any],
        fresh: NDArray[np.uint8],
        leads: NDArray[Any] | None = None,
        nexts: NDArray[np.uint8] | None = None,
        gone: NDArray[Any] | None = None,
    ):
        super().__init__(mark_of(tokens.dtype), len(firsts) - 1, gone)
        self.tokens, self.starts, self.suffixes, self.firsts, self.fresh = tokens, starts, suffixes, firsts, fresh
        self.leads = np.zeros(0, np.uint64) if leads is None else leads
        self.nexts = np.zeros((0, 0), np.uint8) if nexts is None else nexts

    @classmethod
    def of(cls, documents: Sequence[Sequence[int]]) -> Self:
        """Lays documents (tokens each, 0 or more) out and sorts them, in memory."""
        return cls(**suffix_arrays(*laid_out(documents)))

    def __len__(self) -> int:
        return len(self.suffixes)

    def after(self, places: Ids, depth: Any) -> NDArray[Any]:
        # The last token is a mark, and so is everything past it.
        at = self.suffixes.take(places, mode="clip").astype(np.int64)
        return self.tokens.take(at + depth, mode="clip")

    def owners(self, places: Ids) -> Ids:
        return np.searchsorted(self.starts, self.suffixes[places], "right") - 1

    def names(self, place: int, depth: int) -> bool:
        return depth > 0

    def places_of(self, documents: Ids) -> Ids:
        removed = np.zeros(len(self.starts) - 1, bool)
        removed[documents] = True
        inside = np.repeat(removed, np.diff(self.starts))
        return np.flatnonzero(inside[self.suffixes])

    def ended(self, low: Ids, high: Ids, depth: Ids) -> NDArray[np.bool_]:
        # The mark sorts last: if what comes first ends, all does.
        return np.asarray(self.after(self._first_live(low), depth) == self.mark)

    def narrow(self, low: Ids, high: Ids, depth: Ids, ids: Ids) -> tuple[Ids, Ids]:
        if not len(depth) or depth.any():
            return super().narrow(low, high, depth, ids)
        known = np.where((ids >= 0) & (ids < self.size), ids, self.size)
        first, last = self.firsts.take(known), self.firsts.take(np.minimum(known + 1, self.size))
        return self.trim(first.astype(np.int64), last.astype(np.int64))

    def children(self, low: Ids, high: Ids, depth: int) -> tuple[Ids, NDArray[Any], Ids]:
        if depth == 0:
            known = np.append(np.flatnonzero(self.firsts[1:] > self.firsts[:-1]), self.size)  # then the marks begin
            token, start = np.where(known < self.size, known, self.mark), self.firsts[known].astype(np.int64)
            return np.repeat(np.arange(len(low)), len(known)), np.tile(token, len(low)), np.tile(start, len(low))
        if depth > FRESH or int((high - low).sum()) <= LOOK:
            return super().children(low, high, depth)
        row, byte = spread(low >> 3, (high + 7) >> 3)
        bit = np.flatnonzero(np.unpackbits(self.fresh[depth - 1][byte]).view(bool))
        row, place = row[bit >> 3], (byte[bit >> 3] << 3) + (bit & 7)
        inside = (place > low[row]) & (place < high[row])
        row = np.concatenate([np.arange(len(low)), row[inside]])
        place = np.concatenate([low, place[inside]])
        return row, self.after(place, depth), place

    def written_down(self, low: Ids, high: Ids, depth: int) -> tuple[Ids, NDArray[np.uint8]]:
        if not 1 <= depth <= FRESH or not len(self.leads) or len(self.gone):
            return super().written_down(low, high, depth)
        lead = (low.astype(np.uint64) << np.uint64(2)) | np.uint64(depth)
        place = np.minimum(np.searchsorted(self.leads, lead), len(self.leads) - 1)
        known = np.flatnonzero((self.leads[place] == lead) & (low < high))
        return known, self.nexts[place[known]]

    def _first_live(self, low: Ids) -> Ids:
        """The first place from each of ``low`` on that is not gone."""
        if not len(self.gone):
            return low
        at = np.minimum(self.before(low), len(self.gone) - 1)
        last = np.searchsorted(self._apart, self._apart[at], "right") - 1
        return np.where(self.gone[at] == low, self.gone[last].astype(np.int64) + 1, low)

    @cached_property
    def _apart(self) -> Ids:
        """(G,) places before each gone one that are not: the same along a run of gone places without a gap."""
        return self.gone.astype(np.int64) - np.arange(len(self.gone))
