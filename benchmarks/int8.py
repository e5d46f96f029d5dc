"""What int8 blocks cost and save: figures of a model and of its quantised copy on the same scenes, and encoding speed.

    python benchmarks/int8.py [--tasks detect segment depth] [--limit 100]

One JSON line a figure. ``speed`` is the time of reading one picture in float32 over that in int8, in turns.
"""

import argparse
import json
import time
from statistics import median

import numpy as np
import torch

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.model.quantised import quantised
from generalist.model.reading import read_images

FIGURES = {"detect": ("AP", "AP50"), "segment": ("mIoU",), "depth": ("AbsRel",)}
TURNS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--tasks", nargs="*", default=list(FIGURES))
    parser.add_argument("--limit", type=int, default=100)
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    whole = generalist.model
    small = quantised(whole)
    image = open_data("scenes:test").sample(0, "depth").image
    ratios = []
    for _ in range(TURNS):
        seconds = []
        for model in (whole, small):
            began = time.perf_counter()
            read_images(model, [image])
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[0] / seconds[1])
    low, high = np.quantile(ratios, [0.25, 0.75])
    shape = f"{TURNS} turns, one picture, {torch.get_num_threads()} threads"
    told("speed", median(ratios), float(high - low), shape)
    for task in given.tasks:
        found = []
        for model in (whole, small):
            generalist.model = model
            found.append(Evaluation(generalist, task, "scenes:test", given.limit).run()["metrics"])
        for name in FIGURES.get(task, tuple(found[0])):
            told(f"{task} {name}", found[1][name], None, f"{given.limit} scenes", found[0][name])


def told(name: str, value: float, spread: float | None, shape: str, vs: float | None = None) -> None:
    row = {"bench": "int8", "name": name, "value": round(value, 4), "shape": shape}
    row |= {} if vs is None else {"vs": round(vs, 4), "change": round(value - vs, 4)}
    print(json.dumps(row | ({} if spread is None else {"spread": round(spread, 4)})), flush=True)


if __name__ == "__main__":
    main()
