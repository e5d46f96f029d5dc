"""Curves: how a set was learned from the shipped model and from random weights, by minutes of training.

    python benchmarks/specialists/curves.py --ours ours.jsonl --scratch scratch.jsonl --out curves.png

Takes the lines of ``duel.py``: what was measured on the way, which chose nothing, and the end. The picture has a panel
a set, a line a start, and of several seeds their mean with the least and the most as a band; the table is on standard
output in Markdown.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Any

from compare import LESS_IS_BETTER, Line, lines
from sets import SETS, Set

from generalist.faults import Fault

__all__ = ["STARTS", "points", "table"]

STARTS = {"ours": "tiny", "scratch": "random weights"}
"""What each side of a duel that is ours begins with."""

COLOURS = {"ours": "#4363d8", "scratch": "#808080"}
ACROSS = 3


def points(found: Iterable[Line], kind: Set) -> dict[float, list[float]]:
    """The first figure of a set by the minutes trained, to half a minute, of every seed."""
    out: dict[float, list[float]] = defaultdict(list)
    for line in found:
        if line["set"] == kind.name:
            for minutes, figure in [*line["curve"], (line["minutes"], line["metrics"][kind.figures[0]])]:
                out[round(2 * minutes) / 2].append(figure)
    return dict(sorted(out.items()))


def table(sides: dict[str, Sequence[Line]]) -> Iterator[str]:
    """For each set and start the mean over the seeds, by minutes."""
    yield from ("| set | figure | from | by minutes of training |", "|---|---|---|---|")
    for kind in SETS.values():
        for side, found in sides.items():
            if at := points(found, kind):
                told = ", ".join(f"{minutes:g}: {mean(values):.3f}" for minutes, values in at.items())
                yield f"| {kind.name} | {kind.figures[0]} | {STARTS[side]} | {told} |"


def drawn(sides: dict[str, Sequence[Line]]) -> Any:
    """The picture, a matplotlib figure."""
    from matplotlib.figure import Figure

    kinds = [kind for kind in SETS.values() if any(points(found, kind) for found in sides.values())]
    down = ceil(len(kinds) / ACROSS)
    figure = Figure(figsize=(3.6 * ACROSS, 2.8 * down), layout="constrained")
    for place, kind in enumerate(kinds, 1):
        axes = figure.add_subplot(down, ACROSS, place)
        for side, found in sides.items():
            at = points(found, kind)
            if at:
                axes.plot(list(at), [mean(values) for values in at.values()], "o-", ms=3, color=COLOURS[side],
                          label=f"from {STARTS[side]}")  # fmt: skip
                low, high = zip(*((min(values), max(values)) for values in at.values()), strict=True)
                axes.fill_between(list(at), low, high, color=COLOURS[side], alpha=0.2, lw=0)
        name = kind.figures[0]
        axes.set_title(f"{kind.name}: {name}{', less is better' if name in LESS_IS_BETTER else ''}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.1)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        if place == 1:
            axes.legend(frameon=False, fontsize=9)
        if place > len(kinds) - ACROSS:
            axes.set_xlabel("minutes")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for side, start in STARTS.items():
        parser.add_argument(f"--{side}", type=Path, nargs="+", default=[], metavar="FILE", help=f"lines, from {start}")
    parser.add_argument("--out", type=Path, help="the picture, a PNG")
    given = parser.parse_args()
    try:
        sides = {side: list(lines(getattr(given, side))) for side in STARTS}
    except Fault as fault:
        print(f"{parser.prog}: {fault}", file=sys.stderr)
        raise SystemExit(2) from fault
    print("\n".join(table(sides)))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        drawn(sides).savefig(given.out, dpi=120)


if __name__ == "__main__":
    main()
