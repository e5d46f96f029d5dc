"""Fusion: ranked lists of the same request as one, by a weighted sum of their scores (Bruch et al. 2023)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from generalist.retrieval.hits import Evidence, hits
from generalist.sequence.sample import Document

__all__ = ["SHARE", "fused", "summed"]

SHARE = 0.2
"""What the first list counts against the second."""


def fused(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], k: int, share: float = SHARE
) -> list[dict[str, Any]]:
    """The ``k`` best of the documents in either list; ``share`` in [0, 1] is of the first. See ``summed``."""
    return summed(((first, share), (second, 1 - share)), k)


def summed(lists: Iterable[tuple[Sequence[Mapping[str, Any]], float]], k: int) -> list[dict[str, Any]]:
    """The ``k`` best of the documents in any list, which are hits, best first, as ``search`` lists them, and what the
    list counts.

    Scores of a list are told as shares of its best, whose least is known to be 0; a document that a list lacks has none
    of it. The evidence is what all of them say.
    """
    scores: dict[str, float] = {}
    evidence: dict[str, Evidence] = {}
    titles: dict[str, str] = {}
    for found, weight in lists:
        for hit in found:
            name = hit["id"]
            titles[name] = hit["title"]
            scores[name] = scores.get(name, 0.0) + weight * hit["score"] / found[0]["score"]
            evidence[name] = [*evidence.get(name, []), *hit["evidence"]]
    ranked = sorted(scores, key=lambda name: -scores[name])
    return hits(((Document(name, titles[name]), scores[name], evidence[name]) for name in ranked), k)
