"""Marks: the things of an answer on its picture, as boxes, masks, key points or points, each with its name."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app.colours import RGB, colour
from generalist.app.lettering import Pixels
from generalist.app.strokes import Strokes
from generalist.sequence.geometry import resize
from generalist.sequence.oriented import oriented_corners
from generalist.sequence.region import Region
from generalist.sequence.sample import Answer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that OpenCV is not there; numpy is quick enough for a picture
    import supervision as sv

__all__ = ["phrase_colours", "point_out", "things"]

Array = NDArray[Any]

TINT, MAP_TINT = 0.45, 0.6
WHOLE = 0.6
"""Share of the picture from which masks that do not overlap are a map of it, as panoptic ones are: no boxes then."""


def things(answer: Answer, canvas: Pixels, scale: float, least: float) -> Pixels:
    """The canvas with all that is found and scores enough; scale: canvas pixels a pixel of the answer."""
    count = max(len(found) for found in (answer.boxes, answer.masks, answer.points) if found is not None)
    scores = np.ones(count) if answer.scores is None else answer.scores
    keep = np.flatnonzero((scores >= least) | (answer.labels is None))[::-1]  # the surest on top
    if not len(keep):
        return canvas
    names, rows = _names(answer, count)
    hues = [colour(rows[i]) for i in keep]
    strokes = Strokes(canvas, _line(canvas))
    tiled = answer.masks is not None and _tiled(answer.masks[keep])
    middles = _masks(answer.masks[keep], hues, strokes, tiled) if answer.masks is not None else None
    if not tiled:
        for i, hue in zip(keep, hues, strict=True):
            _outline(answer, i, hue, strokes, scale)
    scored = answer.phrases is None and answer.scores is not None  # an annotation has no scores
    said = [f"{names[i]} {scores[i]:.2f}".strip() if scored else names[i] for i in keep]
    if tiled and middles is not None:
        return _labelled(strokes, middles, said, hues, sv.Position.CENTER)
    anchors = np.stack([_anchor(answer, i, scale, strokes.line) for i in keep])
    return _labelled(strokes, anchors, said, hues, sv.Position.TOP_LEFT)


def point_out(region: Region, canvas: Pixels, scale: float) -> Pixels:
    """The canvas with the place that the request points at in dashes."""
    strokes = Strokes(canvas, _line(canvas))
    strokes.region(region, scale, _enlarged(region.value, canvas) if region.kind == "mask" else None)
    return strokes.laid()


def _line(canvas: Pixels) -> int:
    """The width of a line that stands out on a canvas, in its pixels."""
    return max(2, round(max(canvas.shape) / 300))


def phrase_colours(answer: Answer) -> list[tuple[int, int, Any]]:
    """(start, stop, colour from 0 to 1) of each phrase of a caption, as its boxes have it."""
    return [
        (start, stop, tuple(np.asarray(colour(row)) / 255)) for row, (start, stop, _) in enumerate(answer.phrases or ())
    ]


def _names(answer: Answer, count: int) -> tuple[list[str], list[int]]:
    """What each thing is called, and which of the colours it has: that of its label, or of its phrase. Masks of one
    name have one each: people who stand close together would be one."""
    if answer.phrases is not None:
        names, rows = [""] * count, [0] * count
        for row, (start, stop, boxes) in enumerate(answer.phrases):
            for i in boxes:
                names[i], rows[i] = (answer.text or "")[start:stop], row
        return names, rows
    labels = list(answer.labels or [""] * count)
    order = {name: i for i, name in enumerate(dict.fromkeys((*answer.names, *labels)))}
    alike = answer.masks is not None and len(order) == 1
    return labels, list(range(count)) if alike else [order[name] for name in labels]


def _outline(answer: Answer, i: int, hue: RGB, strokes: Strokes, scale: float) -> None:
    """Where a thing is, by the most exact that the answer says of it."""
    if answer.oriented is not None:
        strokes.polygon(oriented_corners(answer.oriented[i])[0] * scale, hue, fill=0.15)
    elif answer.boxes is not None:
        strokes.polygon(_ring(answer.boxes[i]) * scale, hue, width=1.0 if answer.keypoints is None else 0.4)
    if answer.keypoints is not None:
        strokes.skeleton(answer.keypoints[i] * np.asarray([scale, scale, 1]), hue)
    if answer.points is not None:
        strokes.point(answer.points[i] * scale, hue)


def _ring(box: Array) -> Array:
    return box[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)


def _anchor(answer: Answer, i: int, scale: float, line: float) -> Array:
    """(2,) xy where the name of a thing begins, in canvas pixels: its lower left corner."""
    if answer.oriented is not None:
        corners = oriented_corners(answer.oriented[i])[0]
        return corners[corners[:, 1].argmin()] * scale
    if answer.points is not None:
        return answer.points[i] * scale + np.asarray([3, -2]) * line
    if answer.boxes is not None:
        return answer.boxes[i, :2] * scale
    assert answer.masks is not None
    ys, xs = np.nonzero(answer.masks[i])
    return np.asarray([xs.min(initial=answer.size[0]), ys.min(initial=answer.size[1])]) * scale


# ---- masks -----------------------------------------------------------------------------------------------------------


def _tiled(masks: Array) -> bool:
    cover = masks.sum(0)
    return len(masks) > 1 and cover.max() <= 1 and float(cover.mean()) >= WHOLE


def _masks(masks: Array, hues: list[Any], strokes: Strokes, tiled: bool) -> Array:
    """Tints what the masks cover and draws their edges; gives a place well inside each, (n, 2) xy."""
    middles = []
    for mask, hue in zip(masks, hues, strict=True):
        cover = _enlarged(mask, strokes.canvas)
        strokes.tint(cover >= 0.5, hue, MAP_TINT if tiled else TINT)
        if cover.max() >= 0.5:
            strokes.contour(cover, (255, 255, 255) if tiled else hue)
        middles.append(_inside(cover >= 0.5))
    return np.asarray(middles)


def _enlarged(mask: Array, canvas: Pixels) -> NDArray[np.float32]:
    """How much of each pixel of the canvas a mask covers: its edge is smooth rather than in steps."""
    return resize(mask, canvas.shape[1], canvas.shape[0])


def _inside(mask: Array) -> tuple[float, float]:
    """The middle of the longest run of pixels that crosses the middle row of a mask."""
    rows = np.flatnonzero(mask.any(1))
    if not len(rows):
        return 0.0, 0.0
    weight = np.cumsum(mask.sum(1))
    y = int(np.searchsorted(weight, weight[-1] / 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask[y].astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    best = int((stops - starts).argmax())
    return float(starts[best] + stops[best]) / 2, float(y)


# ---- names -----------------------------------------------------------------------------------------------------------


def _labelled(strokes: Strokes, anchors: Array, said: list[str], hues: list[Any], place: Any) -> Pixels:
    canvas = strokes.laid()
    if not any(said):
        return canvas
    shown = [i for i, name in enumerate(said) if name]
    corners = np.round(anchors[shown])
    spots = sv.Detections(np.concatenate([corners, corners], 1).astype(np.float32), class_id=np.arange(len(shown)))
    writer = sv.RichLabelAnnotator(
        color=sv.ColorPalette([sv.Color(*hues[i]) for i in shown]),
        color_lookup=sv.ColorLookup.INDEX,
        font_size=round(max(canvas.shape) / 36),
        text_padding=2 * round(strokes.line),
        text_position=place,
        smart_position=True,
    )
    scene = np.ascontiguousarray(canvas[..., ::-1])  # supervision paints in OpenCV's order, blue first
    return np.asarray(writer.annotate(scene, spots, labels=[said[i] for i in shown]), np.uint8)[..., ::-1]
