"""How well boxes survive their spelling: mean IoU of boxes encoded and decoded, by how offsets are spaced in bins.

    GENERALIST_DATA=/data python benchmarks/coordinates.py

``companded`` is what ``Frame`` does on a grid, ``absolute`` what it does without one, ``even`` the obvious alternative:
bins even in the offset from the lattice point. One JSON line a row; ``spread`` is the fifth percentile, ``shape`` the
number of boxes. Without the real sets only generated scenes are measured.
"""

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.readers import open_data
from generalist.sequence.frame import Frame
from generalist.sequence.geometry import box_iou, lattice
from generalist.sequence.vocabulary import Vocabulary

GRID = 12
SETS = {
    "bccd": ("voc:${GENERALIST_DATA}/bccd/BCCD:val", None),
    "coco_mini": ("coco:${GENERALIST_DATA}/coco_mini/annotations/instances_train2017.json", None),
    "scenes": ("scenes:validation", 200),
}


def spellings(vocabulary: Vocabulary, size: tuple[int, int], box: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """A box (4,) in pixels after each spelling, in the unit square; ``true`` is the box itself."""
    plain = Frame(vocabulary, size)
    unit = plain.to_unit(box)
    points = lattice(GRID)
    point = points[np.linalg.norm(points - (unit[:2] + unit[2:]) / 2, axis=1).argmin()]
    near = Frame(vocabulary, size, point=point)
    last, both = len(vocabulary["loc"]) - 1, np.tile(point, 2)
    return {
        "true": unit,
        "companded": near.coordinates(near.coordinate_bins(unit)),
        "absolute": plain.coordinates(plain.coordinate_bins(unit)),
        "even": np.rint((unit - both + 1) / 2 * last) / last * 2 - 1 + both,
    }


def main() -> None:
    vocabulary = Vocabulary.load("tiny")
    for name, (spec, limit) in SETS.items():
        if "$" in spec and "GENERALIST_DATA" not in os.environ:
            continue
        data = open_data(spec)
        samples = (data.sample(i, "detect") for i in range(limit or len(data)))
        found = [
            spellings(vocabulary, sample.size, box)
            for sample in samples
            if sample.objects is not None
            for box in sample.objects.boxes
        ]
        for way in ("even", "companded", "absolute"):
            iou = [float(box_iou(boxes[way][None], boxes["true"][None])[0, 0]) for boxes in found]
            row = {
                "bench": "coordinates",
                "name": f"{name}_{way}",
                "value": round(float(np.mean(iou)), 3),
                "unit": "IoU",
            }
            print(json.dumps(row | {"spread": round(float(np.percentile(iou, 5)), 3), "shape": len(iou)}))


if __name__ == "__main__":
    main()
