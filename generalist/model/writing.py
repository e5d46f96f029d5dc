"""Writing: how a model that has read its requests answers them, some tokens of every track at a time.

Legend: R requests, K tracks, L new tokens of each, N patches, C columns, D width, M labels.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generalist.model.cache import Prefix, TrackCache
from generalist.model.config import GeneralistConfig
from generalist.model.layers import Block, bilinear
from generalist.model.leaving import Exit, upper
from generalist.model.rotary import Turn, rotation

__all__ = ["Writing", "branched"]


def branched(stream: Tensor, began: Tensor) -> Tensor:
    """What enters the last blocks at a place of a block: the stream (..., D) that it branches off, and its token and
    position (..., D) as loud as that. A stream grows from block to block; beside it they would hardly be heard."""
    loud = stream.pow(2).mean(-1, keepdim=True).sqrt()
    return stream + F.rms_norm(began, began.shape[-1:]) * loud


class Writing(nn.Module):
    """What ``GeneralistModel`` does after reading. The parameters are its own."""

    config: GeneralistConfig
    blocks: nn.ModuleList
    norm: nn.LayerNorm
    token_embed: nn.Embedding
    track_pos: nn.Parameter

    @property
    def branch(self) -> int:
        """The layer at which blocks of tokens branch off: see ``draft``."""
        return len(self.blocks) - self.config.block_layers

    def _turn(self, points: Tensor | None) -> Turn | None:
        if not self.config.rope or points is None:
            return None
        return rotation(points, self.config.width // self.config.heads)

    def begin(self, prefix: Prefix, points: Tensor | None, tracks: int, longest: int) -> TrackCache:
        """An empty cache for ``tracks`` tracks a request; points (R, K, 2) or None."""
        k = prefix.past[0][0]
        cache = TrackCache(len(self.blocks), (k.shape[0], k.shape[1], tracks, longest, k.shape[3]), points, k)
        if points is not None and prefix.images is not None:
            sample = bilinear(points, prefix.images.grid)
            cache.seen = [sample.to(f.dtype) @ f for f in prefix.images.features]
        where = torch.full((k.shape[0], tracks, 2), float("nan"), device=k.device) if points is None else points
        turn = self._turn(where)
        cache.turn = None if turn is None else (turn[0].to(k.dtype), turn[1].to(k.dtype))
        return cache

    def step(self, prefix: Prefix, tracks: TrackCache, ids: Tensor, slot: Tensor | None = None) -> Tensor:
        """One more token of every track: ids (R, K) to normed hidden states (R, K, D). slot (R, K): a label's
        index or -1."""
        return self.read(prefix, tracks, ids[..., None], None if slot is None else slot[..., None]).squeeze(2)

    def read(
        self, prefix: Prefix, tracks: TrackCache, ids: Tensor, slot: Tensor | None = None, leave: Exit | None = None
    ) -> Tensor:
        """L tokens of every track at once, each after those before it: ids (R, K, L), slot likewise, to normed hidden
        states (R, K, L, D). leave: which tracks need not go through all blocks, for single tokens."""
        at, L = tracks.length, ids.shape[2]
        x = self._embedded(prefix, ids.flatten(1), None if slot is None else slot.flatten(1)).unflatten(1, (-1, L))
        x = (x + self._places(at, L)).flatten(1, 2)
        own = None
        if L > 1:
            early = torch.ones(L, at + L, dtype=torch.bool, device=ids.device).tril(at)
            own = torch.zeros(L, at + L, dtype=x.dtype, device=ids.device).masked_fill_(~early, float("-inf"))
        hidden = self._rest(prefix, tracks, x, L, own, leave=leave if L == 1 else None)
        tracks.length += L
        return hidden.unflatten(1, (-1, L))

    def draft(self, prefix: Prefix, tracks: TrackCache, ids: Tensor, count: int, slot: Tensor | None = None) -> Tensor:
        """Hidden states (R, K, count, D) of a block: of what follows ``ids`` (R, K), chosen and not yet read, at once.

        The block branches off its track. Its places enter the last ``block_layers`` blocks with the stream that the
        last token read had there, the embedding of ``ids`` and each its position; they see what the track sees, and one
        another. What they say is a guess until it is read.
        """
        assert tracks.stream is not None, "a block follows what was read"
        began = self._embedded(prefix, ids, slot)[:, :, None] + self._places(tracks.length, count)
        x = branched(tracks.stream[:, :, None], began).flatten(1, 2)
        return self._rest(prefix, tracks, x, count, None, self.branch).unflatten(1, (-1, count))

    def _embedded(self, prefix: Prefix, ids: Tensor, slot: Tensor | None) -> Tensor:
        x = self.token_embed(ids)
        if slot is None or not prefix.labels_in.shape[1]:
            return x
        rows = torch.arange(ids.shape[0], device=ids.device)[:, None]
        named = prefix.labels_in[rows, slot.clamp(min=0)]
        return torch.where((slot >= 0)[..., None], named.to(x.dtype), x)

    def _places(self, at: int, count: int) -> Tensor:
        """Position embeddings (count, D) from ``at`` on."""
        last = len(self.track_pos) - 1
        return self.track_pos[[min(at + i, last) for i in range(count)]]

    def _rest(
        self,
        prefix: Prefix,
        tracks: TrackCache,
        x: Tensor,
        L: int,
        own: Tensor | None,
        first: int = 0,
        leave: Exit | None = None,
    ) -> Tensor:
        """Tokens (R, K x L, D) through the blocks from ``first`` on, to normed hidden states. own: see ``Sight``."""

        def each(held: Tensor, dim: int) -> Tensor:
            return held if L == 1 else held.repeat_interleave(L, dim)

        def out(x: Tensor) -> Tensor:
            # A track that leaves early still has the picture as it is behind the last block.
            return cast(Tensor, self.norm(x if tracks.seen is None else x + each(tracks.seen[-1], 1)))

        turn = None if tracks.turn is None else (each(tracks.turn[0], 2), each(tracks.turn[1], 2))
        for i in range(first, len(self.blocks)):
            if i == self.branch and not first:
                tracks.stream = x.unflatten(1, (-1, L))[:, :, -1]
            if leave is not None and i == leave.first:
                x = upper(cast("list[Block]", self.blocks), leave, prefix, tracks, x, ~leave.sure(out(x)))
                break
            seen = 0.0 if tracks.seen is None else each(tracks.seen[i], 1)
            held = tracks.keys[i], tracks.values[i]
            x = cast(Block, self.blocks[i]).step(x + seen, turn, prefix.sight(i, own), held, tracks.length) - seen
        return out(x)

    def planes(self, hidden: Tensor, patches: Tensor) -> Tensor:
        """Logits (R, K, N): does each patch show what each of K states (R, K, D) means? patches (R, N, D): the last
        features of R images. A state that writes ``pixels`` token i means the i-th sub-cell."""
        return hidden @ self.norm(patches).transpose(1, 2).to(hidden.dtype) * self.config.width**-0.5

    def logits(self, prefix: Prefix, hidden: Tensor, columns: Tensor, labels: tuple[int, int]) -> Tensor:
        """Scores (R, K, C) float32 of the ids ``columns``; ids in ``labels`` (start, stop) are scored by their
        words."""
        scores = hidden.float() @ self.token_embed.weight[columns].float().T
        pointer = (columns >= labels[0]) & (columns < labels[1])
        if bool(pointer.any()) and prefix.labels_out.shape[1]:
            index = columns[pointer] - labels[0]
            named = (
                hidden.float() @ prefix.labels_out.transpose(1, 2) * self.config.width**-0.5
                + prefix.label_mask[:, None]
            )
            missing = index >= named.shape[-1]
            picked = named[..., index.clamp(max=named.shape[-1] - 1)].masked_fill(missing, float("-inf"))
            scores[..., pointer] = picked
        return scores
