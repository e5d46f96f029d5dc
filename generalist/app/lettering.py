"""Lettering: strips of words, legends and colour bars to be set above and below a picture, by matplotlib."""

import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from generalist.app.colours import INK

__all__ = ["WIDTH", "legend", "rich", "strip", "words"]

Pixels = NDArray[np.uint8]

WIDTH = 512
"""Pixels: sizes of letters and strips are as they look on a picture so wide; wider pictures have larger ones."""


def words(text: str, width: int, size: int, weight: str = "normal", colour: str = INK) -> Pixels:
    """Text on white, broken into lines that fit."""
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

    return strip(width, round(len(lines) * size * 1.74) + 14, paint)


def rich(text: str, spans: Sequence[tuple[int, int, Any]], width: int, size: int) -> Pixels:
    """Text on white in which stretches (start, stop, colour) are bold and in colours of their own; spans are in order
    and do not overlap."""
    pieces, at = [], 0
    for start, stop, colour in [*spans, (len(text), len(text), INK)]:
        pieces += [(text[at:start], INK, "normal"), (text[start:stop], colour, "bold")]
        at = max(stop, at)
    lines = _lines([piece for piece in pieces if piece[0]], size)
    height = round(len(lines) * size * 1.9) + 14

    def paint(figure: Figure) -> None:
        for row, line in enumerate(lines):
            for left, word, colour, weight in line:
                figure.text(
                    0.015 + left / WIDTH,
                    1 - (7 + (row + 0.5) * size * 1.9) / height,
                    word,
                    fontsize=size,
                    fontweight=weight,
                    color=colour,
                    va="center_baseline",
                    ha="left",
                    parse_math=False,
                )

    return strip(width, height, paint)


def _lines(pieces: list[tuple[str, Any, str]], size: int) -> list[list[tuple[float, str, Any, str]]]:
    """Words with their distance from the left in dots of a strip 512 wide, line by line."""
    ruler = RendererAgg(WIDTH, WIDTH, 100)
    fonts = {weight: font_manager.FontProperties(size=size, weight=weight) for weight in ("normal", "bold")}

    def wide(text: str, weight: str) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the font lacks a letter
            return float(ruler.get_text_width_height_descent(text, fonts[weight], ismath=False)[0])

    space = wide("n n", "normal") - wide("nn", "normal")
    lines: list[list[tuple[float, str, Any, str]]] = [[]]
    left = 0.0
    for text, colour, weight in pieces:
        for i, word in enumerate(text.split(" ")):
            left += space * (i > 0)
            if left + wide(word, weight) > 0.97 * WIDTH and lines[-1]:
                lines.append([])
                left = 0.0
            if word:
                lines[-1].append((left, word, colour, weight))
                left += wide(word, weight)
    return lines


def legend(colours: dict[str, Any], width: int) -> Pixels:
    """Names beside patches of their colours (three numbers from 0 to 1)."""
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

    return strip(width, 22 * rows + 12, paint)


def strip(width: int, height: int, paint: Callable[[Figure], None]) -> Pixels:
    """A white strip of exactly ``width`` pixels; ``height`` is that of a strip 512 wide."""
    dots = 100 * width / WIDTH
    figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=dots, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the font lacks a letter: a box stands for it
        paint(figure)
        canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3]
    out = np.full((drawn.shape[0], width, 3), 255, np.uint8)
    out[:, : drawn.shape[1]] = drawn[:, :width]
    return out
