"""How fast the generated world is drawn: one JSON line, scenes a second on one core at 128 pixels.

OMP_NUM_THREADS=1 python benchmarks/scenes.py
"""

import json
import time

import numpy as np

from generalist.data.scenes import Scenes


def main(rounds: int = 5, scenes: int = 200) -> None:
    """The median round of ``rounds``, in processor time, so that a busy machine does not count against it."""
    world = Scenes("train", 128)
    world[0]
    rates = []
    for k in range(rounds):
        start = time.process_time()
        for i in range(k * scenes, (k + 1) * scenes):
            world[i]
        rates.append(scenes / (time.process_time() - start))
    value, spread = float(np.median(rates)), float(max(rates) - min(rates))
    line = {"bench": "scenes", "name": "scenes_per_second_128", "value": round(value, 1), "unit": "1/s"}
    print(json.dumps(line | {"spread": round(spread, 1)}))


if __name__ == "__main__":
    main()
