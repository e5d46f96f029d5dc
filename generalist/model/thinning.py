"""Thinning: the middle blocks see fewer tokens than there are patches, on weights that know nothing of it.

After Expediting ViT (Liang et al. 2022): before the middle blocks patches gather in clusters, behind them each patch is
told what became of its cluster. There a patch is the mean of the clusters around it; here it keeps what it was and adds
the change, as a block adds to a residual stream. There clusters are superpixels; here they are the squares of a coarser
grid, which cost less and lose less (``docs/decisions.md``).

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


@lru_cache(maxsize=16)
def _square(grid: tuple[int, int], small: tuple[int, int], device: torch.device) -> Tensor:
    """(N,) int64: the square of the coarser grid that holds the centre of each patch."""

    def along(patches: int, squares: int) -> Tensor:
        return ((torch.arange(patches, device=device) + 0.5) * squares / patches).long()

    return (along(grid[0], small[0])[:, None] * small[1] + along(grid[1], small[1])).flatten()


@dataclass(frozen=True, slots=True)
class Thinning:
    """How far patches are thinned.

    keep: clusters a patch. before, after: blocks at the beginning and at the end that see every patch, at the beginning
    half of them unless said.

    Raises:
        Fault: a share that is none.
    """

    keep: float = 0.25
    before: int | None = None
    after: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1 or min(self.before or 0, self.after) < 0:
            raise Fault(f"thinning keeps a share of patches above 0 and at most 1; not {self}")

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
        small = max(round(grid[0] * self.keep**0.5), 1), max(round(grid[1] * self.keep**0.5), 1)
        square = _square(grid, small, x.device)
        whole = torch.cat([torch.arange(skip, device=x.device), square + skip])
        began = _gathered(x, skip, grid, small)
        fewer = None if turn is None else rotation(_gathered(points, skip, grid, small), 2 * turn[0].shape[-1])
        middle = began
        for block in blocks[first:last]:
            middle, (k, v) = block(middle, fewer)
            past.append((k.index_select(2, whole), v.index_select(2, whole)))
            features.append(x[:, skip:] + (middle - began)[:, skip:].index_select(1, square))
        x = torch.cat([middle[:, :skip], features[-1]], 1)
        for block in blocks[last:]:
            x, kv = block(x, turn)
            past.append(kv)
            features.append(x[:, skip:])
        return ImageCache(past, features, grid)


def _gathered(x: Tensor, skip: int, grid: tuple[int, int], small: tuple[int, int]) -> Tensor:
    """Of tokens (B, X + N, D) those (B, X + n, D) that stand for them: the patches as means over squares."""
    clusters = F.adaptive_avg_pool2d(x[:, skip:].transpose(1, 2).unflatten(2, grid), small)
    return torch.cat([x[:, :skip], clusters.flatten(2).transpose(1, 2)], 1)
