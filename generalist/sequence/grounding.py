"""Grounding: a caption whose phrases carry boxes, as values to spell and as an answer (REF-VLM's triplets)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.sample import Answer, Sample, joined
from generalist.sequence.things import left_to_right
from generalist.sequence.writing import Value

__all__ = ["CLOSE", "OPEN", "answer_of", "values_of"]

OPEN, CLOSE = "<p>", "</p>"


def values_of(sample: Sample, frame: Frame, most: int) -> list[Value]:
    """The pieces of a caption; a phrase is fenced, and followed by the number of its boxes, at most ``most``, and
    the boxes.

    Raises:
        ValueError: the sample has no ``parts``.
    """
    if not sample.parts:
        raise ValueError("a grounded caption is made of parts")
    values: list[Value] = []
    for text, rows in sample.parts:
        if not rows or sample.objects is None:
            values.append(("text", text))
            continue
        _, boxes = left_to_right(frame.to_unit(sample.objects.boxes[list(rows)[:most]]), frame)
        values += [(OPEN, None), ("text", text), (CLOSE, None), ("number", len(boxes))]
        values += [("box", box) for box in boxes]
    return values


def answer_of(answer: Answer, found: Sequence[tuple[str, Any, float]], frame: Frame) -> None:
    """Fills text, phrases, boxes and their scores from the units read, each (name, value, confidence)."""
    pieces: list[tuple[str, list[int]]] = []
    boxes: list[NDArray[np.float32]] = []
    scores: list[float] = []
    inside = False
    for name, value, confidence in found:
        if name in (OPEN, CLOSE):
            inside = name == OPEN
        elif name == "text":
            pieces.append((value, [-1] if inside else []))
        elif name == "box":
            pieces[-1][1].append(len(boxes))
            boxes.append(frame.to_pixels(value))
            scores.append(confidence)
    text, spans = joined([piece for piece, _ in pieces])
    answer.text = text
    answer.phrases = tuple(
        (start, stop, tuple(row for row in rows if row >= 0))
        for (start, stop), (_, rows) in zip(spans, pieces, strict=True)
        if rows
    )
    answer.boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    answer.scores = np.asarray(scores, np.float32)
