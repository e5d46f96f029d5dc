"""Description: a set looked through before anyone trains on it. What it holds, what is broken, and pictures of it."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app.colours import PALETTE
from generalist.app.inventory import Inventory, spread
from generalist.data.augment import Augment
from generalist.data.images import load_image
from generalist.data.readers import Dataset, open_data
from generalist.data.readers.skipped import skipped_by
from generalist.faults import Fault
from generalist.sequence.sample import VOID, Answer, Sample

__all__ = ["Description", "annotated"]

LOOKS = (
    ("instances", "oriented", "detect", "point"), ("pose",), ("panoptic",), ("segment",), ("depth",), ("normals",),
    ("refer_mask", "refer_oriented", "refer"), ("caption",), ("grounded_caption",), ("describe",), ("ask",),
    ("classify",), ("count",), ("retrieve",), ("index_document",), ("route",),
)  # fmt: skip
"""What a set is looked through by: of each group the first task that it can pose, which shows what the others do."""

PICTURES, SIDE = 6, 720
"""Pictures of a sheet, spread over the set, and pixels of the longer side of each."""

SQUARE = 448
"""Edge of the square that varied pictures are fitted into."""

TOLD = 5


class Description:
    """A set, ready to be looked through.

    limit: only so many items, from the first. draw: folder for a sheet of pictures of each task; augment: how these are
    varied, as training would vary them.

    Raises:
        Fault: the set cannot be opened, is empty or poses nothing.
    """

    def __init__(self, spec: str, limit: int | None = None, draw: Path | None = None, augment: Augment | None = None):
        self.data: Dataset = open_data(spec)
        self.augment = augment
        self.draw, self.faults = draw, list[Fault]()
        if not len(self.data):
            raise Fault(f"{spec}: holds no items")
        # A reader of whatever a line holds has no list of tasks: any of them gives the line as it is.
        self._any = not all(task.isidentifier() for task in self.data.tasks)
        looks = [next((task for task in group if task in self.data.tasks), None) for group in LOOKS]
        self.looks = ("any",) if self._any else tuple(task for task in looks if task is not None) or self.data.tasks
        if not self.looks:
            raise Fault(f"{spec}: holds nothing that a task could be made of")
        self._count = len(self.data) if limit is None else min(limit, len(self.data))

    def __len__(self) -> int:
        return self._count

    def run(
        self,
        progress: Callable[[int], None] = lambda done: None,
        on_fault: Callable[[Fault], None] = lambda fault: None,
    ) -> dict[str, Any]:
        """What the items hold, as ``--json`` prints it. An item that cannot be read is told to ``on_fault``, kept in
        ``faults`` and left out."""
        began = time.perf_counter()
        inventories = {task: Inventory() for task in self.looks}
        sizes: list[tuple[int, int]] = []
        ids: Counter[str] = Counter()
        shown: dict[str, list[tuple[int, Sample]]] = {task: [] for task in self.looks}
        every = set(np.linspace(0, self._count - 1, min(PICTURES, self._count)).round().astype(int).tolist())
        for index in range(self._count):
            samples = self._looked(index, on_fault)
            for task, sample in samples.items():
                inventories[task].add(sample)
                if self.draw is not None and index in every:
                    shown[task].append((index, self._varied(sample, task, index)))
            if first := next(iter(samples.values()), None):
                ids[first.id] += 1
                if first.image is not None:
                    sizes.append(first.size)
            progress(1)
        files = self._drawn(shown)
        return {
            "data": self.data.name,
            "items": len(self.data),
            "looked_at": self._count,
            "tasks": list(self.data.tasks),
            **({"images": _images(sizes)} if sizes else {}),
            "read": {task: inventory.record() for task, inventory in inventories.items()},
            "skipped": self._skipped(ids),
            "broken": {"count": len(self.faults), "first": [str(fault) for fault in self.faults[:TOLD]]},
            **({"pictures": files} if files else {}),
            "seconds": round(time.perf_counter() - began, 3),
        }

    def _looked(self, index: int, on_fault: Callable[[Fault], None]) -> dict[str, Sample]:
        """An item as each task poses it, nothing if it cannot be read."""
        try:
            return {task: self.data.sample(index, task) for task in self.looks}
        except Fault as fault:
            self.faults.append(fault)
            on_fault(fault)
            return {}

    def _varied(self, sample: Sample, task: str, index: int) -> Sample:
        if self.augment is None:
            return sample
        rng = np.random.default_rng(index)
        more = lambda: [self.data.sample(int(rng.integers(len(self.data))), task)]  # noqa: E731
        return self.augment.row([sample], rng, SQUARE, more)[0]

    def _skipped(self, ids: Counter[str]) -> list[dict[str, Any]]:
        found = [{"kind": kind, "count": count, "first": names[:TOLD]} for kind, count, names in skipped_by(self.data)]
        if twice := [name for name, count in ids.items() if count > 1]:
            found.append({"kind": "id of several items (all are read)", "count": len(twice), "first": twice[:TOLD]})
        return found

    def _drawn(self, shown: dict[str, list[tuple[int, Sample]]]) -> dict[str, str]:
        """Writes a sheet of each task that shows something, and gives their paths."""
        if self.draw is None:
            return {}
        from generalist.app.pictures import save_picture
        from generalist.app.viz import draw, fitted, sheet

        files = {}
        for task, some in shown.items():
            pictures = []
            for index, sample in some:
                if sample.image is not None:
                    asked = sample.phrase or sample.question or sample.query
                    title = f"{index}: {sample.id}" + (f"\n{asked}" if asked else "")
                    pictures.append(fitted(draw(load_image(sample.image), annotated(sample, task), title), SIDE))
            if pictures:
                files[task] = str(save_picture(sheet(pictures), self.draw / f"{task}.png"))
        return files


def annotated(sample: Sample, task: str) -> Answer:
    """The annotation of a sample as the answer that it is the truth of."""
    answer = Answer(task, sample.size, semantic=sample.semantic, depth=sample.depth, normals=sample.normals)
    if sample.semantic is not None:
        answer.names, answer.semantic = _few(sample.labels, sample.semantic)
    objects = sample.objects
    if objects is not None:
        if objects.stuff is not None:
            objects = objects.select([i for i, name in enumerate(objects.names) if name])
        ignore = np.zeros(len(objects), bool) if objects.ignore is None else objects.ignore
        names = tuple(f"{n} (ignored)" if skip else n for n, skip in zip(objects.names, ignore, strict=True))
        answer = replace(answer, boxes=objects.boxes, labels=names, masks=objects.masks, points=objects.points)
        answer.oriented = objects.oriented
        answer.keypoints = objects.keypoints
    if sample.documents:
        answer.documents = [{"title": name} for name in sample.documents]
    elif texts := sample.texts or ((sample.text,) if sample.text else ()):
        answer.text = "\n".join(texts)
    return answer


def _few(labels: tuple[str, ...], semantic: NDArray[np.int16]) -> tuple[tuple[str, ...], NDArray[np.int16]]:
    """The labels of a map and it; of more than can be told apart by colour, those alone that are there."""
    if len(labels) <= len(PALETTE):
        return labels, semantic
    kept = [i for i in np.unique(semantic).tolist() if i >= 0]
    place = np.full(len(labels) - VOID, -1, np.int16)  # the last ones are void and none of them
    place[kept] = np.arange(len(kept))
    return tuple(labels[i] for i in kept), place[semantic]


def _images(sizes: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "width": spread(width for width, _ in sizes),
        "height": spread(height for _, height in sizes),
        "different_sizes": len(set(sizes)),
    }
