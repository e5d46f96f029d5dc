"""Optimisers, their schedule, and the moving average of the weights."""

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from generalist.train.recipe import Optimiser

__all__ = ["Average", "optimisers", "rate"]


def optimisers(model: nn.Module, spec: Optimiser) -> list[Optimizer]:
    """Muon for the matrices of the blocks, if asked for, and AdamW for everything else; vectors do not decay."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in named if p.ndim == 2 and name.startswith("blocks.")]
    inside = {id(p) for p in matrices} if spec.name == "muon" else set()
    rest = [p for _, p in named if id(p) not in inside]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": spec.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    out: list[Optimizer] = [AdamW(groups, lr=spec.lr, betas=spec.betas, fused=True)]
    if spec.name == "muon":
        out.append(Muon(matrices, lr=spec.lr, weight_decay=spec.weight_decay, adjust_lr_fn="match_rms_adamw"))
    return out


def rate(step: int, steps: int, spec: Optimiser) -> float:
    """Factor on the learning rate: linear warm-up; then constant with a linear fall at the end, or cosine to 0."""
    warm = min((step + 1) / max(spec.warmup, 1), 1.0)
    if spec.schedule == "cosine":
        return warm * 0.5 * (1 + cos(pi * step / steps))
    fall = spec.decay * steps
    return warm * min((steps - step) / fall, 1.0) if fall else warm


class Average:
    """Exponential moving average of parameters, warmed up so that the first steps do not linger."""

    def __init__(self, parameters: Iterable[Tensor], decay: float):
        self.decay = decay
        self.values = [p.detach().clone().float() for p in parameters]

    @torch.no_grad()
    def update(self, parameters: Iterable[Tensor], step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach().float() for p in parameters], 1 - decay)
