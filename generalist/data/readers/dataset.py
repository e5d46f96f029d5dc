"""Dataset: what every reader gives. Spec: the one line of text that names a set on disk."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

import numpy as np

from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Dataset", "Spec", "nearest", "require"]


class Dataset(Protocol):
    """One split of one set. Nothing is decoded until ``sample`` asks for it.

    name: the spec that opened it. tasks: what it can pose. classes: its label names in its own order, () if it has
    none. A reader that leaves broken annotations out counts them in ``skipped``, see ``Skipped``. One that
    may draw the request of another item of a group has ``follows(index)``: whether an item is of the group of the last.
    One that is a stream has ``reach(step, pace)``, by which its items become others, see ``Window``.
    """

    name: str
    tasks: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """Item ``index`` posed as ``task``. Without ``rng`` the one fixed request of evaluation; with it a random one
        for training. Raises Fault for a task that the set cannot pose and for a file that cannot be read."""
        ...


@dataclass(frozen=True)
class Spec:
    """``READER:PATH[:SPLIT][?option=value&...]``, taken apart. ``text`` is the whole of it."""

    text: str
    reader: str
    path: Path
    split: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Take a spec apart. A colon inside a path that exists belongs to the path."""
        reader, _, rest = text.partition(":")
        rest, _, options = rest.partition("?")
        path, colon, split = rest.rpartition(":")
        if not colon or Path(rest).exists():
            path, split = rest, ""
        return cls(text, reader, Path(path), split or None, dict(parse_qsl(options)))

    def option(self, name: str, default: str) -> str:
        """The value of one option. See ``allow`` for the check of the names."""
        return self.options.get(name, default)

    def allow(self, *names: str) -> None:
        """Fault for an option that this reader does not have."""
        for option in self.options:
            if option not in names:
                raise Fault(f"{self.text}: {self.reader} has no option {option!r}; it has {_listed(names)}")

    def number(self, name: str, default: float) -> float:
        """The value of an option that must be a positive number."""
        try:
            value = float(self.option(name, str(default)))
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise Fault(f"{self.text}: option {name} is a positive number, not {self.options[name]!r}")
        return value

    def whole(self, name: str) -> int | None:
        """The value of an option that must be a whole number above zero, None where it is not given."""
        if name not in self.options:
            return None
        value = self.options[name]
        if not value.isdecimal() or int(value) < 1:
            raise Fault(f"{self.text}: option {name} is a whole number above zero, not {value!r}")
        return int(value)

    def several(self, name: str, there: Iterable[str], default: str = "") -> tuple[str, ...]:
        """The values of an option with commas between them, each one of ``there``."""
        there = list(there)
        values = tuple(filter(None, self.option(name, default).split(",")))
        for value in values:
            if value not in there:
                raise Fault(f"{self.text}: option {name} cannot be {value!r}; there are {_listed(there)}")
        return values

    def folder(self) -> Path:
        """The path, which must be a folder."""
        if not self.path.is_dir():
            raise Fault(f"{self.text}: there is no folder {self.path}")
        return self.path

    def choose(self, splits: Iterable[str]) -> str:
        """The split asked for, among those that exist; unasked only where there is no choice."""
        there = sorted(splits)
        if self.split is None and len(there) == 1:
            return there[0]
        if self.split is None:
            raise Fault(f"{self.text}: name a split, {self.reader}:{self.path}:SPLIT; there are {_listed(there)}")
        if self.split not in there:
            raise Fault(f"{self.text}: there is no split {self.split!r}; there are {_listed(there)}")
        return self.split


def nearest(word: str, words: Iterable[str]) -> str:
    """The word most like ``word`` as ``"; did you mean X?"``, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else ""


def require(dataset: Dataset, task: str, index: int) -> None:
    """Fault if ``dataset`` cannot pose ``task``; IndexError past its end, so that a plain loop over it stops."""
    if task not in dataset.tasks:
        raise Fault(f"{dataset.name} cannot pose {task!r}; it can pose {_listed(dataset.tasks)}")
    if not 0 <= index < len(dataset):
        raise IndexError(f"{dataset.name} has {len(dataset)} items, there is no item {index}")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"
