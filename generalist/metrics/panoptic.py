"""Panoptic quality."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generalist.metrics.calibration import Calibration
from generalist.sequence.sample import Answer, Objects, Sample

__all__ = ["Panoptic"]

Segments = tuple[NDArray[np.int64], list[str], list[float]]  # a map of rows (H, W), -1 for none; names; scores


class Panoptic:
    """``PQ``, ``SQ`` and ``RQ`` (Kirillov et al., CVPR 2019, eq. 1): means over classes, things and stuff alike; and
    ``ECE`` and ``AUROC`` of the scores of the segments, right being a match.

    A segment is right if it has an IoU above 0.5 with a segment of its name; there can be but one. All regions of one
    stuff name make one segment, in the answer as in the truth; a name is stuff if any sample says so. Pixels of ignored
    objects are void (section 4.2): taken off the answer's segments, of which those that are void by half are not
    counted. Pixels of no object are another matter: nothing is there, and to answer something is wrong.
    """

    def __init__(self) -> None:
        self._iou: defaultdict[str, float] = defaultdict(float)
        self._matched: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._stuff: set[str] = set()
        self._astray: Counter[str] = Counter()  # segments of names that the picture does not have
        self._strayed: Counter[str] = Counter()  # pictures that there are such of
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs masks, labels and scores in the answer, objects with masks in the sample; either's masks disjoint."""
        objects = Objects(np.zeros((0, 4), np.float32), ()) if sample.objects is None else sample.objects
        kinds = np.zeros(len(objects), bool) if objects.stuff is None else objects.stuff
        stuff = {name for name, kind in zip(objects.names, kinds, strict=True) if kind}
        self._stuff |= stuff
        ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
        shape = (sample.size[1], sample.size[0])
        void: NDArray[np.bool_] = np.zeros(shape, bool)
        if objects.masks is not None and ignore.any():
            void = np.any(objects.masks[ignore], axis=0)
            objects = objects.select(np.flatnonzero(~ignore))
        scores = [1.0] * len(answer.labels or ()) if answer.scores is None else answer.scores.tolist()
        truth = _segments(objects.masks, objects.names, [1.0] * len(objects), stuff, shape)
        self._compare(_segments(answer.masks, answer.labels or (), scores, stuff, shape), truth, void)

    def result(self) -> dict[str, float]:
        """All in [0, 1]. A class counts if it is in the truth or in an answer."""
        rows = []
        for name in self._matched | self._missed | self._wrong | self._astray:
            n = self._matched[name]
            wrong = self._wrong[name] + (self._strayed if name in self._stuff else self._astray)[name]
            segmentation = self._iou[name] / n if n else 0.0
            recognition = n / (n + (self._missed[name] + wrong) / 2)
            rows.append((segmentation * recognition, segmentation, recognition))
        if not rows:
            return {}
        return dict(zip(("PQ", "SQ", "RQ"), map(float, np.mean(rows, 0)), strict=True)) | self.calibration.result()

    def _compare(self, answer: Segments, truth: Segments, void: NDArray[np.bool_]) -> None:
        (found, names, scores), (meant, truths, _) = answer, truth
        # Every pair of an answer's segment and a true one, and in the last row and column none: counted at once.
        pair = found * (len(truths) + 1) + meant
        pair[found < 0] = len(names) * (len(truths) + 1) + meant[found < 0]
        pair[meant < 0] += len(truths) + 1
        both = np.bincount(pair[~void], minlength=(len(names) + 1) * (len(truths) + 1))
        both = both.reshape(len(names) + 1, len(truths) + 1)
        mine, theirs = both.sum(1)[:-1], both.sum(0)[:-1]
        both = both[:-1, :-1]
        same = np.asarray(names, object)[:, None] == np.asarray(truths, object)[None, :]
        iou = np.where(same, both / np.maximum(mine[:, None] + theirs[None, :] - both, 1), 0.0)
        match = iou > 0.5
        for i, j in zip(*np.nonzero(match), strict=True):
            self._iou[names[i]] += float(iou[i, j])
            self._matched[names[i]] += 1
        self._missed.update(name for j, name in enumerate(truths) if theirs[j] and not match[:, j].any())
        hidden = np.bincount(found[void & (found >= 0)], minlength=len(names))
        right: NDArray[np.bool_] = np.any(match, axis=1)
        counted = right | ((mine > 0) & (mine >= hidden))
        wrong = [names[i] for i in np.flatnonzero(counted & ~right)]
        # Only other samples may know whether these are stuff.
        astray = [name for name in wrong if name not in truths]
        self._wrong.update(name for name in wrong if name in truths)
        self._astray.update(astray)
        self._strayed.update(set(astray))
        self.calibration.add(np.asarray(scores)[counted], right[counted])


def _segments(
    masks: NDArray[np.bool_] | None, names: Sequence[str], scores: list[float], stuff: set[str], shape: tuple[int, int]
) -> Segments:
    """One map of all masks, the regions of one stuff name as one, with the best of their scores."""
    out = np.full(shape, -1)
    owner: dict[str | int, int] = {}
    called: list[str] = []
    sure: list[float] = []
    if masks is None and names:
        raise ValueError("panoptic needs masks in the answer and in the sample")
    for i, (name, mask) in enumerate(zip(names, () if masks is None else masks, strict=True)):
        if (out[mask] >= 0).any():
            raise ValueError("panoptic needs masks that do not overlap")
        row = owner.setdefault(name if name in stuff else i, len(called))
        if row == len(called):
            called.append(name)
            sure.append(scores[i])
        sure[row] = max(sure[row], scores[i])
        out[mask] = row
    return out, called, sure
