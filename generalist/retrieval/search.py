"""Search: the model writes identifiers that exist, likeliest first, and each names its documents.

Of whole titles the likeliest come first. Of n-grams every beginning that stood in a beam is a key, and documents are
scored by the keys that they hold: see ``scoring``.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import exp
from typing import Any

import numpy as np
import torch

from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.model.decode import beam_search, on_device
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_images, read_requests
from generalist.retrieval.gathering import NEXT, WIDER, check, gathered
from generalist.retrieval.hits import AMONG, Hit, confidence, hits
from generalist.retrieval.index import Index
from generalist.retrieval.keys import RUNS, Keys, written_keys
from generalist.retrieval.kinds import KINDS
from generalist.retrieval.scoring import ranked
from generalist.retrieval.spans import Spans
from generalist.retrieval.substrings import Substrings
from generalist.sequence.automaton import Constraint
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task
from generalist.sequence.units.text import fold

__all__ = ["BEAMS", "search"]

BEAMS = 10
"""Identifiers kept while writing, unless more documents than that are asked for."""


def search(
    index: Index,
    model: GeneralistModel,
    task: Task,
    requests: Sequence[Sample],
    k: int = 10,
    beams: int | None = None,
    batch: int = 8,
    constrained: bool = True,
    granularity: str = "",
    prompted: bool = False,
) -> list[Answer]:
    """The ``k`` likeliest documents of each request, by a text, an image or both.

    beams: identifiers kept while writing, when not given 15, of titles 10 or at least k. batch: requests written
    together. constrained: whether only what the index holds may be written; without, what does not exist finds nothing.
    granularity: what is listed, one of ``GRANULARITIES``, instead of what each request says; by none of them documents
    as they are stored: see ``gathering``. prompted: whether it is also asked for, by the prompt that the task has for
    it; a model that was not trained with these finds less by them.

    Returns an Answer a request, with ``documents``, best first: ``{"id", "title", "score", "evidence"}``, of sentences
    also ``"sentence"`` and its ``"span"`` in the text, of pages and entities ``"passages"``, their ids; and in
    ``scores`` how far the first passage stands out (``hits.confidence``), which calibrates to how likely it is right.
    Of titles and codes the score is the probability that the model, held by nothing, writes the identifier: those of
    different identifiers add up to at most 1, and one that is forced to go on as a document does is no likelier for
    it. Documents that share one are listed one after the other, and the evidence is the identifier as written, with its
    log-probability. Of n-grams it is SEAL's sum, above 0, and the evidence is the runs of the document that it is of.

    Raises:
        Fault: a request lacks what the task asks for, an image cannot be read, there is no such granularity or the task
            has no prompt for it, the task writes no identifiers, the model is of another vocabulary than the index, or
            k, beams or batch is below 1.
    """
    _check(index, model, task)
    if min(k, batch, 1 if beams is None else beams) < 1:
        raise Fault(f"search: k, beams and batch are at least 1, not {k}, {beams} and {batch}")
    check(granularity)
    units = [granularity or request.granularity for request in requests]
    if granularity and prompted:
        requests = [request.but(granularity=granularity) for request in requests]
    runs = index.identifiers if isinstance(index.identifiers, Substrings) else None
    beams = min(beams or (RUNS if runs else max(BEAMS, k)), index.different)
    device = model.device
    constraint: Constraint = index.identifiers.on(lambda array: torch.from_numpy(array).to(device))
    columns = None if runs else torch.tensor(KINDS[index.kind].among(index.vocabulary), device=device)
    if not constrained:
        constraint = on_device(task.constraint(Sample()), device)
    if runs:
        requests = [request.but(query=fold(request.query)) for request in requests]
    answers: list[Answer] = []
    for first in range(0, len(requests), batch):
        part, wanted = requests[first : first + batch], units[first : first + batch]
        began = time.perf_counter()
        images = read_images(model, [None if request.image is None else load_image(request.image) for request in part])
        prefix = read_requests(model, task, part, images)
        if runs:
            written = written_keys(index, model, prefix, constraint, beams)
            found = [_held(index, runs, keys, _deep(k, unit)) for unit, keys in zip(wanted, written, strict=True)]
        else:
            named = beam_search(model, prefix, constraint, index.vocabulary, beams, among=columns)
            found = [_named(index, titles) for titles in named]
        told = [_told(one, unit, k, NEXT if runs else 0.0) for unit, one in zip(wanted, found, strict=True)]
        seconds = (time.perf_counter() - began) / len(part)
        answers += [_answer(task, request, *each, seconds) for request, each in zip(part, told, strict=True)]
    return answers


def _check(index: Index, model: GeneralistModel, task: Task) -> None:
    if task.identifies is None:
        raise Fault(
            f"task {task.name!r} writes no identifiers of documents: its answer is none of docid, ngram and code"
        )
    if model.config.fingerprint not in ("", index.meta.fingerprint):
        raise Fault(f"{index.folder}: built for another vocabulary than the model's; build it again for this model")


def _answer(task: Task, request: Sample, sure: float, found: list[dict[str, Any]], seconds: float) -> Answer:
    name = None if request.image is None or isinstance(request.image, np.ndarray) else str(request.image)
    scores = np.asarray([sure], np.float32)
    return Answer(task.name, request.size, name, scores=scores, documents=found, seconds=seconds)


def _deep(k: int, unit: str) -> int:
    """How many passages are found so that ``k`` of what they are gathered to can be listed."""
    return max(k, AMONG) * (WIDER if unit not in ("", "passage") else 1)


def _told(found: Iterable[Hit], unit: str, k: int, share: float) -> tuple[float, list[dict[str, Any]]]:
    """How far the first passage stands out, and what is listed."""
    passages = list(islice(found, _deep(k, unit)))
    return confidence(hits(passages, AMONG)), hits(gathered(passages, unit, share), k)


def _named(index: Index, written: list[tuple[list[int], float]]) -> Iterator[Hit]:
    """The documents that written identifiers name, with their probabilities; read from disk only as asked for."""
    for ids, log_probability in written:
        evidence = [{"text": index.kinds[index.kind].text(ids[:-1], index.vocabulary), "weight": log_probability}]
        for row in index.identifiers.documents(ids):
            yield Hit(index[int(row)], exp(log_probability), evidence)


def _held(index: Index, held: Substrings, keys: Keys, k: int) -> Iterator[Hit]:
    """The documents that hold the keys written, with their scores and the runs that these are of."""
    for found in ranked(held, list(keys), np.asarray(list(keys.values())), k):
        text, document = held.text(found.document), index[found.document]
        spans = Spans(document, index.vocabulary)
        evidence = [
            {
                "text": index.vocabulary.text(text[match.start : match.stop]),
                "weight": match.weight,
                **spans(match.start, match.stop),
            }
            for match in found.matches
        ]
        yield Hit(document, found.score, evidence)
