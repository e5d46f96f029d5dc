"""Rows: whole identifiers in lexicographic order, after GENRE (De Cao et al. 2021) with binary search for a trie.

Legend: D documents, L tokens of the longest identifier.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generalist.retrieval.order import Ids, Order, begins, mark_of, token_type

__all__ = ["Rows", "row_arrays", "tokens_of_rows"]


class Rows(Order):
    """Whole identifiers, each of which ends with the end token, so that none begins another.

    Args:
        matrix: (D, L) unsigned, rows sorted, the mark after the end. order: (D,) the document that each row names.
        end: the vocabulary's end token. size, gone: as ``Order`` has them. Arrays may be memory-mapped.
    """

    def __init__(
        self, matrix: NDArray[Any], order: NDArray[Any], end: int, size: int, gone: NDArray[Any] | None = None
    ):
        super().__init__(mark_of(matrix.dtype), size, gone)
        self.matrix, self.order, self.end = matrix, order, end
        self.longest = int(matrix.shape[1])
        self._flat = np.asarray(matrix).reshape(-1)

    @classmethod
    def of(cls, identifiers: Sequence[Sequence[int]], end: int) -> Self:
        """Sorts identifiers in memory. Raises ValueError as ``row_arrays`` does, and for a negative token."""
        flat = list(chain.from_iterable(identifiers))
        if min(flat, default=0) < 0:
            raise ValueError("an identifier has a token below 0")
        size = max([*flat, end]) + 1
        matrix, order, _ = row_arrays(
            np.asarray(flat, token_type(size)), begins([len(ids) for ids in identifiers]), end
        )
        return cls(matrix, order, end, size)

    def __len__(self) -> int:
        return len(self.matrix)

    def after(self, places: Ids, depth: Any) -> NDArray[Any]:
        token = self._flat.take(places * self.longest + np.minimum(depth, self.longest - 1), mode="clip")
        return np.where(np.asarray(depth) < self.longest, token, token.dtype.type(self.mark))

    def owners(self, places: Ids) -> Ids:
        return np.asarray(self.order[places], np.int64)

    def ended(self, low: Ids, high: Ids, depth: Ids) -> NDArray[np.bool_]:
        return np.asarray(self.after(low, depth - 1) == self.end)

    def names(self, place: int, depth: int) -> bool:
        return depth > 0 and bool(self.after(np.asarray([place]), depth - 1)[0] == self.end)

    def places_of(self, documents: Ids) -> Ids:
        return np.flatnonzero(np.isin(self.order, documents))


def row_arrays(tokens: NDArray[Any], starts: Ids, end: int) -> tuple[NDArray[Any], NDArray[np.uint32], int]:
    """The matrix and the order that ``Rows`` wants of identifiers that stand end to end in ``tokens``, at ``starts``
    (D + 1,); and how many different ones there are. Documents of one identifier keep their order.

    Raises:
        ValueError: an identifier does not end with ``end``, or has it before its end.
    """
    lengths = np.diff(starts)
    if not (lengths > 0).all() or not np.array_equal(np.flatnonzero(tokens == end), starts[1:] - 1):
        raise ValueError("an identifier does not end with the end token, or has it before its end")
    matrix = np.full((len(lengths), int(lengths.max(initial=1))), mark_of(tokens.dtype), tokens.dtype)
    matrix[np.arange(matrix.shape[1]) < lengths[:, None]] = tokens
    order = np.lexsort(matrix.T[::-1])
    matrix = matrix[order]
    different = int((matrix[1:] != matrix[:-1]).any(1).sum()) + min(len(matrix), 1)
    return matrix, order.astype(np.uint32), different


def tokens_of_rows(matrix: NDArray[Any], order: NDArray[Any]) -> tuple[NDArray[Any], Ids]:
    """What ``row_arrays`` was given: the identifiers end to end, in the order of the documents, and their starts."""
    matrix = np.asarray(matrix)[np.argsort(order, kind="stable")]
    real = matrix != mark_of(matrix.dtype)
    return matrix[real], begins(real.sum(1))
