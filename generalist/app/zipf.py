"""Zipf: a generated collection to measure on, beams that write it, and how a figure is taken.

Tokens are drawn by Zipf's law, in documents of 100. Beams are places of the collection drawn at random, written token
by token: the costly ones, for a wide interval is drawn as often as it is wide. Times are of one processor: what else a
machine does is not counted.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.retrieval.order import Ids
from generalist.retrieval.substrings import Substrings

__all__ = [
    "BEAMS", "DEEP", "LENGTH", "REPEATS", "WALKS", "Row",
    "beams", "now", "one_thread", "seconds", "told", "walks", "zipf",
]  # fmt: skip

LENGTH = 100
BEAMS = 60
DEEP = 10
REPEATS = 5
WALKS = 25

Row = tuple[str, float, str, float | None, str]

now = time.process_time


def told(name: str, values: Sequence[float], unit: str, of: str) -> Row:
    """A row: the median, and the distance of the quartiles."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return name, float(middle), unit, float(high - low), of


def seconds(work: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """Of each of so many runs."""
    found = []
    for _ in range(repeats):
        began = now()
        work()
        found.append(now() - began)
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch works as numpy does."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def zipf(count: int, size: int) -> tuple[NDArray[Any], Ids]:
    """``count`` tokens below ``size``, the k-th most common drawn in proportion to 1 / k, and where documents begin."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, size + 1)
    drawn = np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(count, np.float32))
    tokens = rng.permutation(size)[np.minimum(drawn, size - 1)].astype(np.uint16)
    return tokens, np.append(np.arange(0, count, LENGTH), count)


def beams(rng: np.random.Generator, tokens: NDArray[Any], starts: Ids, beams: int = BEAMS) -> Ids:
    """What beams write (beams, DEEP): runs of documents."""
    document = rng.integers(0, len(starts) - 1, beams)
    at = starts[document] + rng.integers(0, np.maximum(np.diff(starts)[document] - DEEP, 1))
    return tokens[np.minimum(at[:, None] + np.arange(DEEP), len(tokens) - 1)].astype(np.int64)


def walks(held: Substrings, tokens: NDArray[Any], starts: Ids) -> list[list[tuple[float, float]]]:
    """Of every walk and depth, the milliseconds of finding what may come and of narrowing by what comes."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(WALKS):
        ids, state, walk = beams(rng, tokens, starts), held.start(BEAMS), []
        for depth in range(DEEP):
            began = now()
            held.allowed(state)
            middle = now()
            state = held.advance(state, ids[:, depth])
            walk.append((1e3 * (middle - began), 1e3 * (now() - middle)))
        found.append(walk)
    return found
