"""What has been read once and is asked many times: ImageCache and Prefix; and what each track has written:
TrackCache."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generalist.model.attending import Picked
from generalist.model.rotary import Turn
from generalist.model.sharing import Past, Sight

__all__ = ["ImageCache", "PickedCache", "Prefix", "TrackCache", "joined"]


@dataclass(slots=True)
class ImageCache:
    """B images after the stack.

    past: a pair (B, H, N, E) of keys and values for each layer. features: depth + 1 tensors (B, N, D), the patches
    entering each layer and leaving the last (class token and registers left out). grid: patches (down, across).
    """

    past: list[Past]
    features: list[Tensor]
    grid: tuple[int, int]

    def picked(self, rows: Tensor) -> "PickedCache":
        """The images at ``rows`` (B,), for training: features are there for each row, keys and values once."""
        return PickedCache(
            [Picked(k, v, rows) for k, v in self.past], [f.index_select(0, rows) for f in self.features], self.grid
        )

    def select(self, rows: Tensor) -> "ImageCache":
        """The images at ``rows`` (R,): an image asked twice is there twice."""
        past = [(k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.past]
        return ImageCache(past, [f.index_select(0, rows) for f in self.features], self.grid)

    def row(self, image: int) -> "ImageCache":
        """One of the images. It is a view: whoever keeps it keeps them all."""
        one = slice(image, image + 1)
        return ImageCache([(k[one], v[one]) for k, v in self.past], [f[one] for f in self.features], self.grid)


@dataclass(slots=True)
class PickedCache:
    """What ``ImageCache`` holds, for B rows of training that are each about one of I images: features (B, N, D), and
    keys and values (I, H, N, E) with the image of each row."""

    past: list[Picked]
    features: list[Tensor]
    grid: tuple[int, int]


def joined(images: Sequence[ImageCache]) -> ImageCache:
    """Images of one grid that were read apart, side by side."""
    if len(images) == 1:
        return images[0]
    pasts = zip(*(image.past for image in images), strict=True)
    past = [(torch.cat([k for k, _ in layer]), torch.cat([v for _, v in layer])) for layer in pasts]
    features = [torch.cat(layer) for layer in zip(*(image.features for image in images), strict=True)]
    return ImageCache(past, features, images[0].grid)


@dataclass(slots=True)
class Prefix:
    """R requests, each an image (or none) and an instruction, ready to be answered by any number of tracks.

    past: keys and values (R, H, P, E) by layer, the image's and then the instruction's. mask: (R, 1, 1, P), 0 or -inf.
    states: (R, T, D) the last normed states of the instruction, anything at padding.
    labels_in, labels_out: (R, M, D) embeddings and output vectors of the request's labels. label_mask: (R, M),
    0 or -inf. common: whether all requests are about the one image of ``images``, whose keys are then there once and
    not in ``past``.
    """

    past: list[Past]
    mask: Tensor
    images: ImageCache | None
    states: Tensor
    labels_in: Tensor
    labels_out: Tensor
    label_mask: Tensor
    common: bool = False

    def sight(self, layer: int, own: Tensor | None = None) -> Sight:
        """What tracks see at a layer; own: see ``Sight``."""
        picture = self.images.past[layer] if self.common and self.images is not None else None
        return Sight(self.past[layer], self.mask, picture, own)

    @property
    def memory(self) -> int:
        """Bytes of keys and values, and of the features that tracks ride on."""
        held = [tensor for pair in self.past for tensor in pair]
        if self.images is not None:
            held += self.images.features
            held += [tensor for pair in self.images.past for tensor in pair] if self.common else []
        return sum(tensor.numel() * tensor.element_size() for tensor in held)


class TrackCache:
    """Keys and values of what K tracks a request have written: ``step`` fills places of each layer as they come."""

    def __init__(self, layers: int, shape: tuple[int, int, int, int, int], points: Tensor | None, like: Tensor):
        """shape (R, H, K, Lmax, E); points (R, K, 2) lattice points in the unit square, or None; like: dtype,
        device."""
        self.keys = [torch.empty(shape, dtype=like.dtype, device=like.device) for _ in range(layers)]
        self.values = [torch.empty_like(k) for k in self.keys]
        self.length = 0
        self.points = points
        self.seen: list[Tensor] | None = None  # image features at the lattice points, by layer, sampled once
        self.turn: Turn | None = None
        self.stream: Tensor | None = None  # (R, K, D): the last token read, where a block branches off

    def select(self, tracks: Tensor) -> None:
        """Keeps the tracks at ``tracks`` (R, K') of each request, in that order: beams reorder, finished
        tracks leave."""
        R, K = tracks.shape
        rows = torch.arange(R, device=tracks.device)[:, None].expand(R, K)

        def taken(held: Tensor) -> Tensor:
            return held[rows, :, tracks].transpose(1, 2)

        written = slice(0, self.length)
        for held in (self.keys, self.values):
            for i, old in enumerate(held):
                new = old.new_empty((R, old.shape[1], K, *old.shape[3:]))
                new[:, :, :, written] = taken(old[:, :, :, written])  # places that nothing was written to are not moved
                held[i] = new
        if self.points is not None:
            self.points = self.points[rows, tracks]
        if self.seen is not None:
            self.seen = [f[rows, tracks] for f in self.seen]
        if self.turn is not None:
            self.turn = taken(self.turn[0]), taken(self.turn[1])
        if self.stream is not None:
            self.stream = self.stream[rows, tracks]

    @property
    def memory(self) -> int:
        """Bytes of keys and values, and of the features sampled for them."""
        held = [*self.keys, *self.values, *(self.seen or [])]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)
