"""Thinning: the middle blocks see fewer tokens than there are patches, on weights that know nothing of it.

After Expediting ViT (Liang et al. 2022): before the middle blocks patches gather in clusters of what is near and alike
(superpixels, Jampani et al. 2018), behind them every patch is told what became of its clusters. There a patch is the
mean of its clusters; here it keeps what it was and adds their change, as a block adds to a residual stream.

Legend: B pictures, N patches, n clusters, D width, X class token and registers, which never gather.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from generalist.faults import Fault
from generalist.model.cache import ImageCache
from generalist.model.layers import Block, rotation

__all__ = ["Thinning"]

SHARP = 20.0
"""How much likelier a patch is of a cluster that is alike in full than of one that is not at all, as a logarithm."""


@lru_cache(maxsize=16)
def _around(grid: tuple[int, int], small: tuple[int, int], device: torch.device) -> Tensor:
    """(N, n): 0 where a cluster is one of the nine around a patch, -inf elsewhere."""

    def along(patches: int, clusters: int) -> Tensor:
        at = (torch.arange(patches, device=device) + 0.5) / patches * clusters - 0.5
        return (at[:, None] - torch.arange(clusters, device=device)).abs() < 1.5

    down, across = along(grid[0], small[0]), along(grid[1], small[1])
    near = down[:, None, :, None] & across[None, :, None, :]
    return torch.zeros(near.shape, device=device).masked_fill_(~near, float("-inf")).flatten(2).flatten(0, 1)


@dataclass(frozen=True, slots=True)
class Thinning:
    """How far patches are thinned.

    keep: clusters a patch. before, after: blocks at the beginning and at the end that see every patch, at the beginning
    half of them unless said. rounds: of gathering, each of which looks at the clusters that the last one made.

    Raises:
        Fault: a share that is none, or no round.
    """

    keep: float = 0.25
    before: int | None = None
    after: int = 0
    rounds: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1 or self.rounds < 1 or min(self.before or 0, self.after) < 0:
            raise Fault(f"thinning keeps a share of patches above 0 and at most 1, in a round or more; not {self}")

    def encode(
        self,
        blocks: Sequence[Block],
        x: Tensor,
        points: Tensor,
        turn: tuple[Tensor, Tensor] | None,
        grid: tuple[int, int],
    ) -> ImageCache:
        """Tokens (B, X + N, D) through the blocks; points (1, X + N, 2) their places, turn: their rotation. Features,
        keys and values of each layer are of all patches, so that whoever asks need not know.

        Raises:
            Fault: there are too few blocks to leave one in the middle.
        """
        skip = x.shape[1] - grid[0] * grid[1]
        first, last = len(blocks) // 2 if self.before is None else self.before, len(blocks) - self.after
        if last <= first:
            raise Fault(f"{len(blocks)} blocks leave none to thin between the first {first} and the last {self.after}")
        past, features = [], [x[:, skip:]]
        for block in blocks[:first]:
            x, kv = block(x, turn)
            past.append(kv)
            features.append(x[:, skip:])
        share, tokens = self._gather(x[:, skip:], grid)
        nearest = share.argmax(-1)
        began = tokens
        middle = torch.cat([x[:, :skip], tokens], 1)
        small = None
        if turn is not None:
            where = (share.transpose(1, 2) @ points[:, skip:]) / share.sum(1)[..., None]
            where = torch.cat([points[:, :skip].expand(len(x), -1, -1), where], 1)
            small = rotation(where, 2 * turn[0].shape[-1])
        for block in blocks[first:last]:
            middle, (k, v) = block(middle, small)
            past.append((_spread(k, nearest, skip), _spread(v, nearest, skip)))
            features.append(x[:, skip:] + share.to(x.dtype) @ (middle[:, skip:] - began))
        x = torch.cat([middle[:, :skip], features[-1]], 1)
        for block in blocks[last:]:
            x, kv = block(x, turn)
            past.append(kv)
            features.append(x[:, skip:])
        return ImageCache(past, features, grid)

    def _gather(self, x: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Of patches (B, N, D): how far each is of which cluster (B, N, n), and the clusters (B, n, D)."""
        small = max(round(grid[0] * self.keep**0.5), 1), max(round(grid[1] * self.keep**0.5), 1)
        around = _around(grid, small, x.device)
        clusters = F.adaptive_avg_pool2d(x.transpose(1, 2).unflatten(2, grid), small).flatten(2).transpose(1, 2)
        unit = F.normalize(x, dim=-1)
        for _ in range(self.rounds):
            alike = unit @ F.normalize(clusters, dim=-1).transpose(1, 2)
            share = (SHARP * alike + around).softmax(-1)
            clusters = (share.transpose(1, 2) @ x) / share.sum(1)[..., None].clamp(min=1e-6)
        return share, clusters


def _spread(t: Tensor, nearest: Tensor, skip: int) -> Tensor:
    """Keys or values (B, H, X + n, E) of clusters as those of patches (B, H, X + N, E): each patch has its nearest's,
    so that a cluster is heard as often as it has patches."""
    index = nearest[:, None, :, None].expand(-1, t.shape[1], -1, t.shape[3])
    return torch.cat([t[:, :, :skip], t[:, :, skip:].gather(2, index)], 2)
