"""Thinning on unchanged weights: encoding speed against mIoU and AbsRel, at the model's size and at a larger one.

    python benchmarks/thinning.py [--sides 128 256] [--keeps 0.5 0.25 0.15] [--limit 100]

The same scenes are read with all patches and with thinned ones, in turns; one JSON line a setting. ``ratio`` is the
time of encoding with all patches over that with fewer, the median of the turns; ``loss`` is what the figure has lost.
"""

import argparse
import json
import time
from statistics import median

import numpy as np
import torch

from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.metrics import metric
from generalist.model.thinning import Thinning
from generalist.sequence.picture import letterbox, normalise

FIGURES = {"segment": ("miou", "mIoU", 1), "depth": ("depth", "AbsRel", -1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--sides", type=int, nargs="*", default=[128, 256])
    parser.add_argument("--keeps", type=float, nargs="*", default=[0.5, 0.25, 0.15])
    parser.add_argument("--before", type=int, nargs="*", default=[None])
    parser.add_argument("--after", type=int, nargs="*", default=[0])
    parser.add_argument("--rounds", type=int, nargs="*", default=[1])
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--batch", type=int, default=4)
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    settings = [
        Thinning(keep, before, after, rounds)
        for keep in given.keeps
        for before in given.before
        for after in given.after
        for rounds in given.rounds
    ]
    for side in given.sides:
        measure(generalist, side, settings, given.limit, given.batch)


def measure(generalist: Generalist, side: int, settings: list[Thinning], limit: int, batch: int) -> None:
    ways = [None, *settings]
    data = open_data(f"scenes:test?size={side}")
    found = {task: [metric(name) for _ in ways] for task, (name, _, _) in FIGURES.items()}
    seconds: list[list[float]] = [[] for _ in ways]
    for start in range(0, limit, batch):
        indices = range(start, min(start + batch, limit))
        for t, task in enumerate(FIGURES):
            samples = [data.sample(i, task) for i in indices]
            pixels = torch.from_numpy(normalise(np.stack([letterbox(s.image, side) for s in samples])))
            for w, way in enumerate(ways):
                generalist.model.thinning = way
                with torch.inference_mode():
                    if not start and not t:
                        generalist.model.encode_images(pixels)  # kernels are made for a new shape
                    began = time.perf_counter()
                    cache = generalist.model.encode_images(pixels)
                    seconds[w].append(time.perf_counter() - began)
                answers = generalist._answer(generalist.tasks[task], samples, cache)
                for answer, sample in zip(answers, samples, strict=True):
                    found[task][w].add(answer, sample)
    generalist.model.thinning = None
    for w, way in enumerate(ways):
        ratios = [a / b for a, b in zip(seconds[0], seconds[w], strict=True)]
        row = {"bench": "thinning", "side": side, "patches": (side // generalist.model.config.patch_size) ** 2}
        row |= {"keep": 1.0} if way is None else {name: getattr(way, name) for name in way.__slots__}
        low, high = np.quantile(ratios, [0.25, 0.75])
        row |= {"ratio": round(median(ratios), 3), "spread": round(float(high - low), 3)}
        for task, (_, name, sign) in FIGURES.items():
            value, whole = (found[task][at].result()[name] for at in (w, 0))
            row |= {name: round(value, 4), f"{name}_loss": round(sign * (whole - value), 4)}
        print(json.dumps(row | {"n": limit, "threads": torch.get_num_threads()}), flush=True)


if __name__ == "__main__":
    main()
