"""Region: a place in a picture that a request points at, as a person would: a point, a box, a scribble, a mask."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.oriented import oriented_corners

__all__ = ["KINDS", "Kind", "Region"]

Kind = Literal["point", "box", "oriented", "scribble", "mask"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBERS = {"point": "x,y", "box": "x1,y1,x2,y2", "oriented": "cx,cy,long,short,degrees", "scribble": "x,y,x,y,..."}


@dataclass(frozen=True, eq=False)
class Region:
    """A kind, and its value in pixels of the original image: ``point`` (2,) xy; ``box`` (4,) xyxy; ``oriented`` (5,)
    as in ``Objects``; ``scribble`` (n, 2) xy along the stroke; ``mask`` (H, W) bool.

    Raises:
        Fault: the value is not of the kind's shape, or is empty.
    """

    kind: Kind
    value: NDArray[Any]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Fault(f"region: {self.kind!r} is none of {', '.join(KINDS)}")
        value = np.asarray(self.value, bool if self.kind == "mask" else np.float32)
        if self.kind == "scribble":
            value = value.reshape(-1, 2) if value.size and value.size % 2 == 0 else np.zeros(0, np.float32)
        object.__setattr__(self, "value", value)
        fits = {
            "point": value.shape == (2,),
            "box": value.shape == (4,) and bool((value[2:] > value[:2]).all()),
            "oriented": value.shape == (5,) and bool((value[2:4] > 0).all()),
            "scribble": value.ndim == 2 and len(value) > 0,
            "mask": value.ndim == 2 and bool(value.any()),
        }[self.kind]
        if not fits or (self.kind != "mask" and not np.isfinite(value).all()):
            raise Fault(f"region: a {self.kind} is {_NUMBERS.get(self.kind, 'a picture that is not all black')}")

    @classmethod
    def parse(cls, text: str) -> "Region":
        """``box:10,20,200,180`` and so on, pixels of the original image. A mask comes from a file, not from text."""
        kind, colon, numbers = text.partition(":")
        if not colon or kind not in _NUMBERS:
            ways = " or ".join(f"{name}:{form}" for name, form in _NUMBERS.items())
            raise Fault(f"region {text!r}: is written {ways}, or mask:FILE.png")
        try:
            values = np.asarray([float(part) for part in numbers.split(",")], np.float32)
        except ValueError as error:
            raise Fault(f"region {text!r}: {kind} is followed by {_NUMBERS[kind]}") from error
        return cls(kind, values)  # type: ignore[arg-type]

    @property
    def bounds(self) -> NDArray[np.float32]:
        """(4,) xyxy: the upright box around it, of no size for a point."""
        if self.kind == "mask":
            return np.asarray(boxes_of_masks(self.value[None])[0])
        if self.kind == "box":
            return np.asarray(self.value, np.float32)
        points = oriented_corners(self.value[None])[0] if self.kind == "oriented" else self.value.reshape(-1, 2)
        return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)

    @property
    def centre(self) -> NDArray[np.float32]:
        """(2,) xy: the middle of the bounds."""
        return np.asarray((self.bounds[:2] + self.bounds[2:]) / 2, np.float32)
