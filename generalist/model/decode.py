"""Decoding: the prefix is read once, then all tracks of all requests step together under the grammar.

Greedy, sampling and beams share one step: hidden states of every track, scores of the ids that the constraint allows
in any row (a few columns of the table, not the whole vocabulary), a softmax under the constraint. Tracks that have
ended leave the cache at once: a grid of 144 that found four things goes on with four. What is of fixed length may be
written as a block, and believed or read: see ``Choice.blocks`` and ``GeneralistModel.draft``.

Legend: R requests, K tracks (or beams) a request, C columns, D width.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from generalist.model.cache import Prefix
from generalist.model.chances import certain, on_device, probabilities, slots
from generalist.model.leaving import Exit, Leaving
from generalist.model.modeling import GeneralistModel
from generalist.model.record import Record
from generalist.sequence.automaton import Automaton, Constraint, State
from generalist.sequence.runs import LONGEST
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Written

__all__ = ["Blocks", "Choice", "beam_search", "decode", "on_device"]

Blocks = Literal["off", "exact", "fast"]


@dataclass(frozen=True, slots=True)
class Choice:
    """How a token is chosen.

    present: a track on a grid writes something if the probability of not ``none`` reaches this; average precision wants
    the weak ones too. best: the track that most wants to write does, however weakly. most: tracks a request that may
    write.
    temperature: 0 takes the likeliest token, otherwise samples from the nucleus ``top_p``.
    blocks: what is of fixed length is written at once. "fast" takes it as it is; "exact" reads it to see whether one
    token at a time would have come to the same, and writes anew what would not. Samples are drawn one by one.
    leaving: what is written one by one may be settled before the last block, where a track is sure.
    """

    present: float | None = 0.05
    best: bool = False
    most: int = 100
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    blocks: Blocks = "off"
    leaving: Leaving | None = None


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


class _Told(NamedTuple):
    """One step: the ids picked (R, K), ``pad`` for tracks that had ended; the ids possible (C,), their probabilities
    (R, K, C) and those of what was picked (R, K); the cover that ``pixels`` tokens mean (R, K, down, across)."""

    ids: Tensor
    columns: Tensor
    probability: Tensor
    chosen: Tensor
    planes: Tensor | None


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
        self.R, K = len(prefix.mask), 1 if points is None else points.shape[1]
        self.cache = model.begin(prefix, points, K, constraint.bound)
        self.state = constraint.start(self.R * K)
        # Which track each place of the cache holds, now that others have left.
        self.track = torch.arange(K, device=device).expand(self.R, K)
        self.unread = [torch.full((self.R, K), vocabulary.bos, device=device)]
        self.record = Record((self.R, K, constraint.bound), vocabulary.pad, device)
        self.step = 0
        self.random = torch.Generator(device=device).manual_seed(choice.seed)
        self.runs: Tensor | None = None
        if choice.blocks != "off" and choice.temperature == 0 and isinstance(constraint, Automaton):
            self.runs = certain(constraint, vocabulary)
        self.again = 0  # until this step, what a block got wrong is written anew, token by token

    def run(self) -> list[Written]:
        while self.step < self.constraint.bound:
            ended = self._ended(self.state)
            if bool(ended.all()):
                break
            if self.step:
                ended = self._leave(ended)
            count = self._certain(ended)
            if not count:
                self._settle(self._told(self._read()[:, :, -1], self.state))
            elif self.choice.blocks == "fast":
                self._take(count)
            else:
                self._verify(count)
        return self.record.written()

    def _ended(self, state: State) -> Tensor:
        return torch.as_tensor(self.constraint.done(state)).view_as(self.track)

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
        self.track = self.track.gather(1, order)
        self.unread = [ids.gather(1, order) for ids in self.unread]
        return ended.gather(1, order)

    # ---- a token ---------------------------------------------------------------------------------------------------

    def _read(self) -> Tensor:
        """States (R, K, L, D) of the tokens that were chosen and not read."""
        ids = torch.stack(self.unread, 2)
        self.unread = []
        leave = None
        if self.choice.leaving is not None:
            first = self.choice.leaving.first(len(self.model.blocks))
            leave = Exit(first, self._sure, self.step + 1 == self.constraint.bound)
        return self.model.read(self.prefix, self.cache, ids, slots(ids, self.vocabulary), leave)

    def _sure(self, hidden: Tensor) -> Tensor:
        """Tracks (R, K) whose states (R, K, D) leave little doubt of what comes next, and those that have ended."""
        assert self.choice.leaving is not None
        _, told = probabilities(self.model, self.prefix, self.constraint, self.state, hidden, self.vocabulary)
        return (told.amax(-1) >= self.choice.leaving.sure) | self._ended(self.state)

    def _told(self, hidden: Tensor, state: State) -> _Told:
        """What states (R, K, D) say comes next."""
        columns, probability = probabilities(self.model, self.prefix, self.constraint, state, hidden, self.vocabulary)
        pick = self._pick(columns, probability)
        ended = self._ended(state)
        ids = torch.where(ended, self.vocabulary.pad, columns[pick])
        chosen = probability.gather(2, pick[..., None]).squeeze(2)
        return _Told(ids, columns, probability, chosen, self._planes(hidden, ids))

    def _settle(self, told: _Told) -> None:
        """The next token of every track that has not ended."""
        self._note(self.step, told)
        self.state = self.constraint.advance(self.state, told.ids.flatten())
        self.unread.append(told.ids)
        self.step += 1

    def _note(self, step: int, told: _Told) -> None:
        self.record.add(step, self.track, told.ids, told.columns, (told.probability, told.chosen), told.planes)

    # ---- a block ---------------------------------------------------------------------------------------------------

    def _certain(self, ended: Tensor) -> int:
        """How many tokens of every track that writes are to be a block now; 0 for none."""
        if self.runs is None or not self.step or self.step < self.again:
            return 0
        count = int(self.runs[self.state.rows].masked_fill(ended.flatten(), LONGEST).min())
        # To write two and then to read them would be no fewer passes than to write one after the other.
        return count if count > 2 or self.choice.blocks == "fast" else 0

    def _draft(self, count: int) -> Tensor:
        """States (R, K, count, D) of a block. All but the last token chosen have to be read first."""
        *before, last = self.unread
        if before:
            self.unread = before
            self._read()
            self.unread = [last]
        return self.model.draft(self.prefix, self.cache, last, count, slots(last, self.vocabulary))

    def _take(self, count: int) -> None:
        """Writes a block, and believes it."""
        hidden = self._draft(count)
        for i in range(count):
            self._settle(self._told(hidden[:, :, i], self.state))

    def _verify(self, count: int) -> None:
        """Writes a block, reads it, and keeps as much of it as every track would have written by itself. Tracks that
        got all of it right and have ended with it are done; the others go on from where the first of them went wrong.
        """
        last, began, ended = self.unread[-1], self.cache.length, self._ended(self.state)
        guess, _ = self._walk(self._draft(count))
        self.unread = [last, *(told.ids for told in guess[:-1])]
        truth, states = self._walk(self._read())
        right = torch.stack([a.ids == b.ids for a, b in zip(guess, truth, strict=True)])
        good = (1 + right[:-1].cumprod(0).sum(0)).masked_fill(ended, count)
        most = int(good.min())
        for told in truth[:most]:
            self._settle(told)
        whole = (good == count) & self._ended(states[-1]) & ~ended
        for step, told in enumerate(truth[most:] if bool(whole.any()) else [], self.step):
            self._note(step, told._replace(ids=torch.where(whole, told.ids, self.vocabulary.pad)))
        self.state = _either(whole.flatten(), states[-1], self.state)
        self.unread, self.cache.length = [truth[most - 1].ids], began + most
        self.again = self.step + count - most

    def _walk(self, hidden: Tensor) -> tuple[list[_Told], list[State]]:
        """What states (R, K, count, D) say one after another, and where the answers stand after each."""
        found, states = [], [self.state]
        for i in range(hidden.shape[2]):
            found.append(self._told(hidden[:, :, i], states[-1]))
            states.append(self.constraint.advance(states[-1], found[-1].ids.flatten()))
        return found, states

    # ---- the choice ------------------------------------------------------------------------------------------------

    def _planes(self, hidden: Tensor, ids: Tensor) -> Tensor | None:
        """The cover of the sub-cell that each track's token means (R, K, down, across), if any track writes such."""
        images, block = self.prefix.images, self.vocabulary.blocks.get("pixels")
        if images is None or block is None or not bool(((ids >= block.start) & (ids < block.stop)).any()):
            return None
        return self.model.planes(hidden, images.features[-1]).float().sigmoid().unflatten(2, images.grid)

    def _pick(self, columns: Tensor, probability: Tensor) -> Tensor:
        """Columns (R, K) of the tokens chosen."""
        if self.choice.temperature > 0:
            return self._sample(probability)
        best = probability.argmax(-1)
        none = torch.nonzero(columns == self.vocabulary.none)
        if not self.grid or self.step or not len(none) or self.choice.present is None:
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


def _either(first: Tensor, a: State, b: State) -> State:
    """Of each row the state in ``a`` where ``first``, else that in ``b``."""
    return State(torch.where(first, a.rows, b.rows), b.step, torch.where(first[:, None], a.last, b.last))


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
        hidden = model.step(prefix, cache, ids, slots(ids, vocabulary))
        columns, probability = probabilities(model, prefix, constraint, state, hidden, vocabulary, among)
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
