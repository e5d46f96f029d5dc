"""Augmentation: the many ways of looking at one annotated picture, drawn at random so that what is said stays true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torchvision.transforms.v2 import functional

from generalist.data.images import load_image
from generalist.data.mirror import sided
from generalist.data.mosaic import Window, may_be_pieced, pieced
from generalist.data.paste import may_be_pasted, pasted
from generalist.data.sight import sample_seen
from generalist.data.view import Tint, View
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Augment", "Freedom", "read_augment"]

Random = np.random.Generator
Row = Sequence[Sample]

SHOWN_WHOLE = 0.5
"""The least scale of a picture that words speak of."""

CENTRE = (0.3, 0.7)
"""Where the four pictures of a mosaic meet, as shares of its edges."""

BLENDS = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)


@dataclass(frozen=True)
class Freedom:
    """What may be done to a picture without making what is annotated untrue.

    flip: not where texts name documents, which are what they are, nor with key points that have no names. crop: not
    where words speak of the picture or a region points at it: "the leftmost cup" would be another one. turn, by some
    degrees: likewise, nor with boxes that are all that is known of a thing. quarters: not where words say a side.
    """

    flip: bool
    crop: bool
    turn: bool
    quarters: bool

    @classmethod
    def of(cls, sample: Sample) -> "Freedom":
        objects = sample.objects
        words = (sample.phrase, sample.question, sample.query, sample.document, sample.text, *sample.texts)
        words += tuple(text for text, _ in sample.parts)
        nameless = objects is not None and objects.keypoints is not None and not objects.joints
        bare = objects is not None and objects.masks is None and objects.oriented is None
        free = not any(words) and not sample.documents and sample.region is None
        return cls(
            flip=not sample.documents and not nameless,
            crop=free,
            turn=free and not bare and not nameless,
            quarters=not sample.documents and not nameless and not any(map(sided, (*words, *sample.labels))),
        )

    @classmethod
    def common(cls, row: Row) -> "Freedom":
        """What all requests about one picture allow."""
        each = [cls.of(sample) for sample in row]
        return cls(*(all(getattr(one, name) for one in each) for name in ("flip", "crop", "turn", "quarters")))


class Augment(BaseModel):
    """How a source's pictures are varied in training.

    flip: probability of a mirror. quarters: probability of a turn by one to three quarters. turn: most degrees of a
    turn either way. scale: of the longer edge in edges of the model's square, drawn evenly; the picture is cropped or
    lies on grey, at random (large-scale jitter: Ghiasi et al. 2021). colour: most that brightness, contrast and
    saturation change, as a share; hues stay, words name them. mosaic: probability of four pictures in one (Bochkovskiy
    et al. 2020), each at a scale of its own, for things and for names of pixels. paste: probability that some things of
    another picture are laid on it, for things with masks (Ghiasi et al. 2021).

    What a picture does not allow (``Freedom``) is not done to it. Nothing but ``rng`` decides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: float = Field(0.0, ge=0, le=1)
    quarters: float = Field(0.0, ge=0, le=1)
    turn: float = Field(0.0, ge=0, le=45)
    scale: tuple[float, float] | None = None
    colour: float = Field(0.0, ge=0, lt=1)
    mosaic: float = Field(0.0, ge=0, le=1)
    paste: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Augment":
        if self.scale is not None and not 0.1 <= self.scale[0] <= self.scale[1] <= 4:
            raise ValueError(f"scale is [least, most] between 0.1 and 4, not {list(self.scale)}")
        return self

    def row(self, row: Row, rng: Random, side: int, more: Callable[[], Row]) -> list[Sample]:
        """Requests about one picture, all about the same new one. side: edge of the model's square in pixels. more:
        draws another picture of the set with the same requests, each asked as evaluation asks it.

        Raises:
            Fault: a picture cannot be read, or a sample holds what nobody knows how to look at otherwise.
        """
        pastes = bool(self.paste) and rng.random() < self.paste and all(map(may_be_pasted, row))
        whole = (0, 0, side, side) if pastes else None
        if rng.random() < self.mosaic and all(map(may_be_pieced, row)):
            rows, windows = [row, *(more() for _ in range(3))], _windows(rng, side)
            four = [self._seen(each, rng, side, window) for each, window in zip(rows, windows, strict=True)]
            seen = [pieced(each, windows) for each in zip(*four, strict=True)]
        else:
            seen = self._seen(row, rng, side, whole)
        return seen if whole is None else pasted(seen, self._seen(more(), rng, side, whole), rng)

    def _seen(self, row: Row, rng: Random, side: int, window: Window | None) -> list[Sample]:
        pictured = next((sample for sample in row if sample.image is not None), None)
        if pictured is None or pictured.image is None:
            return list(row)
        image = load_image(pictured.image)
        seeing = [sample for sample in row if sample.image is not None]
        view = self._view((image.shape[1], image.shape[0]), Freedom.common(seeing), rng, side, window)
        picture = view.picture(image, _tint(self.colour, rng))
        return [sample if sample.image is None else sample_seen(view, sample, picture) for sample in row]

    def _view(
        self,
        source: tuple[int, int],
        free: Freedom,
        rng: Random,
        side: int,
        window: Window | None,
    ) -> View:
        # Every number is drawn whether it is used or not: what is drawn next does not depend on the picture.
        flip, turned, askew, scale, *at = rng.random(6)
        quarters = 1 + int(rng.integers(3))
        quarters = quarters if free.quarters and turned < self.quarters else 0
        plain = View.whole(source, free.flip and flip < self.flip, quarters)
        degrees = (2 * askew - 1) * self.turn if free.turn else 0.0
        if self.scale is None and not degrees and window is None:
            return plain
        low, high = self.scale or (1.0, 1.0)
        if not free.crop:
            low, high = (float(np.clip(end, SHOWN_WHOLE, 1)) for end in (low, high))
        share = (low + (high - low) * scale) * side / max(plain.size)
        scaled = max(round(plain.size[0] * share), 1), max(round(plain.size[1] * share), 1)
        x1, y1, x2, y2 = window or (0, 0, side, side)
        offset = _between(x1, x2 - scaled[0], at[0]), _between(y1, y2 - scaled[1], at[1])
        return View(source, (side, side), scaled, offset, plain.flip, plain.quarters, float(degrees), window)


def read_augment(text: str) -> Augment:
    """An ``Augment`` from a line of YAML, such as ``flip: 0.5, scale: [0.3, 1.5]``. Raises Fault for what is wrong."""
    try:
        return Augment.model_validate(yaml.safe_load(text if text.lstrip().startswith("{") else f"{{{text}}}"))
    except (yaml.YAMLError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = "" if first is None else ".".join(map(str, first["loc"]))
        said = str(error).splitlines()[0] if first is None else first["msg"].removeprefix("Value error, ")
        raise Fault(f"augment: {where + ': ' if where else ''}{said}") from error


def _between(a: int, b: int, share: float) -> int:
    """A whole number between two, in whichever order: a smaller picture lies somewhere in its place, of a larger one
    some part is seen."""
    return min(a, b) + int(share * (abs(b - a) + 1))


def _windows(rng: Random, side: int) -> tuple[Window, ...]:
    """The four places of a mosaic."""
    x, y = (int(round(side * share)) for share in rng.uniform(*CENTRE, 2))
    return (0, 0, x, y), (x, 0, side, y), (0, y, x, side), (x, y, side, side)


def _tint(strength: float, rng: Random) -> Tint:
    """Brightness, contrast and saturation changed in a random order, by torchvision."""
    order, factors = rng.permutation(len(BLENDS)), rng.uniform(1 - strength, 1 + strength, len(BLENDS))

    def tint(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture: Any = torch.from_numpy(pixels).permute(2, 0, 1)
        for i in order:
            picture = BLENDS[i](picture, float(factors[i]))
        return np.ascontiguousarray(picture.permute(1, 2, 0).numpy())

    return tint if strength else lambda pixels: pixels
