"""Scoring: documents by the substrings that the model wrote and they hold (SEAL, Bevilacqua et al. 2022, section 3.3).

    w(n, q) = max(0, log [p(n|q) (1 - p(n))] - log [p(n) (1 - p(n|q))])        how much more likely for the query
    score(d, q) = sum over n in d of w(n, q)^ALPHA cover(n)                    of runs that do not overlap, best first
    cover(n) = 1 - BETA + BETA |tokens of n not in better runs| / |tokens of n|

p(n) is the share of the collection's places where n stands. Two stages: the sum without overlap and cover finds the
candidates; only these are looked at run by run.

Legend: K keys (substrings written), D documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generalist.retrieval.order import Ids, begins
from generalist.retrieval.substrings import Substrings

__all__ = ["ALPHA", "BETA", "Found", "Match", "key_weights", "ranked"]

ALPHA, BETA = 3.0, 0.8

CANDIDATES = 1000
"""Documents that the second stage looks at, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Match:
    """A key in a document: tokens ``start`` to ``stop`` of it, and what the match adds to the document's score."""

    start: int
    stop: int
    weight: float


@dataclass(frozen=True, slots=True)
class Found:
    """A document with its score, and the matches that make it up, best first."""

    document: int
    score: float
    matches: tuple[Match, ...]


def key_weights(log_probabilities: NDArray[np.floating], counts: Ids, places: int) -> NDArray[np.float64]:
    """w(n, q) of keys (K,) written with these log-probabilities, that stand ``counts`` times among ``places``; 0 for
    those that stand nowhere."""
    written = np.clip(np.asarray(log_probabilities, np.float64), -700, -1e-12)
    share = np.clip(np.asarray(counts, np.float64) / max(places, 1), 1e-300, 1 - 1e-12)
    odds = written - np.log(-np.expm1(written)) - np.log(share) + np.log1p(-share)
    return np.asarray(np.where(np.asarray(counts) > 0, np.maximum(odds, 0), 0.0), np.float64)


def ranked(
    held: Substrings,
    keys: Sequence[Sequence[int]],
    log_probabilities: NDArray[np.floating],
    k: int = 10,
    candidates: int = CANDIDATES,
) -> list[Found]:
    """The ``k`` best documents for keys, different from one another, of one token or more each; fewer if fewer hold
    any. Equal scores stand in the order of the collection."""
    rows = held.find(keys)
    weights = key_weights(log_probabilities, held.counts(rows), held.places) ** ALPHA
    order = [int(i) for i in np.argsort(-weights, kind="stable") if weights[i] > 0]
    if not order:
        return []
    stands = [held.stands(rows[i]) for i in order]
    total = np.zeros(len(held))
    for i, (owner, _) in zip(order, stands, strict=True):
        total[np.unique(owner)] += weights[i]
    best = np.argsort(-total, kind="stable")[: max(candidates, k)]
    pages = _Pages(held, np.sort(best[total[best] > 0]))
    for i, (owner, at) in zip(order, stands, strict=True):
        pages.count(keys[i], float(weights[i]), owner, at)
    return pages.best(k)


class _Pages:
    """Documents looked at run by run, all at once: keys come in by weight, best first, and each counts once in a
    document, at the first place where it overlaps nothing better.

    Args:
        documents: (D,), sorted.
    """

    def __init__(self, held: Substrings, documents: Ids):
        self.documents = documents
        self.begins = begins([len(held.text(int(document))) for document in documents])
        self.taken = np.zeros(int(self.begins[-1]), bool)
        self.seen: dict[int, NDArray[np.bool_]] = {}  # by token, in which documents a run has held it
        self.score = np.zeros(len(documents))
        self.matches: list[tuple[Ids, Ids, int, NDArray[np.float64]]] = []  # pages, places, length, weights

    def count(self, key: Sequence[int], weight: float, owner: Ids, at: Ids) -> None:
        """A key that stands in documents ``owner`` (W,) at places ``at`` (W,), in that order."""
        page = np.minimum(np.searchsorted(self.documents, owner), len(self.documents) - 1)
        inside = np.flatnonzero(self.documents[page] == owner)
        page, at = page[inside], at[inside]
        span = (self.begins[page] + at)[:, None] + np.arange(len(key))
        free = np.flatnonzero(~self.taken[span].any(1))
        page, first = np.unique(page[free], return_index=True)
        at, span = at[free][first], span[free][first]
        tokens = [self.seen.setdefault(token, np.zeros(len(self.documents), bool)) for token in set(key)]
        new = np.mean([~seen[page] for seen in tokens], axis=0)
        gain = weight * (1 - BETA + BETA * new)
        self.score[page] += gain
        self.taken[span] = True
        for seen in tokens:
            seen[page] = True
        self.matches.append((page, at, len(key), gain))

    def best(self, k: int) -> list[Found]:
        """The ``k`` documents of the highest scores, with their matches."""
        order = np.argsort(-self.score, kind="stable")[:k]
        held: dict[int, list[Match]] = {int(page): [] for page in order}
        for page, at, length, gain in self.matches:
            for i in np.flatnonzero(np.isin(page, order)):
                held[int(page[i])].append(Match(int(at[i]), int(at[i]) + length, float(gain[i])))
        return [
            Found(int(self.documents[page]), float(self.score[page]), tuple(sorted(found, key=lambda m: -m.weight)))
            for page, found in held.items()
        ]
