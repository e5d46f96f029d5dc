"""Views: documents found by every kind of identifier that an index has for them (MINDER, Li et al. 2023).

Each kind is written by itself, with its own task and under its own constraint. MINDER scores a document by the sum over
all identifiers written that it has, s(d, q) = sum over i in I_d of s(i, q). Here s is SEAL's weight of a key, for whole
identifiers as for n-grams, and each view is told as shares of its best, because the sum over n-grams has many terms and
that over titles one; beside n-grams it counts as little as that one term should:

    s(d, q) = sum over kinds v of c_v s_v(d, q) / max over d' of s_v(d', q)
    c_v     = 1, of whole identifiers beside n-grams BESIDE
    s_v(d, q) = w(i, q)^ALPHA of the identifier i that names d, with p(i) = |documents that i names| / (D + 1) and
                p(i|q) = P(i) / sum over the identifiers j that were found of P(j), P as the model writes them
              = ``scoring`` of n-grams
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from generalist.faults import Fault
from generalist.model.modeling import GeneralistModel
from generalist.retrieval.fusion import summed
from generalist.retrieval.hits import AMONG, confidence
from generalist.retrieval.index import Index
from generalist.retrieval.scoring import ALPHA, key_weights
from generalist.retrieval.search import search
from generalist.retrieval.substrings import Substrings
from generalist.sequence.sample import Answer, Document, Sample
from generalist.sequence.task import Task

__all__ = ["BESIDE", "search_views"]

BESIDE = 0.2
"""What a title or a code counts against the n-grams of a document. As much as them, a model that writes titles badly
spoils what it finds by n-grams: ``docs/decisions.md`` has the figures."""


def search_views(
    index: Index,
    model: GeneralistModel,
    tasks: Mapping[str, Task],
    requests: Sequence[Sample],
    k: int = 10,
    **options: Any,
) -> list[Answer]:
    """As ``search``, of an index with any kinds of identifier; ``tasks`` gives the task that writes each.

    Of one kind the answers are those of ``search``. Of several the score is the sum above, and each item of evidence
    also says its ``kind``; an answer bears the name of the first kind's task. Raises Fault as ``search`` does, and for
    sentences by several kinds.
    """
    if len(index.kinds) == 1:
        return search(index, model, tasks[index.kind], requests, k, **options)
    if options.get("granularity") == "sentence":
        raise Fault("search: sentences are found by one kind of identifier; this index has several")
    views = {kind: index.view(kind) for kind in index.kinds}
    most = max(k, AMONG)
    runs = {kind: isinstance(view.identifiers, Substrings) for kind, view in views.items()}
    counts = [1.0 if run or not any(runs.values()) else BESIDE for run in runs.values()]
    answers = {kind: search(view, model, tasks[kind], requests, most, **options) for kind, view in views.items()}
    out = []
    for each in zip(*answers.values(), strict=True):
        weighed = (_weighed(view, answer) for view, answer in zip(views.values(), each, strict=True))
        lists = list(zip(weighed, counts, strict=True))
        found = summed(lists, most)
        sure = np.asarray([confidence(found)], np.float32)
        seconds = sum(answer.seconds or 0.0 for answer in each)
        out.append(replace(each[0], documents=found[:k], scores=sure, seconds=seconds))
    return out


def _weighed(view: Index, answer: Answer) -> list[dict[str, Any]]:
    """The hits of one kind with s_v(d, q) for a score, best first; without those of no weight."""
    found = answer.documents or []
    written = {hit["evidence"][0]["text"]: hit["evidence"][0]["weight"] for hit in found}
    among = float(np.logaddexp.reduce(list(written.values()))) if written else 0.0
    hits = [
        hit | {"score": _score(view, hit, among), "evidence": [{**one, "kind": view.kind} for one in hit["evidence"]]}
        for hit in found
    ]
    return sorted((hit for hit in hits if hit["score"] > 0), key=lambda hit: -hit["score"])


def _score(view: Index, hit: Mapping[str, Any], among: float) -> float:
    """s_v(d, q); ``among``: the logarithm of how likely any of the identifiers was that were found."""
    if isinstance(view.identifiers, Substrings):
        return float(hit["score"])
    written = hit["evidence"][0]
    named = Document(hit["id"], hit["title"], code=written["text"])
    ids = view.kinds[view.kind].tokens(named, view.vocabulary, view.meta.longest[view.kind])
    count = np.asarray([view.identifiers.count(ids)])
    return float(key_weights(np.asarray([written["weight"] - among]), count, len(view) + 1)[0] ** ALPHA)
