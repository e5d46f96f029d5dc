"""Claims: what tracks say is there, each a thing as it was read and how sure they are of it; and the answer that they
make together."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.frame import Frame
from generalist.sequence.geometry import owners
from generalist.sequence.grammar import PLACES, Node
from generalist.sequence.oriented import long_side, oriented_corners
from generalist.sequence.reading import Found, read
from generalist.sequence.sample import Answer
from generalist.sequence.things import MASKS, place_of
from generalist.sequence.units import UNITS
from generalist.sequence.written import Written

__all__ = ["LEAST", "MOST", "REPEATED", "SAME_POINT", "Claims", "collect", "disjoint", "first"]

REPEATED = 0.6
"""Overlap above which a box of the same label is the same object, written from two lattice points."""

MOST = 100
"""Things that are kept where one may have several names: COCO's measure looks at no more of a picture."""

LEAST = 0.1
"""Where one thing is meant, the probability that there is one, over all tracks, below which nothing is answered."""

COARSE = 256
"""Pixels of the longer side at which masks are compared: a hundred of a photograph are more than a cache holds."""

SAME_POINT = 0.02
"""Distance, as a share of the longer edge, under which points of the same label are the same point."""


@dataclass(slots=True)
class Claims:
    """Things as they were read, in any order.

    records: the values of each by unit, in the unit square. scores: how sure it is, in [0, 1]. there: of things that
    tracks of their own wrote, the probability that they write them. rival: which of the records are those of a thing
    that has a likelier name already. Both are empty of things that one track lists, where nothing is said twice.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    there: list[float] = field(default_factory=list)
    rival: list[bool] = field(default_factory=list)

    @classmethod
    def listed(cls, found: Sequence[Found], place: str) -> "Claims":
        """What a single track wrote, cut into things: a unit that a thing has already, or a second place, is of the
        next one. What lacks its ``place`` is none. Scores are the geometric means of the parts' confidences."""
        records: list[dict[str, Any]] = [{}]
        sure: list[list[float]] = [[]]
        for name, value, confidence in found:
            if name not in UNITS:
                continue
            taken = set(records[-1])
            if name in taken or (name in PLACES and taken & set(PLACES)):
                records.append({})
                sure.append([])
            records[-1][name] = value
            sure[-1].append(max(confidence, 1e-9))
        whole = [(record, parts) for record, parts in zip(records, sure, strict=True) if place in record]
        return cls([record for record, _ in whole], [float(np.exp(np.mean(np.log(parts)))) for _, parts in whole])

    @classmethod
    def of(
        cls,
        tree: Node,
        written: Written,
        frame: Frame,
        points: NDArray[np.float32],
        sole: bool = False,
        rivals: float | None = None,
    ) -> "Claims":
        """What the tracks that start at ``points`` (K, 2) wrote. sole: there is one thing at most, so what other tracks
        claim speaks against it, and where all of them come to less than ``LEAST`` there is none. rivals: the
        probability from which other names of a thing are claims too, with its place."""
        claims, vocabulary = cls(), frame.vocabulary
        there = written.presence(vocabulary)
        if sole:
            total = float(there.sum())
            if total < LEAST:
                return claims
            there = there / max(total, 1.0)
        for track in written.present(vocabulary.none):
            record = {name: value for name, value, _ in read(tree, written, track, frame.at(points[track]))}
            place = written.placement(track, vocabulary)
            claims._add(record, float(there[track]), place, rival=False)
            others = [] if rivals is None else written.rivals(track, vocabulary["label"], rivals)
            for label, share in others:
                claims._add(record | {"label": frame.labels[label]}, share, place, rival=True)
        return claims

    def _add(self, record: dict[str, Any], there: float, place: float, rival: bool) -> None:
        self.records.append(record)
        # The geometric mean of what it is and of where: their product would be far too modest for a probability.
        self.scores.append(float(np.sqrt(there * place)))
        self.there.append(there)
        self.rival.append(rival)


def collect(answer: Answer, claims: Claims, frame: Frame, units: Set[str], rivals: bool = False) -> None:
    """Fills an answer with the things that are claimed: in pixels, best first.

    units: the names of the units that the task writes; an answer without any thing has their fields all the same.
    Things of tracks of their own that repeat a better one are left out, and speak for it: see ``_pooled``. In a list
    the grammar lets there be no repeats. rivals: whether a thing may have several names; the best ``MOST`` are then
    kept, and the answer says which are rivals.
    """
    place = place_of(units)
    boxes = np.asarray([_bounds(r, place, frame) for r in claims.records], np.float32).reshape(-1, 4)
    # An array of objects: numpy's strings drop trailing NULs.
    labels = np.asarray([str(r.get("label", "")) for r in claims.records], object)
    weights, there = (np.asarray(values, np.float32) for values in (claims.scores, claims.there))
    keep = np.argsort(-weights, kind="stable")
    if len(there):
        owner = _owners(boxes, weights, labels, place, frame)
        weights = _pooled(weights, there, owner)
        keep = np.flatnonzero(owner == np.arange(len(owner)))
        keep = keep[np.argsort(-weights[keep], kind="stable")]
    if rivals:
        rival, keep = np.asarray(claims.rival, bool), keep[:MOST]
        answer.rivals = np.asarray([rival[owner == i].all() for i in keep], bool)
    kept = [claims.records[i] for i in keep]
    answer.scores = weights[keep]
    if place == "point":
        answer.points = boxes[keep, :2]
    else:
        answer.boxes = boxes[keep]
    if "label" in units:
        answer.labels = tuple(str(label) for label in labels[keep])
    _extras(answer, kept, frame, units)


def _pooled(scores: NDArray[np.float32], there: NDArray[np.float32], owner: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores with what the repeats add to them. A thing is written by one track, the one nearest to its centre, so a
    thing between two lattice points is half expected at either: its probability is the sum of theirs, not the larger.
    The scores are geometric means of ``there`` and of something else, so half the exponent goes with the sum."""
    total = np.zeros_like(there)
    np.add.at(total, owner, there)
    return np.asarray(scores * np.sqrt(np.minimum(total, 1) / np.maximum(there, 1e-9)), np.float32)


def _owners(
    boxes: NDArray[np.float32], weights: NDArray[np.float32], labels: NDArray[Any], place: str, frame: Frame
) -> NDArray[np.int64]:
    """For each thing, the best of those that are the same thing."""
    if place == "point":
        spread = boxes + np.asarray([-1, -1, 1, 1], np.float32) * SAME_POINT * frame.side / 2
        return owners(spread, weights, labels, 0.0)
    return owners(boxes, weights, labels, REPEATED)


def _bounds(found: dict[str, Any], place: str, frame: Frame) -> NDArray[np.float32]:
    if place == "oriented":
        corners = oriented_corners(found["oriented"][None])[0]
        return frame.box_to_pixels(np.concatenate([corners.min(0), corners.max(0)]))
    return frame.box_to_pixels(found["box"]) if place == "box" else frame.to_pixels(np.tile(found["point"], 2))


def _extras(answer: Answer, kept: Sequence[dict[str, Any]], frame: Frame, units: Set[str]) -> None:
    """What the things hold beside their upright box. Of one that lacks it (another alternative), a mask is empty, an
    oriented box upright, and no keypoint there."""
    if not units.isdisjoint(MASKS):
        empty = np.zeros(frame.size[::-1], bool)
        shapes = [next((r[name] for name in MASKS if name in r), empty) for r in kept]
        answer.masks = np.asarray(shapes, bool).reshape(-1, *empty.shape)
    if "oriented" in units:
        boxes = np.asarray([r["oriented"] if "oriented" in r else _upright(r) for r in kept], np.float32).reshape(-1, 5)
        answer.oriented = np.concatenate([boxes[:, :4] * frame.side, boxes[:, 4:]], 1)
    if "keypoints" in units:
        shape = next((r["keypoints"].shape for r in kept if "keypoints" in r), (0, 3))
        points = [r.get("keypoints", np.zeros(shape)) for r in kept]
        found = np.asarray(points, np.float32).reshape(len(kept), *shape)
        found[..., :2] = np.clip(found[..., :2] * frame.side, 0, np.asarray(frame.size, np.float32))
        answer.keypoints = found


def _upright(found: dict[str, Any]) -> NDArray[np.float32]:
    """The box of a record as an oriented one, in the unit square."""
    low, high = found["box"][:2], found["box"][2:]
    return np.asarray(long_side(np.asarray([[*(low + high) / 2, *(high - low), 0]]))[0])


def disjoint(answer: Answer) -> None:
    """Masks made disjoint: a pixel belongs to the smallest of the things that claim it (panoptic segmentation).

    What is small lies on what is large: in front of the ground, whichever of the two is surer. Of two that are mostly
    the same (an IoU above 0.5, where ``PQ`` takes one for the other) the better stands; what nothing is left of goes.
    """
    if answer.masks is None or not len(answer.masks):
        return
    step = max(1, max(answer.masks.shape[1:]) // COARSE)
    seen = answer.masks[:, ::step, ::step].reshape(len(answer.masks), -1).astype(np.float32)
    both = seen @ seen.T
    union = both.diagonal()[:, None] + both.diagonal() - both
    keep: list[int] = []
    for i in range(len(seen)):  # best first
        if not (both[i, keep] > union[i, keep] / 2).any():
            keep.append(i)
    _select(answer, keep)
    area = answer.masks.sum((1, 2))
    claimed = np.zeros(answer.masks.shape[1:], bool)
    for i in np.argsort(area, kind="stable"):
        answer.masks[i] &= ~claimed
        claimed |= answer.masks[i]
    _select(answer, np.flatnonzero(answer.masks.any((1, 2))).tolist())


def first(answer: Answer) -> None:
    """Keeps the best thing alone."""
    _select(answer, [0])


def _select(answer: Answer, rows: list[int]) -> None:
    """Keeps these of the things, if there are any."""
    for name in ("boxes", "masks", "oriented", "keypoints", "points", "scores", "labels"):
        value = getattr(answer, name)
        if value is not None and len(value):
            setattr(answer, name, tuple(value[i] for i in rows) if name == "labels" else value[rows])
