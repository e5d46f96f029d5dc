"""Hypothesis strategies for requests and annotations: any size, any names, any shapes that an answer can hold.

What an answer cannot hold is left out here, and not excused in the laws: objects that repeat one another (they are
suppressed as repeats), and texts longer than the answer.
"""

import unicodedata

import numpy as np
from hypothesis import strategies as st

from generalist.sequence.geometry import box_iou, fill_polygon
from generalist.sequence.oriented import oriented_corners
from generalist.sequence.sample import Objects, Sample

SIZES = st.tuples(st.integers(40, 160), st.integers(40, 160))

WORDS = st.sampled_from(
    ["red", "cube", "traffic light", "Ärmel", "赤い 箱", "the one on the left", "🐈", "№ 5", "<loc_0001>"]
)

NAMES = st.lists(
    st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)),
    min_size=1,
    max_size=8,
    unique=True,
).map(tuple)

NOUNS = ["cube", "traffic light", "bus", "berry", "woman", "glass", "fire hydrant", "mouse", "wolf"]
LOOKS = ["red", "small", "wooden", "shiny", "broken"]
"""What requests name, and how it looks."""

SEEDS = st.integers(0, 2**32 - 1)


def plain(text: str) -> bool:
    """Texts that a sentence-piece tokenizer keeps: composed (NFC), not padded, without its own word mark."""
    return text == text.strip() and "\u2581" not in text and unicodedata.is_normalized("NFC", text)


TEXTS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=4).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
).filter(lambda text: bool(text) and plain(text))


@st.composite
def boxes(draw: st.DrawFn, size: tuple[int, int], most: int = 8, least: int = 0) -> np.ndarray:
    """Boxes (n, 4) xyxy in pixels, inside the picture, at least 10 pixels wide and high, none a repeat of another."""
    kept = np.zeros((0, 4), np.float32)
    share = st.floats(0, 1, width=32)
    for _ in range(draw(st.integers(least, most))):
        low = np.asarray([draw(share) * (edge - 10) for edge in size])
        high = np.asarray([a + 10 + draw(share) * (edge - 10 - a) for a, edge in zip(low, size, strict=True)])
        box = np.asarray([[*low, *high]], np.float32)
        if box_iou(box, kept).max(initial=0) < 0.4:
            kept = np.concatenate([kept, box])
    return kept


def ellipse(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The ellipse that a box holds, (H, W) bool."""
    x, y = np.arange(size[0]) + 0.5, np.arange(size[1])[:, None] + 0.5
    (cx, cy), (rx, ry) = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1


@st.composite
def masks(draw: st.DrawFn, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A smooth shape that fills most of a box: an ellipse, a convex polygon, or both."""
    mask = ellipse(box, size)
    kind = draw(st.sampled_from(["ellipse", "polygon", "both"]))
    if kind == "ellipse":
        return mask
    corners = draw(st.integers(5, 9))
    angle = draw(st.floats(0, 6.25)) + np.arange(corners) * 2 * np.pi / corners
    centre, radius = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    polygon = fill_polygon(centre + radius * np.stack([np.cos(angle), np.sin(angle)], 1), *size)
    return polygon if kind == "polygon" else polygon | mask


@st.composite
def objects(draw: st.DrawFn, size: tuple[int, int], names: tuple[str, ...], most: int = 8) -> Objects:
    found = draw(boxes(size, most))
    shapes = [draw(masks(box, size)) for box in found]
    return Objects(
        found,
        tuple(draw(st.sampled_from(names)) for _ in found),
        np.asarray(shapes, bool).reshape(-1, size[1], size[0]),
    )


@st.composite
def places(draw: st.DrawFn, size: tuple[int, int], most: int = 8) -> np.ndarray:
    """Points (n, 2) xy in pixels, inside the picture, none within a twentieth of the longer edge of another."""
    kept = np.zeros((0, 2), np.float32)
    share = st.floats(0, 1, width=32)
    for _ in range(draw(st.integers(0, most))):
        point = np.asarray([[draw(share), draw(share)]], np.float32) * np.asarray(size, np.float32)
        if np.abs(point - kept).max(1).min(initial=np.inf) > max(size) / 20:
            kept = np.concatenate([kept, point])
    return kept


@st.composite
def turned(draw: st.DrawFn, size: tuple[int, int], most: int = 8, least: int = 0) -> np.ndarray:
    """Oriented boxes (n, 5) in pixels, centres in the picture, sides of 10 pixels and up, none a repeat of another."""
    kept = np.zeros((0, 5), np.float32)
    share = st.floats(0, 1, width=32)
    for _ in range(draw(st.integers(least, most))):
        sides = sorted(10 + draw(share) * (max(size) - 10) for _ in range(2))[::-1]
        centre = [draw(share) * edge for edge in size]
        box = np.asarray([[*centre, *sides, draw(st.floats(-90, 89.5, width=32))]], np.float32)
        if box_iou(upright(box, size), upright(kept, size)).max(initial=0) < 0.4:
            kept = np.concatenate([kept, box])
    return kept


def upright(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The upright boxes (n, 4) around oriented ones, as far as they lie in the picture."""
    corners = oriented_corners(boxes)
    around = np.concatenate([corners.min(1), corners.max(1)], 1)
    return np.clip(around, 0, np.asarray([*size, *size], np.float32))


@st.composite
def object_samples(draw: st.DrawFn, most: int = 8) -> Sample:
    size, names = draw(SIZES), draw(NAMES)
    return Sample(size=size, labels=names, phrase=draw(TEXTS), objects=draw(objects(size, names, most)))


def blocks(rng: np.random.Generator, size: tuple[int, int], values: np.ndarray, across: int) -> np.ndarray:
    """A field (H, W) of squares, ``across`` along the longer edge, each of one of ``values``."""
    table = rng.choice(values, (across, across))
    x, y = (((np.arange(edge) + 0.5) * across / max(size)).astype(int) for edge in size)
    return table[y][:, x]
