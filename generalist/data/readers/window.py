"""Window: some rows of a stream, held at a time; in training they move on, so that a set need not fit on the disk."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from math import ceil
from typing import Any

__all__ = ["PARTS", "Window", "reach"]

PARTS = 8
"""Into how many parts a stream of enough files is cut. A step of training draws from one of them, the next step from
the next, so that loaders that take turns read different files and each is fetched once, by up to so many of them."""

_CHUNK = 16
"""Rows that are taken from the library at a time."""


class Window:
    """The first ``size`` rows of a stream, a list; after ``reach`` others, farther on.

    stream: a ``datasets.IterableDataset``. whole: it holds no more than ``size`` rows, so all are here, and stay.

    What is held at a step depends on nothing but the step, so a training that goes on after an interruption sees what
    it would have seen. It passes over the rows before: they are read once more, and not decoded.
    """

    def __init__(self, stream: Any, size: int) -> None:
        self._stream, self._size = stream, size
        rows = _rows(stream)
        self._head = list(islice(rows, size))
        self.whole = next(rows, None) is None
        self._rows = self._head
        self._parts: dict[int, _Part] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._rows[index]

    def reach(self, step: int, pace: float) -> None:
        """Holds what step ``step`` of a training chooses from: rows of one part, which moves on by ``pace`` rows each
        time that its turn comes, as many as a step draws. At its end a part begins anew."""
        if self.whole:
            return
        count = min(PARTS, self._stream.num_shards)
        turn, which = divmod(step, count)
        if which not in self._parts:
            share = self._stream.shard(count, which, contiguous=False)
            self._parts[which] = _Part(share, ceil(max(self._size / count, pace)))
        # A part of files without rows has nothing to give.
        self._rows = self._parts[which].reach(int(turn * pace)) or self._head


class _Part:
    """``size`` rows of a stream without end, which repeats the rows of one that ends."""

    def __init__(self, stream: Any, size: int) -> None:
        self._stream, self._held = stream, deque[dict[str, Any]](maxlen=size)
        self._read = 0
        self._rows = self._endless()

    def reach(self, first: int) -> list[dict[str, Any]]:
        """The rows from number ``first`` on."""
        size = self._held.maxlen or 0
        if self._read > first + size:
            self._rows, self._read = self._endless(), 0
        while self._read < first + size and (row := next(self._rows, None)) is not None:
            self._held.append(row)
            self._read += 1
        return list(self._held)

    def _endless(self) -> Iterator[dict[str, Any]]:
        some = True
        while some:
            some = False
            for row in _rows(self._stream):
                some = True
                yield row


def _rows(stream: Any) -> Iterator[dict[str, Any]]:
    """The rows of a stream, all of them: plain iteration in a loader's process would give that loader's share alone."""
    for chunk in stream.iter(_CHUNK):
        names = list(chunk)
        for values in zip(*chunk.values(), strict=True):
            yield dict(zip(names, values, strict=True))


def reach(data: Any, step: int, pace: float) -> None:
    """Lets a set that is a stream move on to a step of training, which draws ``pace`` of its rows on average. Others
    have all their items at all times."""
    if (found := getattr(data, "reach", None)) is not None:
        found(step, pace)
