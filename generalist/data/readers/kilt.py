"""KILT: json lines of knowledge-intensive questions and the Wikipedia pages that answer them (Petroni et al. 2021)."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from generalist.data.quotes import QUOTES, Quotes, posed
from generalist.data.readers.corpora import corpus, worded
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_jsonl
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.granularity import GRANULARITIES, page_of
from generalist.sequence.sample import Sample
from generalist.sequence.units.text import fold

__all__ = ["Kilt"]


@dataclass(frozen=True, slots=True)
class _Query:
    """One line: the pages of its evidence, each with its title, and which of them go together."""

    id: str
    text: str
    pages: dict[str, str]
    sets: tuple[tuple[str, ...], ...]

    def among(self, known: Container[str]) -> "_Query":
        """With the pages alone that are known."""
        titles = {page: title for page, title in self.pages.items() if page in known}
        return replace(self, pages=titles, sets=_distinct([page for page in one if page in known] for one in self.sets))


class Kilt:
    """``kilt:FILE``, or ``kilt:PATH:SPLIT`` for the one file ``*SPLIT*.jsonl`` of a folder (``nq-dev-kilt.jsonl``). A
    line holds ``id``, ``input`` and ``output``, a list of ``{"answer", "provenance": [{"wikipedia_id", "title"}]}``.

    The relevant documents are the pages of any output's provenance, and each provenance is a set of evidence.
    ``corpus=PATH`` names the pages to search, or their passages (``PAGE §n``), in any layout: KILT's knowledge source,
    a BEIR folder. Then pages that are not among them are not relevant, and words of them can be quoted.

    Skipped: a query without a relevant page, as all of KILT's test splits are, and one whose id was there before.
    """

    tasks: tuple[str, ...] = ("retrieve",)
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("corpus", "granularity")
        self.granularities = spec.several("granularity", GRANULARITIES)
        path = _file(spec)
        self.documents = corpus(spec.options["corpus"]) if "corpus" in spec.options else []
        self._place: dict[str, int] = {}
        for place, document in enumerate(self.documents):
            if worded(document):
                self._place.setdefault(page_of(document.id), place)
        if self.documents:
            self.tasks = ("retrieve", "quote")
        found: dict[str, _Query] = {}
        seen: set[str] = set()
        for number, record in enumerate(read_jsonl(path), 1):
            query = _query(path, number, record)
            query = query.among(self._place) if self.documents else query
            if query.id in seen:
                self.skipped.add("query whose id was there before", f"{path}: line {number}: {query.id}")
            elif not query.pages:
                self.skipped.add("query without a relevant page", f"{path}: line {number}: {query.id}")
            else:
                found[query.id] = query
            seen.add(query.id)
        if not found:
            raise Fault(f"{path}: holds no query with a relevant page")
        self._queries = list(found.values())

    def __len__(self) -> int:
        return len(self._queries)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A query with the ids of its relevant pages; ``text`` is the title of the first, or of a random one, ``texts``
        the titles of all: every one of them is right. For ``quote``, ``texts`` are runs of its page that share words
        with the query."""
        require(self, task, index)
        query = self._queries[index]
        titles = list(query.pages.values())
        one = 0 if rng is None else int(rng.integers(len(titles)))
        sample = Sample(
            id=query.id,
            query=query.text,
            documents=tuple(query.pages),
            evidence=query.sets,
            text=titles[one],
            texts=tuple(titles),
            granularity=posed(self.granularities, rng),
        )
        if task == "retrieve":
            return sample
        asked, place = fold(query.text), self._place[sample.documents[one]]
        texts = self.quotes.draw(place, asked, QUOTES, rng, sample.granularity)
        return sample.but(query=asked, text=texts[0], texts=texts)

    @cached_property
    def quotes(self) -> Quotes:
        return Quotes(self.documents)


def _file(spec: Spec) -> Path:
    if not spec.path.is_dir():
        return spec.path
    found: dict[str, Path] = {}
    for path in sorted(spec.path.glob("*.jsonl")):
        for split in ("train", "dev", "val", "test"):
            if split in path.stem:
                found[split] = path
        found[path.stem] = path
    if spec.split in found:
        return found[spec.split]
    return found[spec.choose(path.stem for path in spec.path.glob("*.jsonl"))]


def _query(path: Path, number: int, record: dict[str, Any]) -> _Query:
    try:
        outputs = record.get("output") or ()
        evidence = [[page for page in output.get("provenance") or () if "wikipedia_id" in page] for output in outputs]
        pages = {str(page["wikipedia_id"]): str(page.get("title") or "") for pages in evidence for page in pages}
        sets = _distinct([str(page["wikipedia_id"]) for page in pages] for pages in evidence)
        text = " ".join(str(record["input"]).split())
    except (KeyError, TypeError, AttributeError) as error:
        raise Fault(f"{path}: line {number} has not KILT's 'input' and 'output'") from error
    return _Query(str(record.get("id", number)), text, pages, sets)


def _distinct(sets: Iterable[list[str]]) -> tuple[tuple[str, ...], ...]:
    """Sets that hold something, each page and each set once: answers that rest on the same pages have one evidence."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for pages in sets:
        found.setdefault(frozenset(pages), tuple(dict.fromkeys(pages)))
    return tuple(filter(None, found.values()))
