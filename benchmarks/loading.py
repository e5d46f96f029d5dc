"""How fast batches are made from photographs, against how fast they are learned from: pictures a second, and the ratio.

    GENERALIST_DATA=DIR python benchmarks/loading.py --recipe recipes/real/bccd.yaml --side 640

Two loaders do nothing but read, vary and pack the recipe's pictures at 640 px, as training would have them; then the
tiny model learns the same recipe's pictures at its own size and at 640 px, batches made beforehand. Medians of five
parts, with the distance of the quartiles, in one run. Prints a JSON object a row.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from generalist.train.loop import Run
from generalist.train.recipe import Recipe

PARTS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/real/bccd.yaml"))
    parser.add_argument("--side", type=int, default=640)
    parser.add_argument("--loaders", type=int, default=2)
    parser.add_argument("--batches", type=int, default=6, help="a part, of loading")
    parser.add_argument("--steps", type=int, default=2, help="a part, of learning")
    given = parser.parse_args()
    own = Recipe.read(given.recipe, []).model.image_size or 128
    loaded = _loading(given)
    _row("loading", loaded, f"{given.side} px, {given.loaders} loaders")
    for side in dict.fromkeys((own, given.side)):
        learned = _learning(given, side)
        _row("learning", learned, f"tiny, {side} px")
        _row("loading_over_learning", [np.median(loaded) / rate for rate in learned], f"{given.side} over {side} px")


def _run(given: argparse.Namespace, side: int, loaders: int, scratch: str) -> Run:
    changes = [f"out={scratch}", f"model.image_size={side}", f"loaders={loaders}", "steps=1000000", "minutes=null"]
    return Run(Recipe.read(given.recipe, [*changes, "validate=null"]))


def _loading(given: argparse.Namespace) -> list[float]:
    with tempfile.TemporaryDirectory() as scratch:
        run = _run(given, given.side, given.loaders, scratch)
        batches = run.batches(10**6)
        # What was made before the clock started must not count: as many as the loaders may have ready.
        next(_parts(batches, 4 * given.loaders))
        return [run.recipe.rows * given.batches / seconds for seconds in _times(_parts(batches, given.batches))]


def _learning(given: argparse.Namespace, side: int) -> list[float]:
    with tempfile.TemporaryDirectory() as scratch:
        run = _run(given, side, 1, scratch)
        source = run.batches(10**6)
        ready = [next(source) for _ in range(PARTS * given.steps + 1)]
        source.close()
        run.update(ready[0])  # compiles kernels
        learned = (run.update(batch) for batch in ready[1:])
        return [run.recipe.rows * given.steps / seconds for seconds in _times(_parts(learned, given.steps))]


def _parts(source: Iterator[Any], count: int) -> Iterator[None]:
    while True:
        for _ in range(count):
            next(source)
        yield


def _times(parts: Iterator[None]) -> Iterator[float]:
    for _ in range(PARTS):
        began = time.perf_counter()
        next(parts)
        yield time.perf_counter() - began


def _row(name: str, values: list[float], shape: str) -> None:
    low, value, high = (round(float(at), 3) for at in np.quantile(values, [0.25, 0.5, 0.75]))
    unit = "ratio" if "over" in name else "pictures/s"
    row = {"bench": "loading", "name": name, "value": value, "unit": unit, "spread": round(high - low, 3)}
    print(json.dumps(row | {"shape": shape}), flush=True)


if __name__ == "__main__":
    main()
