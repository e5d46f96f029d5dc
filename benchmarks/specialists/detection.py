"""Detectors of torchvision from scratch: SSDLite for boxes (Sandler et al. 2018, Howard et al. 2019), Mask R-CNN (He et
al. 2017) on the same MobileNetV3 for masks.

    python benchmarks/specialists/detection.py --data DIR --set bccd --minutes 30 --seed 0 --json

Pictures are changed as torchvision's own recipe for SSD does (Liu et al. 2016): colours, room around, crops that keep
an overlap with some box, mirrors. AdamW in place of its SGD, since there are minutes and not days.
"""

from typing import Any

import torch
from batches import Example, flipped, picture, shrunk
from specialist import Specialist, train
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.models import mobilenet_v3_large
from torchvision.models.detection import MaskRCNN, ssdlite320_mobilenet_v3_large
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.transforms import v2

from generalist.sequence.sample import Answer, Sample

__all__ = ["FAMILY", "MaskRcnn", "SsdLite"]

LONGEST, SEEN = 640, 400
"""Pixels of the longer side of a picture that is kept, of which crops are taken, and of a crop. SSDLite sees 320."""

GREY = {tv_tensors.Image: [124, 116, 104], "others": 0}


class Detector(Specialist):
    """What the two have in common: torchvision's way to speak of things."""

    def example(self, sample: Sample) -> Example:
        objects = sample.objects
        assert objects is not None
        kept = objects if objects.ignore is None else objects.select((~objects.ignore).nonzero()[0])
        width, height = sample.size
        example: Example = {
            "image": picture(sample.image),
            "boxes": tv_tensors.BoundingBoxes(
                torch.from_numpy(kept.boxes).reshape(-1, 4), format="XYXY", canvas_size=(height, width)
            ),
            "labels": torch.tensor([1 + self.classes.index(name) for name in kept.names], dtype=torch.int64),
        }
        if kept.masks is not None:
            example["masks"] = tv_tensors.Mask(torch.from_numpy(kept.masks))
        return shrunk(example, LONGEST)

    def augment(self, example: Example) -> Example:
        view = v2.Compose(
            [
                v2.RandomZoomOut(fill=GREY, side_range=(1.0, 2.0), p=0.3),
                v2.RandomIoUCrop(),
                flipped(self.kind.flips),
                v2.SanitizeBoundingBoxes(min_size=2),
            ]
        )(example)
        return v2.RandomPhotometricDistort()(shrunk(view, SEEN))  # the costly part last, on few pixels

    def loss(self, model: nn.Module, batch: list[Example]) -> dict[str, Tensor]:
        # Plain tensors: torchvision's models take a step into every subclass, thousands of times.
        plain = [{name: value.as_subclass(Tensor) for name, value in example.items()} for example in batch]
        targets = [{name: value for name, value in example.items() if name != "image"} for example in plain]
        for target in targets:
            if "masks" in target:
                target["masks"] = target["masks"].to(torch.uint8)
        return model([example["image"] / 255 for example in plain], targets)

    @torch.inference_mode()
    def answer(self, sample: Sample) -> Answer:
        found: dict[str, Tensor] = self.model([picture(sample.image).as_subclass(Tensor).to(self.device) / 255])[0]
        told = {name: value.float().cpu().numpy() for name, value in found.items()}
        return Answer(
            self.task,
            sample.size,
            names=sample.labels,
            boxes=told["boxes"],
            labels=tuple(self.classes[int(label) - 1] for label in told["labels"]),
            scores=told["scores"],
            masks=told["masks"][:, 0] >= 0.5 if "masks" in told else None,
        )


class SsdLite(Detector):
    """SSDLite320 with MobileNetV3-Large, as torchvision composes it."""

    name, task = "ssdlite320_mobilenet_v3_large", "detect"
    batch, lr = 16, 2e-3

    def build(self) -> nn.Module:
        return ssdlite320_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=1 + len(self.classes), detections_per_img=100
        )


class MaskRcnn(Detector):
    """Mask R-CNN on a pyramid of strides 8, 16 and 32 of MobileNetV3-Large. torchvision's own pyramid of this backbone
    has stride 32 alone, too coarse for outlines. From scratch it needs its normalisation everywhere (He, Girshick and
    Dollar 2019), and 320 pixels with 64 proposals a picture to make steps of seconds and not minutes."""

    name, task = "maskrcnn_mobilenet_v3_large_fpn", "instances"
    batch, lr = 4, 5e-4

    def build(self) -> nn.Module:
        layers = mobilenet_v3_large(weights=None).features
        taken = {"4": "0", "7": "1", "16": "2"}
        channels = [_channels(layers[int(layer)]) for layer in taken]
        pyramid = BackboneWithFPN(layers, taken, channels, 256, LastLevelMaxPool(), nn.BatchNorm2d)
        anchors = AnchorGenerator(tuple((size,) for size in (32, 64, 128, 256)), ((0.5, 1.0, 2.0),) * 4)
        few: dict[str, Any] = {
            "rpn_post_nms_top_n_train": 300,
            "rpn_post_nms_top_n_test": 300,
            "box_batch_size_per_image": 64,
        }
        return MaskRCNN(pyramid, 1 + len(self.classes), min_size=320, max_size=512, rpn_anchor_generator=anchors, **few)


def _channels(layer: nn.Module) -> int:
    """What a layer of MobileNetV3 gives: an inverted residual says, the last convolution is a Sequential."""
    return int(layer.out_channels)  # type: ignore[arg-type]


FAMILY: dict[str, type[Specialist]] = {"ssdlite": SsdLite, "maskrcnn": MaskRcnn}

if __name__ == "__main__":
    train(__doc__, FAMILY)
