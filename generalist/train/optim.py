"""Optimisers, their schedule, and the moving average of the weights."""

import re
from collections.abc import Iterable
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from generalist.train.recipe import Optimiser

__all__ = ["Average", "layer_scale", "optimisers", "rate"]


_PIXELS = ("patch_embed.", "pos_embed", "cls_token", "reg_token", "norm_pre.")
_BLOCK = re.compile(r"blocks\.(\d+)\.")

Named = list[tuple[str, nn.Parameter]]


def optimisers(model: nn.Module, spec: Optimiser) -> list[Optimizer]:
    """Muon for the matrices of the blocks, if asked for, and AdamW for everything else; vectors do not decay.

    Each group of parameters has a ``scale`` of its learning rate: see ``layer_scale``.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    inside = {name for name, p in named if p.ndim == 2 and _BLOCK.match(name)} if spec.name == "muon" else set()
    rest = [(name, p) for name, p in named if name not in inside]
    depth = 1 + max((int(found[1]) for name, _ in named if (found := _BLOCK.match(name))), default=-1)

    def groups(among: Named, weight_decay: float) -> list[dict[str, Any]]:
        by_scale: dict[float, list[nn.Parameter]] = {}
        for name, p in among:
            by_scale.setdefault(layer_scale(name, depth, spec.layer_decay), []).append(p)
        return [{"params": ps, "weight_decay": weight_decay, "scale": scale} for scale, ps in by_scale.items()]

    matrices = groups([(name, p) for name, p in rest if p.ndim >= 2], spec.weight_decay)
    vectors = groups([(name, p) for name, p in rest if p.ndim < 2], 0.0)
    out: list[Optimizer] = [AdamW([*matrices, *vectors], lr=spec.lr, betas=spec.betas, fused=True)]
    if spec.name == "muon":
        turned = groups([(name, p) for name, p in named if name in inside], spec.weight_decay)
        out.append(Muon(turned, lr=spec.lr, weight_decay=spec.weight_decay, adjust_lr_fn="match_rms_adamw"))
    return out


def layer_scale(name: str, depth: int, decay: float) -> float:
    """Factor on the learning rate of a parameter by how early it stands, ``decay`` to the power of the layers above it
    (Bao et al. 2022): what reads pixels is the lowest, the last norm and the table of tokens, which writes, are the
    top."""
    found = _BLOCK.match(name)
    layer = 0 if name.startswith(_PIXELS) else depth + 1 if found is None else int(found[1]) + 1
    return float(decay ** (depth + 1 - layer))


def rate(step: int, done: float, spec: Optimiser) -> float:
    """Factor on the learning rate at a step, when a share ``done`` of the run is behind it: linear warm-up; then
    constant with a linear fall at the end, or cosine to 0."""
    warm = min((step + 1) / max(spec.warmup, 1), 1.0)
    left = max(1 - done, 0.0)
    if spec.schedule == "cosine":
        return warm * 0.5 * (1 + cos(pi * (1 - left)))
    return warm * min(left / spec.decay, 1.0) if spec.decay else warm


class Average:
    """Exponential moving average of parameters, warmed up so that the first steps do not linger."""

    def __init__(self, parameters: Iterable[Tensor], decay: float):
        self.decay = decay
        self.values = [p.detach().clone().float() for p in parameters]

    @torch.no_grad()
    def update(self, parameters: Iterable[Tensor], step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach().float() for p in parameters], 1 - decay)
