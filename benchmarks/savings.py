"""Savings on unchanged weights: speed against mIoU and AbsRel, with fewer patches (thinning) and with cells that leave
early.

    python benchmarks/savings.py [--sides 128 256] [--keeps 0.6 0.4 0.25] [--sures 0.99 0.9] [--exits 4 5]

The same scenes are read and answered in every way, in turns; one JSON line a way. ``encoding`` and ``answering`` are
the time of the model as it is over that of this way, the median of the turns (answering is without encoding); ``loss``
is what the figure has lost.
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
from generalist.model.leaving import Leaving
from generalist.model.thinning import Thinning
from generalist.sequence.picture import letterbox, normalise

FIGURES = {"segment": ("miou", "mIoU", 1), "depth": ("depth", "AbsRel", -1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--sides", type=int, nargs="*", default=[128, 256])
    parser.add_argument("--keeps", type=float, nargs="*", default=[0.6, 0.4, 0.25], help="thinning: tokens a patch")
    parser.add_argument("--before", type=int, nargs="*", default=[None], help="thinning: blocks that see every patch")
    parser.add_argument("--sures", type=float, nargs="*", default=[0.99, 0.9], help="leaving: from this probability")
    parser.add_argument("--exits", type=int, nargs="*", default=[None], help="leaving: after so many blocks")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--batch", type=int, default=4)
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    ways: list[Thinning | Leaving | None] = [None]
    ways += [Thinning(keep, before) for keep in given.keeps for before in given.before]
    ways += [Leaving(sure, first) for first in given.exits for sure in given.sures]
    for side in given.sides:
        measure(generalist, side, ways, given.limit, given.batch)


def measure(generalist: Generalist, side: int, ways: list[Thinning | Leaving | None], limit: int, batch: int) -> None:
    data = open_data(f"scenes:test?size={side}")
    found = {task: [metric(name) for _ in ways] for task, (name, _, _) in FIGURES.items()}
    encoding: list[list[float]] = [[] for _ in ways]
    answering: dict[str, list[list[float]]] = {task: [[] for _ in ways] for task in FIGURES}
    for start in range(0, limit, batch):
        indices = range(start, min(start + batch, limit))
        for t, task in enumerate(FIGURES):
            samples = [data.sample(i, task) for i in indices]
            pixels = torch.from_numpy(normalise(np.stack([letterbox(s.image, side) for s in samples])))
            for w, way in enumerate(ways):
                generalist.model.thinning = way if isinstance(way, Thinning) else None
                generalist.leaving = way if isinstance(way, Leaving) else None
                with torch.inference_mode():
                    if not start and not t:
                        generalist.model.encode_images(pixels)  # kernels are made for a new shape
                    began = time.perf_counter()
                    cache = generalist.model.encode_images(pixels)
                    encoding[w].append(time.perf_counter() - began)
                if not start:
                    generalist._answer(generalist.tasks[task], samples, cache)
                began = time.perf_counter()
                answers = generalist._answer(generalist.tasks[task], samples, cache)
                answering[task][w].append(time.perf_counter() - began)
                for answer, sample in zip(answers, samples, strict=True):
                    found[task][w].add(answer, sample)
    generalist.model.thinning = generalist.leaving = None
    for w, way in enumerate(ways):
        row = {"bench": "savings", "side": side, "patches": (side // generalist.model.config.patch_size) ** 2}
        row |= {"way": "none" if way is None else type(way).__name__.lower()}
        row |= {} if way is None else {name: getattr(way, name) for name in way.__slots__}
        row |= timed("encoding", encoding, w)
        for task, (_, name, sign) in FIGURES.items():
            value, whole = (found[task][at].result()[name] for at in (w, 0))
            row |= timed(f"answering_{task}", answering[task], w)
            row |= {name: round(value, 4), f"{name}_loss": round(sign * (whole - value), 4)}
        print(json.dumps(row | {"n": limit, "threads": torch.get_num_threads()}), flush=True)


def timed(name: str, seconds: list[list[float]], way: int) -> dict[str, float]:
    """The median of the ratios over the way, and how far their quartiles are apart."""
    ratios = [a / b for a, b in zip(seconds[0], seconds[way], strict=True)]
    low, high = np.quantile(ratios, [0.25, 0.75])
    return {name: round(median(ratios), 3), f"{name}_spread": round(float(high - low), 3)}


if __name__ == "__main__":
    main()
