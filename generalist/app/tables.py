"""Tables: answers for people to read in a terminal, one table or line for each thing that an answer says."""

from collections.abc import Callable, Sequence

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from generalist.sequence.sample import Answer

__all__ = ["answer_tables", "plain_table"]

Column = tuple[str, Callable[[int], str]]  # its title, and what stands in it of the thing in a row

SIDES = {"to the right": (0, 1), "to the left": (0, -1), "down": (1, 1), "up": (1, -1), "away": (2, 1), "us": (2, -1)}
"""Which way a surface faces: the axis of its normal that is largest, and the sign there."""


def plain_table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the style of them all."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column)
    return made


def answer_tables(answer: Answer, least: float) -> list[Table | str]:
    """All that the answer says. least: score below which things are left out, unless the task keeps only its best."""
    out: list[Table | str] = []
    if answer.phrases is not None:
        out.append(_phrases(answer))
    elif answer.boxes is not None or answer.masks is not None or answer.points is not None:
        out.append(_things(answer, least))
    if answer.semantic is not None:
        out.append(
            _shares({name: float((answer.semantic == i).mean()) for i, name in enumerate(answer.names)}, "label")
        )
    if answer.depth is not None:
        near, middle, far = np.quantile(answer.depth, [0, 0.5, 1]).tolist()
        out.append(f"nearest {near:.2f} m, median {middle:.2f} m, farthest {far:.2f} m")
    if answer.normals is not None:
        out.append(_facing(answer))
    if answer.number is not None:
        of = f"{escape(', '.join(answer.names))}: " if answer.names else ""
        out.append(f"{of}[bold]{answer.number}[/bold]{_sure(answer)}")
    elif answer.text is not None:
        out.append(f"[bold]{escape(answer.text)}[/bold]{_sure(answer)}")
    return out


def _sure(answer: Answer) -> str:
    """The score of an answer that is one thing; those of a grounded caption are of its boxes."""
    if answer.scores is None or not len(answer.scores) or answer.phrases is not None:
        return ""
    return f"  [dim]({answer.scores[0]:.2f})[/dim]"


def _things(answer: Answer, least: float) -> Table | str:
    count = max(len(found) for found in (answer.boxes, answer.masks, answer.points) if found is not None)
    scores = [1.0] * count if answer.scores is None else answer.scores.tolist()
    # A task that keeps its best answer has one to show, however unsure it is; it also has no labels.
    rows = [i for i, score in enumerate(scores) if score >= least or answer.labels is None]
    if not rows:
        weak = f"; {len(scores)} score less than {least:g}" if scores else ""
        return f"nothing found{weak}"
    labels = answer.labels or ("",) * len(scores)
    if (rivals := answer.rivals) is not None:
        labels = tuple(f"or {label}" if rival else label for label, rival in zip(labels, rivals, strict=True))
    columns: list[Column] = [("label", lambda i: escape(labels[i])), ("score", lambda i: f"{scores[i]:.2f}")]
    columns += _places(answer)
    made = plain_table(*(title for title, _ in columns))
    for i in rows:
        made.add_row(*(say(i) for _, say in columns))
    return made


def _places(answer: Answer) -> list[Column]:
    """Where each thing is, in the numbers that its task gives."""
    columns: list[Column] = []
    if answer.oriented is not None:
        columns += _numbers(answer.oriented, ("centre x", "centre y", "long", "short", "degrees"))
    elif answer.boxes is not None:
        columns += _numbers(answer.boxes, ("x1", "y1", "x2", "y2"))
    if answer.points is not None:
        columns += _numbers(answer.points, ("x", "y"))
    if (joints := answer.keypoints) is not None:
        columns.append(("key points, (hidden)", lambda i: "  ".join(_joint(*joint) for joint in joints[i].tolist())))
    if (masks := answer.masks) is not None:
        columns.append(("pixels", lambda i: str(int(masks[i].sum()))))
    return columns


def _numbers(values: np.ndarray, titles: Sequence[str]) -> list[Column]:
    def column(k: int) -> Callable[[int], str]:
        return lambda i: f"{values[i, k]:.1f}"

    return [(title, column(k)) for k, title in enumerate(titles)]


def _joint(x: float, y: float, shown: float) -> str:
    return "-" if not shown else f"{x:.0f},{y:.0f}" if shown > 1 else f"({x:.0f},{y:.0f})"


def _phrases(answer: Answer) -> Table | str:
    """A caption's phrases, each with its boxes."""
    boxes = np.zeros((0, 4)) if answer.boxes is None else answer.boxes
    scores = np.ones(len(boxes)) if answer.scores is None else answer.scores
    made = plain_table("phrase", "score", "x1", "y1", "x2", "y2")
    for start, stop, rows in answer.phrases or ():
        phrase = escape((answer.text or "")[start:stop])
        for k, i in enumerate(rows):
            made.add_row("" if k else phrase, f"{scores[i]:.2f}", *(f"{value:.1f}" for value in boxes[i]))
        if not rows:
            made.add_row(phrase)
    return made if made.row_count else "no phrase has a box"


def _facing(answer: Answer) -> Table | str:
    """How much of what has a normal faces each way."""
    assert answer.normals is not None
    known = answer.normals[(answer.normals != 0).any(-1)]
    if not len(known):
        return "no surface"
    axis = np.abs(known).argmax(-1)
    positive = np.take_along_axis(known, axis[:, None], -1)[:, 0] > 0
    shares = {name: float(((axis == k) & (positive == (sign > 0))).mean()) for name, (k, sign) in SIDES.items()}
    return _shares({name: share for name, share in shares.items() if share}, "facing", "share of the surfaces")


def _shares(shares: dict[str, float], title: str, of: str = "share of the picture") -> Table:
    made = plain_table(title, of)
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        made.add_row(escape(name), f"{share:.1%}")
    return made
