"""Joint against single: five real tasks learned by one model together, and by a model each (GiT, Wang et al. 2024).

    python benchmarks/synergy.py --minutes 60 --data $GENERALIST_DATA --out runs/synergy --init tiny --seeds 0 1 2

The joint training is ``recipes/real-tiny.yaml``, the others are the recipes of its sets. As in GiT's table a task has
as many pictures in the joint training as by itself (GiT trains five tasks for 640,000 steps and one for 120,000): with
five sets, and 16 pictures a joint step where a single one has eight, that is two and a half times the steps. Batches
hold of every set. Rates are the recipes', and rise over the first tenth of either. ``--minutes`` is what the joint
training takes, the five others take as long together; the number of steps is found by timing a few joint ones, or is
``--steps``, of a single training. Run again after an interruption, it goes on where it was: what is trained and
measured is in ``--out``.

Prints one JSON object a line, a measured task each, and at the end the table in Markdown on standard error: the mean
over the seeds, their standard deviation, and the difference in points of the figure.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.assets import assets
from generalist.metrics.metric import LESS
from generalist.train.loop import train
from generalist.train.recipe import Recipe

SETS = ("bccd", "pennfudan", "camvid", "seven_scenes", "ucm")
"""The recipes in ``recipes/real`` that are learned together: detection, instances, semantics, depth and captions."""

SIDE = 256
"""All pictures are fitted into a square of one size: a batch of the joint model holds several sets."""

PACE, SKIPPED = 10, 2
"""Joint steps by which the pace is told, and those of them that are left out at first."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="of the joint training, for each seed")
    parser.add_argument("--steps", type=int, help="steps of a single training; found from --minutes unless given")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real sets")
    parser.add_argument("--out", type=Path, default=Path("runs/synergy"))
    parser.add_argument("--init", default=None, help="a model to start from; from scratch unless given")
    parser.add_argument("--lr", type=float, help="learning rate; that of the recipes unless given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--joint",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="changes to the joint recipe: rows=40 task_weight.depth=1",
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--limit", type=int, help="items that are measured of each set, all unless given")
    given = parser.parse_args()
    os.environ["GENERALIST_DATA"] = str(given.data)
    given.out.mkdir(parents=True, exist_ok=True)
    singles = {name: _recipe(f"real/{name}", given) for name in SETS}
    joint = _recipe("real-tiny", given, *given.joint)
    steps = _steps(joint, singles, given)
    file = given.out / "figures.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    for seed in given.seeds:
        for way in ("joint", *SETS):
            recipe, names = (joint, SETS) if way == "joint" else (singles[way], (way,))
            missing = [name for name in names if not _found(rows, name, way == "joint", seed)]
            if missing:
                seen = sum(steps * singles[name].rows for name in names)
                model = train(_ended(recipe, round(seen / recipe.rows), seed, given.out / f"{way}-{seed}"))
                for name in missing:
                    row = _measured(model, singles[name], name, way == "joint", seed, steps, given.limit)
                    rows.append({**row, "rows": recipe.rows})
                    with file.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(rows[-1]) + "\n")
    for row in rows:
        print(json.dumps(row))
    print("\n".join(_table(rows)), file=sys.stderr)


def _recipe(name: str, given: argparse.Namespace, *changes: str) -> Recipe:
    """A shipped recipe with one start, size and rate for all."""
    alike = ["minutes=null", "steps=1", f"model.image_size={SIDE}", f"model.init={given.init or 'null'}"]
    alike += [f"optimiser.lr={given.lr}"] if given.lr else []
    alike += [f"threads={given.threads}"] if given.threads else []
    return Recipe.read(assets("recipes") / f"{name}.yaml", [*alike, *changes])


def _ended(recipe: Recipe, steps: int, seed: int, out: Path) -> Recipe:
    """A recipe that ends after so many steps and measures nothing on the way."""
    optimiser = recipe.optimiser.model_copy(update={"warmup": steps // 10})
    changes = {"steps": steps, "seed": seed, "out": str(out), "validation": None, "optimiser": optimiser}
    return recipe.model_copy(update=changes)


def _steps(joint: Recipe, singles: dict[str, Recipe], given: argparse.Namespace) -> int:
    """Steps of a single training, found once and then kept: an interrupted comparison goes on with the same."""
    kept = given.out / "steps.json"
    if given.steps:
        return int(given.steps)
    if not kept.is_file():
        recipe = _ended(joint, PACE, 0, given.out / "pace")
        train(recipe, fresh=True, stop_at=SKIPPED)
        began = time.monotonic()
        train(recipe)
        pace = (time.monotonic() - began) / (PACE - SKIPPED)
        seen = 60 * given.minutes / pace * joint.rows
        steps = max(int(seen / sum(single.rows for single in singles.values())), 1)
        kept.write_text(json.dumps({"steps": steps, "seconds_a_step": round(pace, 3)}))
    return int(json.loads(kept.read_text())["steps"])


def _measured(
    model: Path, recipe: Recipe, name: str, joint: bool, seed: int, steps: int, limit: int | None
) -> dict[str, Any]:
    asked = recipe.validation
    assert asked is not None
    found = Evaluation(Generalist.from_pretrained(model), asked.task, asked.data, limit).run()
    about = {"set": name, "task": asked.task, "metric": asked.metric, "joint": joint, "seed": seed, "steps": steps}
    return about | {"value": found["metrics"][asked.metric], "metrics": found["metrics"], "n": found["n"]}


def _found(rows: list[dict[str, Any]], name: str, joint: bool, seed: int) -> list[dict[str, Any]]:
    return [row for row in rows if (row["set"], row["joint"], row["seed"]) == (name, joint, seed)]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """GiT's table: a row each for the single and the joint models and for what the second gain on the first."""
    head = [f"{row['task']}, {row['set']} ({row['metric']})" for row in rows[: len(SETS)]]
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    means: dict[bool, list[float]] = {}
    for joint in (False, True):
        cells, means[joint] = [], []
        for row in rows[: len(SETS)]:
            values = [r["value"] for r in rows if r["set"] == row["set"] and r["joint"] is joint]
            means[joint].append(mean(values))
            spread = f" ({stdev(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{mean(values):.3f}{spread}")
        lines.append(f"| {'joint' if joint else 'single'} | " + " | ".join(cells) + " |")
    signs = [-1 if row["metric"] in LESS else 1 for row in rows[: len(SETS)]]
    gains = [100 * sign * (b - a) for a, b, sign in zip(means[False], means[True], signs, strict=True)]
    lines.append("| gain, points | " + " | ".join(f"{gain:+.1f}" for gain in gains) + " |")
    return lines


if __name__ == "__main__":
    main()
