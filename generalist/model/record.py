"""Record: what every track has written, and what the model thought at each step, as the decoding goes on."""

from typing import NamedTuple

import torch
from torch import Tensor

from generalist.sequence.written import Step, Written

__all__ = ["Record"]

KEPT = 2048
"""Distributions over more columns than this are not kept: no unit decodes pieces of text by expectation."""


class _Kept(NamedTuple):
    """``Step`` of all requests: columns (C,), probabilities (R, M, C), row (R, K), planes (R, M, down, across)."""

    columns: Tensor
    probabilities: Tensor
    row: Tensor
    planes: Tensor | None


class Record:
    """R requests, K tracks of each, at most ``bound`` tokens."""

    def __init__(self, shape: tuple[int, int, int], pad: int, device: torch.device):
        """shape (R, K, bound)."""
        self.pad = pad
        self.tokens = torch.full(shape, pad, device=device)
        self.chosen = torch.ones(shape, device=device)
        self.kept: list[list[_Kept]] = [[] for _ in range(shape[2])]
        self.steps = 0

    def add(
        self, step: int, track: Tensor, ids: Tensor, columns: Tensor, told: tuple[Tensor, Tensor], planes: Tensor | None
    ) -> None:
        """Token ``step`` of the tracks ``track`` (R, M): ids (R, M), ``pad`` for those that write nothing now; told:
        the probabilities (R, M, C) of the ids ``columns``, and those of what was picked (R, M)."""
        self.steps = max(self.steps, step + 1)
        probability, chosen = told
        writes = ids != self.pad
        self.tokens[:, :, step].scatter_(1, track, torch.where(writes, ids, self.tokens[:, :, step].gather(1, track)))
        before = self.chosen[:, :, step].gather(1, track)
        self.chosen[:, :, step].scatter_(1, track, torch.where(writes, chosen.to(before.dtype), before))
        if len(columns) > KEPT and planes is None:
            return
        place = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        row = torch.full(self.tokens.shape[:2], -1, device=ids.device)
        row.scatter_(1, track, torch.where(writes, place, -1))
        self.kept[step].append(_Kept(columns, probability, row, planes))

    def written(self) -> list[Written]:
        tokens = self.tokens[:, :, : self.steps].cpu().numpy()
        chosen = self.chosen[:, :, : self.steps].float().cpu().numpy()
        steps = [_joined(kept) for kept in self.kept[: self.steps]]
        return [
            Written(tokens[r], chosen[r], [step and _of(step, r) for step in steps], self.pad)
            for r in range(len(tokens))
        ]


def _joined(kept: list[_Kept]) -> _Kept | None:
    """One step, of which some tracks were settled before others; on the host."""
    if not kept:
        return None
    row, first = kept[0].row, kept[0].probabilities.shape[1]
    for other in kept[1:]:
        row = torch.where(other.row >= 0, other.row + first, row)
        first += other.probabilities.shape[1]
    planes = (
        None if any(k.planes is None for k in kept) else torch.cat([k.planes for k in kept if k.planes is not None], 1)
    )
    probabilities = torch.cat([k.probabilities for k in kept], 1) if len(kept) > 1 else kept[0].probabilities
    return _Kept(kept[0].columns.cpu(), probabilities.cpu(), row.cpu(), None if planes is None else planes.cpu())


def _of(kept: _Kept, request: int) -> Step:
    planes = None if kept.planes is None else kept.planes[request].numpy()
    return Step(kept.columns.numpy(), kept.probabilities[request].numpy(), kept.row[request].numpy(), planes)
