"""Search: the model writes identifiers that exist, likeliest first, and each names its documents.

Of whole titles the likeliest come first. Of n-grams every beginning that stood in a beam is a key, and documents are
scored by the keys that they hold: see ``scoring``.
"""

import time
from collections.abc import Iterator, Sequence
from math import exp
from typing import Any

import numpy as np
import torch

from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.model.decode import beam_search, on_device
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_images, read_requests
from generalist.retrieval.hits import AMONG, Evidence, confidence, hits
from generalist.retrieval.index import Index
from generalist.retrieval.keys import RUNS, Keys, written_keys
from generalist.retrieval.scoring import ranked
from generalist.retrieval.substrings import Substrings
from generalist.sequence.automaton import Constraint
from generalist.sequence.sample import Answer, Document, Sample
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
) -> list[Answer]:
    """The ``k`` likeliest documents of each request, by a text, an image or both.

    beams: identifiers kept while writing, when not given 15, of titles 10 or at least k. batch: requests written
    together. constrained: whether only what the index holds may be written; without, what does not exist finds nothing.

    Returns an Answer a request, with ``documents``, best first: ``{"id", "title", "score", "evidence"}``, and in
    ``scores`` how far the first stands out (``hits.confidence``), which calibrates to how likely it is right. Of titles
    the score is the probability of the identifier among all that exist: those of different identifiers add up to at
    most 1. Documents that share one are listed one after the other, and the evidence is the identifier as written, with
    its log-probability. Of n-grams it is SEAL's sum, above 0, and the evidence is the runs of the document that it is
    of.

    Raises:
        Fault: a request lacks what the task asks for, an image cannot be read, the task writes no identifiers, the
            model is of another vocabulary than the index, or k, beams or batch is below 1.
    """
    _check(index, model, task)
    if min(k, batch, 1 if beams is None else beams) < 1:
        raise Fault(f"search: k, beams and batch are at least 1, not {k}, {beams} and {batch}")
    most = max(k, AMONG)
    runs = index.identifiers if isinstance(index.identifiers, Substrings) else None
    beams = min(beams or (RUNS if runs else max(BEAMS, k)), index.different)
    device = model.device
    constraint: Constraint = index.identifiers.on(lambda array: torch.from_numpy(array).to(device))
    if not constrained:
        constraint = on_device(task.constraint(Sample()), device)
    if runs:
        requests = [request.but(query=fold(request.query)) for request in requests]
    answers: list[Answer] = []
    for first in range(0, len(requests), batch):
        part = requests[first : first + batch]
        began = time.perf_counter()
        images = read_images(model, [None if request.image is None else load_image(request.image) for request in part])
        prefix = read_requests(model, task, part, images)
        if runs:
            written = written_keys(index, model, prefix, constraint, beams)
            listed = [hits(_held(index, runs, keys, most), most) for keys in written]
        else:
            named = beam_search(model, prefix, constraint, index.vocabulary, beams)
            listed = [hits(_named(index, titles), most) for titles in named]
        seconds = (time.perf_counter() - began) / len(part)
        answers += [_answer(task, request, found, k, seconds) for request, found in zip(part, listed, strict=True)]
    return answers


def _check(index: Index, model: GeneralistModel, task: Task) -> None:
    if task.identifies is None:
        raise Fault(
            f"task {task.name!r} writes no identifiers of documents: its answer is none of docid, ngram and code"
        )
    if model.config.fingerprint not in ("", index.meta.fingerprint):
        raise Fault(f"{index.folder}: built for another vocabulary than the model's; build it again for this model")


def _answer(task: Task, request: Sample, found: list[dict[str, Any]], k: int, seconds: float) -> Answer:
    name = None if request.image is None or isinstance(request.image, np.ndarray) else str(request.image)
    sure = np.asarray([confidence(found)], np.float32)
    return Answer(task.name, request.size, name, scores=sure, documents=found[:k], seconds=seconds)


def _named(index: Index, written: list[tuple[list[int], float]]) -> Iterator[tuple[Document, float, Evidence]]:
    """The documents that written identifiers name, with their probabilities; read from disk only as asked for."""
    for ids, log_probability in written:
        evidence = [{"text": index.kinds[index.kind].text(ids[:-1], index.vocabulary), "weight": log_probability}]
        for row in index.identifiers.documents(ids):
            yield index[int(row)], exp(log_probability), evidence


def _held(index: Index, held: Substrings, keys: Keys, k: int) -> Iterator[tuple[Document, float, Evidence]]:
    """The documents that hold the keys written, with their scores and the runs that these are of."""
    for found in ranked(held, list(keys), np.asarray(list(keys.values())), k):
        text = held.text(found.document)
        evidence = [
            {"text": index.vocabulary.text(text[match.start : match.stop]), "weight": match.weight}
            for match in found.matches
        ]
        yield index[found.document], found.score, evidence
