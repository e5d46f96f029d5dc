"""Benchmarks that the package carries: ``generalist bench NAME`` prints a row each, or with ``--json`` an object."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from generalist.app.codecs import codecs
from generalist.app.decoding import decoding
from generalist.app.indexing import indexing

__all__ = ["BENCHES", "Row", "rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure: its name, value and unit; its spread; what it is of."""

    name: str
    value: float
    unit: str
    spread: float | None = None
    shape: str = ""


def _encoding() -> Iterator[tuple[str, float, str, float | None, str]]:
    from generalist.app.encoding import encoding  # loads torch and transformers, as the next does

    yield from encoding()


def _training() -> Iterator[tuple[str, float, str, float | None, str]]:
    from generalist.app.training_bench import training

    yield from training()


BENCHES: dict[str, Callable[[], Iterator[tuple[str, float, str, float | None, str]]]] = {
    "codecs": codecs,
    "decode": decoding,
    "encode": _encoding,
    "index": indexing,
    "train": _training,
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
