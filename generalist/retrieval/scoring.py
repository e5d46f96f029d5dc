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

from generalist.retrieval.order import Ids
from generalist.retrieval.substrings import Substrings

__all__ = ["ALPHA", "BETA", "Found", "Match", "key_weights", "ranked"]

ALPHA, BETA = 2.0, 0.8

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
    best = np.sort(best[total[best] > 0])
    runs: dict[int, list[tuple[int, int]]] = {int(document): [] for document in best}
    for i, (owner, at) in zip(order, stands, strict=True):
        inside = np.isin(owner, best)
        for document, place in zip(owner[inside].tolist(), at[inside].tolist(), strict=True):
            runs[document].append((i, place))
    found = [_scored(document, at, keys, weights) for document, at in runs.items()]
    return sorted(found, key=lambda one: -one.score)[:k]


def _scored(
    document: int, runs: Sequence[tuple[int, int]], keys: Sequence[Sequence[int]], weights: NDArray[np.float64]
) -> Found:
    """A document by its runs, (key, place) each, in the order of the keys' weights: a key counts once, at the first
    place where it overlaps nothing better."""
    taken: set[int] = set()
    seen: set[int] = set()
    counted: set[int] = set()
    matches = []
    for i, start in runs:
        span = range(start, start + len(keys[i]))
        if i in counted or not taken.isdisjoint(span):
            continue
        tokens = set(keys[i])
        cover = 1 - BETA + BETA * len(tokens - seen) / len(tokens)
        matches.append(Match(start, span.stop, float(weights[i] * cover)))
        counted.add(i)
        taken.update(span)
        seen |= tokens
    return Found(document, sum(match.weight for match in matches), tuple(sorted(matches, key=lambda m: -m.weight)))
