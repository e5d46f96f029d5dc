"""Bm25: the baseline that any index is measured beside, over titles and texts (bm25s, Lucene's variant)."""

import time
from collections.abc import Iterable, Iterator, Sequence

import bm25s
import numpy as np

from generalist.faults import Fault
from generalist.retrieval.gathering import WIDER, gathered
from generalist.retrieval.hits import Hit, hits
from generalist.sequence.sample import Answer, Document, Sample

__all__ = ["Bm25"]


class Bm25:
    """Words of queries against words of documents. An ``Index`` is as good a list of documents as any.

    Raises:
        Fault: no document has a word.
    """

    def __init__(self, documents: Iterable[Document]):
        self.documents = list(documents)
        words = _words([f"{document.title} {document.text}" for document in self.documents])
        if not any(words):
            raise Fault("BM25 needs documents with words in them")
        self._engine = bm25s.BM25()
        self._engine.index(words, show_progress=False)

    def search(self, requests: Sequence[Sample], k: int = 10) -> list[Answer]:
        """The ``k`` best documents of each request's query, in the form of ``search``; or pages or entities, where that
        is what it asks for.

        Scores are BM25's, above 0; documents without a word of the query are not listed. The evidence is the words that
        match, each with its share of the score.
        """
        answers = []
        for request in requests:
            began = time.perf_counter()
            found = self._ranked(request.query, k * (WIDER if request.granularity else 1))
            documents = hits(gathered(found, request.granularity), k)
            answers.append(Answer("retrieve", request.size, documents=documents, seconds=time.perf_counter() - began))
        return answers

    def _ranked(self, query: str, k: int) -> Iterator[Hit]:
        words, counts = np.unique(_words([query])[0], return_counts=True)
        known = [
            (str(word), count)
            for word, count in zip(words, counts, strict=True)
            if self._engine.get_tokens_ids([str(word)])
        ]
        if not known:
            return
        shares = np.stack([self._engine.get_scores([word]) * count for word, count in known])
        total = shares.sum(0)
        for row in np.argsort(-total, kind="stable")[:k]:
            if total[row] <= 0:
                return
            evidence = [
                {"text": word, "weight": float(share)}
                for (word, _), share in zip(known, shares[:, row], strict=True)
                if share > 0
            ]
            yield Hit(self.documents[row], float(total[row]), sorted(evidence, key=lambda item: -item["weight"]))


def _words(texts: list[str]) -> list[list[str]]:
    words = bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
    return [list(row) for row in words]
