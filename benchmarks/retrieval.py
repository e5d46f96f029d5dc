"""What generative retrieval owes to each of its parts: ablations of search, and of training.

    python benchmarks/retrieval.py --data beir:XQUAD:test --model runs/retrieval/model --limit 150
    python benchmarks/retrieval.py --data beir:XQUAD:test --model A/model B/model C/model --sweep curve
    python benchmarks/retrieval.py --data beir:XQUAD:test --sweep kinds identifiers --minutes 5 --seed 1

Of a trained model that writes n-grams:

    beams     runs kept while writing
    scoring   the terms of a document's score, one changed at a time, over the same keys
    share     what the model counts in its fusion with BM25
    curve     the models that are named, in their order: checkpoints of one run, say

Trained here, each variant for so many minutes from ``--init`` or from random weights:

    kinds        queries that documents make of themselves: all, none, each kind alone, each left out
    identifiers  what names a document, as ``generalist index --train`` learns it (from ``tiny`` unless --init says)

What is to be chosen by a sweep (a share, a power) is chosen on queries that are neither trained nor reported on:
``--data "beir:XQUAD:train-held?hold=120"``, which the training sweeps then leave out. Prints a JSON object a row, and
at the end a table in Markdown on standard error. ``low`` and ``high``: the 95% interval of nDCG@10, by the bootstrap.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generalist.app.documents import Searcher
from generalist.app.generalist import Generalist
from generalist.app.teaching import teach
from generalist.assets import assets
from generalist.data.readers import Spec, open_data
from generalist.data.readers.beir import Beir
from generalist.data.readers.corpora import titled
from generalist.data.readers.selfsupervised import KINDS as ASKED
from generalist.faults import Fault
from generalist.metrics.interval import bootstrap
from generalist.metrics.ranking import Ranking
from generalist.model.decode import on_device
from generalist.model.reading import read_requests
from generalist.retrieval.bm25 import Bm25
from generalist.retrieval.fusion import SHARE, fused
from generalist.retrieval.hits import hits
from generalist.retrieval.index import Index
from generalist.retrieval.keys import RUNS, Keys, written_keys
from generalist.retrieval.kinds import KINDS
from generalist.retrieval.scoring import ALPHA, BETA, Scoring, ranked
from generalist.retrieval.search import search
from generalist.retrieval.substrings import Substrings
from generalist.retrieval.vectors import Vectors
from generalist.sequence.sample import Answer, Document, Sample
from generalist.train.loop import train
from generalist.train.recipe import Model, Recipe

Row = dict[str, Any]
List = list[dict[str, Any]]

LISTED, BATCH = 100, 8
SEARCHING, TRAINING = ("beams", "scoring", "share", "curve"), ("kinds", "identifiers")


class Bench:
    """Queries of a set, drawn by a seed, and the documents that they are looked for among."""

    def __init__(self, data: str, limit: int | None):
        self.data, found = data, open_data(data)
        if not isinstance(found, Beir):
            raise Fault(f"{data}: is no beir set")
        order = np.random.default_rng(0).permutation(len(found))[:limit].tolist()
        self.samples = [found.sample(i, "quote") for i in sorted(order)]
        self.documents: list[Document] = [titled(one) for one in found.documents if one.title or one.text]

    def row(self, sweep: str, name: str, lists: Iterable[List], **more: Any) -> Row:
        ranking = Ranking()
        for listed, sample in zip(lists, self.samples, strict=True):
            ranking.add(Answer("quote", documents=listed), sample)
        values = ranking.values()
        low, high = bootstrap(values["nDCG@10"])
        means = {key: round(float(np.mean(values[key])), 4) for key in ("nDCG@10", "R@1", "R@10", "R@100")}
        about = {"bench": "retrieval", "sweep": sweep, "name": name, "n": len(self.samples)}
        return {**about, **means, "low": round(low, 4), "high": round(high, 4), **more}


class Searching:
    """One model over an index of n-grams. Keys are written once for each setting; scores are made of them."""

    def __init__(self, bench: Bench, model: str, folder: Path):
        self.bench, self.generalist = bench, Generalist.from_pretrained(model)
        self.task = self.generalist.tasks[KINDS["ngram"].task]
        self.index = Index.build(bench.documents, self.generalist.vocabulary, folder / "index", kind="ngram")
        assert isinstance(self.index.identifiers, Substrings)
        self.held: Substrings = self.index.identifiers
        self._keys: dict[tuple[int, bool], tuple[list[Keys], float]] = {}

    def keys(self, beams: int = RUNS, constrained: bool = True) -> tuple[list[Keys], float]:
        """The keys of every query, and the seconds that writing those of one took."""
        if (beams, constrained) not in self._keys:
            model, out, began = self.generalist.model, list[Keys](), time.perf_counter()
            device = model.device
            held: Any = self.held.on(lambda array: torch.from_numpy(array).to(device))
            constraint = held if constrained else on_device(self.task.constraint(Sample()), device)
            for first in range(0, len(self.bench.samples), BATCH):
                prefix = read_requests(model, self.task, self.bench.samples[first : first + BATCH], None)
                out += written_keys(self.index, model, prefix, constraint, beams)
            self._keys[beams, constrained] = out, (time.perf_counter() - began) / len(self.bench.samples)
        return self._keys[beams, constrained]

    def lists(self, keys: Iterable[Keys], scoring: Scoring | None = None) -> list[List]:
        return [self._list(written, scoring or Scoring()) for written in keys]

    def _list(self, written: Keys, scoring: Scoring) -> List:
        values = np.asarray(list(written.values()))
        found = ranked(self.held, list(written), values, LISTED, scoring=scoring) if written else []
        return hits(((self.index[one.document], one.score, []) for one in found), LISTED)

    def beams(self) -> Iterator[Row]:
        for beams in (1, 5, RUNS, 30):
            keys, seconds = self.keys(beams)
            yield self.bench.row("beams", str(beams), self.lists(keys), seconds=round(seconds, 4))

    def scoring(self) -> Iterator[Row]:
        row, (keys, _) = partial(self.bench.row, "scoring"), self.keys()
        yield row(f"as shipped: alpha {ALPHA:g}, beta {BETA:g}", self.lists(keys))
        for alpha in (1.0, 2.0, 4.0):
            yield row(f"alpha {alpha:g}", self.lists(keys, Scoring(alpha=alpha)))
        for beta in (0.0, 0.5, 1.0):
            yield row(f"beta {beta:g}", self.lists(keys, Scoring(beta=beta)))
        yield row("the best key alone, no sum", self.lists(keys, Scoring(most=1)))
        whole = [{ids: value for ids, value in one.items() if len(ids) == self.held.bound} for one in keys]
        yield row("whole runs alone, no history", self.lists(whole))
        yield row("unconstrained", self.lists(self.keys(constrained=False)[0]))

    def share(self) -> Iterator[Row]:
        ours = self.lists(self.keys()[0])
        lexical = [answer.documents or [] for answer in Bm25(self.bench.documents).search(self.bench.samples, LISTED)]
        for share in sorted({0.0, 0.1, SHARE, 0.3, 0.4, 0.5, 0.7, 1.0}):
            lists = [fused(a, b, LISTED, share) for a, b in zip(ours, lexical, strict=True)]
            yield self.bench.row("share", f"{share:g}", lists)


class Training:
    """Variants of the recipe ``retrieval``, each trained for as long."""

    def __init__(self, bench: Bench, init: str | None, minutes: float, seed: int, folder: Path):
        self.bench, self.init, self.minutes, self.seed, self.folder = bench, init, minutes, seed, folder
        spec = Spec.parse(bench.data)
        self.corpus = str(spec.path)
        hold = f"?hold={spec.options['hold']}" if "hold" in spec.options else ""
        judged = (spec.path / "qrels" / "train.tsv").is_file()
        self.judged = f"beir:{spec.path}:train{hold}" if judged else None

    def kinds(self) -> Iterator[Row]:
        every = tuple(ASKED)
        variants = {"all": every, "judged alone": ()} if self.judged else {"all": every}
        variants |= {kind: (kind,) for kind in every}
        variants |= {f"without {kind}": tuple(one for one in every if one != kind) for kind in every}
        for name, kinds in variants.items():
            yield self._row("kinds", name, kinds)

    def identifiers(self) -> Iterator[Row]:
        """What ``generalist index --train`` makes of each, the stages that it has included."""
        init = self.init or str(assets("weights") / "tiny")
        for kind in (*KINDS, "title+ngram", "title+ngram+code"):
            folder, first = self.folder / f"identifiers {kind}", Generalist.from_pretrained(init)
            vectors = Vectors(first.model, first.vocabulary)
            index = Index.build(self.bench.documents, first.vocabulary, folder, kind=kind, vectors=vectors)
            model = teach(folder, index, f"beir:{self.corpus}", kind, init, self.minutes)
            found = Searcher(Generalist.from_pretrained(model), folder, LISTED)(self.bench.samples)
            yield self._told("identifiers", kind, found)

    def _row(self, sweep: str, name: str, kinds: tuple[str, ...]) -> Row:
        recipe = Recipe.read(assets("recipes") / "retrieval.yaml")
        tasks = {KINDS["ngram"].task: 1.0}
        sources = [(self.judged, 1.0)] if self.judged else []
        sources += [(f"corpus:{self.corpus}?kinds={one}", 3 / len(kinds)) for one in kinds]
        given = [{"data": data, "weight": weight, "tasks": tasks} for data, weight in sources]
        out = self.folder / f"{sweep} {name}"
        recipe = Recipe.model_validate(
            {**recipe.model_dump(by_alias=True), "out": str(out), "seed": self.seed, "sources": given,
             "model": Model(init=self.init) if self.init else recipe.model}
        )  # fmt: skip
        model = train(recipe.model_copy(update={"steps": None, "minutes": self.minutes}))
        generalist = Generalist.from_pretrained(model)
        index = Index.build(self.bench.documents, generalist.vocabulary, out / "index", kind="ngram")
        task = generalist.tasks[KINDS["ngram"].task]
        return self._told(sweep, name, search(index, generalist.model, task, self.bench.samples, LISTED, batch=BATCH))

    def _told(self, sweep: str, name: str, answers: Iterable[Answer]) -> Row:
        about = {"minutes": self.minutes, "seed": self.seed}
        return self.bench.row(sweep, name, [answer.documents or [] for answer in answers], **about)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="beir:PATH:SPLIT, or beir:PATH:train-held?hold=N")
    parser.add_argument("--model", nargs="*", default=["tiny"], help="trained to quote; several for the curve")
    parser.add_argument("--sweep", nargs="*", choices=[*SEARCHING, *TRAINING], default=["beams", "scoring", "share"])
    parser.add_argument("--limit", type=int, help="only so many queries, drawn by a fixed seed")
    parser.add_argument("--init", help="what training begins with; random weights unless said")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, a variant")
    parser.add_argument("--seed", type=int, default=0, help="of training")
    given = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for row in _rows(given, Path(scratch)):
            print(json.dumps(row), flush=True)
            rows.append(row)
    print("\n".join(["| sweep | variant | n | nDCG@10 | R@10 | R@100 |", "|---|---|---|---|---|---|"]), file=sys.stderr)
    for row in rows:
        interval = f"{row['nDCG@10']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        about = f"| {row['sweep']} | {row['name']} | {row['n']} | {interval}"
        print(f"{about} | {row['R@10']:.3f} | {row['R@100']:.3f} |", file=sys.stderr)


def _rows(given: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    bench = Bench(given.data, given.limit)
    if searching := [name for name in given.sweep if name in SEARCHING and name != "curve"]:
        one = Searching(bench, given.model[-1], scratch)
        for name in searching:
            sweep: Callable[[], Iterator[Row]] = getattr(one, name)
            yield from sweep()
    if "curve" in given.sweep:
        for place, model in enumerate(given.model):
            one = Searching(bench, model, scratch / f"model {place}")
            yield bench.row("curve", model, one.lists(one.keys()[0]))
    training = Training(bench, given.init, given.minutes, given.seed, scratch)
    for name in TRAINING:
        if name in given.sweep:
            yield from getattr(training, name)()


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(f"benchmarks/retrieval.py: {fault}")
