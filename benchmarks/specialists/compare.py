"""Ours beside the specialists: a table of means and spreads over seeds, in Markdown.

    python benchmarks/specialists/compare.py --ours ours.jsonl --theirs theirs.jsonl

``--ours`` takes the lines of ``generalist eval --json`` on the test splits of ``sets.py``, a line a seed and a set;
``--theirs`` those of the specialists. A set without lines on both sides has no row. Spread is the standard deviation
over seeds, in brackets with their number; "even" is a difference within the larger of both spreads. What the runs were
is told on standard error.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sets import SETS, Set

from generalist.faults import Fault

__all__ = ["Row", "grouped", "lines", "rows", "set_of", "table"]

LESS_IS_BETTER = frozenset({"AbsRel", "RMSE"})

Line = dict[str, Any]
Groups = dict[tuple[str, str], list[Line]]  # by set and model


@dataclass(frozen=True)
class Figure:
    """One figure of some runs."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return mean(self.values)

    @property
    def spread(self) -> float:
        """The standard deviation; 0 of one run, which tells nothing."""
        return stdev(self.values) if len(self.values) > 1 else 0.0

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.spread:.3f}, {len(self.values)})" if self.spread else f"{self.mean:.3f}"


@dataclass(frozen=True)
class Row:
    """One figure of one set, on both sides."""

    kind: Set
    name: str
    ours: Figure
    theirs: Figure
    model: str

    @property
    def gain(self) -> float:
        """By how much ours is better; below 0 where it is worse."""
        apart = self.ours.mean - self.theirs.mean
        return -apart if self.name in LESS_IS_BETTER else apart

    @property
    def word(self) -> str:
        if abs(self.gain) <= max(self.ours.spread, self.theirs.spread):
            return "even"
        return "ahead" if self.gain > 0 else "behind"

    def markdown(self) -> str:
        cells = [self.kind.name, self.name, self.ours, self.theirs, self.model, f"{self.gain:+.3f}", self.word]
        return "| " + " | ".join(map(str, cells)) + " |"


def lines(paths: Iterable[Path]) -> Iterator[Line]:
    """The records of files of JSON lines. Raises Fault that names the file and the line."""
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Fault(f"{path}: cannot be read ({error})") from error
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                if not {"task", "data", "model", "n", "metrics"} <= record.keys():
                    raise ValueError("no task, data, model, n and metrics")
            except (ValueError, AttributeError) as error:
                raise Fault(f"{path}: line {number} is not what eval prints with --json ({error})") from error
            yield record


def set_of(line: Line) -> Set | None:
    """The set that a line is about: by its task and its data, wherever that lies."""
    asked = str(line["task"])
    for kind in SETS.values():
        if (asked == kind.task or asked.startswith(f"{kind.task}_")) and kind.holds(str(line["data"])):
            return kind
    return None


def grouped(records: Iterable[Line], by_model: bool) -> Groups:
    """The lines by set and, of specialists, by model. Lines about other sets are told and left out.

    Raises:
        Fault: a seed of one model on one set is there twice, or lines are of different tasks or numbers of items.
    """
    found: Groups = defaultdict(list)
    for line in records:
        kind = set_of(line)
        if kind is None:
            print(f"{line['task']} on {line['data']}: not one of the sets compared, left out", file=sys.stderr)
            continue
        key = kind.name, str(line["model"]) if by_model else ""
        seeds = [other["seed"] for other in found[key] if "seed" in other]
        if line.get("seed", object()) in seeds:
            raise Fault(f"{line['model']} on {kind.name}: seed {line['seed']} is there twice")
        found[key].append(line)
    for (name, _), group in found.items():
        if len(counts := sorted({line["n"] for line in group})) > 1:
            raise Fault(f"{name}: lines of {counts[0]} and of {counts[-1]} items are not comparable")
        if len(tasks := sorted({line["task"] for line in group})) > 1:
            raise Fault(f"{name}: {' and '.join(tasks)} are different tasks; give the lines of one")
    return found


def rows(ours: Groups, theirs: Groups) -> Iterator[Row]:
    """A row for every figure of every set and specialist that both sides have."""
    for (name, model), group in sorted(theirs.items(), key=lambda item: list(SETS).index(item[0][0])):
        own = ours.get((name, ""), [])
        for figure in SETS[name].figures if own else ():
            if own[0]["n"] != group[0]["n"]:
                raise Fault(f"{name}: {own[0]['n']} items of ours and {group[0]['n']} of {model} are not comparable")
            yield Row(SETS[name], figure, _figure(own, figure), _figure(group, figure), model)


def table(found: Iterable[Row]) -> str:
    """The rows in Markdown."""
    head = "| set | figure | ours | specialist | which | ours better by | |\n|---|---|---|---|---|---|---|"
    return "\n".join([head, *(row.markdown() for row in found)])


def _figure(group: list[Line], name: str) -> Figure:
    lacking = [line["model"] for line in group if name not in line["metrics"]]
    if lacking:
        raise Fault(f"{lacking[0]}: its line has no {name} among its metrics")
    return Figure(tuple(float(line["metrics"][name]) for line in group))


def conditions(group: list[Line]) -> str:
    """What the runs of one side on one set were, from the least to the most where they differ."""
    names = ("parameters", "minutes", "processor_minutes", "steps", "threads", "device")
    told = [f"{name} {found}" for name in names if (found := _range(group, name))]
    return ", ".join([f"{len(group)} runs", *told])


def _range(group: list[Line], name: str) -> str:
    values = sorted({line[name] for line in group if name in line})
    return " to ".join(str(value) for value in dict.fromkeys((*values[:1], *values[-1:])))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ours", type=Path, nargs="+", required=True)
    parser.add_argument("--theirs", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    try:
        ours = grouped(lines(given.ours), by_model=False)
        theirs = grouped(lines(given.theirs), by_model=True)
        told = table(rows(ours, theirs))
    except Fault as fault:
        print(f"{parser.prog}: {fault}", file=sys.stderr)
        raise SystemExit(2) from fault
    print(told)
    for (name, model), group in [*ours.items(), *theirs.items()]:
        print(f"{name}, {model or 'ours'}: {conditions(group)}", file=sys.stderr)


if __name__ == "__main__":
    main()
