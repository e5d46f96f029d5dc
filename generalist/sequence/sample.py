"""Sample and Answer: the one record that flows from a reader to the loss, and the one that comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.geometry import rle_encode
from generalist.sequence.region import Region

__all__ = ["VOID", "Answer", "Document", "Objects", "Sample", "joined"]

VOID = -2
"""In a semantic map, a pixel of which nothing is known: neither taught nor measured."""


@dataclass(slots=True)
class Objects:
    """The annotated things of one image, in pixels of the original image.

    boxes: (n, 4) float32 xyxy. names: n category names. masks: (n, H, W) bool or None.
    ignore: (n,) bool, objects that are neither asked for nor counted as errors (VOC "difficult", COCO crowds).
    oriented: (n, 5) float32 centre x, centre y, long side, short side in pixels, and the angle of the long side from
    the x axis in degrees, clockwise on screen, in [-90, 90): the long-side 90 convention. keypoints: (n, J, 3)
    float32 x, y and COCO's visibility (0 not there, 1 hidden, 2 visible). points: (n, 2) float32 xy, a point on
    each. stuff: (n,) bool, regions without instances, such as sky. joints: J names of the key points ("left_eye"), ()
    where they have none: without them nobody knows which two change places in a mirror.
    """

    boxes: NDArray[np.float32]
    names: tuple[str, ...]
    masks: NDArray[np.bool_] | None = None
    ignore: NDArray[np.bool_] | None = None
    oriented: NDArray[np.float32] | None = None
    keypoints: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    stuff: NDArray[np.bool_] | None = None
    joints: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def select(self, rows: Sequence[int] | NDArray[Any]) -> "Objects":
        """The objects at ``rows``, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        taken = {
            name: None if (value := getattr(self, name)) is None else value[index]
            for name in ("masks", "ignore", "oriented", "keypoints", "points", "stuff")
        }
        return Objects(
            self.boxes[index].reshape(-1, 4), tuple(self.names[i] for i in index), **taken, joints=self.joints
        )


@dataclass(slots=True)
class Sample:
    """One request and, where it is known, its answer. A task reads the fields that its file names.

    The request: ``image`` (H, W, 3 uint8, or a path, or None), ``labels`` (the names asked for),
    ``phrase`` (the thing referred to), ``question``, ``query`` (text of a retrieval request), ``document`` (text
    that is to be given an identifier), ``region`` (a place pointed at), ``granularity`` (what is to be found, one of
    ``GRANULARITIES``; as the task has it if there is none).
    The answer: ``objects``; ``semantic`` (H, W) int16, an index into ``labels``, -1 where none of them is, ``VOID``
    where nothing is known; ``depth`` (H, W) float32 metres, 0 at holes; ``normals`` (H, W, 3) float32 unit vectors in
    the camera's axes (x right, y down, z away from the camera, so that what faces it has z < 0), zeros at holes;
    ``text``, with every accepted reference in ``texts`` (a class is the text of its name, a count its digits);
    ``documents``, the ids of the relevant documents (``text`` is then the title written), and ``evidence``, sets of
    them that would each do alone, where that is known; ``parts``, a caption cut
    into pieces of text, each with the rows of ``objects`` that it names, none where it names nothing.
    """

    image: NDArray[np.uint8] | str | Path | None = None
    id: str = ""
    size: tuple[int, int] = (1, 1)  # width, height of the original image
    labels: tuple[str, ...] = ()
    phrase: str = ""
    question: str = ""
    query: str = ""
    document: str = ""
    region: Region | None = None
    granularity: str = ""
    objects: Objects | None = None
    semantic: NDArray[np.int16] | None = None
    depth: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    parts: tuple[tuple[str, tuple[int, ...]], ...] = ()
    text: str = ""
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    evidence: tuple[tuple[str, ...], ...] = ()

    def but(self, **changes: Any) -> "Sample":
        """A copy with some fields changed."""
        return replace(self, **changes)

    def asking(self, labels: Sequence[str]) -> "Sample":
        """A copy that asks for other labels. Its answer tells of pixels and things that bear one of them, and of things
        without a name."""
        found = self.but(labels=tuple(labels))
        if self.semantic is not None:
            place = [found.labels.index(name) if name in found.labels else -1 for name in self.labels]
            found.semantic = np.asarray([*place, VOID, -1], np.int16)[self.semantic]  # the last two are at -2 and -1
        if self.objects is not None:
            asked = {*labels, ""}  # void has no name
            found.objects = self.objects.select([i for i, name in enumerate(self.objects.names) if name in asked])
        return found

    def shuffled(self, rng: np.random.Generator) -> "Sample":
        """A copy with its labels in any order: where one stands must not mean anything."""
        return self.asking([self.labels[i] for i in rng.permutation(len(self.labels))])


@dataclass(slots=True)
class Document:
    """A document that retrieval may find. image: path of a picture that belongs to it, if any. code: tokens of the
    ``doc`` block that stand for it, see the unit ``code``, if it has been given any."""

    id: str
    title: str
    text: str = ""
    image: str = ""
    code: str = ""


@dataclass(slots=True)
class Answer:
    """What the model wrote, decoded. Only the fields that its task fills are present.

    boxes (n, 4) float32 xyxy in pixels of the original image; masks (n, H, W) bool; semantic (H, W) int16,
    an index into ``names``, -1 for none of them; depth (H, W) float32 metres; normals (H, W, 3) float32;
    oriented (n, 5), keypoints (n, J, 3), points (n, 2) as in ``Objects``; scores (n,) in [0, 1], of the whole answer
    where it is one thing; of documents found, of the first being right. lists: other ``documents`` of the same request,
    by the name of what found them. rivals: (n,) bool, the things that are others under a less likely name, where such
    were asked for. phrases: (start, stop, rows) of each stretch of ``text`` that names the boxes at
    ``rows``.
    """

    task: str
    size: tuple[int, int] = (1, 1)
    image: str | None = None
    names: tuple[str, ...] = ()  # the labels of the request, which ``semantic`` points into
    boxes: NDArray[np.float32] | None = None
    labels: tuple[str, ...] | None = None
    scores: NDArray[np.float32] | None = None
    rivals: NDArray[np.bool_] | None = None
    masks: NDArray[np.bool_] | None = None
    oriented: NDArray[np.float32] | None = None
    keypoints: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    semantic: NDArray[np.int16] | None = None
    depth: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    text: str | None = None
    number: int | None = None
    phrases: tuple[tuple[int, int, tuple[int, ...]], ...] | None = None
    documents: list[dict[str, Any]] | None = None
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: float | None = None
    files: dict[str, str] = field(default_factory=dict)  # what was written to disk, e.g. {"depth": path}

    def select(self, rows: Sequence[int] | NDArray[Any]) -> "Answer":
        """The answer with the things at ``rows`` alone, in that order, each with its score."""
        index = np.asarray(rows, dtype=np.int64)
        taken: dict[str, Any] = {
            name: value[index]
            for name in ("boxes", "masks", "oriented", "keypoints", "points", "scores", "rivals")
            if (value := getattr(self, name)) is not None
        }
        if self.labels is not None:
            taken["labels"] = tuple(self.labels[i] for i in index)
        return replace(self, **taken)

    def named(self) -> "Answer":
        """The answer with each thing under its likeliest name alone."""
        return self if self.rivals is None else replace(self.select(np.flatnonzero(~self.rivals)), rivals=None)

    def json(self) -> dict[str, Any]:
        """The answer as the command line's ``--json`` object; absent keys are left out. Masks are COCO RLE."""
        out: dict[str, Any] = {"task": self.task}
        if self.image is not None:
            out["image"] = self.image
            out["size"] = list(self.size)
        if self.boxes is not None:
            out["boxes"] = np.asarray(self.boxes, dtype=np.float64).round(2).tolist()
        for name in ("oriented", "keypoints", "points"):
            if (value := getattr(self, name)) is not None:
                out[name] = np.asarray(value, dtype=np.float64).round(2).tolist()
        if self.labels is not None:
            out["labels"] = list(self.labels)
        if self.scores is not None:
            out["scores"] = np.asarray(self.scores, dtype=np.float64).round(4).tolist()
        if self.rivals is not None:
            out["rivals"] = np.asarray(self.rivals, bool).tolist()
        if self.masks is not None:
            out["masks"] = [rle_encode(mask) for mask in self.masks]
        if self.semantic is not None:
            out["semantic"] = {name: rle_encode(self.semantic == i) for i, name in enumerate(self.names)}
        for name in ("depth", "normals"):
            if getattr(self, name) is not None and name in self.files:
                out[name] = self.files[name]
        if self.text is not None:
            out["text"] = self.text
        if self.number is not None:
            out["number"] = self.number
        if self.phrases is not None:
            out["phrases"] = [{"start": start, "stop": stop, "boxes": list(rows)} for start, stop, rows in self.phrases]
        if self.documents is not None:
            out["documents"] = self.documents
            out |= self.lists
            if self.scores is not None:
                out["answerable"] = round(float(self.scores[0]), 4)
        if self.seconds is not None:
            out["seconds"] = round(self.seconds, 4)
        return out


def joined(pieces: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Pieces of a text with a space between them, but none before a comma or a stop; and where each then stands."""
    text, spans = "", []
    for piece in pieces:
        if text and not piece.startswith((",", ".", ";", ":", "!", "?")):
            text += " "
        spans.append((len(text), len(text) + len(piece)))
        text += piece
    return text, spans
