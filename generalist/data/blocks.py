"""Blocks to learn: runs of an answer that are to be written at once, each from what was read before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.automaton import START, Automaton
from generalist.sequence.runs import runs
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Blocks"]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The places (n,) of all blocks of a request, track by track: the track, the position, and the position that its
    block begins at. What stands at a place is fed the token chosen last before the block, ``begin - 1`` of the answer,
    and branches off the stream of the token read last, which has that position."""

    track: NDArray[np.int64]
    position: NDArray[np.int64]
    begin: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.track)

    @classmethod
    def none(cls) -> "Blocks":
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing)

    @classmethod
    def of(cls, ids: NDArray[np.int64], automaton: Automaton, vocabulary: Vocabulary) -> "Blocks":
        """The blocks of tracks (K, L), -1 after their end, as ``decode`` would come to write them."""
        along = runs(automaton, vocabulary)
        places: list[tuple[int, int, int]] = []
        for track, row in enumerate(ids):
            written, state, begin, stop = row[row >= 0], START, 0, 0
            for position, token in enumerate(written):
                if position >= max(stop, 1):
                    begin, stop = position, position + int(along[state])
                if position < stop:
                    places.append((track, position, begin))
                state = int(automaton.next[state, automaton.class_of[token]])
        return cls(*np.asarray(places, np.int64).reshape(-1, 3).T)
