"""Rows: the tokens of many requests, packed into rows of a table that a model reads at once.

A picture costs as much to read as a hundred answers' tokens, so several things are asked of it. Their tokens are
packed into rows of about ``WIDTH`` tokens, each row about one picture, or about none: attention is paid over a row, so
short rows are cheap.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["BLIND", "NOWHERE", "WIDTH", "Row", "Rows"]

WIDTH = 160
"""Tokens that a row is filled to; a longer request has a row to itself."""

BLIND = 256
"""The same of rows without a picture: no picture is read once more for a row, and fuller ones have less padding."""

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


class Rows:
    """Rows of tokens, filled one request at a time."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def __getitem__(self, place: int) -> Row:
        return self._rows[place]

    def place(self, picture: int, length: int) -> int:
        """The first row about the picture with room for so many tokens; a new one if there is none."""
        room = BLIND if picture == NOWHERE else WIDTH
        for i, row in enumerate(self._rows):
            if row.picture == picture and row.length + length <= room:
                return i
        self._rows.append(Row(picture))
        return len(self._rows) - 1

    def tensors(self, pad: int) -> tuple[dict[str, Any], int]:
        """The columns of all rows (B, S), and S. B is a multiple of 4 and S of 16, so that shapes are few."""
        longest = -(-max(row.length for row in self._rows) // 16) * 16
        rows = self._rows + [Row() for _ in range(-len(self._rows) % 4)]
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
