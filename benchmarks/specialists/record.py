"""Record: the options that every comparison shares, and the line of JSON that it prints."""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from answering import measure
from sets import Set

from generalist.app.report import print_json, print_metrics
from generalist.faults import Fault
from generalist.sequence.sample import Answer, Sample

__all__ = ["device", "options", "record", "run"]


def options(about: str | None, sets: list[str]) -> argparse.ArgumentParser:
    """``--set``, ``--data``, ``--seed``, ``--threads``, ``--limit`` and ``--json``."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--set", choices=sets, default=sets[0])
    parser.add_argument("--data", default=os.environ.get("GENERALIST_DATA"), help="folder of the real sets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--limit", type=int, help="measure so many items only")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def record(
    kind: Set, given: argparse.Namespace, told: dict[str, Any], answer: Callable[[Sample], Answer]
) -> dict[str, Any]:
    """What a run was, ``told`` of it, and the figures of its answers."""
    return {
        "set": kind.name,
        "task": kind.task,
        "data": kind.data(given.data, kind.test),
        **told,
        "seed": given.seed,
        "threads": given.threads,
        **measure(kind, given.data, answer, given.limit),
        "versions": {package: version(package) for package in ("torch", "torchvision", "timm", "numpy")},
    }


def run(
    parser: argparse.ArgumentParser,
    arguments: list[str] | None,
    work: Callable[[argparse.Namespace], dict[str, Any]],
) -> None:
    """Reads the options, does the work and prints its record; a fault is a line and exit status 2."""
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        if not given.data:
            raise Fault("--data: name the folder of the real sets, or set GENERALIST_DATA to it")
        found = work(given)
    except Fault as fault:
        print(f"{parser.prog}: {' '.join(str(fault).split())}", file=sys.stderr)
        raise SystemExit(2) from fault
    print_json(found) if given.json else print_metrics([found])


def device(name: str) -> str:
    """The machine, in words."""
    if name.startswith("cuda"):
        return torch.cuda.get_device_name(name)
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
