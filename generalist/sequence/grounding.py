"""Grounding: a caption whose phrases carry boxes, as values to spell and as an answer (REF-VLM's triplets)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.grammar import Alternatives, Announced, Literal, Node, Series, Times, UnitNode
from generalist.sequence.sample import Answer, Sample, joined
from generalist.sequence.things import left_to_right
from generalist.sequence.writing import Value

__all__ = ["CLOSE", "OPEN", "Room", "answer_of", "values_of"]

OPEN, CLOSE = "<p>", "</p>"


@dataclass(frozen=True, slots=True)
class Room:
    """What a grounded answer has room for: phrases, boxes of a phrase, and whether a number announces those."""

    phrases: int
    boxes: int
    counted: bool

    @classmethod
    def of(cls, tree: Node) -> "Room":
        """Read off an answer; without an opening mark it has room for no phrase."""
        match tree:
            case Literal(text):
                return cls(int(text == OPEN), 0, False)
            case UnitNode(name):
                return cls(0, int(name == "box"), False)
            case Series(parts) | Alternatives(parts):
                rooms = [cls.of(part) for part in parts]
                total = sum if isinstance(tree, Series) else max
                return cls(total(r.phrases for r in rooms), max(r.boxes for r in rooms), any(r.counted for r in rooms))
            case Times(part, _, high) | Announced(part, _, high):
                inside = cls.of(part)
                boxes = inside.boxes if inside.phrases else inside.boxes * high
                return cls(inside.phrases * high, boxes, inside.counted or isinstance(tree, Announced))


def values_of(sample: Sample, frame: Frame, room: Room) -> list[Value]:
    """The pieces of a caption; a phrase is fenced, and followed by the number of its boxes and the boxes, as far as
    there is room. Neighbouring words without boxes are one text.

    Raises:
        ValueError: the sample has no ``parts``.
    """
    if not sample.parts:
        raise ValueError("a grounded caption is made of parts")
    values: list[Value] = []
    phrases = 0
    for text, rows in sample.parts:
        if rows and sample.objects is not None and phrases < room.phrases:
            phrases += 1
            _, boxes = left_to_right(frame.to_unit(sample.objects.boxes[list(rows)[: room.boxes]]), frame)
            values += [(OPEN, None), ("text", text), (CLOSE, None)]
            values += [("number", len(boxes))] if room.counted else []
            values += [("box", box) for box in boxes]
        elif values and values[-1][0] == "text":
            values[-1] = ("text", joined([values[-1][1], text])[0])
        else:
            values.append(("text", text))
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
        elif name == "box" and pieces:
            pieces[-1][1].append(len(boxes))
            boxes.append(frame.box_to_pixels(value))
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
