"""Decoding: the prefix is read once, then all tracks of all requests step together under the grammar.

Greedy, sampling and beams share one step: hidden states of every track, scores of the ids that the constraint allows
in any row (a few columns of the table, not the whole vocabulary), a softmax under the constraint. Tracks that have
ended leave the cache at once: a grid of 144 that found four things goes on with four.

Legend: R requests, K tracks (or beams) a request, C columns, D width.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from generalist.model.cache import Prefix, TrackCache
from generalist.model.modeling import GeneralistModel
from generalist.sequence.automaton import Automaton, Constraint, State
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Step, Written

__all__ = ["Choice", "beam_search", "decode", "on_device"]

KEPT = 2048
"""Distributions over more columns than this are not kept: no unit decodes pieces of text by expectation."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How a token is chosen.

    present: a track on a grid writes something if the probability of not ``none`` reaches this; average precision wants
    the weak ones too. best: the track that most wants to write does, however weakly. most: tracks a request that may
    write.
    temperature: 0 takes the likeliest token, otherwise samples from the nucleus ``top_p``.
    """

    present: float | None = 0.05
    best: bool = False
    most: int = 100
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@lru_cache(maxsize=64)
def _moved(automaton: Automaton, device: torch.device) -> Automaton:
    return automaton.on(lambda table: torch.from_numpy(table).to(device))


def on_device(automaton: Automaton, device: torch.device) -> Automaton:
    """The tables as tensors of a device; kept, because a task is asked again and again."""
    return _moved(automaton, device)


@torch.inference_mode()
def decode(
    model: GeneralistModel,
    prefix: Prefix,
    constraint: Constraint,
    vocabulary: Vocabulary,
    points: Tensor | None = None,
    choice: Choice | None = None,
) -> list[Written]:
    """What every track of every request writes.

    points (R, K, 2): lattice points in the unit square, or None for one track a request. Returns R ``Written``.
    Never writes more than ``constraint.bound`` tokens.
    """
    return _Decoder(model, prefix, constraint, vocabulary, points, choice or Choice()).run()


class Kept(NamedTuple):
    """``Step`` of all requests: columns (C,), probabilities (R, M, C), row (R, K), planes (R, M, down, across)."""

    columns: Tensor
    probabilities: Tensor
    row: Tensor
    planes: Tensor | None

    def cpu(self) -> "Kept":
        planes = None if self.planes is None else self.planes.cpu()
        return Kept(self.columns.cpu(), self.probabilities.cpu(), self.row.cpu(), planes)

    def of(self, request: int) -> Step:
        planes = None if self.planes is None else self.planes[request].numpy()
        return Step(self.columns.numpy(), self.probabilities[request].numpy(), self.row[request].numpy(), planes)


class _Decoder:
    def __init__(
        self,
        model: GeneralistModel,
        prefix: Prefix,
        constraint: Constraint,
        vocabulary: Vocabulary,
        points: Tensor | None,
        choice: Choice,
    ):
        self.model, self.prefix, self.constraint, self.vocabulary = model, prefix, constraint, vocabulary
        self.choice, self.grid = choice, points is not None
        device = prefix.mask.device
        self.R, self.K = len(prefix.mask), 1 if points is None else points.shape[1]
        self.cache = model.begin(prefix, points, self.K, constraint.bound)
        self.state = constraint.start(self.R * self.K)
        # Which track each place of the cache holds, now that others have left.
        self.track = torch.arange(self.K, device=device).expand(self.R, self.K)
        self.ids = torch.full((self.R, self.K), vocabulary.bos, device=device)
        self.tokens: list[Tensor] = []
        self.chosen: list[Tensor] = []
        self.kept: list[Kept | None] = []
        self.random = torch.Generator(device=device).manual_seed(choice.seed)

    def run(self) -> list[Written]:
        for _ in range(self.constraint.bound):
            ended = self.constraint.done(self.state).view_as(self.ids)
            if bool(ended.all()):
                break
            if self.tokens:
                ended = self._leave(ended)
            self._write(ended)
        return self._written()

    def _leave(self, ended: Tensor) -> Tensor:
        """Drops places whose tracks have ended, as far as the fullest request allows."""
        most = int((~ended).sum(1).max())
        if most > 0.75 * ended.shape[1]:
            return ended
        order = ended.int().argsort(dim=1, stable=True)[:, :most]
        rows = torch.arange(self.R, device=order.device)[:, None]
        flat = (rows * ended.shape[1] + order).flatten()
        self.cache.select(order)
        self.state = self.constraint.reorder(self.state, flat)
        self.track, self.ids = self.track.gather(1, order), self.ids.gather(1, order)
        return ended.gather(1, order)

    def _write(self, ended: Tensor) -> None:
        """One token of every track."""
        hidden, columns, probability = _distribution(
            self.model, self.prefix, self.cache, self.constraint, self.state, self.ids, self.vocabulary
        )
        pick = self._pick(columns, probability)
        self.ids = torch.where(ended, self.vocabulary.pad, columns[pick])
        self.state = self.constraint.advance(self.state, self.ids.flatten())
        full = torch.full((self.R, self.K), self.vocabulary.pad, device=pick.device)
        self.tokens.append(full.scatter(1, self.track, self.ids))
        value = torch.where(ended, 1.0, probability.gather(2, pick[..., None]).squeeze(2))
        self.chosen.append(torch.ones(self.R, self.K, device=pick.device).scatter(1, self.track, value))
        row = torch.full_like(full, -1).scatter(
            1, self.track, torch.arange(pick.shape[1], device=pick.device) + 0 * pick
        )
        row = row.masked_fill(self.tokens[-1] == self.vocabulary.pad, -1)
        planes = self._planes(hidden)
        few = len(columns) <= KEPT or planes is not None
        self.kept.append(Kept(columns, probability, row, planes) if few else None)

    def _planes(self, hidden: Tensor) -> Tensor | None:
        """The cover of the sub-cell that each track's token means (R, K, down, across), if any track writes such."""
        images, block = self.prefix.images, self.vocabulary.blocks.get("pixels")
        if images is None or block is None or not bool(((self.ids >= block.start) & (self.ids < block.stop)).any()):
            return None
        return self.model.planes(hidden, images.features[-1]).float().sigmoid().unflatten(2, images.grid)

    def _pick(self, columns: Tensor, probability: Tensor) -> Tensor:
        """Columns (R, K) of the tokens chosen."""
        if self.choice.temperature > 0:
            return self._sample(probability)
        best = probability.argmax(-1)
        none = torch.nonzero(columns == self.vocabulary.none)
        if not self.grid or self.tokens or not len(none) or self.choice.present is None:
            return best
        # The first token of a grid says whether anything is there; that is settled by a threshold, not by the mode.
        at = int(none)
        there = 1 - probability[..., at]
        other = probability.clone()
        other[..., at] = -1
        strongest = there.topk(min(self.choice.most, there.shape[1]), 1).indices
        writes = torch.zeros_like(there, dtype=torch.bool).scatter(1, strongest, True)
        writes &= there >= self.choice.present
        if self.choice.best:
            writes.scatter_(1, strongest[:, :1], True)
        return torch.where(writes, other.argmax(-1), at)

    def _sample(self, probability: Tensor) -> Tensor:
        sharp = probability.clamp(min=1e-30).log() / self.choice.temperature
        sharp = torch.where(probability > 0, sharp, -torch.inf).softmax(-1).nan_to_num(1.0)
        ordered, index = sharp.sort(-1, descending=True)
        ordered = ordered * (ordered.cumsum(-1) - ordered < self.choice.top_p)
        drawn = torch.multinomial(ordered.flatten(0, 1), 1, generator=self.random).view(*ordered.shape[:2], 1)
        return index.gather(-1, drawn).squeeze(-1)

    def _written(self) -> list[Written]:
        tokens = torch.stack(self.tokens, 2).cpu().numpy()
        chosen = torch.stack(self.chosen, 2).float().cpu().numpy()
        kept = [k and k.cpu() for k in self.kept]
        return [
            Written(
                tokens[r],
                chosen[r],
                [k and k.of(r) for k in kept],
                self.vocabulary.pad,
            )
            for r in range(self.R)
        ]


def _distribution(
    model: GeneralistModel,
    prefix: Prefix,
    cache: TrackCache,
    constraint: Constraint,
    state: State,
    ids: Tensor,
    vocabulary: Vocabulary,
    among: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps every track past ``ids`` (R, K). Returns the states (R, K, D), the ids possible next (C,) and their
    probabilities (R, K, C), which are told among what is allowed, or among all of the ids ``among`` (sorted).

    Rows that have ended allow nothing; their probabilities are zeros.
    """
    label = vocabulary["label"]
    slot = torch.where((ids >= label.start) & (ids < label.stop), ids - label.start, -1)
    hidden = model.step(prefix, cache, ids, slot)
    allowed = constraint.allowed(state)
    columns = allowed.columns if among is None else among
    scores = model.logits(prefix, hidden, columns, (label.start, label.stop))
    if among is None:
        scores = scores.masked_fill(~allowed.mask.view_as(scores), -torch.inf)
        return hidden, columns, scores.softmax(-1).nan_to_num(0.0)
    mask = torch.zeros(len(allowed.mask), len(among), dtype=torch.bool, device=scores.device)
    mask[:, torch.searchsorted(among, allowed.columns)] = allowed.mask
    return hidden, columns, scores.softmax(-1).masked_fill(~mask.view_as(scores), 0.0)


@torch.inference_mode()
def beam_search(
    model: GeneralistModel,
    prefix: Prefix,
    constraint: Constraint,
    vocabulary: Vocabulary,
    beams: int = 10,
    history: list[list[tuple[list[int], float]]] | None = None,
    wide: int = 0,
    among: Tensor | None = None,
) -> list[list[tuple[list[int], float]]]:
    """The likeliest answers of one-track requests: for each, up to ``beams`` of (ids, log-probability), best first.

    A hypothesis is never shortened or normalised by length: its score is its log-probability under the constraint, so a
    search stops as soon as no open hypothesis can overtake the worst one kept. history: R lists, filled with the
    ``wide`` likeliest beginnings of every length (or with those that stood in a beam) and their log-probabilities, as
    SEAL's keys are. among: ids (sorted) that tokens were chosen from if nothing but the grammar held the model: what
    stands in an index by itself, and could not go on otherwise, is no likelier for that. None: probabilities are told
    among what is allowed.
    """
    R, device = len(prefix.mask), prefix.mask.device
    cache = model.begin(prefix, None, beams, constraint.bound)
    state = constraint.start(R * beams)
    total = torch.full((R, beams), -torch.inf, device=device)
    total[:, 0] = 0  # all beams are alike at the start: only one may branch
    ids = torch.full((R, beams), vocabulary.bos, device=device)
    written = torch.zeros(R, beams, 0, dtype=torch.long, device=device)
    found: list[list[tuple[list[int], float]]] = [[] for _ in range(R)]
    rows = torch.arange(R, device=device)[:, None]
    for _ in range(constraint.bound):
        _, columns, probability = _distribution(model, prefix, cache, constraint, state, ids, vocabulary, among)
        score = (total[..., None] + probability.log()).flatten(1)
        if history is not None:
            _note(history, written, score, max(wide, beams), columns)
        total, place = score.topk(min(beams, score.shape[1]), 1)
        if total.shape[1] < beams:  # fewer continuations than beams: the rest stay empty
            total = torch.nn.functional.pad(total, (0, beams - total.shape[1]), value=-torch.inf)
            place = torch.nn.functional.pad(place, (0, beams - place.shape[1]))
        source = place // len(columns)
        ids = columns[place % len(columns)]
        cache.select(source)
        state = constraint.advance(constraint.reorder(state, (rows * beams + source).flatten()), ids.flatten())
        written = torch.cat([written[rows, source], ids[..., None]], 2)
        ended = constraint.done(state).view(R, beams) & total.isfinite()
        for r, k in ended.nonzero().tolist():
            found[r].append((written[r, k].tolist(), float(total[r, k])))
        total = total.masked_fill(ended, -torch.inf)
        if _settled(found, total, beams):
            break
    return [sorted(kept, key=lambda item: -item[1])[:beams] for kept in found]


def _note(
    history: list[list[tuple[list[int], float]]], written: Tensor, score: Tensor, wide: int, columns: Tensor
) -> None:
    """Adds the likeliest ``wide`` continuations of what is written (R, K, L), by their score (R, K x C)."""
    best, place = score.topk(min(wide, score.shape[1]), 1)
    before, last = place // len(columns), columns[place % len(columns)]
    keys = torch.cat([written.gather(1, before[..., None].expand(-1, -1, written.shape[2])), last[..., None]], 2)
    for kept, ids, value in zip(history, keys.tolist(), best.tolist(), strict=True):
        kept += [pair for pair in zip(ids, value, strict=True) if pair[1] > float("-inf")]


def _settled(found: list[list[tuple[list[int], float]]], total: Tensor, beams: int) -> bool:
    """Whether every request has its answers, and nothing still open can beat them."""
    best = total.max(1).values.tolist()
    return all(
        open_ == float("-inf") or (len(kept) >= beams and sorted(s for _, s in kept)[-beams] >= open_)
        for kept, open_ in zip(found, best, strict=True)
    )
