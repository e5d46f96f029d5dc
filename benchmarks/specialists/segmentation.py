"""Semantic segmentation by torchvision's MobileNetV3 models from scratch: LR-ASPP (Howard et al. 2019) and DeepLabv3
(Chen et al. 2017).

    python benchmarks/specialists/segmentation.py --data DIR --set camvid --model lraspp --minutes 30 --seed 0 --json

Changes as in torchvision's own recipe: pictures at half to double their size, crops, mirrors; and colours. DeepLabv3
has its auxiliary head, at half the weight.
"""

import torch
from batches import Example, colours, flipped, normal, picture, shrunk
from specialist import Specialist, train
from torch import Tensor, nn
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large
from torchvision.transforms import v2

from generalist.sequence.sample import Answer, Sample

__all__ = ["FAMILY", "DeepLab", "LrAspp"]

LONGEST, CROP = 480, 320
"""Pixels of the longer side of a whole picture, in training before it is enlarged and in answering; and of a crop."""

VOID = 255
"""Pixels of which nothing is known, in a map of bytes."""


class Segmenter(Specialist):
    """What the two have in common."""

    task = "segment"

    def example(self, sample: Sample) -> Example:
        assert sample.semantic is not None
        # A request may name some of the classes in an order of its own; training knows all of them in one.
        rows = torch.tensor([*(self.classes.index(name) for name in sample.labels), VOID, VOID], dtype=torch.uint8)
        whole = rows[torch.from_numpy(sample.semantic).long()]
        return shrunk({"image": picture(sample.image), "map": tv_tensors.Mask(whole)}, LONGEST)

    def augment(self, example: Example) -> Example:
        return v2.Compose(
            [
                v2.ScaleJitter((LONGEST, LONGEST), (0.5, 2.0)),
                v2.RandomCrop(CROP, pad_if_needed=True, fill={tv_tensors.Image: 128, tv_tensors.Mask: VOID}),
                flipped(self.kind.flips),
                colours(),
            ]
        )(example)

    def loss(self, model: nn.Module, batch: list[Example]) -> dict[str, Tensor]:
        truth = torch.stack([example["map"].as_subclass(Tensor) for example in batch]).long()
        out = model(normal([example["image"] for example in batch]))
        weights = {"out": 1.0, "aux": 0.5}
        return {
            name: weights[name] * functional.cross_entropy(logits.float(), truth, ignore_index=VOID)
            for name, logits in out.items()
        }

    @torch.inference_mode()
    def answer(self, sample: Sample) -> Answer:
        image = shrunk({"image": picture(sample.image)}, LONGEST)["image"].to(self.device)
        logits = self.model(normal([image]))["out"]
        columns = [self.classes.index(name) for name in sample.labels]
        whole = functional.interpolate(logits[:, columns], sample.size[::-1], mode="bilinear", align_corners=False)
        found = whole[0].argmax(0).to(torch.int16).cpu().numpy()
        return Answer(self.task, sample.size, names=sample.labels, semantic=found)


class LrAspp(Segmenter):
    """LR-ASPP with MobileNetV3-Large."""

    name = "lraspp_mobilenet_v3_large"

    def build(self) -> nn.Module:
        return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(self.classes))


class DeepLab(Segmenter):
    """DeepLabv3 with MobileNetV3-Large."""

    name = "deeplabv3_mobilenet_v3_large"
    bf16 = True  # 1.7 s of a core a step and not 2.4; LR-ASPP and SSDLite gain nothing by it

    def build(self) -> nn.Module:
        return deeplabv3_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=len(self.classes), aux_loss=True
        )


FAMILY: dict[str, type[Specialist]] = {"lraspp": LrAspp, "deeplabv3": DeepLab}

if __name__ == "__main__":
    train(__doc__, FAMILY)
