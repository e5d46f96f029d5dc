"""Teaching: a model is trained on the documents of an index, and kept beside it."""

import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from generalist.assets import assets
from generalist.data.readers import Spec
from generalist.faults import Fault
from generalist.retrieval.kinds import kinds_of
from generalist.sequence.sample import Document
from generalist.train.recipe import Recipe

__all__ = ["taught", "teach"]

PACE = 12
"""Steps by which it is told how many fit into the time that is given."""


def taught(index: Path) -> Path | None:
    """The model that was trained on the documents of an index, if there is one."""
    folder = _beside(index, "model")
    return folder if folder.is_dir() else None


def teach(index: Path, documents: Iterable[Document], corpus: str, kind: str, model: str, minutes: float) -> Path:
    """Trains a model, from the weights of ``model`` on, to write what names these documents, and returns its folder.

    It learns from queries that the documents make of themselves; where ``corpus`` is a BEIR folder with judgements for
    training, a third as often from these. The recipe is ``retrieval``, with as many steps as fit into the time.

    Raises:
        Fault: the time is not positive, or what is trained on is at fault.
    """
    from generalist.train.loop import train  # here, so that a search does not wait for what trains

    if not minutes > 0:
        raise Fault(f"index: --train is a number of minutes above 0, not {minutes:g}")
    work = _beside(index, "training")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _write(documents, work / "corpus.jsonl")
    changes = [f"out={work / 'run'}", f"model.init={model}"]
    recipe = Recipe.read(assets("recipes") / "retrieval.yaml", changes)
    kinds = kinds_of(kind)
    found = _sources(recipe, corpus, work, index if "code" in kinds else None)
    sources = [
        source.model_copy(update={"data": data, "tasks": {one.task: 1.0 for one in kinds.values()}})
        for source, data in zip(recipe.sources, found, strict=True)
        if data is not None
    ]
    recipe = recipe.model_copy(update={"sources": sources})
    began = time.monotonic()
    train(recipe.model_copy(update={"steps": PACE, "out": str(work / "pace")}))
    pace = (time.monotonic() - began) / PACE
    steps = max(int(60 * minutes / pace), PACE)
    made = train(recipe.model_copy(update={"steps": steps}))
    kept = _beside(index, "model")
    shutil.rmtree(kept, ignore_errors=True)
    made.rename(kept)
    shutil.rmtree(work)
    return kept


def _sources(recipe: Recipe, corpus: str, work: Path, codes: Path | None) -> list[str | None]:
    """What the recipe's sources are of here; None for judgements that there are not. codes: the index that has some."""
    folder = Spec.parse(corpus).path if corpus.startswith("beir:") else Path(corpus)
    judged = (folder / "qrels" / "train.tsv").is_file()
    named = [] if codes is None else [f"codes={quote(str(codes))}"]
    out: list[str | None] = []
    for source in recipe.sources:
        reader, _, options = source.data.partition("?")
        if reader.startswith("beir:"):
            out.append("?".join([f"beir:{folder}:train", *named]) if judged else None)
        else:
            out.append(f"corpus:{work}?{'&'.join([options, *named])}")
    return out


def _write(documents: Iterable[Document], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            record = {"_id": document.id, "title": document.title, "text": document.text}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _beside(index: Path, what: str) -> Path:
    return index.with_name(f"{index.name}.{what}")
