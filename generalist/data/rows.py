"""Rows: the tokens of many requests, packed into rows of a table that a model reads at once.

A picture costs as much to read as a hundred answers' tokens, so several things are asked of it. Their tokens are
packed into rows, each about one picture, or about none. All rows of a batch are as long as its fullest, and what they
lack is padding, which costs as much as tokens do: of scenes with the shipped recipe a fixed length left 44% of a batch
empty, the best for each batch leaves 16%.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["NOWHERE", "Row", "Rows", "best_width", "flat", "row_of", "within_row"]

WIDEST = 384
"""Longest row that is thought of, if no request is longer."""

PAIRS = 3072
"""Pairs of tokens in attention that cost as much as one token's products with weights: 12 x width, of tiny."""

EVEN_ROWS, EVEN_TOKENS = 4, 16
"""What the rows of a batch, and their length, are multiples of, so that shapes are few."""

NOWHERE = -1
"""The picture of requests that have none: they share rows, whichever rows of requests they came in."""


@dataclass(slots=True)
class Row:
    """Tokens of some of the requests about one picture, before padding."""

    picture: int = 0
    ids: list[NDArray[Any]] = field(default_factory=list)
    request: list[NDArray[Any]] = field(default_factory=list)
    track: list[NDArray[Any]] = field(default_factory=list)
    position: list[NDArray[Any]] = field(default_factory=list)
    point: list[NDArray[Any]] = field(default_factory=list)
    slot: list[NDArray[Any]] = field(default_factory=list)
    seen: list[NDArray[Any]] = field(default_factory=list)
    block: list[NDArray[Any]] = field(default_factory=list)
    source: list[NDArray[Any]] = field(default_factory=list)
    length: int = 0

    def add(
        self,
        ids: Any,
        request: Any,
        track: Any,
        position: Any,
        point: Any,
        slot: Any,
        seen: bool,
        block: Any = 0,
        source: Any = -1,
    ) -> None:
        n = len(ids)
        for name, value in (
            ("ids", ids),
            ("request", request),
            ("track", track),
            ("position", position),
            ("slot", slot),
            ("seen", seen),
            ("block", block),
            ("source", source),
        ):
            getattr(self, name).append(np.broadcast_to(np.asarray(value), (n,)))
        self.point.append(np.broadcast_to(np.asarray(point, np.float32), (n, 2)))
        self.length += n


def best_width(lengths: Mapping[int, Sequence[int]]) -> int:
    """Tokens that rows are best filled to, given the lengths of the requests about each picture in the order in which
    they are placed: the one by which the whole table costs least."""
    longest = max((length for some in lengths.values() for length in some), default=1)
    least = _even(longest, EVEN_TOKENS)
    return min(range(least, max(least, WIDEST) + 1, EVEN_TOKENS), key=lambda width: _cost(lengths.values(), width))


def _cost(pictures: Iterable[Sequence[int]], width: int) -> int:
    """What a table of rows filled to ``width`` costs, in pairs of attention."""
    filled: list[int] = []
    for lengths in pictures:
        first = len(filled)
        for length in lengths:
            row = next((i for i in range(first, len(filled)) if filled[i] + length <= width), None)
            if row is None:
                filled.append(length)
            else:
                filled[row] += length
    S = _even(max(filled, default=1), EVEN_TOKENS)
    return _even(len(filled), EVEN_ROWS) * S * (S + PAIRS)


def _even(count: int, of: int) -> int:
    return -(-count // of) * of


class Rows:
    """Rows of tokens, filled to ``width`` one request at a time; a longer request has a row to itself."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: list[Row] = []
        self._about: dict[int, list[int]] = defaultdict(list)

    def __getitem__(self, place: int) -> Row:
        return self._rows[place]

    def place(self, picture: int, length: int) -> int:
        """The first row about the picture with room for so many tokens; a new one if there is none."""
        about = self._about[picture]
        for place in about:
            if self._rows[place].length + length <= self.width:
                return place
        self._rows.append(Row(picture))
        about.append(len(self._rows) - 1)
        return about[-1]

    def ahead(self, place: int, count: int) -> NDArray[np.int64]:
        """Where the next ``count`` tokens of a row will stand: the row in the upper half, the place in it in the lower,
        until all rows have one length (``flat``)."""
        return np.arange(count) + self._rows[place].length + (place << 32)

    def tensors(self, pad: int) -> tuple[dict[str, Any], int]:
        """The columns of all rows (B, S), and S."""
        longest = _even(max(row.length for row in self._rows), EVEN_TOKENS)
        rows = self._rows + [Row() for _ in range(-len(self._rows) % EVEN_ROWS)]
        out: dict[str, Any] = {}
        for name, fill, kind in (
            ("ids", pad, np.int64),
            ("request", -1, np.int64),
            ("track", 0, np.int64),
            ("position", 0, np.int64),
            ("slot", -1, np.int64),
            ("seen", True, np.bool_),
            ("block", 0, np.int64),
            ("source", -1, np.int64),
        ):
            table = np.full((len(rows), longest), fill, kind)
            for b, row in enumerate(rows):
                table[b, : row.length] = np.concatenate([*getattr(row, name), np.zeros(0, kind)])
            out[name] = torch.from_numpy(table)
        point = np.full((len(rows), longest, 2), np.nan, np.float32)
        for b, row in enumerate(rows):
            point[b, : row.length] = np.concatenate([*row.point, np.zeros((0, 2), np.float32)])
        if not bool((out["block"] > 0).any()):
            del out["block"], out["source"]
        image = torch.tensor([max(row.picture, 0) for row in rows])
        return out | {"point": torch.from_numpy(point), "has_image": out.pop("seen"), "image": image}, longest


def flat(at: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """Places that ``Rows.ahead`` told, among all tokens of rows of one length."""
    return np.asarray(row_of(at) * longest + within_row(at), np.int64)


def row_of(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of such places."""
    return at >> 32


def within_row(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Such places within their rows."""
    return at & 0xFFFFFFFF
