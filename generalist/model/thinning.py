"""Thinning: the later blocks see fewer tokens than there are patches, on weights that know nothing of it.

After Expediting ViT (Liang et al. 2022): patches gather in clusters, and behind each block they are told what became of
their cluster. There a patch is then the mean of the clusters around it; here it keeps what it was and adds the change,
as a block adds to a residual stream. There clusters are superpixels; here they are small squares of patches, and those
squares whose patches differ most do not gather. A token that stands for several patches is heard as often as it has
patches, by the logarithm of their number on its scores (Bolya et al. 2023). What each is worth: ``docs/decisions.md``.

Legend: B pictures, N patches, n squares, M tokens, D width, X class token and registers, which never gather.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isqrt
from typing import NamedTuple

import torch
from torch import Tensor

from generalist.faults import Fault
from generalist.model.cache import ImageCache
from generalist.model.layers import Block
from generalist.model.rotary import Turn, rotation

__all__ = ["Thinning"]


@dataclass(frozen=True, slots=True)
class Thinning:
    """How far patches are thinned.

    keep: tokens a patch, as near as whole squares come to it. before: blocks at the beginning that see every patch, a
    third of them unless said.

    Raises:
        Fault: a share that is none.
    """

    keep: float = 0.4
    before: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1 or (self.before or 0) < 0:
            raise Fault(f"thinning keeps a share of patches above 0 and at most 1; not {self}")

    def encode(
        self,
        blocks: Sequence[Block],
        x: Tensor,
        points: Tensor,
        turn: Turn | None,
        grid: tuple[int, int],
    ) -> ImageCache:
        """Tokens (B, X + N, D) through the blocks; points (1, X + N, 2) their places, turn: their rotation. Features,
        keys and values of each layer are of all patches, so that whoever asks need not know.

        Raises:
            Fault: there are too few blocks to leave one that is thinned.
        """
        skip = x.shape[1] - grid[0] * grid[1]
        first = len(blocks) // 3 if self.before is None else self.before
        if first >= len(blocks):
            raise Fault(f"{len(blocks)} blocks leave none to thin behind the first {first}")
        past, features = [], [x[:, skip:]]
        for block in blocks[:first]:
            x, kv = block(x, turn)
            past.append(kv)
            features.append(x[:, skip:])
        gathering = gathered(x, skip, grid, self.keep)
        began = middle = gathering.mean(x)
        fewer = None if turn is None else rotation(gathering.mean(points), 2 * turn[0].shape[-1])
        heard = gathering.sizes.log()[:, None, None].to(x.dtype)
        for block in blocks[first:]:
            middle, (k, v) = block(middle, fewer, None, heard)
            past.append((gathering.spread(k), gathering.spread(v)))
            features.append((x + gathering.spread(middle - began))[:, skip:])
        return ImageCache(past, features, grid)


class Gathering(NamedTuple):
    """token (B, X + N): the one among M that stands for each. sizes (B, M): for how many; 0 for a token of none."""

    token: Tensor
    sizes: Tensor

    def mean(self, x: Tensor) -> Tensor:
        """Of tokens (B or 1, X + N, D) those (B, M, D) that stand for them."""
        total = x.new_zeros(*self.sizes.shape, x.shape[-1])
        for one, token, whole in zip(total, self.token, x.expand(len(total), -1, -1), strict=True):
            one.index_add_(0, token, whole)
        return total / self.sizes.clamp(min=1).to(x.dtype)[..., None]

    def spread(self, x: Tensor) -> Tensor:
        """Of (B, ..., M, E) what each patch has of it: (B, ..., X + N, E). Picture by picture, which on a CPU is rows
        copied; one gather for all would look every number up."""
        return torch.stack([one.index_select(-2, token) for one, token in zip(x, self.token, strict=True)])


def gathered(x: Tensor, skip: int, grid: tuple[int, int], keep: float) -> Gathering:
    """Who gathers: of tokens (B, X + N, D) the patches by squares, the smallest that can leave ``keep`` N tokens; and
    so many of these squares fall apart again, those in which patches are farthest from their mean, that it is as
    many."""
    (down, across), B, device = grid, len(x), x.device
    side = isqrt(ceil(1 / keep) - 1) + 1
    rows, columns = torch.arange(down, device=device)[:, None], torch.arange(across, device=device)
    small = ceil(down / side), ceil(across / side)
    n, each = small[0] * small[1], side * side
    square = (rows // side * small[1] + columns // side).flatten()
    within = (rows % side * side + columns % side).flatten()
    apart = min(max(round((keep * down * across - n) / max(each - 1, 1)), 0), n)

    patches = x[:, skip:].float()
    whole = Gathering(square.expand(B, -1), torch.bincount(square, minlength=n).expand(B, -1))
    off = (patches - whole.spread(whole.mean(patches))).square().sum(-1)
    differing = off.new_zeros(B, n).scatter_add_(1, whole.token, off)
    order = differing.argsort(1, descending=True).argsort(1).gather(1, whole.token)
    token = torch.where(order < apart, order * each + within, apart * each + order - apart)
    token = torch.cat([torch.arange(skip, device=device).expand(B, -1), token + skip], 1)
    sizes = token.new_zeros(B, skip + apart * each + n - apart)
    return Gathering(token, sizes.scatter_add_(1, token, torch.ones_like(token)))
