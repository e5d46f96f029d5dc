"""Pseudo-queries: what a model that learned ``ask_for`` would ask for the documents of an index, where nobody has.

A query is written by sampling (DSI-QG, Zhuang et al. 2022) and kept only if a search with it finds the document that it
was written for: the round trip of Promptagator (Dai et al. 2022). What is kept is written as a BEIR folder.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from generalist.data.passages import passages
from generalist.faults import Fault
from generalist.model.decode import Choice, decode, on_device
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_requests
from generalist.retrieval.index import Index
from generalist.retrieval.views import search_views
from generalist.sequence.sample import Document, Sample
from generalist.sequence.task import Task

__all__ = ["ASK", "NUCLEUS", "Asked", "Asker", "shuffled", "write_corpus", "write_queries"]

ASK = "ask_for"
"""The task that writes queries."""

NUCLEUS = 0.9
"""Share of the probability that a token is drawn from (Holtzman et al. 2020)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was written for a document, and whether a search with it finds the document."""

    query: str
    document: str
    found: bool


class Asker:
    """Writes queries for the documents of an index, and searches with them.

    Args:
        tasks: by name, with ``ask_for`` and what searches the index. each: queries a document, drawn for its passages
        in turn; those that are alike count once. top: a document is found if it is among so many. temperature, nucleus:
        how tokens are drawn. seed: of the first batch; each has its own.

    Raises:
        Fault: each, top or batch is below 1.
    """

    def __init__(
        self,
        index: Index,
        model: GeneralistModel,
        tasks: dict[str, Task],
        each: int = 3,
        top: int = 1,
        temperature: float = 1.0,
        nucleus: float = NUCLEUS,
        seed: int = 0,
        batch: int = 16,
    ):
        if min(each, top, batch) < 1:
            raise Fault(f"queries: each, top and batch are at least 1, not {each}, {top} and {batch}")
        self.index, self.model, self.each, self.top, self.batch = index, model, each, top, batch
        self.asking, self.finding = tasks[ASK], {name: tasks[kind.task] for name, kind in index.kinds.items()}
        self.temperature, self.nucleus, self.seed = temperature, nucleus, seed

    def __call__(self, documents: Iterable[Document]) -> Iterator[tuple[Document, list[Asked]]]:
        """Every document with the queries written for it; documents without words have none."""
        waiting, seed = iter(documents), self.seed
        while part := list(islice(waiting, self.batch)):
            written = self._write(part, seed)
            seed += 1
            asked = [(document, query) for document, queries in zip(part, written, strict=True) for query in queries]
            answers = search_views(
                self.index,
                self.model,
                self.finding,
                [Sample(query=query) for _, query in asked],
                self.top,
                batch=self.batch,
            )
            done: dict[str, list[Asked]] = {document.id: [] for document in part}
            for (document, query), answer in zip(asked, answers, strict=True):
                found = document.id in [hit["id"] for hit in answer.documents or ()]
                done[document.id].append(Asked(query, document.id, found))
            yield from ((document, done[document.id]) for document in part)

    def _write(self, documents: Sequence[Document], seed: int) -> list[list[str]]:
        """Different queries for each document."""
        pieces = [[part for part in passages(document) if part] for document in documents]
        owner = [i for i, parts in enumerate(pieces) if parts for _ in range(self.each)]
        requests = [Sample(document=parts[k % len(parts)]) for parts in pieces if parts for k in range(self.each)]
        queries: list[list[str]] = [[] for _ in documents]
        if not requests:
            return queries
        prefix = read_requests(self.model, self.asking, requests, None)
        constraint = on_device(self.asking.automaton(1), self.model.device)
        choice = Choice(temperature=self.temperature, top_p=self.nucleus, seed=seed)
        written = decode(self.model, prefix, constraint, self.asking.vocabulary, choice=choice)
        for i, one, request in zip(owner, written, requests, strict=True):
            query = (self.asking.decode(one, request).text or "").strip()
            if query and query not in queries[i]:
                queries[i].append(query)
        return queries


def write_queries(folder: Path, documents: Iterable[Document], asked: Iterable[Asked], some: bool = True) -> int:
    """Writes documents and the queries that found theirs as a BEIR folder with the split ``train``, beside and renamed;
    returns how many queries it holds. some: whether there must be one; without one no folder is written.

    Raises:
        Fault: the folder is there already or cannot be written, or no query found its document.
    """
    if folder.exists():
        raise Fault(f"{folder}: is there already; name a new folder")
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    count = 0
    try:
        (beside / "qrels").mkdir(parents=True)
        with (
            (beside / "queries.jsonl").open("w", encoding="utf-8") as queries,
            (beside / "qrels" / "train.tsv").open("w", encoding="utf-8") as judged,
        ):
            judged.write("query-id\tcorpus-id\tscore\n")
            for count, one in enumerate((one for one in asked if one.found), 1):
                queries.write(json.dumps({"_id": f"p{count}", "text": one.query}, ensure_ascii=False) + "\n")
                judged.write(f"p{count}\t{one.document}\t1\n")
        write_corpus(beside / "corpus.jsonl", documents)
        if count:
            beside.rename(folder)
        elif some:
            raise Fault("queries: none that was written finds its document: train the model on ask_for, and to search")
    except OSError as error:
        raise Fault(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return count


def write_corpus(path: Path, documents: Iterable[Document]) -> None:
    """Documents as a ``corpus.jsonl``."""
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            record = {"_id": document.id, "title": document.title, "text": document.text}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def shuffled(index: Index, seed: int) -> Iterator[Document]:
    """The documents of an index in an order that any beginning of is a fair part."""
    for place in np.random.default_rng(seed).permutation(len(index)).tolist():
        yield index[place]
