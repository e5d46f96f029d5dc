"""Ours against the specialists, trained for as long on the same pictures, and ours from scratch beside it.

    python benchmarks/specialists/duel.py --data DIR --out runs/duel --sets bccd camvid --seeds 0 1 2 --minutes 30

For each set and seed three models, ``--jobs`` at a time, each by a process of its own with ``--threads`` threads, held
to as many cores (on Linux):

    theirs    the specialist of the task, the first that ``detection``, ``segmentation`` or ``depth`` has, or --model
    ours      the set's recipe in ``recipes/real`` from the shipped ``tiny``
    scratch   the same recipe from random weights

What is done is in ``--out``, a JSON line each in ``theirs.jsonl``, ``ours.jsonl`` and ``scratch.jsonl``; called again
it goes on where it was, within a training too. The lines name no folder of the machine, so that they can be kept and
gone on with elsewhere (``lines`` beside this script holds those of docs/results.md). At the end: the table of
``compare``, and how ours and scratch learned, from what was measured on the way (which chose nothing), on standard
output in Markdown.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import curves
from compare import grouped, lines, rows, table
from sets import SETS, Set

from generalist.faults import Fault

HERE = Path(__file__).resolve().parent
SIDES = ("theirs", "ours", "scratch")

RIVALS = {"detect": "detection", "instances": "detection", "segment": "segmentation", "depth": "depth",
          "caption": "captions", "ask": "majority"}  # fmt: skip
"""The script of each task. What the last two answer with is not trained."""

TRANSFER = ("model.init=tiny",)
"""What makes a recipe begin with the shipped model, at the rates of its own."""


class Duel:
    """The runs of one command line."""

    def __init__(self, given: argparse.Namespace):
        self.given, self.out = given, given.out
        self.out.mkdir(parents=True, exist_ok=True)
        threads = {name: str(given.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        self.environment = {**os.environ, **threads, "GENERALIST_DATA": str(given.data)}
        self.lanes, self.one = count(), Lock()

    def run(self) -> None:
        """Every run that is not yet among the lines."""
        asked = [
            (SETS[name], side, seed)
            for seed in self.given.seeds
            for name in self.given.sets
            for side in self.given.sides
        ]
        missing = [one for one in asked if not self._done(*one)]
        with ThreadPoolExecutor(self.given.jobs, initializer=self._own_cores) as lanes:
            runs = [lanes.submit(self._add, *one) for one in missing]
            try:
                for run in runs:
                    run.result()
            except BaseException:
                lanes.shutdown(wait=False, cancel_futures=True)
                raise

    def _own_cores(self) -> None:
        """Holds a lane, and with it the processes that it starts, to cores that no other lane has."""
        if hasattr(os, "sched_setaffinity"):
            cores, lane, each = sorted(os.sched_getaffinity(0)), next(self.lanes), self.given.threads
            os.sched_setaffinity(0, cores[lane * each : (lane + 1) * each] or cores)

    def _add(self, kind: Set, side: str, seed: int) -> None:
        """One run, and its line."""
        line = self._theirs(kind, seed) if side == "theirs" else self._ours(kind, side, seed)
        with self.one, self.file(side).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def file(self, side: str) -> Path:
        return self.out / f"{side}.jsonl"

    def found(self, side: str) -> list[dict[str, Any]]:
        """The lines of a side so far."""
        return list(lines([self.file(side)])) if self.file(side).is_file() else []

    def folder(self, kind: str, side: str, seed: int) -> Path:
        return self.out / f"{kind}-{side}-{seed}"

    def curves(self) -> Iterator[str]:
        """For each set that was watched, its first figure by the minutes trained, mean over the seeds."""
        return curves.table({side: self.found(side) for side in curves.STARTS})

    def _watched(self, folder: Path, figure: str) -> Iterator[tuple[float, float]]:
        """Minutes and the figure, as measured before the end."""
        path = folder / "curve.jsonl"
        for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            record = json.loads(text)
            minutes = round(record["seconds"] / 60, 1)
            if "validation" in record and round(minutes) < round(self.given.minutes):
                yield minutes, round(record["validation"][figure], 4)

    def _done(self, kind: Set, side: str, seed: int) -> bool:
        task, asked = (kind.task, self.given.model) if side == "theirs" else (kind.ours or kind.task, None)
        same = (kind.name, task, seed, asked)
        return any((line["set"], line["task"], line["seed"], line.get("asked")) == same for line in self.found(side))

    def _theirs(self, kind: Set, seed: int) -> dict[str, Any]:
        trained = RIVALS[kind.task] not in ("captions", "majority")
        command = [sys.executable, str(HERE / f"{RIVALS[kind.task]}.py"), "--json", "--set", kind.name]
        command += ["--data", str(self.given.data), "--seed", str(seed), "--threads", str(self.given.threads)]
        if trained:
            command += ["--minutes", str(self.given.minutes), "--out", str(self.folder(kind.name, "theirs", seed))]
        if trained and self.given.model:
            command += ["--model", self.given.model]
        return self._line(command, kind) | {"asked": self.given.model}

    def _ours(self, kind: Set, side: str, seed: int) -> dict[str, Any]:
        out, minutes, threads = self.folder(kind.name, side, seed), self.given.minutes, self.given.threads
        generalist = [sys.executable, "-m", "generalist.app.cli"]
        changes = [f"seed={seed}", f"out={out}", f"minutes={minutes:g}", f"threads={threads}"]
        changes += [] if side == "scratch" else TRANSFER
        changes += [f"validate.every={self.given.every:g} minutes"] if self.given.every else []
        if not (out / "model").is_dir():
            self._call([*generalist, "train", f"real/{kind.recipe}", *changes], sys.stderr)
        data = kind.data(str(self.given.data), kind.test)
        asked = [*generalist, "eval", kind.ours or kind.task, "--data", data, "--model", str(out / "model"), "--json"]
        asked += kind.how
        curve = list(self._watched(out, kind.figures[0]))
        told = {"model": out.name, "seed": seed, "minutes": minutes, "threads": threads, "curve": curve}
        return {"set": kind.name, **self._line(asked, kind), **told}

    def _line(self, command: list[str], kind: Set) -> dict[str, Any]:
        found = json.loads(self._call(command, subprocess.PIPE).stdout.splitlines()[-1])
        return {**found, "data": kind.data("$GENERALIST_DATA", kind.test)}

    def _call(self, command: list[str], to: Any) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(command, env=self.environment, stdout=to, text=True)
        if done.returncode:
            raise Fault(f"{' '.join(command[1:4])}: ended with status {done.returncode}")
        return done


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("GENERALIST_DATA"), help="folder of the real sets")
    parser.add_argument("--out", type=Path, default=Path("runs/duel"))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="of each training, by the clock")
    parser.add_argument("--every", type=float, help="minutes between the points of a curve, if not as the recipes say")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--model", help="the specialist, if not the first of its task")
    given = parser.parse_args()
    try:
        if not given.data:
            raise Fault("--data: name the folder of the real sets, or set GENERALIST_DATA to it")
        if given.jobs < 1:
            raise Fault(f"--jobs: one at least, not {given.jobs}")
        given.data = given.data.resolve()
        duel = Duel(given)
        duel.run()
        told = [table(rows(grouped(duel.found("ours"), by_model=False), grouped(duel.found("theirs"), by_model=True)))]
        told += ["", *duel.curves()]
    except Fault as fault:
        print(f"{parser.prog}: {fault}", file=sys.stderr)
        raise SystemExit(2) from fault
    print("\n".join(told))


if __name__ == "__main__":
    main()
