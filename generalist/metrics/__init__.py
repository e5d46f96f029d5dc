"""Metrics by the names that task files use. ``metric("coco_box")`` gives a new one; see ``Metric``."""

from collections.abc import Callable

from generalist.faults import Fault
from generalist.metrics.boxes import CocoBox, CocoMask
from generalist.metrics.consistency import Consistency
from generalist.metrics.counting import Counting
from generalist.metrics.grounded import Grounded
from generalist.metrics.keypoints import Keypoints
from generalist.metrics.metric import Metric
from generalist.metrics.normals import Normals
from generalist.metrics.oriented import OrientedBox
from generalist.metrics.panoptic import Panoptic
from generalist.metrics.pixels import Depth, MeanIou, ReferMask
from generalist.metrics.pointing import Pointing
from generalist.metrics.ranking import Ranking
from generalist.metrics.refer import ReferBox, ReferOriented
from generalist.metrics.text import Accuracy, Caption

__all__ = ["METRICS", "Metric", "metric"]

METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "caption": Caption,
    "coco_box": CocoBox,
    "coco_mask": CocoMask,
    "consistency": Consistency,
    "counting": Counting,
    "depth": Depth,
    "grounded": Grounded,
    "keypoints": Keypoints,
    "miou": MeanIou,
    "normals": Normals,
    "oriented_box": OrientedBox,
    "panoptic": Panoptic,
    "pointing": Pointing,
    "ranking": Ranking,
    "refer_box": ReferBox,
    "refer_mask": ReferMask,
    "refer_oriented": ReferOriented,
}


def metric(name: str) -> Metric:
    """A new, empty metric. Raises Fault for a name that there is not."""
    if name not in METRICS:
        raise Fault(f"there is no metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[name]()
