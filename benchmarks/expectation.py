"""What the expectation around the likeliest bin is worth over the bin itself, on the shipped model.

    python benchmarks/expectation.py [--limit 200]

The same answers are decoded both ways. One JSON line a figure; ``ratio`` is expectation against arg-max.
"""

import argparse
import json

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.sequence import frame

FIGURES = {"detect": ("AP", "AP75", "AP75-95"), "depth": ("AbsRel", "RMSE")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--limit", type=int, default=200)
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    reach = frame.REACH
    for task, names in FIGURES.items():
        found = {}
        for way, bins in (("argmax", 0), ("expectation", reach)):
            frame.REACH = bins  # no neighbours: the mean is the bin itself
            evaluation = Evaluation(generalist, task, "scenes:test", given.limit)
            found[way] = evaluation.run()["metrics"]
            if task == "detect":
                found[way]["AP75-95"] = evaluation.metrics[0].precision_from(0.75)
        for name in names:
            a, b = found["argmax"][name], found["expectation"][name]
            row = {"bench": "expectation", "name": f"{task} {name}", "value": round(b, 4), "vs": round(a, 4)}
            print(json.dumps(row | {"ratio": round(b / a, 4), "shape": given.limit}), flush=True)


if __name__ == "__main__":
    main()
