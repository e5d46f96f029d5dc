"""The block, its attention, and what a place in the picture means to it. Names and layout are those of timm's
VisionTransformer.

Legend: B rows, S queries, P keys before them, H heads, E width of a head, D width, N patches, K tracks, L their tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generalist.model.attending import Mask, Picked, attend
from generalist.model.config import GeneralistConfig
from generalist.model.packed import applied
from generalist.model.rotary import Turn, rotate
from generalist.model.sharing import Part, Past, Sight, in_pieces, pieces_pay, shared_attention

__all__ = ["Block", "PatchEmbed", "bilinear", "merged"]


def bilinear(points: Tensor, grid: tuple[int, int]) -> Tensor:
    """Weights (B, S, N) that sample a grid (down, across) of patch centres at points (B, S, 2) xy; nan gives zeros."""
    known = ~points.isnan().any(-1, keepdim=True)
    points = torch.nan_to_num(points)

    def along(at: Tensor, cells: int) -> Tensor:
        place = (at * cells - 0.5).clamp(0, cells - 1)
        return (1 - (place[..., None] - torch.arange(cells, device=at.device)).abs()).clamp(min=0)

    down, across = along(points[..., 1], grid[0]), along(points[..., 0], grid[1])
    return (down[..., :, None] * across[..., None, :]).flatten(-2) * known


HELD = 1 << 27
"""Most weights of one attention, rows x heads x queries x keys, that are kept for going backward."""


def _attend(q: Tensor, k: Tensor, v: Tensor, past: Past | Picked | None, mask: Tensor | Mask | None) -> Tensor:
    """Softmax attention (B, H, S, E) over what came before and the tokens themselves, with an additive mask or none.

    Training on a CPU keeps the weights, as far as they have room (``attending``). Torch's fused kernel does the rest,
    but for bfloat16 on a CPU without a mask between tokens: there it is two to three times as slow as reading in
    pieces.
    """
    before = 0 if past is None else past[0].shape[2]
    if _kept(q, before) and not isinstance(mask, Tensor) and (past is None or isinstance(past, Picked)):
        return attend(q, k, v, past, mask)
    if isinstance(past, Picked):
        past = past.selected()
    if isinstance(mask, Mask):
        mask = mask.whole(before)
    keys, values = (k, v) if past is None else (torch.cat([past[0], k], 2), torch.cat([past[1], v], 2))
    if (mask is None or mask.shape[2] == 1) and q.dtype == torch.bfloat16 and pieces_pay(q):
        added = None if mask is None else mask.expand(*q.shape[:2], -1, -1).flatten(0, 1)
        rows = (q * q.shape[-1] ** -0.5).flatten(0, 1)
        return in_pieces(rows, [Part(keys.flatten(0, 1), values.flatten(0, 1), added)]).view_as(q)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)


def _kept(q: Tensor, before: int) -> bool:
    """Whether the weights of an attention are kept for going backward."""
    room = q[..., 0].numel() * (before + q.shape[2]) <= HELD
    return q.device.type == "cpu" and q.requires_grad and room and not torch.compiler.is_compiling()


def merged(o_BHSE: Tensor) -> Tensor:
    """Heads side by side: (B, S, D)."""
    return o_BHSE.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Multi-head attention of new tokens over what came before and, as far as ``mask`` lets them, themselves. What it
    gives is yet to go through ``proj``."""

    def __init__(self, config: GeneralistConfig):
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=config.qkv_bias)
        self.proj = nn.Linear(config.width, config.width)

    def project(self, x_BSD: Tensor, turn: Turn | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, S, E), rotated."""
        B, S, D = x_BSD.shape
        q, k, v = applied(self.qkv, x_BSD).view(B, S, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        return (q, k, v) if turn is None else (rotate(q, turn), rotate(k, turn), v)

    def forward(
        self,
        x: Tensor,
        turn: Turn | None,
        past: Past | Picked | None,
        mask: Tensor | Mask | None,
    ) -> tuple[Tensor, Past]:
        q, k, v = self.project(x, turn)
        return merged(_attend(q, k, v, past, mask)), (k, v)

    def step(self, x: Tensor, turn: Turn | None, sight: Sight, own: Past, at: int) -> Tensor:
        """L tokens of each of K tracks, x (R, K x L, D), after ``at`` tokens of their own.

        own: keys and values (R, H, K, Lmax, E), written from ``at`` on. What is read once is shared: its keys are
        never copied for a track.
        """
        keys, values = own
        K, L = keys.shape[2], x.shape[1] // keys.shape[2]
        q, k, v = self.project(x, turn)
        keys[:, :, :, at : at + L] = k.unflatten(2, (K, L))
        values[:, :, :, at : at + L] = v.unflatten(2, (K, L))
        out = shared_attention(q * q.shape[-1] ** -0.5, sight, (keys[:, :, :, : at + L], values[:, :, :, : at + L]))
        return merged(out)


class Mlp(nn.Module):
    def __init__(self, config: GeneralistConfig):
        super().__init__()
        hidden = int(config.width * config.mlp_ratio)
        self.fc1, self.fc2 = nn.Linear(config.width, hidden), nn.Linear(hidden, config.width)
        self.activation = config.activation

    def forward(self, x: Tensor) -> Tensor:
        """The hidden units, which are yet to go through ``fc2``."""
        return applied(self.fc1, x, self.activation)


class LayerScale(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Pre-norm block: x + attn(norm1(x)), then x + mlp(norm2(x))."""

    def __init__(self, config: GeneralistConfig):
        super().__init__()
        D, eps, scaled = config.width, config.norm_eps, config.layer_scale
        self.norm1, self.norm2 = nn.LayerNorm(D, eps), nn.LayerNorm(D, eps)
        self.attn, self.mlp = Attention(config), Mlp(config)
        self.ls1, self.ls2 = (LayerScale(D) if scaled else nn.Identity() for _ in range(2))

    def forward(
        self,
        x: Tensor,
        turn: Turn | None,
        past: Past | Picked | None = None,
        mask: Tensor | Mask | None = None,
    ) -> tuple[Tensor, Past]:
        seen, kv = self.attn(self.norm1(x), turn, past, mask)
        return self.after(x, seen), kv

    def step(self, x: Tensor, turn: Turn | None, sight: Sight, own: Past, at: int) -> Tensor:
        return self.after(x, self.attn.step(self.norm1(x), turn, sight, own, at))

    def after(self, x: Tensor, seen: Tensor) -> Tensor:
        """What the block makes of x and of what its attention has seen (``merged``)."""
        x = self._plus(x, self.attn.proj, seen, self.ls1)
        return self._plus(x, self.mlp.fc2, self.mlp(self.norm2(x)), self.ls2)

    @staticmethod
    def _plus(x: Tensor, linear: nn.Module, y: Tensor, scale: nn.Module) -> Tensor:
        """x + scale(linear(y))."""
        return applied(linear, y, plus=x) if isinstance(scale, nn.Identity) else x + scale(applied(linear, y))


class PatchEmbed(nn.Module):
    """Patches (B, 3, H, W) to (B, N, D)."""

    def __init__(self, config: GeneralistConfig):
        super().__init__()
        size = config.patch_size
        self.proj = nn.Conv2d(3, config.width, size, size, bias=config.patch_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)
