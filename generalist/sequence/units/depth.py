"""``depth``: a distance; ``range``: the nearest and the farthest of a picture; ``cell``: a distance between those."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.pattern import Chain, Pattern, Span, of_block
from generalist.sequence.units.unit import Weights, bins_of

__all__ = ["Cell", "Depth", "Range"]


class Depth:
    """A distance in metres: one log-spaced bin of ``depth``."""

    name = "depth"
    field = "depth"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        return of_block(frame.vocabulary["depth"])

    def encode(self, value: float, frame: Frame, size: int | None) -> list[int]:
        return [frame.vocabulary["depth"][int(frame.depth_bins(value))]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> float:
        return float(frame.depths(bins_of(ids, frame.vocabulary["depth"], weights))[0])


class Range:
    """(2,) near and far in metres, the far one at least a bin beyond: what ``cell`` divides (adaptive bins, after
    AdaBins, Bhat et al. 2021). Rounded outwards, so that everything between them lies between what is written."""

    name = "range"
    field = "range"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        depth = frame.vocabulary["depth"]
        return Chain((Span(depth.start, depth.stop - 1), Span(depth.start, depth.stop, beyond=1)))

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        depth = frame.vocabulary["depth"]
        whole = frame.absolute()
        share = whole.depth_shares(np.asarray(value)) * (len(depth) - 1)
        near = min(int(np.floor(share[0])), len(depth) - 2)
        return [depth[near], depth[max(int(np.ceil(share[1])), near + 1)]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        # The cells were written under these very tokens: an expectation would shift all of them.
        return frame.absolute().depths(bins_of(ids, frame.vocabulary["depth"], None))


class Cell(Depth):
    """A distance in metres between those of the ``range`` before it: one bin of ``depth``, log-spaced between them."""

    name = "cell"
    field = "depth"
