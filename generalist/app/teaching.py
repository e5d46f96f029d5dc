"""Teaching: a model is trained on the documents of an index, and kept beside it.

The time is divided between stages, each a recipe that begins with the weights of the one before:

    learn   all that is left    queries that documents make of themselves, and those that were judged, if any
    write   a tenth             queries are written for documents, and those that find theirs are kept
    again   three tenths        as at first, with the queries that were kept
    rank    a tenth             a margin between the documents found for judged queries

``write`` and ``again`` need judged queries, to learn from what is asked, and time: ``LONG`` minutes in all. ``rank``
needs judged queries and an index of n-grams. A stage that is left out leaves its time to ``learn``.
"""

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import chain, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from generalist.assets import assets
from generalist.data.readers import Spec
from generalist.faults import Fault
from generalist.model.build import load_model
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import kinds_of
from generalist.retrieval.pseudo import ASK, Asker, shuffled, write_corpus, write_queries
from generalist.sequence.sample import Document
from generalist.sequence.task import load_tasks
from generalist.train.recipe import Model, Recipe, SourceSpec

__all__ = ["LONG", "SHARES", "shares", "taught", "teach"]

LONG = 20.0
"""Minutes from which queries are written."""

SHARES = {"write": 0.1, "again": 0.3, "rank": 0.1}
"""Of the time, where there is what a stage needs."""

ASKED = 0.5
"""How often a row of a judged query also asks for its document, to learn to write queries."""


def taught(index: Path) -> Path | None:
    """The model that was trained on the documents of an index, if there is one."""
    folder = _beside(index, "model")
    return folder if folder.is_dir() else None


def teach(index: Path, documents: Iterable[Document], corpus: str, kind: str, model: str, minutes: float) -> Path:
    """Trains a model, from the weights of ``model`` on, to write what names these documents, and returns its folder.

    ``corpus``: of a BEIR folder with judgements for training these are learned from too. Asked for the same again after
    an interruption, it goes on with the stage, and from the checkpoint, that it had come to.

    Raises:
        Fault: the time is not positive, or what is trained on is at fault.
    """
    if not minutes > 0:
        raise Fault(f"index: --train is a number of minutes above 0, not {minutes:g}")
    work = _beside(index, "training")
    judged, kinds = _judged(corpus), kinds_of(kind)
    tasks = tuple(one.task for one in kinds.values())
    lesson = Lesson(model, minutes, tasks, judged, "code" in kinds, shares(judged is not None, kind, minutes))
    _begin(work, documents, lesson)
    made = _Teacher(index, work, lesson).run()
    kept = _beside(index, "model")
    shutil.rmtree(kept, ignore_errors=True)
    made.rename(kept)
    shutil.rmtree(work)
    return kept


def shares(judged: bool, kind: str, minutes: float) -> dict[str, float]:
    """What each stage has of the time, in the order in which they come; those with nothing are left out."""
    long = judged and minutes >= LONG
    there = {"write": long, "again": long, "rank": judged and "ngram" in kinds_of(kind)}
    some = {name: share for name, share in SHARES.items() if there[name]}
    return {"learn": 1 - sum(some.values()), **some}


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is asked for. model: a folder; tasks: those that write identifiers; judged: a BEIR folder, or none; coded:
    whether the index has codes to learn; shares: of the time, by stage."""

    model: str
    minutes: float
    tasks: tuple[str, ...]
    judged: str | None
    coded: bool
    shares: dict[str, float]


class _Teacher:
    def __init__(self, index: Path, work: Path, lesson: Lesson):
        self.index, self.work, self.lesson = index, work, lesson
        self.queries = work / "queries"

    def run(self) -> Path:
        """The stages, one after the other; those that are done are passed over."""
        last = Path(self.lesson.model)
        for name, share in self.lesson.shares.items():
            if name == "write":
                self._write(last, 60 * self.lesson.minutes * share)
            else:
                last = self._train(name, last, self.lesson.minutes * share)
        return last

    def _train(self, name: str, before: Path, minutes: float) -> Path:
        from generalist.train.loop import train  # here, so that a search does not wait for what trains

        folder = self.work / name
        if (folder / "model").is_dir():
            return folder / "model"
        return train(self._recipe(name, before, folder).model_copy(update={"steps": None, "minutes": minutes}))

    def _recipe(self, name: str, before: Path, out: Path) -> Recipe:
        """The shipped recipe of a stage, with its sources of here."""
        shipped = assets("recipes") / ("ranking.yaml" if name == "rank" else "retrieval.yaml")
        recipe, lesson = Recipe.read(shipped), self.lesson
        here = {"index": str(self.index), "queries": f"beir:{lesson.judged}:train"}
        return recipe.model_copy(
            update={
                "name": name,
                "out": str(out),
                "vocabulary": lesson.model,
                "model": Model(init=str(before)),
                "sources": list(self._sources(recipe, name)),
                "ranking": recipe.ranking and recipe.ranking.model_copy(update=here),
            }
        )

    def _sources(self, recipe: Recipe, name: str) -> Iterator[SourceSpec]:
        """The recipe's sources; where it has judged queries, queries that were written stand beside them."""
        lesson, tasks = self.lesson, dict.fromkeys(self.lesson.tasks, 1.0)
        codes = [f"codes={quote(str(self.index))}"] if lesson.coded else []
        for source in recipe.sources:
            reader, _, options = source.data.partition("?")
            if not reader.startswith("beir:"):
                data = f"corpus:{self.work}?{'&'.join([options, *codes])}"
                yield source.model_copy(update={"data": data, "tasks": tasks})
            elif lesson.judged is not None:
                asks = {ASK: ASKED} if name == "learn" and "write" in lesson.shares else {}
                data = "?".join([f"beir:{lesson.judged}:train", *codes])
                yield source.model_copy(update={"data": data, "tasks": tasks | asks})
                if name != "learn" and self.queries.is_dir():
                    data = "?".join([f"beir:{self.queries}:train", *codes])
                    yield source.model_copy(update={"data": data, "tasks": tasks})

    def _write(self, model: Path, seconds: float) -> None:
        """Queries for as many documents as there is time for, in an order that favours none."""
        done = self.work / "write.json"
        if done.is_file():
            return
        trained, vocabulary = load_model(model)
        index = Index.open(self.index, vocabulary)
        until = time.monotonic() + seconds
        asker = Asker(index, trained, load_tasks(vocabulary))
        asked = takewhile(lambda _: time.monotonic() < until, asker(shuffled(index, 0)))
        shutil.rmtree(self.queries, ignore_errors=True)
        kept = write_queries(self.queries, index, chain.from_iterable(queries for _, queries in asked), some=False)
        _write_json(done, {"kept": kept})


def _begin(work: Path, documents: Iterable[Document], lesson: Lesson) -> None:
    """The folder that is worked in, with the documents; what is there is kept if it is of the same documents and of the
    same request."""
    new = work.with_name(work.name + ".part")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    write_corpus(new / "corpus.jsonl", documents)
    with (new / "corpus.jsonl").open("rb") as file:
        digest = blake2b(digest_size=16)
        while block := file.read(1 << 20):
            digest.update(block)
    request = json.dumps({**asdict(lesson), "documents": digest.hexdigest()})
    (new / "request.json").write_text(request, encoding="utf-8")
    held = work / "request.json"
    if held.is_file() and held.read_text(encoding="utf-8") == request:
        shutil.rmtree(new)
        return
    shutil.rmtree(work, ignore_errors=True)
    new.rename(work)


def _judged(corpus: str) -> str | None:
    """The BEIR folder of a corpus that holds judgements for training."""
    folder = Spec.parse(corpus).path if corpus.startswith("beir:") else Path(corpus)
    return str(folder) if (folder / "qrels" / "train.tsv").is_file() else None


def _write_json(path: Path, value: Any) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)


def _beside(index: Path, what: str) -> Path:
    return index.with_name(f"{index.name}.{what}")
