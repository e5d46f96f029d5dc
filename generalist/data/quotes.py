"""Quotes: runs of words of a document that speak for it when something is asked, as SEAL draws them (Bevilacqua 2022).

What is to be written for a query are runs of its document that share words with it, and rare words sooner than common
ones: such a run is likely, given the query, and names few other documents.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.sample import Document

__all__ = ["QUOTES", "RUN", "Quotes", "key_of", "posed", "words_of"]

QUOTES = 4
"""Runs that a query is answered with at once while training."""

RUN = 10
"""Words of a run: more pieces than are ever written of one."""

STEM = 6
"""Letters by which a word is known, so that inflections of it count as the same."""

AHEAD = 0.8
"""What a word of a run counts, against the one before it: a run is worth most that opens with what was asked."""

ANYWHERE = 0.02
"""Share of a word's rarity that it counts without having been asked for."""

_KEY = re.compile(r"\w+")
_END = re.compile(r"[.!?]\s")


def posed(granularities: Sequence[str], rng: np.random.Generator | None) -> str:
    """One of these, or half of the time none in particular, which is what a request without ``rng`` has."""
    if rng is None or not granularities or rng.random() < 0.5:
        return ""
    return granularities[int(rng.integers(len(granularities)))]


def words_of(text: str) -> list[str]:
    """Words as spaces part them, as pieces of text are."""
    return text.split()


class Quotes:
    """Runs of words of documents, over the words of all of them.

    Args:
        documents: those that runs are drawn from; a run may reach from the title into the text.
    """

    def __init__(self, documents: Sequence[Document]):
        self.titles = [document.title for document in documents]
        self.words = [words_of(f"{document.title} {document.text}") for document in documents]

    @cached_property
    def _keys(self) -> dict[str, int]:
        return {key: i for i, key in enumerate(dict.fromkeys(key_of(word) for words in self.words for word in words))}

    @cached_property
    def _ids(self) -> list[NDArray[np.int64]]:
        return [np.asarray([self._keys[key_of(word)] for word in words], np.int64) for words in self.words]

    @cached_property
    def _rarity(self) -> NDArray[np.float64]:
        """log(1 + D / df) of every key; of what is no word 0."""
        seen = np.zeros(len(self._keys))
        for ids in self._ids:
            seen[np.unique(ids)] += 1
        rarity = np.log1p(len(self._ids) / np.maximum(seen, 1))
        if "" in self._keys:
            rarity[self._keys[""]] = 0
        return rarity

    def rarity(self, words: Sequence[str]) -> NDArray[np.float64]:
        """How much each word tells documents apart: log(1 + D / df), 0 for one that no document holds."""
        at = [self._keys.get(key_of(word), -1) for word in words]
        return np.where(np.asarray(at) < 0, 0.0, self._rarity[at]) if at else np.zeros(0)

    def draw(
        self,
        document: int,
        query: str,
        count: int,
        rng: np.random.Generator | None = None,
        granularity: str = "",
    ) -> tuple[str, ...]:
        """Up to ``count`` different runs of a document (by its place) for a query, those worth most sooner; without
        ``rng`` the best ones. Of a sentence none reaches into the next, of an entity there is its name alone. Empty if
        the document has no words."""
        if granularity == "entity" and self.titles[document].strip():
            return (self.titles[document],)
        runs = self._runs(document, query, count, rng)
        if granularity == "sentence":
            return tuple(dict.fromkeys(_within(run) for run in runs))
        return tuple(runs)

    def _runs(self, document: int, query: str, count: int, rng: np.random.Generator | None) -> Iterator[str]:
        words, ids = self.words[document], self._ids[document]
        if not words:
            return
        asked = [self._keys[key] for key in map(key_of, words_of(query)) if key in self._keys]
        rarity = self._rarity[ids]
        said = rarity * np.isin(ids, asked)
        worth = np.convolve(said, AHEAD ** np.arange(RUN)[::-1])[RUN - 1 :] ** 2
        # A run that opens with a mark is one word short.
        worth = (worth + ANYWHERE * rarity + 1e-6) * np.where(rarity > 0, 1.0, 0.1)
        count = min(count, len(words))
        if rng is None:
            starts = np.argsort(-worth, kind="stable")[:count]
        else:
            starts = rng.choice(len(words), count, replace=False, p=worth / worth.sum())
        yield from (" ".join(words[start : start + RUN]) for start in starts)


def _within(run: str) -> str:
    """What a run says before its first sentence ends."""
    return next((part for part in map(str.strip, _END.split(f"{run} ")) if part), run)


def key_of(word: str) -> str:
    """What a word is known by, empty for what is none."""
    found = _KEY.search(word.casefold())
    return found[0][:STEM] if found else ""
