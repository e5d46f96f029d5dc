"""Finder: documents found for the queries of a set, beside BM25, both together, and the model without an index."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from generalist.app.generalist import Generalist
from generalist.data.readers import Dataset
from generalist.data.readers.beir import Beir
from generalist.data.readers.corpora import titled
from generalist.data.readers.generated import Generated
from generalist.data.readers.kilt import Kilt
from generalist.faults import Fault
from generalist.metrics.interval import bootstrap
from generalist.metrics.ranking import Ranking
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.fusion import fused
from generalist.retrieval.index import Index
from generalist.retrieval.search import search
from generalist.sequence.sample import Answer, Document, Sample
from generalist.sequence.task import Task

__all__ = ["Finder"]


class Finder:
    """Searches an index of the set's own documents; of generated scenes, of the first so many.

    Beside the model's own list stand, by the names in the figures: ``BM25`` and ``fused`` (the two together) where
    queries are text, and ``unconstrained``, what the model finds when nothing holds it to what exists.

    Args:
        task: what is written; its unit says what names a document. among: documents of generated scenes that there
        are. k: documents listed. alone: without anything beside it.
    """

    def __init__(
        self, generalist: Generalist, task: Task, data: Dataset, among: int, k: int, batch: int, alone: bool = False
    ):
        self.generalist, self.task, self.batch, self.alone = generalist, task, batch, alone
        self.seen = data.seen if isinstance(data, Beir) else frozenset()
        documents = _documents(data, among)
        self.k = min(k, len(documents))
        kind = "ngram" if task.identifies == "ngram" else "title"
        # The index is memory-mapped: its files may go once it is open.
        with tempfile.TemporaryDirectory() as folder:
            self.index = Index.build(documents, generalist.vocabulary, Path(folder) / "index", kind=kind)
            files = [path for path in (Path(folder) / "index").rglob("*") if path.is_file()]
            self.bytes = sum(path.stat().st_size for path in files) / len(documents)
        self._documents = documents
        self._bm25: Bm25 | None = None
        self.rankings: dict[str, Ranking] = {"": Ranking()}
        self.seconds: list[float] = []

    def __call__(self, samples: list[Sample]) -> list[Answer]:
        """The answers of the model alone; what stands beside them is measured on the way."""
        answers = self._search(samples)
        self.seconds += [answer.seconds or 0.0 for answer in answers]
        self._add("", samples, answers)
        if self.alone:
            return answers
        self._add("unconstrained ", samples, self._search(samples, constrained=False))
        if all(sample.query for sample in samples):
            self._bm25 = self._bm25 or Bm25(self._documents)
            lexical = self._bm25.search(samples, self.k)
            both = [
                Answer(a.task, documents=fused(a.documents or [], b.documents or [], self.k))
                for a, b in zip(answers, lexical, strict=True)
            ]
            self._add("BM25 ", samples, lexical)
            self._add("fused ", samples, both)
        return answers

    def _search(self, samples: Sequence[Sample], constrained: bool = True) -> list[Answer]:
        model = self.generalist.model
        found = search(self.index, model, self.task, samples, self.k, batch=self.batch, constrained=constrained)
        return [self.generalist.scored(answer) for answer in found]

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
        return {"seconds_a_query": float(np.mean(self.seconds)), "bytes_a_document": self.bytes}

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


def _documents(data: Dataset, among: int) -> list[Document]:
    if isinstance(data, Generated):
        return data.corpus(min(among, len(data)))
    if isinstance(data, Beir | Kilt) and data.documents:
        # An empty document cannot be meant.
        return [titled(document) for document in data.documents if document.title or document.text]
    raise Fault(f"{data.name}: has no documents to search")
