"""Rotary positions: what turns queries and keys by their place in the picture.

Legend: B rows, H heads, S tokens, E width of a head.
"""

from math import pi
from typing import Any

import torch
from torch import Tensor

__all__ = ["Turn", "rotate", "rotation"]

Turn = tuple[Tensor, Tensor]
"""Cosines and sines, each (B or 1, 1, S, E / 2)."""


def rotation(points_BS2: Tensor, head: int) -> Turn:
    """Cosines and sines (B, 1, S, E/2) of axial rotary positions, for points xy in the unit square.

    Half of the pairs of a head turn with y and half with x, at 0.25 to 8 turns across the picture, geometrically
    spaced: in turns a picture, not a patch, so that a change of resolution changes nothing. A point that is not a
    number (text has no place) stands at the middle. Su et al. 2021; axial as in Heo et al. 2024.
    """
    each = head // 4
    turns = 0.25 * 32 ** (torch.arange(each, device=points_BS2.device) / max(each - 1, 1))
    angle = 2 * pi * torch.nan_to_num(points_BS2.float(), nan=0.5).flip(-1)[..., None] * turns
    angle = angle.flatten(-2)[:, None]
    return angle.cos(), angle.sin()


def rotate(x_BHSE: Tensor, turn: Turn) -> Tensor:
    """The first half of the width with the second, pair by pair, turned by the angles."""
    cos, sin = (t.to(x_BHSE.dtype) for t in turn)
    if x_BHSE.requires_grad and not torch.compiler.is_compiling():
        out: Tensor = _Rotation.apply(x_BHSE, cos, sin)
        return out
    a, b = x_BHSE.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class _Rotation(torch.autograd.Function):
    """For training: fewer passes over memory than autograd would take, there and back. The way back is a turn
    the other way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(grads[0], cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    (a, b), (first, second) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(a, cos, out=first).addcmul_(b, sin, value=-1)
    torch.mul(b, cos, out=second).addcmul_(a, sin)
    return out
