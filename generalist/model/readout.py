"""Readout: what the tracks of an unrolled decoding spell, as tensors: things or cells, in the graph itself.

The same as ``Task.decode``, which reads tokens one by one, for answers made of labels, boxes, points and cells; a
parity test holds the two together.

Legend: B pictures, K tracks, n things at most, M labels, G cells along an edge.
"""

from collections.abc import Callable
from math import log

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from generalist.faults import Fault
from generalist.model.unrolled import Spelled, Unrolled, steps_of
from generalist.sequence.claims import LEAST, REPEATED, SAME_POINT
from generalist.sequence.frame import FAR, NEAR, REACH
from generalist.sequence.grammar import leaves
from generalist.sequence.task import Task
from generalist.sequence.things import place_of
from generalist.sequence.units.normal import NEAR as ALIKE
from generalist.sequence.units.normal import directions

__all__ = ["Cells", "Things", "is_fixed", "readout"]

WIDTHS = {"label": 1, "point": 2, "box": 4}
"""Tokens of the units that things are read from."""

Scale = Callable[[Tensor], Tensor]


def is_fixed(task: Task) -> bool:
    """Whether a task's whole answer is a graph: of fixed length, and made of labels, boxes, points or cells."""
    if task.grid is None or steps_of(task.automaton(1)) is None:
        return False
    if task.raster is not None:
        return not task.raster.ranged
    return len(task.options) == 1 and all(leaf.name in WIDTHS for leaf in leaves(task.options[0]))


def readout(decoding: Unrolled, task: Task, scale: Scale | None = None) -> "Things | Cells":
    """What reads a task's answers. scale: what calibrates scores. Raises Fault where ``is_fixed`` says no."""
    if not is_fixed(task):
        raise Fault(f"task {task.name!r}: its answers are not of fixed length, or of more than labels, boxes and cells")
    return Cells(decoding, task) if task.raster else Things(decoding, task, scale)


def expected_bin(weights: Tensor) -> Tensor:
    """``generalist.sequence.frame.expected_bin``: weights (..., n) to (...)."""
    bins = torch.arange(weights.shape[-1], device=weights.device)
    near = (bins - weights.argmax(-1, keepdim=True)).abs() <= REACH
    kept = torch.where(near, weights + 1e-9, 0.0)
    return (kept * bins).sum(-1) / kept.sum(-1)


def median_bin(weights: Tensor) -> Tensor:
    """``generalist.sequence.frame.median_bin``: weights (..., n) to (...)."""
    total = weights.cumsum(-1)
    half = total[..., -1:] / 2
    middle = (total >= half).int().argmax(-1, keepdim=True)
    past = (total.gather(-1, middle) - half) / weights.gather(-1, middle).clamp(min=1e-30)
    return (middle + 0.5 - past).clamp(0, weights.shape[-1] - 1)[..., 0]


def _mass(weights: Tensor) -> Tensor:
    """The share (...) of weights (..., n) within ``REACH`` bins of the mode."""
    bins = torch.arange(weights.shape[-1], device=weights.device)
    near = (bins - weights.argmax(-1, keepdim=True)).abs() <= REACH
    return torch.where(near, weights, 0.0).sum(-1)


class Things(nn.Module):
    """Things on a grid: one a track, repeats merged, best first.

    forward(pixels (B, 3, side, side) normalised, size (B, 2) width and height in pixels) gives ``boxes`` (B, n, 4) xyxy
    or ``points`` (B, n, 2) in pixels of a picture of that size; ``labels`` (B, n) places among the names, where the
    task tells names; and ``scores`` (B, n). Behind the last thing labels are -1, scores 0.
    """

    points: Tensor

    def __init__(self, decoding: Unrolled, task: Task, scale: Scale | None):
        super().__init__()
        self.decoding, self.scale = decoding, scale or (lambda scores: scores)
        self.units = [leaf.name for leaf in leaves(task.options[0])]
        self.place, self.named, self.best = place_of(task.units), "label" in task.units, task.file.keep == "best"
        self.most = 1 if self.best else min(decoding.choice.most, decoding.points.shape[1])
        self.outputs = [self.place + ("es" if self.place == "box" else "s"), *(["labels"] * self.named), "scores"]

    def forward(self, pixels: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        spelled, vocabulary = self.decoding(pixels), self.decoding.vocabulary
        none = self.decoding.steps[0].columns.tolist().index(vocabulary.none)
        writes = spelled[0].ids != vocabulary.none
        there = 1 - spelled[0].probabilities[..., none]
        if self.units[0] == "label":
            there = torch.where(writes, spelled[0].chosen, there)
        if self.best:
            total = there.sum(1, keepdim=True)
            writes = writes & (total >= LEAST)
            there = there / total.clamp(min=1.0)
        labels = torch.zeros_like(spelled[0].ids)
        values, sharp, at = [], [], 0
        for unit in self.units:
            steps = spelled[at : at + WIDTHS[unit]]
            if unit == "label":
                labels = steps[0].ids - vocabulary["label"].start
            else:
                weights = [self._over_bins(at + i, step) for i, step in enumerate(steps)]
                sharp += [_mass(w) for w in weights]
                values.append((unit, self._coordinates(torch.stack([expected_bin(w) for w in weights], -1))))
            at += WIDTHS[unit]
        place = dict(reversed(values))[self.place]
        score = (there * torch.stack(sharp, -1).mean(-1)).sqrt()
        return self._collected(writes, there, labels, place, score, size)

    def _over_bins(self, i: int, step: Spelled) -> Tensor:
        """Probabilities (B, K, bins) over all of ``loc`` at step i."""
        loc, columns = self.decoding.vocabulary["loc"], self.decoding.steps[i].columns
        inside = (columns >= loc.start) & (columns < loc.stop)
        low = int(inside.argmax())
        held = step.probabilities[..., low : low + int(inside.sum())]
        before = int(columns[low]) - loc.start
        held = nn.functional.pad(held, (before, loc.size - before - held.shape[-1]))
        return held / held.sum(-1, keepdim=True).clamp(min=1e-30)

    def _coordinates(self, bins: Tensor) -> Tensor:
        """``Frame.coordinates`` of every track: bins (B, K, 2k) to the unit square."""
        root = bins / (self.decoding.vocabulary["loc"].size - 1) * 2 - 1
        point = self.decoding.points.repeat(1, 1, bins.shape[-1] // 2)
        return (root.sign() * root**2 + point).clamp(0, 1)

    def _in_pixels(self, place: Tensor, size: Tensor) -> Tensor:
        """Boxes (B, K, 4) in pixels, clipped to pictures of size (B, 2); of points, boxes without extent."""
        side = size.amax(1)[:, None, None]
        limit = size[:, None]
        if self.place == "point":
            at = torch.minimum(place * side, limit)
            return torch.cat([at, at], -1)
        low, high = torch.minimum(place[..., :2], place[..., 2:]), torch.maximum(place[..., :2], place[..., 2:])
        low, high = torch.minimum(low * side, limit), torch.minimum(high * side, limit)
        empty = high <= low
        low = torch.where(empty, torch.minimum(low, limit - 1), low)
        return torch.cat([low, torch.where(empty, low + 1, high)], -1)

    def _collected(
        self, writes: Tensor, there: Tensor, labels: Tensor, place: Tensor, score: Tensor, size: Tensor
    ) -> tuple[Tensor, ...]:
        """``claims.collect``: repeats of a better thing are left out and speak for it."""
        n = min(self.decoding.choice.most, writes.shape[1])
        size = size.to(place.dtype)
        score, order = torch.where(writes, score, -1.0).topk(n, 1)
        writes, there, labels = writes.gather(1, order), there.gather(1, order), labels.gather(1, order)
        boxes = self._in_pixels(place, size).gather(1, order[..., None].expand(-1, -1, 4))
        claims, overlap = boxes, REPEATED
        if self.place == "point":
            reach = size.amax(1)[:, None, None] * (SAME_POINT / 2)
            claims, overlap = torch.cat([boxes[..., :2] - reach, boxes[..., 2:] + reach], -1), 0.0
        better = torch.ones(n, n, dtype=torch.bool, device=boxes.device).tril(-1)
        repeats = (_iou(claims) > overlap) & (labels[:, :, None] == labels[:, None, :]) & better
        repeats = repeats & writes[:, :, None] & writes[:, None, :]
        kept = _kept(repeats, writes)
        owner = torch.where(kept, torch.arange(n, device=boxes.device), (repeats & kept[:, None]).int().argmax(-1))
        owns = (owner[:, None] == torch.arange(n, device=boxes.device)[:, None]) & writes[:, None]
        total = torch.where(owns, there[:, None], 0.0).sum(-1)
        score = score * (total.clamp(max=1) / there.clamp(min=1e-9)).sqrt()
        score, order = torch.where(kept, score, -1.0).topk(self.most, 1)
        found = score >= 0
        boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
        where = (boxes if self.place == "box" else boxes[..., :2]) * found[..., None]
        names = (torch.where(found, labels.gather(1, order), -1),) if self.named else ()
        return where, *names, torch.where(found, self.scale(score.clamp(min=0)), 0.0)


def _kept(repeats: Tensor, writes: Tensor) -> Tensor:
    """Which things (B, n), best first, repeat none that is kept; repeats (B, n, n): i repeats the better j."""

    def settle(kept: Tensor, at: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        row, written, here = at
        keeps = written & ~(row & kept).any(-1)
        return kept | (keeps[:, None] & here), keeps.clone()

    here = torch.eye(writes.shape[1], dtype=torch.bool, device=writes.device)
    kept, things = torch.zeros_like(writes), (repeats.transpose(0, 1), writes.T, here)
    if torch.compiler.is_exporting():  # one Scan in the graph, where the loop would be a hundred copies
        return scan(settle, kept, things)[0]
    for at in zip(*things, strict=True):
        kept = settle(kept, at)[0]
    return kept


def _iou(boxes: Tensor) -> Tensor:
    """Overlap (B, n, n) of boxes (B, n, 4) with one another."""
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
    return both / (area[:, :, None] + area[:, None] - both).clamp(min=1e-12)


class Cells(nn.Module):
    """Cells of a raster, over the padded square; whoever wants pixels enlarges them.

    forward(pixels (B, 3, side, side) normalised) gives, of named cells, ``labels`` (B, G, G), -1 for none, and
    ``probabilities`` (B, M + 1, G, G), ``none`` last; of the others ``depth`` (B, G, G) in metres or ``normals``
    (B, 3, G, G).
    """

    directions: Tensor

    def __init__(self, decoding: Unrolled, task: Task):
        super().__init__()
        assert task.raster is not None
        self.decoding, self.raster = decoding, task.raster
        unit = task.raster.unit
        self.outputs = ["labels", "probabilities"] if unit == "label" else ["depth" if unit == "depth" else "normals"]
        size = decoding.vocabulary["normal"].size if unit == "normal" else 1
        self.register_buffer("directions", torch.from_numpy(directions(size)), persistent=False)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        spelled = self.decoding(pixels)
        weights = torch.stack([self._whole(i, step.probabilities) for i, step in enumerate(spelled)], 2)
        if self.raster.unit == "label":
            ids = torch.stack([step.ids for step in spelled], 2)
            block, none = self.decoding.vocabulary["label"], self.decoding.vocabulary.none
            index = torch.where(ids == none, -1, ids - block.start)
            return self._cells(index[..., None])[:, 0], self._cells(weights)
        if self.raster.unit == "depth":
            share = median_bin(weights) / (self.decoding.vocabulary["depth"].size - 1)
            return (self._cells((log(NEAR) + share * log(FAR / NEAR)).exp()[..., None])[:, 0],)
        near = (self.directions @ self.directions.T >= ALIKE)[weights.argmax(-1)]
        mean = torch.where(near, weights, 0.0) @ self.directions
        return (self._cells(mean / mean.norm(dim=-1, keepdim=True).clamp(min=1e-9)),)

    def _whole(self, i: int, probabilities: Tensor) -> Tensor:
        """Probabilities (B, K, C) with the columns in the order of the answer: names, then none."""
        if self.raster.unit != "label":
            return probabilities
        columns = self.decoding.steps[i].columns.tolist()
        none = columns.index(self.decoding.vocabulary.none)
        rest = torch.cat([probabilities[..., :none], probabilities[..., none + 1 :]], -1)
        return torch.cat([rest, probabilities[..., none : none + 1]], -1)

    def _cells(self, tracks: Tensor) -> Tensor:
        """``to_cells``: (B, grid², step², c) to (B, c, G, G)."""
        B, grid, step, c = tracks.shape[0], self.raster.grid, self.raster.step, tracks.shape[-1]
        split = tracks.reshape(B, grid, grid, step, step, c).permute(0, 5, 1, 3, 2, 4)
        return split.reshape(B, c, grid * step, grid * step)
