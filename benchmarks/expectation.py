"""What reading a distribution over bins is worth over its likeliest bin, on the shipped model.

    python benchmarks/expectation.py [--limit 200]

The same answers are decoded each way: corners of boxes by the expectation around the mode, distances by that and by the
median, as they are. One JSON line a figure; ``ratio`` is that reading against the likeliest bin.
"""

import argparse
import json

import numpy as np
from numpy.typing import NDArray

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.sequence import raster
from generalist.sequence.frame import expected_bin, median_bin
from generalist.sequence.units import unit


def likeliest(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mode of weights (..., n)."""
    return np.asarray(weights.argmax(-1), np.float32)


READINGS = {
    "detect": (unit, "expected_bin", {"expectation": expected_bin}, ("AP", "AP75", "AP75-95")),
    "depth": (raster, "median_bin", {"expectation": expected_bin, "median": median_bin}, ("AbsRel", "RMSE", "delta1")),
}
"""Of each task what reads its bins and where, the ways to read them, and the figures."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--limit", type=int, default=200)
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    for task, (place, name, ways, figures) in READINGS.items():
        found = {}
        for way, read in ({"argmax": likeliest} | ways).items():
            setattr(place, name, read)
            evaluation = Evaluation(generalist, task, "scenes:test", given.limit)
            found[way] = evaluation.run()["metrics"]
            if task == "detect":
                found[way]["AP75-95"] = evaluation.metrics[0].precision_from(0.75)
        for way in ways:
            for figure in figures:
                a, b = found["argmax"][figure], found[way][figure]
                row = {"bench": "expectation", "name": f"{task} {figure} {way}", "value": round(b, 4)}
                print(json.dumps(row | {"vs": round(a, 4), "ratio": round(b / a, 4), "shape": given.limit}), flush=True)


if __name__ == "__main__":
    main()
