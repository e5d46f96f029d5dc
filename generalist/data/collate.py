"""From samples to a training batch: instructions and answers as rows of tokens, and what is to be predicted at each.

Which tracks train: every track that writes something, and a random few of those that write ``none``,
weighted up so that the estimate is unbiased.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generalist.data.answers import Request, answers, asked, within
from generalist.data.blocks import Blocks
from generalist.data.rows import NOWHERE, Rows, best_width
from generalist.sequence.automaton import START
from generalist.sequence.picture import GREY, letterbox, normalise
from generalist.sequence.prompt import Prompt
from generalist.sequence.vocabulary import ORDINAL, Vocabulary
from generalist.sequence.written import Tracks

__all__ = ["Request", "collate"]

FAR_APART = 1e4
"""Distance between columns that are not neighbours in an ordinal block: the soft target never reaches across it."""


@dataclass(slots=True)
class Targets:
    """Growing columns of the targets of one group: what they share is what the grammar allows."""

    at: list[NDArray[Any]] = field(default_factory=list)
    target: list[NDArray[Any]] = field(default_factory=list)
    weight: list[NDArray[Any]] = field(default_factory=list)
    share: list[NDArray[Any]] = field(default_factory=list)
    task: list[NDArray[Any]] = field(default_factory=list)
    request: list[NDArray[Any]] = field(default_factory=list)


@dataclass(slots=True)
class Shown:
    """Growing columns of the masks that ``pixels`` tokens show: where their states stand, what they should cover."""

    at: list[NDArray[np.int64]] = field(default_factory=list)
    cover: list[NDArray[np.float32]] = field(default_factory=list)
    task: list[int] = field(default_factory=list)


def collate(
    rows: list[list[Request]],
    vocabulary: Vocabulary,
    task_weight: list[float],
    side: int,
    rng: np.random.Generator,
    empty: int = 24,
    cells: int = 24,
    block: float = 0.0,
) -> dict[str, Any]:
    """Rows of requests, each about one picture, to the batch that ``GeneralistModel.forward`` documents.

    ``empty``: most tracks with ``none`` kept of a request on a grid; ``cells``: tracks kept of a raster.
    ``block``: share of the requests whose answers are learned as blocks too.
    """
    batch = _Batch(vocabulary, rng, empty, cells, block)
    blind: list[Request] = []
    for picture, requests in enumerate(rows):
        seeing = [request for request in requests if request.sample.image is not None]
        blind += [request for request in requests if request.sample.image is None]
        batch.ask(seeing, picture)
    batch.ask(blind, NOWHERE)
    batch.fill()
    pictures = [next((r.sample.image for r in row if r.sample.image is not None), None) for row in rows]
    return batch.tensors(pictures, task_weight, side)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request as it will be written: its instruction, the tracks kept of its answer (see ``_kept``), their blocks."""

    request: Request
    prompt: Prompt
    ids: NDArray[np.int64]
    weight: NDArray[np.float32]
    points: NDArray[np.float32]
    shown: list[list[NDArray[np.float32]]]
    blocks: Blocks

    @property
    def length(self) -> int:
        return len(self.prompt.ids) + int((self.ids >= 0).sum()) + len(self.blocks)


class _Batch:
    def __init__(self, vocabulary: Vocabulary, rng: np.random.Generator, empty: int, cells: int, block: float):
        self.vocabulary, self.rng, self.empty, self.cells, self.block = vocabulary, rng, empty, cells, block
        self.ready: dict[int, list[_Ready]] = {}
        self.targets: dict[tuple[tuple[tuple[int, int], ...], bool], Targets] = defaultdict(Targets)
        self.shown = Shown()
        self.labels: list[NDArray[np.int64]] = []  # label slots of each request
        self.slots = 0

    def ask(self, requests: list[Request], picture: int) -> None:
        """The requests about one picture, longest first: rows packed so are fuller."""
        ready = [self._ready(request) for request in requests]
        self.ready[picture] = sorted(ready, key=lambda one: -one.length)

    def _ready(self, request: Request) -> _Ready:
        prompt = request.task.render(request.sample, self.rng)
        ids, weight, points, shown = self._kept(request)
        return _Ready(request, prompt, ids, weight, points, shown, self._blocks(request, ids))

    def fill(self) -> None:
        """Writes all that was asked into rows of the length that suits it."""
        lengths = {picture: [one.length for one in some] for picture, some in self.ready.items()}
        self.rows = Rows(best_width(lengths))
        for picture, some in self.ready.items():
            for one in some:
                self._add(picture, one)

    def _add(self, picture: int, ready: _Ready) -> None:
        """Puts an instruction and the tracks kept of its answer into the first row of the picture with room
        for them."""
        request, prompt, blocks = ready.request, ready.prompt, ready.blocks
        ids, weight, points = ready.ids, ready.weight, ready.points
        there = ids >= 0
        place = self.rows.place(picture, ready.length)
        row = self.rows[place]
        first = self.slots
        self.slots += int(prompt.label.max(initial=-1)) + 1
        self.labels.append(np.arange(first, self.slots))
        seen = request.sample.image is not None
        row.add(
            prompt.ids,
            len(self.labels),
            0,
            np.arange(len(prompt.ids)),
            prompt.point,
            np.where(prompt.label >= 0, prompt.label + first, -1),
            seen,
        )
        at = np.full(ids.shape, -1, np.int64)
        at[there] = np.arange(int(there.sum())) + row.length + (place << 32)  # until rows have one length
        self._score(request, ids, weight, there, at)
        self._show(request, ids, ready.shown, at)
        label = self.vocabulary["label"]
        fed = np.concatenate([np.full((len(ids), 1), self.vocabulary.bos), ids[:, :-1]], 1)
        slot = np.where((fed >= label.start) & (fed < label.stop), fed - label.start + first, -1)
        number, position = np.nonzero(there)
        row.add(fed[there], len(self.labels), number + 1, position, points[number], slot[there], seen)
        if len(blocks):
            number, begin = blocks.track, blocks.begin
            source = at[number, begin - 1] & 0xFFFFFFFF
            again = np.full(ids.shape, -1, np.int64)
            again[number, blocks.position] = np.arange(len(blocks)) + row.length + (place << 32)
            self._score(request, ids, weight, again >= 0, again, 0.0)
            label_at = slot[number, begin]
            where = points[number]
            row.add(
                fed[number, begin], len(self.labels), number + 1, blocks.position, where, label_at, seen, begin, source
            )

    def _blocks(self, request: Request, ids: NDArray[np.int64]) -> Blocks:
        if not self.block or self.rng.random() >= self.block:
            return Blocks.none()
        return Blocks.of(ids, request.task.constraint(request.sample), self.vocabulary)

    def _kept(
        self, request: Request
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], list[list[NDArray[np.float32]]]]:
        """Tracks that train: ids (K, L) padded with -1, weights (K, L), points (K, 2), the masks that each shows."""
        request, spared = asked(request)
        tracks = answers(request)
        keep, scale = np.arange(len(tracks.ids)), np.ones(len(tracks.ids), np.float32)
        if request.task.shape == "raster":
            keep = self.rng.choice(keep, min(self.cells, len(keep)), replace=False, p=_rarity(tracks))
        elif request.task.shape == "objects":
            writes = np.asarray([ids[0] != self.vocabulary.none for ids in tracks.ids])
            silent = np.flatnonzero(~(writes | within(tracks.points, spared)))
            some = self.rng.permutation(silent)[: self.empty]
            scale[some] = len(silent) / max(len(some), 1)
            keep = np.concatenate([np.flatnonzero(writes), some])
            if not len(keep):  # all of the picture is ignored: one track, of no weight
                keep, scale[0] = np.zeros(1, np.int64), 0
        longest = max(len(tracks.ids[k]) for k in keep)
        ids = np.full((len(keep), longest), -1, np.int64)
        weight = np.zeros((len(keep), longest), np.float32)
        for i, k in enumerate(keep):
            n = len(tracks.ids[k])
            ids[i, :n] = tracks.ids[k]
            given = tracks.weights[k]
            weight[i, :n] = scale[k] if given is None else given * scale[k]
        points = np.full((len(keep), 2), np.nan, np.float32) if tracks.points is None else tracks.points[keep]
        return ids, weight, points, [] if tracks.shown is None else [tracks.shown[k] for k in keep]

    def _score(
        self,
        request: Request,
        ids: NDArray[np.int64],
        weight: NDArray[np.float32],
        there: NDArray[np.bool_],
        at: NDArray[np.int64],
        counts: float = 1.0,
    ) -> None:
        """Sorts the targets of a request into groups by what the grammar allows at each. counts: 0 if they come on top
        of what the mean is over, so that blocks take nothing from the answer that they repeat."""
        automaton = request.task.constraint(request.sample)
        states = np.full(ids.shape, START, np.int64)
        for step in range(1, ids.shape[1]):
            states[:, step] = automaton.next[states[:, step - 1], automaton.class_of[np.maximum(ids[:, step - 1], 0)]]
        for state in np.unique(states[there]):
            here = there & (states == state) & (weight > 0)
            key = self._key(automaton, int(state))
            columns = _columns(key[0])
            token = ids[here]
            label = self.vocabulary["label"]
            pointer = (token >= label.start) & (token < label.stop)
            target = np.where(pointer, len(columns) + token - label.start, np.searchsorted(columns, token))
            group = self.targets[key]
            n = len(token)
            group.at.append(at[here])
            group.target.append(target)
            group.weight.append(weight[here])
            # The loss of objects is a mean over what they write: dividing by every silent lattice point would drown it.
            silent = request.task.shape == "objects" and state == START
            group.share.append(counts * weight[here] * (token != self.vocabulary.none if silent else 1))
            group.task.append(np.full(n, request.index))
            group.request.append(np.full(n, len(self.labels) - 1))

    def _show(
        self,
        request: Request,
        ids: NDArray[np.int64],
        shown: list[list[NDArray[np.float32]]],
        at: NDArray[np.int64],
    ) -> None:
        """Notes where the states of every mask stand that is shown."""
        for track, covers in enumerate(shown):
            block = self.vocabulary["pixels"]
            for first, cover in zip(np.flatnonzero(ids[track] == block.start), covers, strict=True):
                self.shown.at.append(at[track, first : first + len(block)])
                self.shown.cover.append(cover)
                self.shown.task.append(request.index)

    def _key(self, automaton: Any, state: int) -> tuple[tuple[tuple[int, int], ...], bool]:
        label = self.vocabulary["label"]
        ranges = automaton.ranges[state]
        named = any(a < label.stop and b > label.start for a, b in ranges)
        plain = tuple((a, min(b, label.start)) for a, b in ranges if a < label.start)
        plain += tuple((max(a, label.stop), b) for a, b in ranges if b > label.stop)
        return plain, named

    def tensors(self, pictures: list[Any], task_weight: list[float], side: int) -> dict[str, Any]:
        columns, longest = self.rows.tensors(self.vocabulary.pad)
        widest = max((len(slots) for slots in self.labels), default=0)
        request_labels = np.full((len(self.labels), max(widest, 1)), -1, np.int64)
        for i, slots in enumerate(self.labels):
            request_labels[i, : len(slots)] = slots
        return columns | {
            "labels": self.slots,
            "request_labels": torch.from_numpy(request_labels),
            "pixels": _pixels(pictures, side),
            "task_weight": torch.tensor(task_weight),
            "pictures": len(pictures),
            "groups": [self._group(key, group, longest, widest) for key, group in self.targets.items()],
            "shown": self._shown(longest) if self.shown.at else None,
        }

    def _shown(self, longest: int) -> dict[str, torch.Tensor]:
        at = np.stack(self.shown.at)
        return {
            "at": torch.from_numpy(_flat(at, longest)),
            "row": torch.from_numpy(at[:, 0] >> 32),
            "cover": torch.from_numpy(np.stack(self.shown.cover)),
            "task": torch.tensor(self.shown.task),
        }

    def _group(
        self,
        key: tuple[tuple[tuple[int, int], ...], bool],
        group: Targets,
        longest: int,
        widest: int,
    ) -> dict[str, Any]:
        columns = _columns(key[0])
        order, ordinal = _order(columns, widest if key[1] else 0, self.vocabulary)
        at = _flat(np.concatenate(group.at), longest)
        weight, share = (np.concatenate(x).astype(np.float32) for x in (group.weight, group.share))

        def even(values: Any) -> torch.Tensor:
            # Weight 0 up to a round number: matrix products of few shapes, which a CPU's kernels are compiled for once.
            return torch.from_numpy(np.pad(values, (0, -len(values) % 64)))

        return {
            "columns": torch.from_numpy(columns),
            "named": key[1],
            "ordinal": ordinal,
            "order": torch.from_numpy(order),
            "at": even(at),
            "target": even(np.concatenate(group.target)),
            "weight": even(weight),
            "share": even(share),
            "task": even(np.concatenate(group.task)),
            "request": even(np.concatenate(group.request)),
        }


def _flat(at: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """Places of tokens, the row in the upper half, among all tokens of rows of one length."""
    return np.asarray((at >> 32) * longest + (at & 0xFFFFFFFF), np.int64)


def _rarity(tracks: Tracks) -> NDArray[np.float64]:
    """How often to draw each track of a raster: by the root of how rare its rarest token is in the picture.

    Nine cells in ten are ground, and the metrics weigh every name alike. A cell of no weight is as common as can be.
    """
    ids = np.stack(tracks.ids)
    known = np.asarray(tracks.weights) > 0  # a raster's cells all have one
    _, place, count = np.unique(ids[known], return_inverse=True, return_counts=True)
    common = np.full(ids.shape, ids.size)
    common[known] = count[place]
    rare = 1 / np.sqrt(common.min(1))
    return np.asarray(rare / rare.sum(), np.float64)


def _columns(ranges: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    return np.concatenate([np.arange(a, b) for a, b in ranges] or [np.zeros(0, np.int64)]).astype(np.int64)


def _order(columns: NDArray[np.int64], named: int, vocabulary: Vocabulary) -> tuple[NDArray[np.float32], bool]:
    """Places of the columns such that neighbours in an ordinal block are 1 apart and all else is far."""
    order = (np.arange(len(columns) + named) + 1) * FAR_APART
    ordinal = False
    for k, name in enumerate(sorted(ORDINAL & set(vocabulary.blocks))):
        block = vocabulary[name]
        inside = np.flatnonzero((columns >= block.start) & (columns < block.stop))
        if len(inside):
            ordinal = True
            order[inside] = columns[inside] - block.start - FAR_APART * (1 + k)
    return order.astype(np.float32), ordinal


def _pixels(pictures: list[Any], side: int) -> torch.Tensor | None:
    if all(picture is None for picture in pictures):
        return None
    grey = np.full((side, side, 3), GREY, np.uint8)
    return torch.from_numpy(normalise(np.stack([grey if p is None else letterbox(p, side) for p in pictures])))
