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
import torch
from numpy.typing import NDArray
from torch import Tensor

from generalist.retrieval.order import Ids, begins
from generalist.retrieval.substrings import Substrings

__all__ = ["ALPHA", "BETA", "SCORING", "Found", "Match", "Scoring", "key_weights", "log_odds", "ranked", "weights_of"]

ALPHA, BETA = 3.0, 0.8

CANDIDATES = 1000
"""Documents that the second stage looks at, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """alpha: the power of weights. beta: how much of a key's weight its tokens must earn by being new. most: keys that
    a document is scored by, the best ones; all of them unless said, and by the best alone with 1 (no sum at all)."""

    alpha: float = ALPHA
    beta: float = BETA
    most: int | None = None


SCORING = Scoring()


@dataclass(frozen=True, slots=True)
class Match:
    """A key in a document: tokens ``start`` to ``stop`` of it, and what the match adds to the document's score, which
    is the weight of ``key`` (its place among the keys) to the power ALPHA, times ``cover``."""

    start: int
    stop: int
    weight: float
    key: int
    cover: float


@dataclass(frozen=True, slots=True)
class Found:
    """A document with its score, and the matches that make it up, best first."""

    document: int
    score: float
    matches: tuple[Match, ...]


def log_odds(counts: Ids, places: int) -> NDArray[np.float64]:
    """log [p(n) / (1 - p(n))] (K,) of keys that stand ``counts`` times among ``places``; infinite where one stands
    nowhere, so that nothing it was written with is more likely."""
    share = np.clip(np.asarray(counts, np.float64) / max(places, 1), 1e-300, 1 - 1e-12)
    return np.where(np.asarray(counts) > 0, np.log(share) - np.log1p(-share), np.inf)


def weights_of(log_probabilities: Tensor, chance: Tensor) -> Tensor:
    """w(n, q) of keys (K,) written with these log-probabilities, ``chance`` being their ``log_odds``; differentiable,
    and 0 where nothing is gained on chance."""
    written = log_probabilities.clamp(-700, -1e-12)
    return (written - torch.log(-torch.expm1(written)) - chance).clamp(min=0)


def key_weights(log_probabilities: NDArray[np.floating], counts: Ids, places: int) -> NDArray[np.float64]:
    """w(n, q) of keys (K,) written with these log-probabilities, that stand ``counts`` times among ``places``; 0 for
    those that stand nowhere."""
    written = torch.from_numpy(np.asarray(log_probabilities, np.float64))
    return np.asarray(weights_of(written, torch.from_numpy(log_odds(counts, places))).numpy())


def ranked(
    held: Substrings,
    keys: Sequence[Sequence[int]],
    log_probabilities: NDArray[np.floating],
    k: int = 10,
    candidates: int = CANDIDATES,
    scoring: Scoring = SCORING,
) -> list[Found]:
    """The ``k`` best documents for keys, different from one another, of one token or more each; fewer if fewer hold
    any. Equal scores stand in the order of the collection."""
    rows = held.find(keys)
    weights = key_weights(log_probabilities, held.counts(rows), held.places) ** scoring.alpha
    order = [int(i) for i in np.argsort(-weights, kind="stable") if weights[i] > 0]
    if not order:
        return []
    stands = [held.stands(rows[i]) for i in order]
    total = np.zeros(len(held))
    for i, (owner, _) in zip(order, stands, strict=True):
        total[np.unique(owner)] += weights[i]
    best = np.argsort(-total, kind="stable")[: max(candidates, k)]
    pages = _Pages(held, np.sort(best[total[best] > 0]), scoring)
    for i, (owner, at) in zip(order, stands, strict=True):
        pages.count(i, keys[i], float(weights[i]), owner, at)
    return pages.best(k)


class _Pages:
    """Documents looked at run by run, all at once: keys come in by weight, best first, and each counts once in a
    document, at the first place where it overlaps nothing better.

    Args:
        documents: (D,), sorted.
    """

    def __init__(self, held: Substrings, documents: Ids, scoring: Scoring):
        self.documents, self.scoring = documents, scoring
        self.begins = begins([len(held.text(int(document))) for document in documents])
        self.taken = np.zeros(int(self.begins[-1]), bool)
        self.seen: dict[int, NDArray[np.bool_]] = {}  # by token, in which documents a run has held it
        self.score = np.zeros(len(documents))
        self.counted = np.zeros(len(documents), np.int64)
        self.matches: list[tuple[Ids, Ids, int, int, float, NDArray[np.float64]]] = []
        """Pages, places, and of all of them the key, its length, its weight, and the cover in each."""

    def count(self, number: int, key: Sequence[int], weight: float, owner: Ids, at: Ids) -> None:
        """Key ``number``, that stands in documents ``owner`` (W,) at places ``at`` (W,), in that order."""
        page = np.minimum(np.searchsorted(self.documents, owner), len(self.documents) - 1)
        wanted = self.documents[page] == owner
        if self.scoring.most is not None:
            wanted &= self.counted[page] < self.scoring.most
        inside = np.flatnonzero(wanted)
        page, at = page[inside], at[inside]
        span = (self.begins[page] + at)[:, None] + np.arange(len(key))
        free = np.flatnonzero(~self.taken[span].any(1))
        page, first = np.unique(page[free], return_index=True)
        at, span = at[free][first], span[free][first]
        tokens = [self.seen.setdefault(token, np.zeros(len(self.documents), bool)) for token in set(key)]
        new = np.mean([~seen[page] for seen in tokens], axis=0)
        cover = np.asarray(1 - self.scoring.beta + self.scoring.beta * new)
        self.score[page] += weight * cover
        self.counted[page] += 1
        self.taken[span] = True
        for seen in tokens:
            seen[page] = True
        self.matches.append((page, at, number, len(key), weight, cover))

    def best(self, k: int) -> list[Found]:
        """The ``k`` documents of the highest scores, with their matches."""
        order = np.argsort(-self.score, kind="stable")[:k]
        held: dict[int, list[Match]] = {int(page): [] for page in order}
        for page, at, key, length, weight, cover in self.matches:
            for i in np.flatnonzero(np.isin(page, order)):
                start, part = int(at[i]), float(cover[i])
                held[int(page[i])].append(Match(start, start + length, weight * part, key, part))
        return [
            Found(int(self.documents[page]), float(self.score[page]), tuple(sorted(found, key=lambda m: -m.weight)))
            for page, found in held.items()
        ]
