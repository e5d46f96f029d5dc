"""BEIR: a corpus, queries and judgements of relevance (Thakur et al. 2021), as json lines and tsv."""

from functools import cached_property
from pathlib import Path

import numpy as np

from generalist.data.quotes import QUOTES, Quotes, posed
from generalist.data.readers.corpora import corpus, worded
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_jsonl, read_lines
from generalist.faults import Fault
from generalist.sequence.granularity import GRANULARITIES
from generalist.sequence.sample import Sample
from generalist.sequence.units.text import fold

__all__ = ["Beir"]

THINNED = 0.75
"""Share of its words that a query keeps, when it loses some in training."""


class Beir:
    """``beir:PATH:SPLIT``. PATH holds ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv``.

    The queries are those that SPLIT judges, in its order; a judgement of 0 is not relevant, and a query without a
    relevant document is left out. ``seen``: the documents that ``train`` judges relevant.
    ``granularity=sentence,entity`` is what training asks for, half of the time.
    """

    tasks: tuple[str, ...] = ("retrieve", "quote")
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("granularity")
        self.granularities = spec.several("granularity", GRANULARITIES)
        root = spec.folder()
        split = spec.choose(path.stem for path in root.glob("qrels/*.tsv"))
        relevant = _relevant(root / "qrels" / f"{split}.tsv")
        queries = {str(record.get("_id")): str(record.get("text", "")) for record in read_jsonl(root / "queries.jsonl")}
        for query in relevant:
            if query not in queries:
                raise Fault(f"{root / 'qrels' / split}.tsv: query {query!r} is not in queries.jsonl")
        self.documents = corpus(root / "corpus.jsonl")
        self._place = {document.id: place for place, document in enumerate(self.documents)}
        self._worded = {document.id for document in self.documents if worded(document)}
        train = root / "qrels" / "train.tsv"
        judged = _relevant(train) if split != "train" and train.is_file() else {}
        self.seen = frozenset(one for found in judged.values() for one in found)
        self._items = [(query, queries[query], found) for query, found in relevant.items()]

    def __len__(self) -> int:
        return len(self._items)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A query with the ids of its relevant documents; ``text`` is the title of the first, or of a random one; for
        ``quote``, ``texts`` are runs of it that share words with the query."""
        require(self, task, index)
        identity, query, found = self._items[index]
        told = [name for name in found if name in self._worded]
        if rng is not None and not told:
            # Nothing can be written of a document without words: another query is asked in its place.
            if not self._posable:
                raise Fault(f"{self.name}: no query has a relevant document with words")
            return self.sample(self._posable[int(rng.integers(len(self._posable)))], task, rng)
        one = self._place[told[0 if rng is None else int(rng.integers(len(told)))]] if told else None
        texts: tuple[str, ...] = () if one is None else (self.documents[one].title,)
        granularity = posed(self.granularities, rng)
        if task == "quote":
            query = fold(query if rng is None else _thinned(query, rng))
            texts = () if one is None else self.quotes.draw(one, query, QUOTES, rng, granularity)
        text = texts[0] if texts else ""
        return Sample(id=identity, query=query, documents=found, text=text, texts=texts, granularity=granularity)

    @cached_property
    def _posable(self) -> list[int]:
        return [i for i, (_, _, found) in enumerate(self._items) if any(name in self._worded for name in found)]

    @cached_property
    def quotes(self) -> Quotes:
        return Quotes(self.documents)


def _thinned(query: str, rng: np.random.Generator) -> str:
    """Half of the time some words of a query are lost: there are few queries, and none may be learned by heart."""
    words = query.split()
    kept = [word for word in words if rng.random() < THINNED]
    return " ".join(kept) if kept and rng.random() < 0.5 else query


def _relevant(path: Path) -> dict[str, tuple[str, ...]]:
    """Query to relevant documents. The header may be missing; ids may hold spaces, so only tabs part the columns."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(read_lines(path), 1):
        columns = line.split("\t")
        if number == 1 and columns[-1].strip() == "score":
            continue
        try:
            query, document, score = columns[0], columns[-2], float(columns[-1])
        except (IndexError, ValueError) as error:
            raise Fault(f"{path}: line {number} is not query, document and score with tabs") from error
        if score > 0 and document not in found.get(query, ()):
            found[query] = (*found.get(query, ()), document)
    return found
