"""Pictures of answers: boxes, masks and labels by supervision; colour bars, legends and words by matplotlib."""

import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from generalist.sequence.geometry import resize
from generalist.sequence.sample import Answer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that OpenCV is not there; numpy is quick enough for a picture
    import supervision as sv

__all__ = ["SMALLEST", "draw", "sheet"]

Pixels = NDArray[np.uint8]

SMALLEST, LARGEST = 512, 2048
"""Pixels of the longer side: smaller images are enlarged, so that words on them can be read; larger ones shrink."""

PALETTE = ("#e6194b", "#4363d8", "#3cb44b", "#f58231", "#911eb4", "#00a0b0", "#f032e6", "#808000", "#9a6324", "#000075")
NOTHING = (60, 60, 60)
DEPTH_MAP = "viridis_r"  # near is bright
INK, PALE = "#222222", "#777777"


def draw(image: Pixels, answer: Answer, title: str = "", least: float = 0.3, note: str = "") -> Pixels:
    """The image with an answer on it, an optional title above and what belongs to it below.

    image: (H, W, 3) uint8, of ``answer.size``. title: its first line is set in bold. least: score below which boxes are
    left out, unless the task keeps only its best. note: a pale line under everything.

    Returns (H', W', 3) uint8; the picture in it is 512 to 2048 pixels on its longer side.
    """
    height, width = image.shape[:2]
    scale = min(max(SMALLEST / max(height, width), 1.0), LARGEST / max(height, width))
    canvas = np.asarray(
        Image.fromarray(image).resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    )
    below = []
    if answer.depth is not None:
        canvas, bar = _depth(answer.depth, canvas)
        below.append(bar)
    if answer.semantic is not None:
        canvas, legend = _semantic(answer, canvas)
        below.append(legend)
    if answer.boxes is not None:
        canvas = _objects(answer, canvas, scale, least)
    if answer.documents is not None:
        found = [f"{i}. {hit['title']}" for i, hit in enumerate(answer.documents[:3], 1)]
        below.append(_words("\n".join(found), canvas.shape[1], size=11))
    if answer.text is not None:
        below.append(_words(answer.text, canvas.shape[1], size=13))
    head, _, rest = title.partition("\n")
    above = [_words(head, canvas.shape[1], size=14, weight="bold")] if head else []
    above += [_words(rest, canvas.shape[1], size=12)] if rest else []
    under = [_words(note, canvas.shape[1], size=10, colour=PALE)] if note else []
    return np.concatenate([*above, canvas, *below, *under])


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


# ---- things ----------------------------------------------------------------------------------------------------------


def _objects(answer: Answer, canvas: Pixels, scale: float, least: float) -> Pixels:
    """Masks, boxes and labels with their scores."""
    assert answer.boxes is not None
    scores = np.ones(len(answer.boxes)) if answer.scores is None else answer.scores
    keep = np.flatnonzero((scores >= least) | (answer.labels is None))[::-1]  # the surest on top
    if not len(keep):
        return canvas
    labels = answer.labels or ("",) * len(scores)
    names = {name: i for i, name in enumerate(dict.fromkeys((*answer.names, *labels)))}
    masks = None if answer.masks is None else np.stack([_enlarge(answer.masks[i], canvas) for i in keep])
    found = sv.Detections(
        np.asarray(answer.boxes[keep] * scale, np.float32),
        mask=masks,
        class_id=np.asarray([names[labels[i]] for i in keep]),
    )
    line = max(2, round(max(canvas.shape) / 300))
    look: dict[str, Any] = {"color": sv.ColorPalette.from_hex(list(PALETTE)), "color_lookup": sv.ColorLookup.CLASS}
    scene = np.ascontiguousarray(canvas[..., ::-1])  # supervision paints in OpenCV's order, blue first
    if masks is not None:
        scene = sv.MaskAnnotator(opacity=0.45, **look).annotate(scene, found)
    scene = sv.BoxAnnotator(thickness=line, **look).annotate(scene, found)
    said = [f"{labels[i]} {scores[i]:.2f}".strip() for i in keep]
    writer = sv.RichLabelAnnotator(font_size=round(max(canvas.shape) / 36), text_padding=2 * line, **look)
    return np.asarray(writer.annotate(scene, found, labels=said), np.uint8)[..., ::-1]


def _enlarge(mask: NDArray[np.bool_], canvas: Pixels) -> NDArray[np.bool_]:
    """A mask at the canvas's size, its edge smooth rather than in steps."""
    return np.asarray(resize(mask, canvas.shape[1], canvas.shape[0]) > 0.5)


# ---- fields ----------------------------------------------------------------------------------------------------------


def _semantic(answer: Answer, canvas: Pixels) -> tuple[Pixels, Pixels]:
    """The image under the colours of its labels, and the legend of those that are there, the largest first."""
    assert answer.semantic is not None
    height, width = canvas.shape[:2]
    present, counts = np.unique(answer.semantic, return_counts=True)
    best = np.zeros((height, width), np.float32)
    tint = np.empty_like(canvas)
    for i in present:
        cover = resize(answer.semantic == i, width, height)
        tint[cover > best] = _colour(int(i))
        best = np.maximum(best, cover)
    order = [int(i) for i in present[np.argsort(-counts, kind="stable")] if i >= 0]
    rows = {answer.names[i]: np.asarray(_colour(i)) / 255 for i in order}
    if (present < 0).any():
        rows["none of them"] = np.asarray(NOTHING) / 255
    mixed = (0.4 * canvas + 0.6 * tint).astype(np.uint8)
    return mixed, _legend(rows, width)


def _colour(label: int) -> tuple[int, int, int]:
    if label < 0:
        return NOTHING
    red, green, blue = sv.Color.from_hex(PALETTE[label % len(PALETTE)]).as_rgb()
    # More labels than colours: the same hues again, paler.
    fade = 1 - 0.6 ** (label // len(PALETTE))
    return tuple(round(value + (235 - value) * fade) for value in (red, green, blue))  # type: ignore[return-value]


def _legend(colours: dict[str, Any], width: int) -> Pixels:
    columns = max(1, int(62 / (max(map(len, colours), default=1) + 5)))
    rows = -(-len(colours) // columns)

    def paint(figure: Figure) -> None:
        handles = [Patch(facecolor=colour, label=name) for name, colour in colours.items()]
        figure.legend(
            handles=handles,
            loc="center",
            ncols=columns,
            frameon=False,
            fontsize=11,
            labelcolor=INK,
            columnspacing=1.2,
            handlelength=1.2,
            borderpad=0.1,
            labelspacing=0.35,
        )

    return _strip(width, 22 * rows + 12, paint)


def _depth(depth: NDArray[np.float32], canvas: Pixels) -> tuple[Pixels, Pixels]:
    """The map in colours, and its colour bar in metres. Holes (0) are grey; the range leaves out the farthest 1 %."""
    height, width = canvas.shape[:2]
    known = depth[depth > 0]
    near, far = np.quantile(known, [0.005, 0.99]).tolist() if known.size else (0.0, 1.0)
    far = max(far, near + 1e-3)
    colours = colormaps[DEPTH_MAP]
    large = resize(depth, width, height)
    picture = (colours((large - near) / (far - near))[..., :3] * 255).astype(np.uint8)
    picture[resize(depth > 0, width, height) < 0.5] = NOTHING

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.05, 0.62, 0.9, 0.26))
        axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colours, extent=(near, far, 0, 1))
        axes.set_yticks([])
        axes.tick_params(labelsize=9, length=3, colors=INK)
        axes.set_xlabel("metres from the camera", fontsize=9, labelpad=1, color=INK)

    return picture, _strip(width, 56, paint)


# ---- words -----------------------------------------------------------------------------------------------------------


def _words(text: str, width: int, size: int, weight: str = "normal", colour: str = INK) -> Pixels:
    """Text on white, broken into lines that fit a picture 512 wide; wider pictures have larger letters."""
    wide = {"bold": 0.63}.get(weight, 0.57)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, int(360 / (size * wide))) or [""]]

    def paint(figure: Figure) -> None:
        figure.text(
            0.015,
            0.5,
            "\n".join(lines),
            fontsize=size,
            fontweight=weight,
            color=colour,
            va="center",
            ha="left",
            linespacing=1.25,
            parse_math=False,
        )

    return _strip(width, round(len(lines) * size * 1.74) + 14, paint)


def _strip(width: int, height: int, paint: Callable[[Figure], None]) -> Pixels:
    """A white strip of exactly ``width`` pixels; ``height`` is that of a strip 512 wide."""
    dots = 100 * width / SMALLEST
    figure = Figure(figsize=(SMALLEST / 100, height / 100), dpi=dots, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the font lacks a letter: a box stands for it
        paint(figure)
        canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3]
    strip = np.full((drawn.shape[0], width, 3), 255, np.uint8)
    strip[:, : drawn.shape[1]] = drawn[:, :width]
    return strip
