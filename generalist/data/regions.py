"""Regions as people give them: text such as ``box:10,20,200,180``, a mask in a file, a dictionary, or a Region."""

from collections.abc import Mapping
from typing import Any

from generalist.data.images import load_map
from generalist.faults import Fault
from generalist.sequence.region import Region

__all__ = ["open_region"]


def open_region(given: Any) -> Region:
    """A Region from itself, from text (``point:x,y``, ``box:x1,y1,x2,y2``, ``scribble:x,y,...``, ``mask:FILE.png``,
    where what is not black is meant) or from JSON, such as ``{"box": [10, 20, 200, 180]}``.

    Raises:
        Fault: it is none of these, or the file cannot be read.
    """
    if isinstance(given, Region):
        return given
    if isinstance(given, Mapping) and len(given) == 1:
        ((kind, value),) = given.items()
        return Region(kind, value)
    if not isinstance(given, str):
        raise Fault(f"region: {given!r} is no region: give text such as box:10,20,200,180, or {{'box': [...]}}")
    if given.startswith("mask:"):
        return Region("mask", load_map(given.removeprefix("mask:")) > 0)
    return Region.parse(given)
