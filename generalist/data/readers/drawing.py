"""Outlines and runs of a file drawn as masks, pixel for pixel as COCO's own tools draw them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mask_of"]


def mask_of(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The (H, W) bool mask of COCO's polygons (a list) or runs (a dict), drawn as COCO's own tools draw it."""
    from faster_coco_eval import mask as coco_mask

    width, height = size
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = coco_mask.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation
    else:
        parts = [part for part in segmentation if len(part) >= 6]
        if not parts:
            return np.zeros((height, width), bool)
        runs = coco_mask.merge(coco_mask.frPyObjects(parts, height, width))
    return np.asarray(coco_mask.decode(runs), bool)
