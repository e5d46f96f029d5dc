"""Attention in training on a CPU: some rows at a time, with a way back of its own.

What lies between its products costs more there than they do, and most of that is memory: scores are made, masked and
exponentiated while they are near the processor, a picture's keys are put beside those of a row's own tokens for as long
as it takes, and only the weights are kept for going backward. Torch's fused kernel is two to seven times as slow going
backward as the products that it stands for (torch 2.14, bf16, 64 to 736 keys).

Legend: B rows, H heads, S tokens of a row, I pictures, N keys of a picture, P = N + S, E width of a head.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Mask", "Picked", "attend"]

ROOM = 1 << 22
"""Scores that are computed together."""


class Picked(NamedTuple):
    """Keys and values (I, H, N, E) of pictures, and which of them each row of tokens is about (B,)."""

    keys: Tensor
    values: Tensor
    rows: Tensor

    def selected(self) -> tuple[Tensor, Tensor]:
        """Those of every row (B, H, N, E): a picture asked twice is there twice."""
        # index_select, not [rows]: its gradient is an index_add, many times faster on a CPU than index_put.
        return self.keys.index_select(0, self.rows), self.values.index_select(0, self.rows)


class Mask(NamedTuple):
    """What tokens do not see. own (B, 1, S, S): 0 or -inf, of one another; blind (B, S): which of them do not see the
    picture of their row, or None where all do."""

    own: Tensor
    blind: Tensor | None = None

    def whole(self, before: int) -> Tensor:
        """As one tensor (B, 1, S, before + S) that is added to all scores."""
        mask = F.pad(self.own, (before, 0))
        if self.blind is not None:
            mask[..., :before].masked_fill_(self.blind[:, None, :, None], float("-inf"))
        return mask


def attend(q: Tensor, k: Tensor, v: Tensor, past: Picked | None, mask: Mask | None) -> Tensor:
    """Softmax attention (B, H, S, E) of queries, keys and values (B, H, S, E) over the picture of each row, if any, and
    one another."""
    out: Tensor = _Attention.apply(
        *(x.contiguous() for x in (q, k, v)), *(past or (None, None, None)), *(mask or (None, None))
    )
    return out


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        keys: Tensor | None,
        values: Tensor | None,
        rows: Tensor | None,
        own: Tensor | None,
        blind: Tensor | None,
    ) -> Tensor:
        q = q * q.shape[-1] ** -0.5
        before = 0 if keys is None else keys.shape[2]
        weights, out = q.new_empty(*q.shape[:3], before + k.shape[2]), torch.empty_like(q)
        seen = _Seen(weights, q.shape[-1], rows)
        for at in seen.pieces():
            scores = weights[at]
            torch.bmm(_flat(q[at]), _flat(seen(keys, k, at)).transpose(1, 2), out=_flat(scores))
            if own is not None:
                scores[..., before:] += own[at]
            if blind is not None and before and bool(blind[at].any()):
                scores[..., :before].masked_fill_(blind[at, None, :, None], float("-inf"))
            torch.softmax(scores, -1, out=scores)
            torch.bmm(_flat(scores), _flat(seen(values, v, at)), out=_flat(out[at]))
        ctx.save_for_backward(q, k, v, keys, values, rows, weights)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, keys, values, rows, weights = ctx.saved_tensors
        grad = grads[0].contiguous()
        to_q, to_k, to_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        to_keys, to_values = (None if past is None else torch.zeros_like(past) for past in (keys, values))
        seen = _Seen(weights, q.shape[-1], rows)
        held = torch.empty_like(weights[: seen.each])
        for at in seen.pieces():
            mine, told = _flat(weights[at]), _flat(grad[at])
            scores = _flat(held[: len(weights[at])])
            torch.bmm(told, _flat(seen(values, v, at)).transpose(1, 2), out=scores)
            seen.give(mine, told, to_values, to_v, at)
            torch.ops.aten._softmax_backward_data.out(scores, mine, -1, scores.dtype, grad_input=scores)
            torch.bmm(scores, _flat(seen(keys, k, at)), out=_flat(to_q[at]))
            seen.give(scores, _flat(q[at]), to_keys, to_k, at)
        return to_q.mul_(q.shape[-1] ** -0.5), to_k, to_v, to_keys, to_values, None, None, None


class _Seen:
    """What some rows see, their picture's first, in one place that all of them use in turn."""

    def __init__(self, weights: Tensor, width: int, rows: Tensor | None):
        B, H, _, P = weights.shape
        self.count, self.rows = B, rows
        self.each = max(ROOM // weights[0].numel(), 1)
        self.held = weights.new_empty(min(self.each, B), H, P, width)

    def pieces(self) -> Iterator[slice]:
        """Rows that are computed together."""
        return (slice(row, min(row + self.each, self.count)) for row in range(0, self.count, self.each))

    def __call__(self, past: Tensor | None, own: Tensor, at: slice) -> Tensor:
        """Keys or values (n, H, P, E)."""
        if past is None or self.rows is None:
            return own[at]
        found = self.held[: at.stop - at.start]
        before = found.shape[2] - own.shape[2]
        for row, picture in zip(found, self.rows[at].tolist(), strict=True):
            row[:, :before] = past[picture]
        found[:, :, before:] = own[at]
        return found

    def give(self, weights: Tensor, told: Tensor, past: Tensor | None, own: Tensor, at: slice) -> None:
        """The gradient of what was seen, by weights (n H, S, P) of what was told (n H, S, E), is added to the
        picture's and written to the rows' own."""
        if past is None or self.rows is None:
            torch.bmm(weights.transpose(1, 2), told, out=_flat(own[at]))
            return
        both = self.held[: at.stop - at.start]
        torch.bmm(weights.transpose(1, 2), told, out=_flat(both))
        before = both.shape[2] - own.shape[2]
        for row, picture in zip(both, self.rows[at].tolist(), strict=True):
            past[picture] += row[:, :before]
        own[at] = both[:, :, before:]


def _flat(x: Tensor) -> Tensor:
    return x.flatten(0, 1)
