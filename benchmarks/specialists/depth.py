"""Depth in metres by an AdaBins-style network on a timm encoder, from scratch.

    python benchmarks/specialists/depth.py --data DIR --set 7scenes --minutes 30 --seed 0 --json

Pictures are mirrored, coloured and enlarged; depths are divided by the enlargement, as by a step nearer (Eigen et al.
2014). An answer is the mean of those to the picture and to its mirror, as in the paper.
"""

import torch
from adabins import AdaBins, chamfer, silog
from batches import Example, colours, flipped, normal, picture
from specialist import Specialist, train
from torch import Tensor, nn
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as f2

from generalist.sequence.sample import Answer, Sample

__all__ = ["FAMILY", "Depth"]

SIZE = (240, 320)
"""Rows and columns of a picture as the network sees it."""

CLOSER = 1.3
"""How much a picture is enlarged at most."""


class Depth(Specialist):
    """AdaBins on EfficientNet-B0; B5 in the paper."""

    name, task = "adabins_efficientnet_b0", "depth"
    encoder = "efficientnet_b0"

    def build(self) -> nn.Module:
        return AdaBins(self.encoder)

    def example(self, sample: Sample) -> Example:
        assert sample.depth is not None
        image = v2.Resize([int(CLOSER * side) for side in SIZE], antialias=True)(picture(sample.image))
        return {"image": image, "depth": tv_tensors.Mask(torch.from_numpy(sample.depth)[None])}

    def augment(self, example: Example) -> Example:
        closer = 1 + (CLOSER - 1) * torch.rand(()).item()
        left, top = torch.rand(2).tolist()
        seen = {name: _part(value, closer, left, top) for name, value in example.items()}
        seen["depth"] = tv_tensors.Mask(seen["depth"] / closer)
        return v2.Compose([flipped(self.kind.flips), colours()])(seen)

    def loss(self, model: nn.Module, batch: list[Example]) -> dict[str, Tensor]:
        truth = torch.stack([example["depth"].as_subclass(Tensor) for example in batch])
        guess, centres = model(normal([example["image"] for example in batch]))
        whole = functional.interpolate(guess, SIZE, mode="bilinear", align_corners=True)
        return {"silog": silog(whole, truth), "bins": 0.1 * chamfer(centres, truth)}

    @torch.inference_mode()
    def answer(self, sample: Sample) -> Answer:
        image = v2.Resize(SIZE, antialias=True)(picture(sample.image)).to(self.device)
        guess, _ = self.model(normal([image, image.flip(-1)]))
        mean = (guess[:1].float() + guess[1:].float().flip(-1)) / 2
        whole = functional.interpolate(mean, sample.size[::-1], mode="bilinear", align_corners=True)
        return Answer(self.task, sample.size, depth=whole[0, 0].cpu().numpy())


def _part(value: Tensor, closer: float, left: float, top: float) -> Tensor:
    """A picture or a map ``closer`` times as large, cut to ``SIZE``: so far from the left and from the top."""
    height, width = value.shape[-2:]
    rows, columns = round(height / closer), round(width / closer)
    place = round(top * (height - rows)), round(left * (width - columns))
    return f2.resized_crop(value, *place, rows, columns, list(SIZE), antialias=True)


FAMILY: dict[str, type[Specialist]] = {"adabins": Depth}

if __name__ == "__main__":
    train(__doc__, FAMILY)
