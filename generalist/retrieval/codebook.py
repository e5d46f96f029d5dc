"""Codebooks: a vector as a path of codes, coarse to fine, by k-means over the vectors of a collection.

Of the ``doc`` block each of LEVELS levels has its own codes, K of them, and what tells documents of one path apart,
their number, has K more. So a token says at which level it stands, and no code begins another.

    tree      hierarchical k-means, after DSI (Tay et al. 2022): the centres of a level are of the cluster above
              alone, and a cluster whose documents one token can number is not cut any further
    residual  residual quantisation, after TIGER (Rajput et al. 2023): the centres of a level are of what all the
              levels above it left over

A vector that comes later takes the path of the nearest centres: nothing is learned again.

Legend: X vectors, K codes of a level, D dimensions, M centres of a tree.
"""

from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.centres import k_means, nearest

__all__ = ["BOOKS", "LEVELS", "Codebook", "Residual", "Tree", "codes_of_a_level", "number_digits", "number_of"]

LEVELS = 3
ROUNDS = 20

LEARNED_FROM = 200_000
"""Vectors that centres are learned from, drawn at random, where there are more."""

Vectors = NDArray[np.float32]


def codes_of_a_level(size: int) -> int:
    """K in a ``doc`` block of ``size`` tokens."""
    return size // (LEVELS + 1)


class Codebook(ABC):
    """arrays: what it is made of, by name, as it is stored."""

    def __init__(self, **arrays: NDArray[Any]):
        self.arrays = arrays

    @classmethod
    @abstractmethod
    def learn(cls, vectors: Vectors, codes: int, seed: int = 0) -> Self:
        """From vectors (X, D), with ``codes`` codes a level."""

    @abstractmethod
    def paths(self, vectors: Vectors) -> NDArray[np.int64]:
        """(X, LEVELS) the code of each level, -1 past the end of a path."""

    @property
    @abstractmethod
    def width(self) -> int:
        """D."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what ``save`` wrote. Raises Fault for what is none."""
        try:
            arrays = {path.stem: np.load(path, allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
            return cls(**arrays)
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise Fault(f"{folder}: cannot be read ({str(error).splitlines()[0]})") from error

    def save(self, folder: Path) -> None:
        """Writes every array as NAME.npy."""
        folder.mkdir(parents=True)
        for name, values in self.arrays.items():
            np.save(folder / f"{name}.npy", values)


class Tree(Codebook):
    """centres (M, D) float32, the children of a cluster side by side; first (M + 2,) int64: those of the whole are
    centres ``first[0]`` to ``first[1]``, those of centre i ``first[i + 1]`` to ``first[i + 2]``."""

    @classmethod
    def learn(cls, vectors: Vectors, codes: int, seed: int = 0) -> Self:
        rng = np.random.default_rng(seed)
        vectors = _drawn(vectors, rng)
        centres: list[Vectors] = [np.zeros((0, vectors.shape[1]), np.float32)]
        first, told = [0], 0
        open_ = deque([(np.arange(len(vectors)), 0)])
        while open_:  # clusters in the order of their centres, so that children stand side by side
            inside, depth = open_.popleft()
            if depth < LEVELS and len(inside) >= codes:
                found = k_means(vectors[inside], codes, ROUNDS, rng)
                owner = nearest(vectors[inside], found)
                held = np.unique(owner)
                centres.append(found[held])
                open_.extend((inside[owner == code], depth + 1) for code in held)
                told += len(held)
            first.append(told)
        return cls(centres=np.concatenate(centres), first=np.asarray(first, np.int64))

    @property
    def width(self) -> int:
        return int(self.arrays["centres"].shape[1])

    def paths(self, vectors: Vectors) -> NDArray[np.int64]:
        centres, first = self.arrays["centres"], self.arrays["first"]
        out = np.full((len(vectors), LEVELS), -1, np.int64)
        node = np.zeros(len(vectors), np.int64)
        for level in range(LEVELS):
            inner = np.flatnonzero(first[node + 1] > first[node])
            order = inner[np.argsort(node[inner], kind="stable")]
            for at in np.split(order, np.flatnonzero(np.diff(node[order])) + 1):
                if len(at):
                    low, high = first[node[at[0]]], first[node[at[0]] + 1]
                    out[at, level] = nearest(vectors[at], centres[low:high])
                    node[at] = low + out[at, level] + 1
        return out


class Residual(Codebook):
    """centres (LEVELS, K, D) float32; a level with fewer different ones repeats its last."""

    @classmethod
    def learn(cls, vectors: Vectors, codes: int, seed: int = 0) -> Self:
        rng = np.random.default_rng(seed)
        rest = _drawn(vectors, rng)
        centres = []
        for _ in range(LEVELS):
            found = k_means(rest, codes, ROUNDS, rng)
            rest = rest - found[nearest(rest, found)]
            centres.append(np.concatenate([found, np.repeat(found[-1:], codes - len(found), axis=0)]))
        return cls(centres=np.stack(centres))

    @property
    def width(self) -> int:
        return int(self.arrays["centres"].shape[2])

    def paths(self, vectors: Vectors) -> NDArray[np.int64]:
        rest, out = vectors, []
        for centres in self.arrays["centres"]:
            out.append(nearest(rest, centres))
            rest = rest - centres[out[-1]]
        return np.stack(out, 1)


BOOKS: dict[str, type[Codebook]] = {"tree": Tree, "residual": Residual}


def _drawn(vectors: Vectors, rng: np.random.Generator) -> Vectors:
    few = len(vectors) <= LEARNED_FROM
    return np.asarray(vectors if few else vectors[rng.choice(len(vectors), LEARNED_FROM, replace=False)], np.float32)


# ---- numbers ---------------------------------------------------------------------------------------------------------


def number_digits(number: int, codes: int) -> list[int]:
    """A number of documents of one path in digits below ``codes``: one of the K - 1 lower digits, or j times the
    highest, one of the lower and j of any. So none begins another, whatever comes later, larger ones sort later, and
    seven digits of 64 number sixteen million."""
    more, room = 0, codes - 1
    while number >= room:
        number, more, room = number - room, more + 1, room * codes
    digits = [number // codes**i % codes for i in range(more, -1, -1)]
    return [codes - 1] * more + digits


def number_of(digits: list[int], codes: int) -> int:
    """The number that digits say: the other way round."""
    more = next(i for i, digit in enumerate(digits) if digit != codes - 1)
    before = sum((codes - 1) * codes**i for i in range(more))
    return before + sum(digit * codes**i for i, digit in enumerate(reversed(digits[more:])))
