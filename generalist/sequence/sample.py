"""Sample and Answer: the one record that flows from a reader to the loss, and the one that comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.geometry import rle_encode

__all__ = ["Answer", "Document", "Objects", "Sample"]


@dataclass(slots=True)
class Objects:
    """The annotated things of one image, in pixels of the original image.

    boxes: (n, 4) float32 xyxy. names: n category names. masks: (n, H, W) bool or None.
    ignore: (n,) bool, objects that are neither asked for nor counted as errors (VOC "difficult", COCO crowds).
    """

    boxes: NDArray[np.float32]
    names: tuple[str, ...]
    masks: NDArray[np.bool_] | None = None
    ignore: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def select(self, rows: Sequence[int] | NDArray[Any]) -> "Objects":
        """The objects at ``rows``, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return Objects(
            self.boxes[index].reshape(-1, 4),
            tuple(self.names[i] for i in index),
            None if self.masks is None else self.masks[index],
            None if self.ignore is None else self.ignore[index],
        )


@dataclass(slots=True)
class Sample:
    """One request and, where it is known, its answer. A task reads the fields that its file names.

    The request: ``image`` (H, W, 3 uint8, or a path, or None), ``labels`` (the names asked for),
    ``phrase`` (the thing referred to), ``question``, ``query`` (text of a retrieval request).
    The answer: ``objects``; ``semantic`` (H, W) int16, an index into ``labels``, -1 where nothing is known
    or none of them is there; ``depth`` (H, W) float32 metres, 0 at holes; ``text``, with every accepted
    reference in ``texts``; ``documents``, the ids of the relevant documents (``text`` is then the title written).
    """

    image: NDArray[np.uint8] | str | Path | None = None
    id: str = ""
    size: tuple[int, int] = (1, 1)  # width, height of the original image
    labels: tuple[str, ...] = ()
    phrase: str = ""
    question: str = ""
    query: str = ""
    objects: Objects | None = None
    semantic: NDArray[np.int16] | None = None
    depth: NDArray[np.float32] | None = None
    text: str = ""
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()

    def but(self, **changes: Any) -> "Sample":
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(slots=True)
class Document:
    """A document that retrieval may find."""

    id: str
    title: str
    text: str = ""


@dataclass(slots=True)
class Answer:
    """What the model wrote, decoded. Only the fields that its task fills are present.

    boxes (n, 4) float32 xyxy in pixels of the original image; masks (n, H, W) bool; semantic (H, W) int16,
    an index into ``names``, -1 for none of them; depth (H, W) float32 metres; scores (n,) in [0, 1].
    """

    task: str
    size: tuple[int, int] = (1, 1)
    image: str | None = None
    names: tuple[str, ...] = ()  # the labels of the request, which ``semantic`` points into
    boxes: NDArray[np.float32] | None = None
    labels: tuple[str, ...] | None = None
    scores: NDArray[np.float32] | None = None
    masks: NDArray[np.bool_] | None = None
    semantic: NDArray[np.int16] | None = None
    depth: NDArray[np.float32] | None = None
    text: str | None = None
    documents: list[dict[str, Any]] | None = None
    seconds: float | None = None
    files: dict[str, str] = field(default_factory=dict)  # what was written to disk, e.g. {"depth": path}

    def json(self) -> dict[str, Any]:
        """The answer as the command line's ``--json`` object; absent keys are left out. Masks are COCO RLE."""
        out: dict[str, Any] = {"task": self.task}
        if self.image is not None:
            out["image"] = self.image
            out["size"] = list(self.size)
        if self.boxes is not None:
            out["boxes"] = np.asarray(self.boxes, dtype=np.float64).round(2).tolist()
        if self.labels is not None:
            out["labels"] = list(self.labels)
        if self.scores is not None:
            out["scores"] = np.asarray(self.scores, dtype=np.float64).round(4).tolist()
        if self.masks is not None:
            out["masks"] = [rle_encode(mask) for mask in self.masks]
        if self.semantic is not None:
            out["semantic"] = {name: rle_encode(self.semantic == i) for i, name in enumerate(self.names)}
        if self.depth is not None and "depth" in self.files:
            out["depth"] = self.files["depth"]
        if self.text is not None:
            out["text"] = self.text
        if self.documents is not None:
            out["documents"] = self.documents
        if self.seconds is not None:
            out["seconds"] = round(self.seconds, 4)
        return out
