"""KILT: json lines of knowledge-intensive questions and the Wikipedia pages that answer them (Petroni et al. 2021)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generalist.data.readers.corpora import corpus
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_jsonl
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Kilt"]


@dataclass(frozen=True, slots=True)
class _Query:
    """One line: the pages of its evidence, each with its title."""

    id: str
    text: str
    pages: dict[str, str]


class Kilt:
    """``kilt:FILE``, or ``kilt:PATH:SPLIT`` for the one file ``*SPLIT*.jsonl`` of a folder (``nq-dev-kilt.jsonl``). A
    line holds ``id``, ``input`` and ``output``, a list of ``{"answer", "provenance": [{"wikipedia_id", "title"}]}``.

    The relevant documents are the pages of any output's provenance. ``corpus=FILE`` names the pages to search, in
    any layout: KILT's knowledge source, a BEIR folder. Then pages that are not among them are not relevant.

    Skipped: a query without a relevant page, as all of KILT's test splits are, and one whose id was there before.
    """

    tasks: tuple[str, ...] = ("retrieve",)
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("corpus")
        path = _file(spec)
        self.documents = corpus(spec.options["corpus"]) if "corpus" in spec.options else []
        known = {document.id for document in self.documents}
        found: dict[str, _Query] = {}
        seen: set[str] = set()
        for number, record in enumerate(read_jsonl(path), 1):
            query = _query(path, number, record)
            pages = {page: title for page, title in query.pages.items() if not known or page in known}
            if query.id in seen:
                self.skipped.add("query whose id was there before", f"{path}: line {number}: {query.id}")
            elif not pages:
                self.skipped.add("query without a relevant page", f"{path}: line {number}: {query.id}")
            else:
                found[query.id] = _Query(query.id, query.text, pages)
            seen.add(query.id)
        if not found:
            raise Fault(f"{path}: holds no query with a relevant page")
        self._queries = list(found.values())

    def __len__(self) -> int:
        return len(self._queries)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A query with the ids of its relevant pages; ``text`` is the title of the first, or of a random one, ``texts``
        the titles of all: every one of them is right."""
        require(self, task, index)
        query = self._queries[index]
        titles = list(query.pages.values())
        title = titles[0 if rng is None else int(rng.integers(len(titles)))]
        documents = tuple(query.pages)
        return Sample(id=query.id, query=query.text, documents=documents, text=title, texts=tuple(titles))


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
        evidence = [page for output in outputs for page in output.get("provenance") or ()]
        pages = {str(page["wikipedia_id"]): str(page.get("title") or "") for page in evidence if "wikipedia_id" in page}
        text = " ".join(str(record["input"]).split())
    except (KeyError, TypeError, AttributeError) as error:
        raise Fault(f"{path}: line {number} has not KILT's 'input' and 'output'") from error
    return _Query(str(record.get("id", number)), text, pages)
