"""Hits: documents found, best first, as the ``documents`` of an Answer. One form for the model and for the baseline."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from generalist.sequence.sample import Document

__all__ = ["AMONG", "Evidence", "Hit", "confidence", "hits"]

Evidence = list[dict[str, Any]]
"""What speaks for a hit: ``{"text": matched span, "weight": float}``, in order of place or of weight; of runs also
where they stand, ``{"field": "title" or "text", "span": [first letter, after the last]}``."""

APART = 1e-6
"""Relative step between hits that would tie: survives float32, which trec_eval's descendants keep scores in."""

AMONG = 10
"""Hits that the first one's share is told of."""


class Hit(NamedTuple):
    """Something found, with a positive score, and what else is to be told of it."""

    document: Document
    score: float
    evidence: Evidence
    more: dict[str, Any] = {}


def confidence(found: Sequence[Mapping[str, Any]]) -> float:
    """How far the first hit stands out: its share of the scores of the first ten. 0 if nothing was found. ``generalist
    calibrate`` makes the probability of it that the first hit is right."""
    scores = [hit["score"] for hit in found[:AMONG]]
    return scores[0] / sum(scores) if scores else 0.0


def hits(found: Iterable[Hit], k: int) -> list[dict[str, Any]]:
    """The first ``k`` of ``found``, best first, as JSON-ready dicts.

    ``{"id", "title", "score", "evidence"}``, ``"image"`` where it has one, and what else is told of it; scores strictly
    decrease, because measures break ties by name.
    """
    out: list[dict[str, Any]] = []
    for document, score, evidence, more in islice(found, k):
        # A long improbable title may underflow to 0, which nothing could stand below.
        score = max(score, 1e-300)
        if out:
            score = min(score, out[-1]["score"] * (1 - APART))
        told = {"image": document.image, **more} if document.image else more
        out.append({"id": document.id, "title": document.title, **told, "score": score, "evidence": evidence})
    return out
