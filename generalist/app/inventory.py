"""Inventory: what samples hold, counted. One for each task that a set is looked through by."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.sample import VOID, Objects, Sample

__all__ = ["Inventory", "spread"]

SMALL, LARGE = 32**2, 96**2
"""Pixels of a box's area from which COCO calls it medium, and large."""

COMMONEST = 5
ASKED = ("phrase", "question", "query", "document")


def spread(values: Iterable[float]) -> list[float]:
    """The least, the median and the greatest, to three places; nothing of nothing."""
    found = np.asarray(list(values), np.float64)
    return [round(float(np.quantile(found, share)), 3) for share in (0, 0.5, 1)] if len(found) else []


class Inventory:
    """Samples of one task, added one by one; ``record`` tells what they held."""

    def __init__(self) -> None:
        self._classes: dict[str, None] = {}  # the names asked for, whether they are there or not
        self._items = 0
        self._objects = _Things()
        self._pixels: Counter[str] = Counter()
        self._depths: list[tuple[float, float, float]] = []
        self._holes = self._seen = 0
        self._texts: Counter[str] = Counter()
        self._counts: list[int] = []
        self._asked: dict[str, Counter[str]] = {name: Counter() for name in ASKED}
        self._documents: list[int] = []

    def add(self, sample: Sample) -> None:
        """Counts what one sample holds."""
        self._items += 1
        self._classes |= dict.fromkeys(sample.labels)
        if sample.objects is not None:
            self._objects.add(sample.objects)
        if sample.semantic is not None:
            self._add_pixels(sample.labels, sample.semantic)
        if sample.depth is not None:
            self._add_depth(sample.depth)
        texts = sample.texts or ((sample.text,) if sample.text else ())
        if texts:
            self._texts.update(texts)
            self._counts.append(len(texts))
        for name, asked in self._asked.items():
            if said := getattr(sample, name):
                asked[said] += 1
        if sample.documents:
            self._documents.append(len(sample.documents))

    def record(self) -> dict[str, Any]:
        """What was counted, as ``--json`` prints it; what no sample holds is left out. Spreads are the least, the
        median and the greatest."""
        found: dict[str, Any] = {"items": self._items}
        if self._objects.per_image:
            found["objects"] = self._objects.record(self._classes)
        if self._pixels:
            found["pixels"] = self._shares()
        if self._seen:
            found["depth"] = {
                "nearest": spread(low for low, _, _ in self._depths),
                "median": spread(middle for _, middle, _ in self._depths),
                "farthest": spread(high for _, _, high in self._depths),
                "holes": round(self._holes / self._seen, 4),
            }
        found |= {name: _words(asked) for name, asked in self._asked.items() if asked}
        if self._texts:
            found["texts"] = {"per_item": spread(self._counts)} | _words(self._texts)
        if self._documents:
            found["documents"] = {"per_item": spread(self._documents)}
        return found

    def _add_pixels(self, labels: Sequence[str], semantic: NDArray[np.int16]) -> None:
        counts = np.bincount(semantic.ravel() - VOID, minlength=len(labels) - VOID)
        for name, count in zip(("", "", *labels), counts.tolist(), strict=True):  # void and none have no name
            self._pixels[name] += count

    def _add_depth(self, depth: NDArray[np.float32]) -> None:
        known = depth[depth > 0]
        self._seen += depth.size
        self._holes += depth.size - known.size
        if known.size:
            self._depths.append((float(known.min()), float(np.median(known)), float(known.max())))

    def _shares(self) -> dict[str, Any]:
        total = self._pixels.total()
        named = Counter({name: self._pixels[name] for name in dict.fromkeys((*self._classes, *self._pixels)) if name})
        return {
            "classes": {name: round(count / total, 4) for name, count in named.most_common()},
            "unlabelled": round(self._pixels[""] / total, 4),
        }


class _Things:
    """Objects of images."""

    def __init__(self) -> None:
        self.per_image: list[int] = []
        self._named: Counter[str] = Counter()
        self._ignored = 0
        self._areas: list[float] = []
        self._joints: list[int] = []

    def add(self, objects: Objects) -> None:
        """Counts those that are named: regions without a name are none."""
        objects = objects.select([i for i, name in enumerate(objects.names) if name or objects.stuff is None])
        self.per_image.append(len(objects))
        self._named.update(objects.names)
        self._ignored += 0 if objects.ignore is None else int(objects.ignore.sum())
        sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
        areas = sides.prod(1) if objects.oriented is None else objects.oriented[:, 2:4].prod(1)
        self._areas += areas.tolist()
        if objects.keypoints is not None:
            self._joints += (objects.keypoints[..., 2] > 0).sum(1).tolist()

    def record(self, classes: Iterable[str]) -> dict[str, Any]:
        """Counts by name, the most common first, and spreads; ``box`` is the root of a box's area in pixels."""
        named = Counter({name: self._named[name] for name in dict.fromkeys((*classes, *self._named)) if name})
        areas = np.asarray(self._areas)
        found: dict[str, Any] = {
            "count": sum(self.per_image),
            "ignored": self._ignored,
            "classes": dict(named.most_common()),
            "per_image": spread(self.per_image),
            "images_without": self.per_image.count(0),
            "box": spread(np.sqrt(areas)),
            "small_medium_large": np.bincount(np.digitize(areas, (SMALL, LARGE)), minlength=3).tolist(),
        }
        return found | ({"keypoints": spread(self._joints)} if self._joints else {})


def _words(texts: Counter[str]) -> dict[str, Any]:
    return {
        "count": texts.total(),
        "different": len(texts),
        "words": spread(len(text.split()) for text in texts.elements()),
        "commonest": [[text, count] for text, count in texts.most_common(COMMONEST)],
    }
