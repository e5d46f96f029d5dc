"""BEIR: a corpus, queries and judgements of relevance (Thakur et al. 2021), as json lines and tsv."""

from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np

from generalist.data.passages import passage_of, passages
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

    ``?hold=N`` keeps N queries of SPLIT out of it, which are then ``SPLIT-held?hold=N``: to choose by what was not
    trained on. Those of one document go together, so a few more may be held.
    """

    tasks: tuple[str, ...] = ("retrieve", "quote", "ask_for")
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("hold", "granularity")
        self.granularities = spec.several("granularity", GRANULARITIES)
        root, hold = spec.folder(), spec.whole("hold")
        splits = [path.stem for path in root.glob("qrels/*.tsv")]
        split = spec.choose([*splits, *(f"{name}-held" for name in splits if hold and spec.split)])
        whole = split if split in splits else split.removesuffix("-held")
        relevant = _relevant(root / "qrels" / f"{whole}.tsv")
        kept = _held(relevant, hold or 0)
        relevant = {query: found for query, found in relevant.items() if (query in kept) == (split != whole)}
        if hold and not relevant:
            raise Fault(f"{spec.text}: no query of {whole!r} is left")
        queries = {str(record.get("_id")): str(record.get("text", "")) for record in read_jsonl(root / "queries.jsonl")}
        for query in relevant:
            if query not in queries:
                raise Fault(f"{root / 'qrels' / split}.tsv: query {query!r} is not in queries.jsonl")
        self.documents = corpus(root / "corpus.jsonl")
        self._place = {document.id: place for place, document in enumerate(self.documents)}
        self._worded = {document.id for document in self.documents if worded(document)}
        train = root / "qrels" / "train.tsv"
        judged = _relevant(train) if split != "train" and train.is_file() else {}
        left = set(judged) - (kept if whole == "train" else set())
        self.seen = frozenset(one for query in left for one in judged[query])
        self._items = [(query, queries[query], found) for query, found in relevant.items()]

    def __len__(self) -> int:
        return len(self._items)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A query with the ids of its relevant documents; ``text`` is the title of the first, or of a random one; for
        ``quote``, ``texts`` are runs of it that share words with the query. For ``ask_for`` the other way round: a
        passage of the document, and what is asked about it."""
        require(self, task, index)
        identity, query, found = self._items[index]
        told = [name for name in found if name in self._worded]
        if rng is not None and not told:
            # Nothing can be written of a document without words: another query is asked in its place.
            if not self._posable:
                raise Fault(f"{self.name}: no query has a relevant document with words")
            return self.sample(self._posable[int(rng.integers(len(self._posable)))], task, rng)
        one = self._place[told[0 if rng is None else int(rng.integers(len(told)))]] if told else None
        if task == "ask_for":
            return self._asked(index, one)
        texts: tuple[str, ...] = () if one is None else (self.documents[one].title,)
        granularity = posed(self.granularities, rng)
        if task == "quote":
            query = fold(query if rng is None else _thinned(query, rng))
            texts = () if one is None else self.quotes.draw(one, query, QUOTES, rng, granularity)
        text = texts[0] if texts else ""
        return Sample(id=identity, query=query, documents=found, text=text, texts=texts, granularity=granularity)

    def _asked(self, index: int, one: int | None) -> Sample:
        """The passage that query ``index`` asks about, with it and others that do, ``QUOTES`` at most."""
        identity, query, found = self._items[index]
        if one is None:
            raise Fault(f"{self.name}: query {identity!r} has no relevant document with words that it could ask for")
        document = self.documents[one]
        parts = passages(document)
        at = passage_of(parts, query)
        others = (text for text in self._queries[document.id] if passage_of(parts, text) == at)
        texts = tuple(dict.fromkeys(fold(text) for text in (query, *others)))[:QUOTES]
        return Sample(id=identity, document=parts[at], documents=found, text=texts[0], texts=texts)

    @cached_property
    def _queries(self) -> dict[str, list[str]]:
        """Queries by the documents that are relevant to them."""
        asked: dict[str, list[str]] = {}
        for _, query, found in self._items:
            for name in found:
                asked.setdefault(name, []).append(query)
        return asked

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


def _held(relevant: dict[str, tuple[str, ...]], count: int) -> set[str]:
    """``count`` queries or a few more, in the order of hashes of their first documents."""
    hashes = {query: blake2b(found[0].encode(), digest_size=8).hexdigest() for query, found in relevant.items()}
    last = sorted(hashes.values())[min(count, len(hashes)) - 1] if count else ""
    return {query for query, value in hashes.items() if value <= last}


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
