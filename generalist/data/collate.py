"""From samples to a training batch: instructions and answers as rows of tokens, and what is to be predicted at each.

Which tracks train: every track that writes something, and a random few of those that write ``none``,
weighted up so that the estimate is unbiased.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generalist.data.answers import Request, answers, asked, within
from generalist.data.blocks import Blocks
from generalist.data.rows import NOWHERE, Rows, best_width, within_row
from generalist.data.targets import Shown, Targets
from generalist.sequence.picture import GREY, letterbox, normalise
from generalist.sequence.prompt import Prompt
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Tracks

__all__ = ["Request", "collate"]


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
        self.targets, self.shown = Targets(vocabulary), Shown(vocabulary)
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
        at[there] = self.rows.ahead(place, int(there.sum()))
        self.targets.add(request, len(self.labels) - 1, ids, weight, at)
        label = self.vocabulary["label"]
        for track, covers in enumerate(ready.shown):
            self.shown.add(request.index, ids[track], at[track], covers)
        fed = np.concatenate([np.full((len(ids), 1), self.vocabulary.bos), ids[:, :-1]], 1)
        slot = np.where((fed >= label.start) & (fed < label.stop), fed - label.start + first, -1)
        number, position = np.nonzero(there)
        row.add(fed[there], len(self.labels), number + 1, position, points[number], slot[there], seen)
        if len(blocks):
            number, begin = blocks.track, blocks.begin
            source = within_row(at[number, begin - 1])
            again = np.full(ids.shape, -1, np.int64)
            again[number, blocks.position] = self.rows.ahead(place, len(blocks))
            self.targets.add(request, len(self.labels) - 1, ids, weight, again, 0.0)
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
            "groups": self.targets.tensors(longest, widest),
            "shown": self.shown.tensors(longest),
        }


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


def _pixels(pictures: list[Any], side: int) -> torch.Tensor | None:
    if all(picture is None for picture in pictures):
        return None
    grey = np.full((side, side, 3), GREY, np.uint8)
    return torch.from_numpy(normalise(np.stack([grey if p is None else letterbox(p, side) for p in pictures])))
