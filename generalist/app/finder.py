"""Finder: documents found for the queries of a set, beside BM25, both together, and the model without an index."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from generalist.app.documents import tasks_of
from generalist.app.generalist import Generalist
from generalist.data.readers import Dataset
from generalist.data.readers.beir import Beir
from generalist.data.readers.coded import Coded
from generalist.data.readers.corpora import titled
from generalist.data.readers.fold import Fold
from generalist.data.readers.generated import Generated
from generalist.data.readers.kilt import Kilt
from generalist.faults import Fault
from generalist.metrics.interval import bootstrap
from generalist.metrics.ranking import Ranking
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.fusion import fused
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import KINDS, kinds_of
from generalist.retrieval.views import search_views
from generalist.retrieval.withheld import without
from generalist.sequence.granularity import page_of
from generalist.sequence.sample import Answer, Document, Sample
from generalist.sequence.task import Task

__all__ = ["Finder"]

SEED = 0
"""Of the queries that are left without an answer: the same ones whenever the set is asked."""

MISSED = 0.1
"""Share of the documents that may be missing at once, so that what is searched stays what it was."""


class Finder:
    """Searches an index of the set's own documents; of generated scenes, of the first so many.

    Beside the model's own list stand, by the names in the figures: ``BM25`` and ``fused`` (the two together) where
    queries are text, and ``unconstrained``, what the model finds when nothing holds it to what exists. Of a KILT set
    what is found is a page, whichever passage of it was.

    Args:
        task: what is written; its unit says what names a document. among: documents of generated scenes that there
        are. k: documents listed. alone: without anything beside it. identifiers: the kinds that name documents, if
        more or others than the task writes. unanswerable: the share of queries that are asked of an index from which
        their documents are missing, and so have no answer: for the scores alone.

    Raises:
        Fault: the set has no documents; codes are to be written, and the set does not name the index that has them.
    """

    def __init__(
        self,
        generalist: Generalist,
        task: Task,
        data: Dataset,
        among: int,
        k: int,
        batch: int,
        alone: bool = False,
        identifiers: str | None = None,
        unanswerable: float = 0.0,
    ):
        self.generalist, self.task, self.batch, self.alone = generalist, task, batch, alone
        if isinstance(data, Fold):  # a part of the queries, and all the documents
            data = data.data
            among = len(data)
        kinds = kinds_of(identifiers or next(name for name, kind in KINDS.items() if kind.unit == task.identifies))
        own = {name: task for name, kind in kinds.items() if kind.unit == task.identifies}
        self.tasks = tasks_of(generalist, kinds) | own
        plain = data.data if isinstance(data, Coded) else data
        self.seen = plain.seen if isinstance(plain, Beir) else frozenset()
        self._folder = tempfile.TemporaryDirectory()  # kept as long as this: copies of the index are made beside it
        if "code" in kinds:
            if not isinstance(data, Coded):
                raise Fault(f"{data.name}: say which index has the codes that the model learned, with ?codes=INDEX")
            folder = data.index
            self.index = Index.open(folder, generalist.vocabulary).only(kinds)
            self._documents = list(self.index)
        else:
            folder = Path(self._folder.name) / "index"
            self._documents = _documents(plain, among)
            self.index = Index.build(self._documents, generalist.vocabulary, folder, kind="+".join(kinds))
        self.bytes = _bytes(folder) / len(self.index)
        self.k = min(k, len(self.index))
        self._page = page_of if isinstance(plain, Kilt) else str
        self._passages: dict[str, list[str]] = {}
        for document in self._documents:
            self._passages.setdefault(self._page(document.id), []).append(document.id)
        self._share, self._rng = unanswerable, np.random.default_rng(SEED)
        self._bm25: Bm25 | None = None
        self.rankings: dict[str, Ranking] = {"": Ranking()}
        self.seconds: list[float] = []

    def __call__(self, samples: list[Sample]) -> list[tuple[Answer, Sample]]:
        """The answers of the model alone, with what they answer; what stands beside them is measured on the way. A
        sample whose documents were missing comes back without them."""
        drawn = self._rng.random(len(samples)) < self._share
        whole, missing = np.flatnonzero(~drawn).tolist(), np.flatnonzero(drawn).tolist()
        told = dict(zip(whole, self._answerable([samples[i] for i in whole]), strict=True))
        told |= zip(missing, self._unanswerable([samples[i] for i in missing]), strict=True)
        return [told[i] for i in range(len(samples))]

    def _answerable(self, samples: list[Sample]) -> list[tuple[Answer, Sample]]:
        if not samples:
            return []
        answers = self._search(self.index, samples)
        self.seconds += [answer.seconds or 0.0 for answer in answers]
        self._add("", samples, answers)
        if not self.alone:
            self._beside(samples, answers)
        return list(zip(answers, samples, strict=True))

    def _unanswerable(self, samples: list[Sample]) -> list[tuple[Answer, Sample]]:
        told: list[tuple[Answer, Sample]] = []
        for part, gone in self._parts(samples):
            with without(self.index, gone) as index:
                answers = self._search(index, part)
            part = [sample.but(documents=(), evidence=()) for sample in part]
            self._add("", part, answers)
            told += zip(answers, part, strict=True)
        return told

    def _parts(self, samples: list[Sample]) -> Iterator[tuple[list[Sample], set[str]]]:
        """Samples that are asked together, and the documents that none of them finds."""
        part: list[Sample] = []
        gone: set[str] = set()
        for sample in samples:
            its = {one for name in sample.documents for one in self._passages.get(name, ())}
            if part and len(gone | its) > MISSED * len(self.index):
                yield part, gone
                part, gone = [], set()
            part, gone = [*part, sample], gone | its
        if part:
            yield part, gone

    def _beside(self, samples: list[Sample], answers: list[Answer]) -> None:
        self._add("unconstrained ", samples, self._search(self.index, samples, constrained=False))
        if all(sample.query for sample in samples):
            self._bm25 = self._bm25 or Bm25(self._documents)
            lexical = [self._paged(answer) for answer in self._bm25.search(samples, self.k)]
            both = [
                Answer(a.task, documents=fused(a.documents or [], b.documents or [], self.k))
                for a, b in zip(answers, lexical, strict=True)
            ]
            self._add("BM25 ", samples, lexical)
            self._add("fused ", samples, both)

    def _search(self, index: Index, samples: Sequence[Sample], constrained: bool = True) -> list[Answer]:
        model = self.generalist.model
        options = {"batch": self.batch, "constrained": constrained}
        found = search_views(index, model, self.tasks, samples, self.k, **options)
        return [self._paged(self.generalist.scored(answer)) for answer in found]

    def _paged(self, answer: Answer) -> Answer:
        """With each page once in its documents, where its best passage stands."""
        found: dict[str, dict[str, Any]] = {}
        for hit in answer.documents or ():
            found.setdefault(self._page(hit["id"]), hit)
        return replace(answer, documents=[hit | {"id": page} for page, hit in found.items()])

    def _add(self, name: str, samples: Sequence[Sample], answers: Sequence[Answer]) -> None:
        ranking = self.rankings.setdefault(name, Ranking())
        for answer, sample in zip(answers, samples, strict=True):
            ranking.add(answer, sample)

    def figures(self) -> dict[str, float]:
        """Means by name; nDCG@10 also of queries whose documents were relevant in training, and of the others."""
        values = {name: ranking.values() for name, ranking in self.rankings.items()}
        means = {f"{name}{key}": v for name, each in self.rankings.items() for key, v in each.result().items()}
        if self.seen:
            told = np.asarray(self.rankings[""].among(self.seen))
            for name, each in values.items():
                for part, rows in (("seen", told), ("unseen", ~told)):
                    if rows.any():
                        means[f"{name}nDCG@10 {part}"] = float(np.asarray(each["nDCG@10"])[rows].mean())
        return means

    def cost(self) -> dict[str, float]:
        """What a query takes, with the reading of it, and what a document takes on disk."""
        return {"seconds_a_query": float(np.mean(self.seconds or [0.0])), "bytes_a_document": self.bytes}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95% interval of nDCG@10 and R@100 of each list, and of what fusion gains on BM25, query by query."""
        values = {name: ranking.values() for name, ranking in self.rankings.items()}
        found = {
            f"{name}{key}": bootstrap(each[key])
            for name, each in values.items()
            for key in ("nDCG@10", "R@100")
            if each.get(key)
        }
        if "fused " in values and values["fused "]:
            both, alone = (np.asarray(values[name]["nDCG@10"]) for name in ("fused ", "BM25 "))
            found["fused - BM25 nDCG@10"] = bootstrap((both - alone).tolist())
        return found


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _documents(data: Dataset, among: int) -> list[Document]:
    if isinstance(data, Generated):
        return data.corpus(min(among, len(data)))
    if isinstance(data, Beir | Kilt) and data.documents:
        # An empty document cannot be meant.
        return [titled(document) for document in data.documents if document.title or document.text]
    raise Fault(f"{data.name}: has no documents to search")
