"""Attention of tracks to what was read once: the keys of a picture and of an instruction are there once, however many
tracks look at them.

Legend: R requests, H heads, K tracks, L new tokens of each, P keys of a request, N keys of a picture that all
requests share, E width of a head.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Part", "Past", "Sight", "in_pieces", "pieces_pay", "shared_attention"]

Past = tuple[Tensor, Tensor]
"""Keys and values, each (B, H, P, E)."""

FEW = 64
"""Queries from which going piece by piece pays; below, its start costs more than the scores that it does not keep."""

ROOM = 1 << 20
"""Scores that are held at once, so that they stay near the processor and their memory is not asked for anew."""


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


class Part(NamedTuple):
    """Keys and values (B, P, E) that all queries of a row see, or (B, K, S, E), of which each track sees its own; and
    what is added to the scores, if anything."""

    keys: Tensor
    values: Tensor
    mask: Tensor | None = None


def shared_attention(q: Tensor, sight: Sight, own: Past) -> Tensor:
    """Queries (R, H, K x L, E), scaled, over the picture, their request and their own track (R, H, K, S, E)."""
    if not pieces_pay(q):
        return _written_out(q, sight, own)
    if sight.picture is None or len(q) == 1:
        return _of_requests(q, sight, own)
    parts = []
    for one in range(len(q)):
        at = slice(one, one + 1)
        alone = sight._replace(past=(sight.past[0][at], sight.past[1][at]), mask=sight.mask[at])
        parts.append(_of_requests(q[at], alone, (own[0][at], own[1][at])))
    return torch.cat(parts)


def _of_requests(q: Tensor, sight: Sight, own: Past) -> Tensor:
    """Piece by piece: of requests that share nothing, or of one."""
    R, H = q.shape[:2]
    mask = sight.mask.expand(R, H, 1, -1).flatten(0, 1) if bool(sight.mask.any()) else None
    parts = [] if sight.picture is None else [_rows(sight.picture)]
    parts.append(_rows(sight.past, mask))
    return in_pieces(q.flatten(0, 1), parts, _rows(own, sight.own)).view_as(q)


def _rows(past: Past, mask: Tensor | None = None) -> Part:
    return Part(past[0].flatten(0, 1), past[1].flatten(0, 1), mask)


def in_pieces(q: Tensor, parts: Sequence[Part], tracks: Part | None = None) -> Tensor:
    """Softmax attention of queries (B, Q, E), scaled, over the parts and their own tracks, without gradients.

    Scores of a few rows at a time are written into one place, all parts side by side, and exponentiated there. On a CPU
    torch's fused kernel takes two to three times as long in bfloat16 and as long in float32 (torch 2.14, 64 to 2,304
    keys), and all scores at once cost more in new memory than in arithmetic.
    """
    B, Q, _ = q.shape
    ends = [sum(part.keys.shape[1] for part in parts[: i + 1]) for i in range(len(parts))]
    own = 0 if tracks is None else tracks.keys.shape[2]
    each = max(1, min(B, ROOM // (Q * (ends[-1] + own))))
    held, out = q.new_empty(each, Q, ends[-1] + own), torch.empty_like(q, memory_format=torch.contiguous_format)
    for first in range(0, B, each):
        rows = slice(first, first + each)
        mine, told = q[rows], out[rows]
        scores = held[: len(mine)]
        places = [scores[:, :, end - part.keys.shape[1] : end] for part, end in zip(parts, ends, strict=True)]
        for part, place in zip(parts, places, strict=True):
            torch.bmm(mine, part.keys[rows].transpose(1, 2), out=place)
            if part.mask is not None:
                place += part.mask[rows]
        if tracks is not None:
            apart = scores[:, :, ends[-1] :].unflatten(1, (tracks.keys.shape[1], -1))
            apart.copy_(mine.unflatten(1, apart.shape[1:3]) @ tracks.keys[rows].transpose(-1, -2))
            if tracks.mask is not None:
                apart += tracks.mask
        torch.softmax(scores, -1, out=scores)
        torch.bmm(places[0], parts[0].values[rows], out=told)
        for part, place in zip(parts[1:], places[1:], strict=True):
            told += torch.bmm(place, part.values[rows])
        if tracks is not None:
            told += (apart @ tracks.values[rows]).flatten(1, 2)
    return out


def _written_out(q: Tensor, sight: Sight, own: Past) -> Tensor:
    """All scores through one softmax."""
    values = own[1]
    mine = (q.unflatten(2, (values.shape[2], -1)) @ own[0].transpose(-1, -2)) + (
        0.0 if sight.own is None else sight.own
    )
    scores = [q @ sight.past[0].transpose(-1, -2) + sight.mask, mine.flatten(2, 3)]
    if sight.picture is not None:
        scores.append(_apart(_together(q) @ sight.picture[0].transpose(-1, -2), len(q)))
    weights = torch.cat(scores, -1).float().softmax(-1).to(values.dtype)
    parts = weights.split([score.shape[-1] for score in scores], -1)
    out = parts[0] @ sight.past[1] + _weighed(parts[1], values)
    if sight.picture is not None:
        out = out + _apart(_together(parts[2]) @ sight.picture[1], len(q))
    return out


def pieces_pay(q: Tensor) -> bool:
    """Whether to go piece by piece. A graph that is traced or compiled keeps to the operators that everyone has."""
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
