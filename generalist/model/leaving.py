"""Leaving: tracks that are sure of their next token before the last block go no further, on weights that know nothing
of it.

After DToP (Tang et al. 2023), whose easy tokens of dense prediction stop at an intermediate layer; what later tokens of
a track that left would look for in the blocks above is made of the state it left with (CALM, Schuster et al. 2022).

Legend: R requests, K tracks, k of them that stay, D width, H heads, E width of a head.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from generalist.faults import Fault
from generalist.model.cache import Prefix, TrackCache
from generalist.model.layers import Block

__all__ = ["Exit", "Leaving", "upper"]


@dataclass(frozen=True, slots=True)
class Leaving:
    """When tracks leave.

    sure: the probability of the likeliest token from which a track leaves. after: blocks that every track goes through,
    two thirds of them unless said.

    Raises:
        Fault: sure is no probability, or no block comes first.
    """

    sure: float
    after: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.sure <= 1 or (self.after is not None and self.after < 1):
            raise Fault(f"tracks leave at a probability above 0 and at most 1, after a block or more; not at {self}")

    def first(self, blocks: int) -> int:
        """The block that tracks which are sure do not enter.

        Raises:
            Fault: there is none.
        """
        after = max(1, 2 * blocks // 3) if self.after is None else self.after
        if after >= blocks:
            raise Fault(f"{blocks} blocks leave none to be saved after the first {after}")
        return after


class Exit(NamedTuple):
    """Leaving, of one token. first: the block that is not entered by tracks of which ``sure`` says so (R, K), by their
    states (R, K, D), normed. last: no token comes after this one, so nothing needs to be remembered of it."""

    first: int
    sure: Callable[[Tensor], Tensor]
    last: bool


def upper(blocks: Sequence[Block], leave: Exit, prefix: Prefix, tracks: TrackCache, x: Tensor, stays: Tensor) -> Tensor:
    """Streams (R, K, D) of one token a track through the blocks from ``leave.first`` on, as far as ``stays`` (R, K)
    lets them. As many tracks of each request go on as stay of the fullest; the others' are as they were."""
    at, rows = tracks.length, torch.arange(len(x), device=x.device)[:, None]
    order = stays.int().argsort(dim=1, descending=True, stable=True)
    most = int(stays.sum(1).max())
    stay, left = order[:, :most], order[:, most:]

    def of(held: Tensor, which: Tensor) -> Tensor:
        """Of something (R, H, K, ...) or (1, H, K, ...) that of the tracks ``which``."""
        return held.expand(len(x), *held.shape[1:])[rows, :, which].transpose(1, 2)

    def turned(which: Tensor) -> tuple[Tensor, Tensor] | None:
        return None if tracks.turn is None else (of(tracks.turn[0], which), of(tracks.turn[1], which))

    above, below = turned(stay), turned(left)
    on, off = x[rows, stay], x[rows, left]
    for i in range(leave.first, len(blocks)):
        seen = None if tracks.seen is None else tracks.seen[i]
        keys, values = tracks.keys[i], tracks.values[i]
        if not leave.last and left.shape[1]:
            entering = off if seen is None else off + seen[rows, left]
            _, k, v = blocks[i].attn.project(blocks[i].norm1(entering), below)
            keys[rows, :, left, at], values[rows, :, left, at] = k.transpose(1, 2), v.transpose(1, 2)
        if most:
            share = 0.0 if seen is None else seen[rows, stay]
            own = of(keys[:, :, :, : at + 1], stay).contiguous(), of(values[:, :, :, : at + 1], stay).contiguous()
            on = blocks[i].step(on + share, above, prefix.sight(i), own, at) - share
            if not leave.last:
                keys[rows, :, stay, at] = own[0][:, :, :, at].transpose(1, 2)
                values[rows, :, stay, at] = own[1][:, :, :, at].transpose(1, 2)
    return x.index_put((rows, stay), on)
