"""The units by the name that task files use."""

from generalist.sequence.units.code import Code
from generalist.sequence.units.depth import Cell, Depth, Range
from generalist.sequence.units.keypoints import Keypoints
from generalist.sequence.units.label import Label
from generalist.sequence.units.mask import Mask
from generalist.sequence.units.normal import Normal
from generalist.sequence.units.number import Number
from generalist.sequence.units.oriented import Oriented
from generalist.sequence.units.pixels import Pixels
from generalist.sequence.units.point import Box, Point, Polygon
from generalist.sequence.units.text import DocId, Ngram, Text
from generalist.sequence.units.unit import Unit, Weights

__all__ = ["UNITS", "Unit", "Weights"]

UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Text(), DocId(), Ngram(), Code(), Label(), Number(), Point(), Box(), Oriented(), Polygon(), Keypoints(), Mask(),
        Pixels(), Depth(), Range(), Cell(), Normal(),
    )
}  # fmt: skip
