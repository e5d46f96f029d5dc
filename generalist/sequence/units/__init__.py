"""The units by the name that task files use."""

from generalist.sequence.units.depth import Depth
from generalist.sequence.units.label import Label
from generalist.sequence.units.mask import Mask
from generalist.sequence.units.point import Box, Point, Polygon
from generalist.sequence.units.text import DocId, Text
from generalist.sequence.units.unit import Unit, Weights

__all__ = ["UNITS", "Unit", "Weights"]

UNITS: dict[str, Unit] = {
    unit.name: unit for unit in (Text(), DocId(), Label(), Point(), Box(), Polygon(), Mask(), Depth())
}
