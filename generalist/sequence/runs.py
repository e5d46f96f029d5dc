"""Runs: how many tokens an answer goes on for, whatever they are. Such tokens can be written as a block, at once."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.automaton import DEAD, Automaton
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["LONGEST", "runs"]

LONGEST = 32
"""Tokens of a block at most: what is written at once cannot look at itself."""

SHAPES = ("mask", "pixels")
"""What is relative to a box that has just been written starts a block of its own."""


@lru_cache(maxsize=256)
def runs(automaton: Automaton, vocabulary: Vocabulary) -> NDArray[np.int64]:
    """For each state of the tables (numpy), how many tokens follow for certain and could be a block: (S,).

    A run goes on while the answer cannot end, whatever was written in it allows the same, and nothing of it is text:
    words hang on the words before them. Runs of one token are none: 0.
    """
    return np.asarray([_run(automaton, vocabulary, state) for state in range(len(automaton.next))], np.int64)


def _run(automaton: Automaton, vocabulary: Vocabulary, state: int) -> int:
    level, length, before = np.asarray([state]), 0, False
    text = vocabulary["text"]
    while length < LONGEST and not automaton.accept[level].any():
        alive = automaton.next[level] != DEAD
        if not alive[0].any() or (alive != alive[:1]).any():
            break
        columns = np.flatnonzero(alive[0][automaton.class_of])
        shape = any(columns[0] in vocabulary[name] for name in SHAPES if name in vocabulary)
        words = columns[-1] >= text.start and columns[0] < text.stop
        if words or vocabulary.eos in columns or (length and shape and not before):
            break
        level = np.unique(automaton.next[level][:, alive[0]])
        length, before = length + 1, shape
    return length if length > 1 else 0
