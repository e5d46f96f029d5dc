"""Fusion: ranked lists of the same request as one, by a weighted sum of their scores (Bruch et al. 2023)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from generalist.retrieval.hits import Hit, hits
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
    merged: dict[str, dict[str, Any]] = {}
    for found, weight in lists:
        for hit in found:
            name = hit["id"]
            scores[name] = scores.get(name, 0.0) + weight * hit["score"] / found[0]["score"]
            merged[name] = _both(merged[name], hit) if name in merged else dict(hit)
    ranked = sorted(scores, key=lambda name: -scores[name])
    return hits((_hit(merged[name], scores[name]) for name in ranked), k)


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    lists = {"evidence": [*one["evidence"], *other["evidence"]]}
    if "passages" in one:
        lists["passages"] = list(dict.fromkeys([*one["passages"], *other["passages"]]))
    return {**other, **one, **lists}


def _hit(told: Mapping[str, Any], score: float) -> Hit:
    more = {name: value for name, value in told.items() if name not in ("id", "title", "image", "score", "evidence")}
    return Hit(Document(told["id"], told["title"], "", told.get("image", "")), score, told["evidence"], more)
