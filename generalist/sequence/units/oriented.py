"""``oriented``: a box that is turned, in five tokens."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.oriented import long_side
from generalist.sequence.pattern import Chain, Pattern, Span, of_block
from generalist.sequence.units.unit import Weights, bins_of

__all__ = ["Oriented"]


class Oriented:
    """(5,) centre, long side and short side in the unit square, and the long side's angle in degrees: four ``loc``
    tokens and an ``angle``. The sides are spelled by the root of their length, so that their error is relative."""

    name = "oriented"
    field = "oriented"

    def pattern(self, frame: Frame, size: int | None) -> Pattern:
        loc = frame.vocabulary["loc"]
        place = Span(loc.start, loc.stop)
        return Chain((place, place, place, place, of_block(frame.vocabulary["angle"])))

    def encode(self, value: NDArray[Any], frame: Frame, size: int | None) -> list[int]:
        loc, box = frame.vocabulary["loc"], long_side(np.asarray(value)[None])[0]
        bins = [*frame.coordinate_bins(box[:2]), *frame.length_bins(box[2:4])]
        return [*(loc[int(bin)] for bin in bins), frame.vocabulary["angle"][int(frame.angle_bins(box[4]))]]

    def decode(self, ids: Sequence[int], frame: Frame, weights: Weights | None = None) -> NDArray[np.float32]:
        places = bins_of(ids[:4], frame.vocabulary["loc"], None if weights is None else weights[:4])
        turn = bins_of(ids[4:], frame.vocabulary["angle"], None if weights is None else weights[4:])
        box = np.concatenate([frame.coordinates(places[:2]), frame.lengths(places[2:]), frame.angles(turn)])
        return np.asarray(long_side(box[None])[0])
