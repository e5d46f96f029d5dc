"""What has been read once and is asked many times: ImageCache and Prefix; and what each track has written:
TrackCache."""

from dataclasses import dataclass

import torch
from torch import Tensor

from generalist.model.layers import Past

__all__ = ["ImageCache", "Prefix", "TrackCache"]


@dataclass(slots=True)
class ImageCache:
    """B images after the stack.

    past: a pair (B, H, N, E) of keys and values for each layer. features: depth + 1 tensors (B, N, D), the patches
    entering each layer and leaving the last (class token and registers left out). grid: patches (down, across).
    """

    past: list[Past]
    features: list[Tensor]
    grid: tuple[int, int]

    def select(self, rows: Tensor) -> "ImageCache":
        """The images at ``rows`` (R,): an image asked twice is there twice."""
        # index_select, not [rows]: its gradient is an index_add, many times faster on a CPU than index_put.
        past = [(k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.past]
        return ImageCache(past, [f.index_select(0, rows) for f in self.features], self.grid)


@dataclass(slots=True)
class Prefix:
    """R requests, each an image (or none) and an instruction, ready to be answered by any number of tracks.

    past: keys and values (R, H, P, E) by layer, the image's and then the instruction's. mask: (R, 1, 1, P), 0 or -inf.
    states: (R, T, D) the last normed states of the instruction, anything at padding.
    labels_in, labels_out: (R, M, D) embeddings and output vectors of the request's labels. label_mask: (R, M),
    0 or -inf.
    """

    past: list[Past]
    mask: Tensor
    images: ImageCache | None
    states: Tensor
    labels_in: Tensor
    labels_out: Tensor
    label_mask: Tensor


class TrackCache:
    """Keys and values of what K tracks a request have written: ``step`` fills one place of each layer at a time."""

    def __init__(self, layers: int, shape: tuple[int, int, int, int, int], points: Tensor | None, like: Tensor):
        """shape (R, H, K, Lmax, E); points (R, K, 2) lattice points in the unit square, or None; like: dtype,
        device."""
        self.keys = [torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(layers)]
        self.values = [torch.zeros_like(k) for k in self.keys]
        self.length = 0
        self.points = points
        self.seen: list[Tensor] | None = None  # image features at the lattice points, by layer, sampled once
        self.turn: tuple[Tensor, Tensor] | None = None

    def select(self, tracks: Tensor) -> None:
        """Keeps the tracks at ``tracks`` (R, K') of each request, in that order: beams reorder, finished
        tracks leave."""
        R, K = tracks.shape
        rows = torch.arange(R, device=tracks.device)[:, None].expand(R, K)
        self.keys = [k[rows, :, tracks].transpose(1, 2) for k in self.keys]
        self.values = [v[rows, :, tracks].transpose(1, 2) for v in self.values]
        if self.points is not None:
            self.points = self.points[rows, tracks]
        if self.seen is not None:
            self.seen = [f[rows, tracks] for f in self.seen]
        if self.turn is not None:
            cos, sin = self.turn
            self.turn = (cos[rows, :, tracks].transpose(1, 2), sin[rows, :, tracks].transpose(1, 2))
