"""Batches: augmented examples of a set, an endless row of them of which each is known by its step and the seed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

__all__ = ["Batches", "Example", "colours", "flipped", "normal", "picture", "shrunk"]

Example = dict[str, Any]
"""``image`` (3, H, W) uint8 and what is known of it, each a tensor of torchvision's that its transforms understand."""


class Batches(Dataset[list[Example]]):
    """Batch ``step`` of a run. examples: the whole set, decoded, as small as training needs it. augment: changes one
    example by torch's own generator, which is set from the seed and the step, so that a run that goes on sees what it
    would have seen.

    Every example comes once before any comes again.
    """

    def __init__(self, examples: list[Example], augment: Callable[[Example], Example], size: int, seed: int):
        self.examples, self.augment, self.size, self.seed = examples, augment, size, seed

    def __getitem__(self, step: int) -> list[Example]:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.seed * 1_000_003 + step)
            return [self.augment(dict(self.examples[row])) for row in self._rows(step)]

    def _rows(self, step: int) -> Iterator[int]:
        total = len(self.examples)
        for place in range(step * self.size, (step + 1) * self.size):
            order = np.random.default_rng((self.seed, place // total)).permutation(total)
            yield int(order[place % total])

    def start(self, step: int, loaders: int) -> Iterator[list[Example]]:
        """The batches from ``step`` on, made ahead by so many processes; 0 makes them as they are asked for."""
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=count(step),  # type: ignore[arg-type]
            num_workers=loaders,
            prefetch_factor=4 if loaders else None,
            collate_fn=list,
        )
        return iter(loader)


def shrunk(example: Mapping[str, Any], longest: int) -> Example:
    """The example with its longer side at most so many pixels."""
    height, width = example["image"].shape[-2:]
    if max(height, width) <= longest:
        return dict(example)
    scale = longest / max(height, width)
    return v2.Resize((round(height * scale), round(width * scale)), antialias=True)(dict(example))


def flipped(ways: str) -> v2.Transform:
    """A mirror for half of the examples: "across", "both" ways each by itself, or both at once, a half "turn"."""
    across, over = v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0)
    if ways == "turn":
        return v2.RandomApply([across, over], p=0.5)
    return v2.Compose([v2.RandomApply([flip], p=0.5) for flip in ((across, over) if ways == "both" else (across,))])


def colours() -> v2.Transform:
    """Brightness, contrast, saturation and hue, each a little, for most examples."""
    return v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.05)], p=0.8)


def picture(pixels: Any) -> tv_tensors.Image:
    """An image (H, W, 3) uint8, as readers give it, in torchvision's form (3, H, W)."""
    return tv_tensors.Image(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())


def normal(images: Sequence[Tensor]) -> Tensor:
    """Images of one size (3, H, W) uint8 as a batch about zero, as fast on a CPU as it can lie."""
    stacked = torch.stack([image.as_subclass(Tensor) for image in images])
    return (stacked.float() / 63.75 - 2).contiguous(memory_format=torch.channels_last)
