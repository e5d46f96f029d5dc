"""Substrings of a collection as identifiers, over suffix arrays (SEAL, Bevilacqua et al. 2022)."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generalist.retrieval.identifiers import Identifiers
from generalist.retrieval.order import Ids
from generalist.retrieval.suffixes import Suffixes

__all__ = ["Substrings"]


class Substrings(Identifiers):
    """Every run of up to ``bound`` tokens that some document holds.

    A row is whole once it has written that many, or all that follows anywhere is the end of a document.
    """

    shards: list[Suffixes]  # type: ignore[assignment]

    @classmethod
    def of(cls, documents: Sequence[Sequence[int]], longest: int = 10) -> Self:
        """Lays documents (tokens each, 0 or more) out and sorts them, in memory."""
        return cls([Suffixes.of(documents)], [len(documents)], [np.zeros(0, np.int64)], longest)

    @property
    def places(self) -> int:
        """Tokens of all documents, and a mark for each."""
        return sum(len(shard) - len(shard.gone) for shard in self.shards)

    def stands(self, row: Ids) -> tuple[Ids, Ids]:
        """Where what a row (1 + 2S,) has written stands: (W,) documents, and places in them, in that order."""
        found = []
        for i, shard in enumerate(self.shards):
            at = np.sort(shard.suffixes[shard.places(int(row[2 * i + 1]), int(row[2 * i + 2]))])
            owners = np.searchsorted(shard.starts, at, "right") - 1
            found.append((self.numbers(i, owners), at.astype(np.int64) - shard.starts[owners]))
        documents, places = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return documents, places

    def text(self, document: int) -> NDArray[Any]:
        """The tokens of a document."""
        i, at = self.locate(document)
        shard = self.shards[i]
        return shard.tokens[int(shard.starts[at]) : int(shard.starts[at + 1]) - 1]
