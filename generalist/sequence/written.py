"""Tracks, the tokens that an annotation is; and Written, the tokens that a decoder wrote, with their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import REACH
from generalist.sequence.vocabulary import Block, Vocabulary

__all__ = ["Step", "Tracks", "Written"]


@dataclass(slots=True)
class Tracks:
    """Target tokens of one request: K tracks, each (L,) int64 ids and, or None for all ones, (L,) float32 weights.

    points: (K, 2) lattice points xy in the unit square, or None for a single track. shown: for each track, the cover
    (CELLS, CELLS) of every mask that it shows in ``pixels`` tokens; None where none does.
    """

    points: NDArray[np.float32] | None
    ids: list[NDArray[np.int64]]
    weights: list[NDArray[np.float32] | None]
    shown: list[list[NDArray[np.float32]]] | None = None


@dataclass(slots=True)
class Step:
    """What the model thought at one step: ``probabilities`` (M, C) over the ids ``columns`` (C,), for M tracks.

    row: (K,) int64, which of the M rows is a track's, -1 for tracks that had ended. planes: (M, down, across), where a
    ``pixels`` token was written: the cover of its sub-cell in every patch.
    """

    columns: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    row: NDArray[np.int64]
    planes: NDArray[np.float32] | None = None


@dataclass(slots=True)
class Written:
    """What a decoder wrote for one request.

    tokens: (K, L) int64, padded with ``pad`` after the end. chosen: (K, L) float32, the probability of each under the
    constraint. steps: the distributions, where the decoder kept them (L entries or none).
    """

    tokens: NDArray[np.int64]
    chosen: NDArray[np.float32]
    steps: Sequence[Step | None] = ()
    pad: int = -1

    @property
    def known(self) -> bool:
        """Whether any distribution was kept."""
        return any(step is not None for step in self.steps)

    def ids(self, track: int) -> list[int]:
        """The tokens of one track, up to its end."""
        return [int(token) for token in self.tokens[track] if token != self.pad]

    def present(self, none: int) -> NDArray[np.int64]:
        """Tracks that wrote something other than ``none``."""
        return np.flatnonzero((self.tokens[:, 0] != none) & (self.tokens[:, 0] != self.pad))

    def weights(self, track: int, step: int, block: Block) -> NDArray[np.float32] | None:
        """Probabilities over a block at one token of one track, or None where they were not kept."""
        kept = self.steps[step] if step < len(self.steps) else None
        if kept is None or kept.row[track] < 0:
            return None
        low, high = np.searchsorted(kept.columns, (block.start, block.stop))
        out = np.zeros(block.size, np.float32)
        out[kept.columns[low:high] - block.start] = kept.probabilities[kept.row[track], low:high]
        total = out.sum()
        return out / total if total > 0 else None

    def plane(self, track: int, step: int) -> NDArray[np.float32] | None:
        """The plane (down, across) behind a ``pixels`` token of one track, or None where it was not kept."""
        kept = self.steps[step] if step < len(self.steps) else None
        if kept is None or kept.planes is None or kept.row[track] < 0:
            return None
        return np.asarray(kept.planes[kept.row[track]], np.float32)

    def cells(self, columns: Sequence[int], first: int = 0) -> NDArray[np.float32] | None:
        """Probabilities of ``columns`` at every token from ``first`` on: (K, L, C), or None if they were not kept."""
        if not self.known:
            return None
        layers = []
        for step in self.steps[first:]:
            if step is None:
                return None
            at = np.searchsorted(step.columns, columns)
            layers.append(step.probabilities[step.row][:, np.minimum(at, len(step.columns) - 1)])
        return np.stack(layers, axis=1)

    def confidence(self, track: int) -> float:
        """Geometric mean of the probabilities of a track's tokens."""
        kept = self.chosen[track][self.tokens[track] != self.pad]
        return float(np.exp(np.log(np.maximum(kept, 1e-9)).mean())) if len(kept) else 0.0

    def presence(self, vocabulary: Vocabulary) -> NDArray[np.float32]:
        """The probability (K,) that each track has a thing to write: that of the label it chose, or where it chose none
        that of not ``none``."""
        first, token = self.chosen[:, 0], self.tokens[:, 0]
        there = np.where(token == vocabulary.none, 1 - first, first).astype(np.float32)
        step = self.steps[0] if self.steps else None
        if step is not None and vocabulary.none in step.columns:
            label = vocabulary["label"]
            bare = (step.row >= 0) & ((token < label.start) | (token >= label.stop))
            at = int(np.searchsorted(step.columns, vocabulary.none))
            there[bare] = 1 - step.probabilities[step.row[bare], at]
        return there

    def rivals(self, track: int, names: Block, least: float) -> list[tuple[int, float]]:
        """What else a track that began with a name could have called its thing: places in the block ``names``, and
        their probabilities, which are ``least`` or more. None of a track that began with something else."""
        token, kept = int(self.tokens[track, 0]), self.steps[0] if self.steps else None
        if kept is None or kept.row[track] < 0 or not names.start <= token < names.stop:
            return []
        told = kept.probabilities[kept.row[track]]
        likely = (told >= least) & (kept.columns >= names.start) & (kept.columns < names.stop) & (kept.columns != token)
        return [(int(kept.columns[at]) - names.start, float(told[at])) for at in np.flatnonzero(likely)]

    def placement(self, track: int, vocabulary: Vocabulary) -> float:
        """How sharply a track places its thing: the mean share of its coordinates' probability within three bins of
        their modes, 1 where the distributions were not kept."""
        loc = vocabulary["loc"]
        sharp = [
            _mass(w)
            for i, token in enumerate(self.ids(track))
            if token in loc and (w := self.weights(track, i, loc)) is not None
        ]
        return float(np.mean(sharp)) if sharp else 1.0


def _mass(weights: NDArray[np.float32]) -> float:
    best = int(weights.argmax())
    return float(weights[max(best - REACH, 0) : best + REACH + 1].sum())
