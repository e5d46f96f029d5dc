"""Ranking: documents that answer a query are to score above those that do not (LTRGR, Li et al. 2023).

The model searches an index with its present weights, as it would be asked; of the documents found a right one r and a
wrong one w are compared by the scores of ``retrieval.scoring``, now as functions of the weights:

    max(0, (score(w, q) - score(r, q)) / best + margin)

once for the best right one and the best wrong one, once for a pair drawn from the list. Which keys count in a document
and how far they cover it is as it was found; what is learned are the probabilities of the keys. ``best``, the score at
the head of the list, is a constant: the scores of two queries may be far apart.

Legend: T tracks, n tokens of all of them, K keys, C columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import expandvars
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from generalist.data.readers import open_data
from generalist.data.rows import NOWHERE, Rows, best_width
from generalist.faults import Fault
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_requests
from generalist.retrieval.index import Index
from generalist.retrieval.keys import written_keys
from generalist.retrieval.kinds import KINDS
from generalist.retrieval.scoring import ALPHA, Found, log_odds, ranked, weights_of
from generalist.retrieval.substrings import Substrings
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.units.text import fold
from generalist.sequence.vocabulary import Vocabulary
from generalist.train.recipe import RankingSpec, Recipe

__all__ = ["Case", "Ranking", "documents_scored"]

LISTED = 100
"""Documents of a list that a pair is drawn from."""


@dataclass(frozen=True, slots=True)
class Case:
    """A query, the keys that were written for it with their ``log_odds`` (K,), pairs (right, wrong) of the documents
    found, and the best score."""

    sample: Sample
    keys: list[tuple[int, ...]]
    chance: NDArray[np.float64]
    pairs: tuple[tuple[Found, Found], ...]
    best: float


class Ranking:
    """The ranking stage of a recipe. What a step searches for is a function of (seed, step, process) alone.

    Raises:
        Fault: the index is not there, of another vocabulary or not of n-grams; the queries are not there or cannot be
            posed as the task.
    """

    def __init__(self, recipe: Recipe, vocabulary: Vocabulary, accelerator: Accelerator):
        assert recipe.ranking is not None
        self.spec: RankingSpec = recipe.ranking
        self.seed, self.accelerator, self.accumulate = recipe.seed, accelerator, recipe.accumulate
        self.index = Index.open(expandvars(self.spec.index), vocabulary).view("ngram")
        self.held = cast(Substrings, self.index.identifiers)
        tasks = load_tasks(vocabulary, *recipe.tasks_dir)
        self.queries = open_data(self.spec.queries)
        if self.spec.task not in tasks or self.spec.task not in self.queries.tasks:
            raise Fault(f"ranking: {self.spec.queries} cannot be posed as {self.spec.task!r}")
        self.task: Task = tasks[self.spec.task]
        self._sum, self._count = 0.0, 0

    def search(self, model: GeneralistModel, step: int) -> list[Case]:
        """What a step compares: queries for which both a right and a wrong document were found. None of a micro-batch
        before the last, and between the steps that rank."""
        if step % self.spec.every or not self.accelerator.sync_gradients:
            return []
        rng = np.random.default_rng((self.seed, step, 1 + self.accelerator.process_index))
        drawn = rng.integers(len(self.queries), size=self.spec.rows).tolist()
        asked = [self.queries.sample(i, self.task.name, rng) for i in drawn]
        samples = [sample.but(query=fold(sample.query)) for sample in asked]
        if any(sample.image is not None for sample in samples):
            raise Fault(f"ranking: {self.spec.queries} asks with pictures; ranking is of queries in words")
        # A context of its own: what autocast keeps of the weights in here could not be differentiated.
        with self.accelerator.autocast():
            prefix = read_requests(model, self.task, samples, None)
            constraint = self.held.on(lambda array: torch.from_numpy(array).to(model.device))
            written = written_keys(self.index, model, prefix, constraint, self.spec.beams)
        cases = (self._case(sample, keys, rng) for sample, keys in zip(samples, written, strict=True))
        return [case for case in cases if case is not None]

    def _case(self, sample: Sample, keys: Mapping[tuple[int, ...], float], rng: np.random.Generator) -> Case | None:
        found = ranked(self.held, list(keys), np.asarray(list(keys.values())), LISTED)
        told = [self.index[one.document].id in sample.documents for one in found]
        right = [one for one, is_right in zip(found, told, strict=True) if is_right]
        wrong = [one for one, is_right in zip(found, told, strict=True) if not is_right]
        if not right or not wrong:
            return None
        drawn = right[int(rng.integers(len(right)))], wrong[int(rng.integers(len(wrong)))]
        chance = log_odds(self.held.counts(self.held.find(list(keys))), self.held.places)
        return Case(sample, list(keys), chance, ((right[0], wrong[0]), drawn), found[0].score)

    def loss(self, model: GeneralistModel, cases: Sequence[Case]) -> Tensor:
        """The mean of the pairs' losses, times the weight."""
        scores = documents_scored(model, self.task, cases)
        gaps = torch.stack([
            (score[wrong.document] - score[right.document]) / case.best
            for case, score in zip(cases, scores, strict=True)
            for right, wrong in case.pairs
        ])  # fmt: skip
        loss = (gaps + self.spec.margin).clamp(min=0).mean()
        self._sum, self._count = self._sum + float(loss.detach()), self._count + 1
        return loss * self.spec.weight * self.accumulate

    def recent(self) -> dict[str, float]:
        """The mean loss since it was last asked for, without the weight."""
        told = {"ranking": self._sum / self._count} if self._count else {}
        self._sum, self._count = 0.0, 0
        return told


def documents_scored(model: GeneralistModel, task: Task, cases: Sequence[Case]) -> list[dict[int, Tensor]]:
    """The scores of the documents of each case's pairs, by their numbers, as functions of the weights."""
    matched = [{match.key for pair in case.pairs for one in pair for match in one.matches} for case in cases]
    wanted = [[case.keys[i] for i in sorted(kept)] for case, kept in zip(cases, matched, strict=True)]
    written = _log_probabilities(model, task, [case.sample for case in cases], wanted)
    scores = []
    for case, kept, log_probabilities in zip(cases, matched, written, strict=True):
        place = {key: i for i, key in enumerate(sorted(kept))}
        chance = torch.from_numpy(case.chance[sorted(kept)]).to(log_probabilities)
        weights = weights_of(log_probabilities, chance) ** ALPHA
        scores.append({
            one.document: torch.stack([weights[place[match.key]] * match.cover for match in one.matches]).sum()
            for pair in case.pairs
            for one in pair
        })  # fmt: skip
    return scores


def _log_probabilities(
    model: GeneralistModel, task: Task, samples: Sequence[Sample], keys: Sequence[Sequence[tuple[int, ...]]]
) -> list[Tensor]:
    """The log-probabilities (K,) of each sample's keys. A key that begins another is read with it, on one track."""
    vocabulary = task.vocabulary
    asked = [(task.render(sample), _longest(wanted)) for sample, wanted in zip(samples, keys, strict=True)]
    lengths = [len(prompt.ids) + sum(map(len, tracks)) for prompt, tracks in asked]
    rows = Rows(best_width({NOWHERE: lengths}))
    places: list[tuple[int, int, list[tuple[int, ...]]]] = []  # row, where the tracks begin in it, the tracks
    for number, ((prompt, tracks), length) in enumerate(zip(asked, lengths, strict=True)):
        place = rows.place(NOWHERE, length)
        row = rows[place]
        row.add(prompt.ids, number, 0, np.arange(len(prompt.ids)), np.nan, -1, False)
        places.append((place, row.length, tracks))
        for track, ids in enumerate(tracks, 1):
            row.add([vocabulary.bos, *ids[:-1]], number, track, np.arange(len(ids)), np.nan, -1, False)
    batch, longest = rows.tensors(vocabulary.pad)
    batch = {name: table.to(model.device) for name, table in batch.items()} | {"labels": 0, "pixels": None}
    hidden = model.read_rows(batch)[0].flatten(0, 1)
    at = [place * longest + first + np.arange(sum(map(len, tracks))) for place, first, tracks in places]
    told = [token for _, _, tracks in places for ids in tracks for token in ids]
    columns = torch.tensor(KINDS["ngram"].among(vocabulary), device=model.device)
    states = hidden.index_select(0, torch.from_numpy(np.concatenate(at)).to(model.device))
    logits = (states @ model.token_embed.weight.index_select(0, columns).T).float()
    target = torch.searchsorted(columns, torch.tensor(told, device=model.device))
    each = logits.log_softmax(-1).gather(1, target[:, None]).squeeze(1).split([len(part) for part in at])
    return [_summed(one, tracks, wanted) for one, (_, _, tracks), wanted in zip(each, places, keys, strict=True)]


def _longest(keys: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The keys that begin no other, sorted."""
    ordered = sorted(keys)
    return [key for key, after in zip(ordered, [*ordered[1:], ()], strict=True) if after[: len(key)] != key]


def _summed(each: Tensor, tracks: Sequence[tuple[int, ...]], keys: Sequence[tuple[int, ...]]) -> Tensor:
    """Log-probabilities of keys (K,) from those of the tokens (n,) of the tracks that hold them."""
    begins: dict[tuple[int, ...], int] = {}
    first = 0
    for ids in tracks:
        begins |= {ids[:n]: first for n in range(1, len(ids) + 1)}
        first += len(ids)
    return torch.stack([each[begins[key] : begins[key] + len(key)].sum() for key in keys])
