"""Attention of tracks to what was read once: the keys of a picture and of an instruction are there once, however many
tracks look at them.

Legend: R requests, H heads, K tracks, L new tokens of each, P keys of a request, N keys of a picture that all
requests share, E width of a head.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Past", "Sight", "shared_attention"]

Past = tuple[Tensor, Tensor]
"""Keys and values, each (B, H, P, E)."""

FEW = 64
"""Queries from which fused attention pays; below, its start costs more than the scores that it does not write down."""


class Sight(NamedTuple):
    """What the tracks see at one layer, besides themselves.

    past: keys and values (R, H, P, E) of each request; mask (R, 1, 1, P), 0 or -inf. picture: (1, H, N, E), of the one
    picture that all requests are about, if it is not in their ``past``. own: (L, at + L), 0 or -inf, for new tokens
    that may not look at all of one another; None if they may.
    """

    past: Past
    mask: Tensor
    picture: Past | None = None
    own: Tensor | None = None


def shared_attention(q: Tensor, sight: Sight, own: Past) -> Tensor:
    """Queries (R, H, K x L, E), scaled, over the picture, their request and their own track (R, H, K, S, E)."""
    K = own[0].shape[2]
    mine = (q.unflatten(2, (K, -1)) @ own[0].transpose(-1, -2)) + (0.0 if sight.own is None else sight.own)
    mine = mine.flatten(2, 3)
    return _fused(q, sight, mine, own[1]) if _pays(q) else _written_out(q, sight, mine, own[1])


def _written_out(q: Tensor, sight: Sight, mine: Tensor, values: Tensor) -> Tensor:
    """All scores through one softmax."""
    scores = [q @ sight.past[0].transpose(-1, -2) + sight.mask, mine]
    if sight.picture is not None:
        scores.append(_apart(_together(q) @ sight.picture[0].transpose(-1, -2), len(q)))
    weights = torch.cat(scores, -1).float().softmax(-1).to(values.dtype)
    parts = weights.split([score.shape[-1] for score in scores], -1)
    out = parts[0] @ sight.past[1] + _weighed(parts[1], values)
    if sight.picture is not None:
        out = out + _apart(_together(parts[2]) @ sight.picture[1], len(q))
    return out


def _fused(q: Tensor, sight: Sight, mine: Tensor, values: Tensor) -> Tensor:
    """The same with the scores of what is shared never written down: each part is attended to by itself, and the parts
    weigh as their sums of exponentials do (Dao et al. 2022)."""
    parts = [_flash(q, sight.past, sight.mask)]
    if sight.picture is not None:
        out, total = _flash(_together(q), sight.picture, None)
        parts.append((_apart(out, len(q)), _apart(total[..., None], len(q)).squeeze(-1)))
    mine = mine.float()
    total = torch.stack([mine.logsumexp(-1), *(part[1] for part in parts)]).logsumexp(0)
    merged = _weighed((mine - total[..., None]).exp().to(values.dtype), values)
    for out, share in parts:
        merged = merged + out * (share - total).exp()[..., None].to(out.dtype)
    return merged


def _flash(q: Tensor, past: Past, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """What queries see of a part, and the logarithm of its sum of exponentials (R, H, K x L) float32."""
    out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q, *past, 0.0, False, attn_mask=mask, scale=1.0
    )
    return out, total.float()


def _pays(q: Tensor) -> bool:
    """Whether to fuse. A graph that is traced or compiled keeps to the operators that everyone has."""
    plain = torch.compiler.is_compiling() or torch.compiler.is_exporting() or torch.jit.is_tracing()
    return q.device.type == "cpu" and q.shape[2] >= FEW and not q.requires_grad and not plain


def _weighed(weights: Tensor, values: Tensor) -> Tensor:
    """Weights (R, H, K x L, S) of each track's own values (R, H, K, S, E): (R, H, K x L, E)."""
    return (weights.unflatten(2, (values.shape[2], -1)) @ values).flatten(2, 3)


def _together(x: Tensor) -> Tensor:
    """Queries (R, H, Q, E) of all requests as those of one: (1, H, R x Q, E)."""
    return x.transpose(0, 1).flatten(1, 2)[None] if len(x) > 1 else x


def _apart(x: Tensor, requests: int) -> Tensor:
    return x[0].unflatten(1, (requests, -1)).transpose(0, 1) if requests > 1 else x
