"""Benchmarks that the package carries: ``generalist bench NAME`` prints a row each, or with ``--json`` an object."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

__all__ = ["BENCHES", "Row", "rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure: its name, value and unit; its spread; what it is of."""

    name: str
    value: float
    unit: str
    spread: float | None = None
    shape: str = ""


def _lazy(module: str, name: str) -> Callable[[], Iterator[tuple[str, float, str, float | None, str]]]:
    """A benchmark that loads what it needs when it is run: nobody waits for the libraries of the others."""
    return lambda: getattr(import_module(f"generalist.app.{module}"), name)()


BENCHES: dict[str, Callable[[], Iterator[tuple[str, float, str, float | None, str]]]] = {
    "codecs": _lazy("codecs", "codecs"),
    "decode": _lazy("decoding", "decoding"),
    "encode": _lazy("encoding", "encoding"),
    "index": _lazy("indexing", "indexing"),
    "peers": _lazy("peers", "peers"),
    "train": _lazy("pacing", "training"),
}


def rows(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a benchmark as ``--json`` prints them."""
    versions = {package: version(package) for package in ("torch", "numpy")}
    for row in BENCHES[name]():
        found = Row(*row)
        yield {
            "bench": name,
            "name": found.name,
            "value": round(found.value, 4),
            "unit": found.unit,
            "spread": None if found.spread is None else round(found.spread, 4),
            "shape": found.shape,
            "device": platform.processor() or platform.machine(),
            "versions": versions,
        }
