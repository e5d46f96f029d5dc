"""Fold: a part of a set, so that settings can be chosen without looking at what is reported on."""

import re

import numpy as np

from generalist.data.readers.dataset import Dataset, require
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Fold", "folded", "parted"]

_PART = re.compile(r"[?&](fold|besides)=([^&]*)")


class Fold:
    """Some items of a set. Parts are consecutive, because neighbours are often frames of one film or questions about
    one picture."""

    def __init__(self, data: Dataset, rows: list[int], name: str):
        self.data, self.rows, self.name = data, rows, name
        self.tasks, self.classes = data.tasks, data.classes
        if hasattr(data, "skipped"):
            self.skipped = data.skipped

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """Item ``index`` of the part. See ``Dataset.sample``."""
        require(self, task, index)
        return self.data.sample(self.rows[index], task, rng)


def folded(spec: str) -> tuple[str, tuple[str, int, int] | None]:
    """A spec without ``fold=K/N`` or ``besides=K/N``, and what it said: which, K - 1 and N.

    Raises:
        Fault: it is not written like this, or said twice.
    """
    found = _PART.findall(spec)
    if not found:
        return spec, None
    (kind, value), *more = found
    first, _, count = value.partition("/")
    if more or not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count) and int(count) > 1):
        raise Fault(f"{spec}: say {kind}=K/N once, the K-th of N parts, such as {kind}=1/6")
    rest = _PART.sub(lambda m: m[0][0], spec)  # the mark before it stays for what follows
    rest = rest.replace("?&", "?").replace("&&", "&").rstrip("?&")
    return rest, (kind, int(first) - 1, int(count))


def parted(data: Dataset, part: tuple[str, int, int], spec: str) -> Fold:
    """The items of a set that ``folded`` read."""
    kind, which, count = part
    begin, end = (_edge(data, len(data) * edge // count) for edge in (which, which + 1))
    rows = list(range(begin, end)) if kind == "fold" else [*range(begin), *range(end, len(data))]
    if not rows:
        raise Fault(f"{spec}: none of its {len(data)} items is in {kind}={which + 1}/{count}")
    return Fold(data, rows, spec)


def _edge(data: Dataset, index: int) -> int:
    """The first item from ``index`` on that begins a group: nothing of a part is asked in another."""
    follows = getattr(data, "follows", lambda _: False)
    while index < len(data) and follows(index):
        index += 1
    return index
