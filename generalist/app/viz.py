"""Pictures of answers: what is found on the image, and what belongs to it above and below."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from generalist.app.colours import PALE
from generalist.app.fields import depth_map, normal_map, semantic_map
from generalist.app.lettering import WIDTH, Pixels, rich, words
from generalist.app.marks import phrase_colours, point_out, things
from generalist.sequence.region import Region
from generalist.sequence.sample import Answer

__all__ = ["LARGEST", "SMALLEST", "draw", "fitted", "sheet"]

SMALLEST, LARGEST = WIDTH, 2048
"""Pixels of the longer side: smaller images are enlarged, so that words on them can be read; larger ones shrink."""


def draw(
    image: Pixels, answer: Answer, title: str = "", least: float = 0.3, note: str = "", region: Region | None = None
) -> Pixels:
    """The image with an answer on it, an optional title above and what belongs to it below.

    image: (H, W, 3) uint8, of ``answer.size``. title: its first line is set in bold. least: score below which things
    are left out, unless the task keeps only its best. note: a pale line under everything. region: the place that the
    request points at, drawn in white dashes.

    Returns (H', W', 3) uint8; the picture in it is 512 to 2048 pixels on its longer side.
    """
    height, width = image.shape[:2]
    scale = min(max(SMALLEST / max(height, width), 1.0), LARGEST / max(height, width))
    canvas = np.asarray(
        Image.fromarray(image).resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    )
    canvas, below = _fields(answer, canvas)
    if region is not None:
        canvas = point_out(region, canvas, scale)
    if answer.boxes is not None or answer.masks is not None or answer.points is not None:
        canvas = things(answer, canvas, scale, least)
    below += _sayings(answer, canvas.shape[1])
    head, _, rest = title.partition("\n")
    above = [words(head, canvas.shape[1], size=14, weight="bold")] if head else []
    above += [words(rest, canvas.shape[1], size=12)] if rest else []
    under = [words(note, canvas.shape[1], size=10, colour=PALE)] if note else []
    return np.concatenate([*above, canvas, *below, *under])


def _fields(answer: Answer, canvas: Pixels) -> tuple[Pixels, list[Pixels]]:
    """The canvas, under or in the place of which a field stands, and the strips that tell how to read it."""
    below = []
    if answer.depth is not None:
        canvas, strip = depth_map(answer.depth, canvas)
        below.append(strip)
    if answer.normals is not None:
        canvas, strip = normal_map(answer.normals, canvas)
        below.append(strip)
    if answer.semantic is not None:
        canvas, strip = semantic_map(answer, canvas)
        below.append(strip)
    return canvas, below


def _sayings(answer: Answer, width: int) -> list[Pixels]:
    """Strips of what the answer says in words."""
    strips = []
    if answer.documents is not None:
        found = [f"{i}. {hit['title']}" for i, hit in enumerate(answer.documents[:3], 1)]
        strips.append(words("\n".join(found), width, size=11))
    if answer.number is not None:
        strips.append(
            words(f"{', '.join(answer.names)}: {answer.number}" if answer.names else str(answer.number), width, 13)
        )
    elif answer.phrases is not None:
        strips.append(rich(answer.text or "", phrase_colours(answer), width, size=13))
    elif answer.text is not None:
        strips.append(words(answer.text, width, size=13))
    return strips


def fitted(picture: Pixels, side: int) -> Pixels:
    """A picture (H, W, 3) uint8 whose longer side is ``side``, as large as the others of its sheet."""
    scale = side / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def sheet(pictures: Sequence[Pixels], columns: int = 3, gap: int = 16) -> Pixels:
    """Pictures side by side on white, row by row, each at the top of its place: one (H, W, 3) uint8 picture."""
    width = max(picture.shape[1] for picture in pictures)
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    bands = []
    for row in rows:
        height = max(picture.shape[0] for picture in row)
        band = np.full((height + 2 * gap, columns * (width + gap) + gap, 3), 255, np.uint8)
        for i, picture in enumerate(row):
            left = gap + i * (width + gap)
            band[gap : gap + picture.shape[0], left : left + picture.shape[1]] = picture
        bands.append(band)
    return np.concatenate(bands)
