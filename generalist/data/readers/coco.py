"""COCO: json files of boxes, masks, crowds, key points, panoptic segments and captions, for a folder of images."""

from typing import Any

import numpy as np

from generalist.data.images import load_image
from generalist.data.readers.coco_pages import Pages
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.drawing import mask_of
from generalist.data.readers.photo import photo, within
from generalist.data.readers.posing import MASKED, posable, pose
from generalist.data.readers.segments import SEGMENTED, pose_segments
from generalist.data.readers.skipped import Skipped
from generalist.data.readers.values import base_256, there
from generalist.faults import Fault
from generalist.sequence.sample import Objects, Sample

__all__ = ["Coco", "objects_of_coco"]


class Coco:
    """``coco:PATH``, an annotation json; or ``coco:PATH:SPLIT``, a folder with ``annotations/*_SPLIT.json`` (COCO's
    own ``train2017`` may be asked for as ``train``) or ``SPLIT/_annotations.coco.json``. The instances, captions,
    person_keypoints and panoptic files of one split are read together; panoptic maps lie in a folder named like theirs.

    Images are looked for beside the json, in ``images`` and up to two folders up, each with and without a folder named
    like the split; the option ``images`` names the folder outright. ``labels=N`` asks for at most so many names.

    A crowd is an ignored object. For ``pose`` the categories with key points are asked for, and an object none of whose
    points is annotated is ignored. Masks stay as written, polygons or runs, until a task asks for them. Where there are
    no instances, the things of the panoptic maps stand in for them.

    Skipped: boxes that have no area in their image, besides what ``Pages.read`` names.
    """

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("images", "labels")
        self.skipped = Skipped()
        self._most = spec.whole("labels")
        self._pages = Pages.read(spec, self.skipped)
        self._folder = self._pages.folder(spec)
        self.classes = tuple(dict.fromkeys(self._pages.names.values()))
        if not self._pages.things and self._pages.segments:
            self.classes = tuple(name for name in self._pages.classes if name not in self._pages.stuff)
        self.tasks = self._posable()

    def __len__(self) -> int:
        return len(self._pages.images)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo with its objects, segments or captions. See ``Dataset.sample``."""
        require(self, task, index)
        record = self._pages.images[index]
        annotated = (record.get("width", 0), record.get("height", 0))
        sample = photo(self._folder / record["file_name"], str(record["id"]), annotated)
        if task == "caption":
            texts = tuple(self._pages.captions[record["id"]])
            return sample.but(text=texts[0 if rng is None else int(rng.integers(len(texts)))], texts=texts)
        if task in SEGMENTED or not self._pages.things:
            return self._segmented(sample, record["id"], task, rng, index)
        things = list(self._pages.things.get(record["id"], ()))
        classes = self.classes
        if task == "pose":
            classes = tuple(self._pages.joints)
            things = [thing for thing in things if self._pages.names[thing["category_id"]] in classes]
        objects = objects_of_coco(things, self._pages.names, sample, task in MASKED, self.skipped)
        if task == "pose":
            kinds = set(self._pages.joints.values())
            _add_joints(objects, things, max(map(len, kinds)))
            objects.joints = kinds.pop() if len(kinds) == 1 else ()
        return pose(sample.but(objects=objects), task, classes, rng, index, self._most)

    def _posable(self) -> tuple[str, ...]:
        pages = self._pages
        images = [record["id"] for record in pages.images]
        things = [thing for group in pages.things.values() for thing in group]
        mapped, captioned = (
            bool(images) and all(key in part for key in images) for part in (pages.segments, pages.captions)
        )
        tasks: tuple[str, ...] = ()
        if things:
            masked = all(thing.get("segmentation") for thing in things)
            tasks = posable(masked, keypoints=any("keypoints" in thing for thing in things))
        elif mapped:
            tasks = posable(masks=True)
        return tasks + (("caption",) if captioned else ()) + (SEGMENTED if mapped else ())

    def _segmented(self, sample: Sample, image: Any, task: str, rng: np.random.Generator | None, index: int) -> Sample:
        path, segments = self._pages.segments[image]
        # COCO writes a segment's id in base 256, the lowest digit in red.
        values = base_256(*np.moveaxis(load_image(path), -1, 0))
        if values.shape != sample.size[::-1]:
            raise Fault(f"{path}: {values.shape[::-1]} pixels, but its image has {sample.size}")
        found = set(there(values))
        for segment in segments:
            if segment.value not in found:
                self.skipped.add("segment without a pixel", f"{path}: segment {segment.value}")
        if unlisted := found - {0} - {segment.value for segment in segments}:
            self.skipped.add("segment that is not listed", path, len(unlisted))
        return pose_segments(sample, task, values, segments, self._pages.classes, self.classes, rng, index, self._most)


def objects_of_coco(
    things: list[dict[str, Any]], names: dict[Any, str], sample: Sample, masks: bool, skipped: Skipped
) -> Objects:
    """COCO's records of one image as objects; those that have no area in it are taken off ``things`` and skipped.
    masks: whether to draw them."""
    size = sample.size
    boxes = np.asarray([thing["bbox"] for thing in things], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]  # COCO writes x, y, width, height
    boxes, kept = within(boxes, size)
    for i in sorted(set(range(len(things))) - set(kept.tolist()), reverse=True):
        thing = things.pop(i)
        skipped.add("box of no area", f"annotation {thing.get('id')} of image {sample.id}")
    objects = Objects(
        boxes[kept],
        tuple(names[thing["category_id"]] for thing in things),
        ignore=np.asarray([bool(thing.get("iscrowd", 0)) for thing in things], bool),
    )
    if masks:
        drawn = [mask_of(thing["segmentation"], size) for thing in things]
        objects.masks = np.stack(drawn) if drawn else np.zeros((0, size[1], size[0]), bool)
    return objects


def _add_joints(objects: Objects, things: list[dict[str, Any]], count: int) -> None:
    """Key points (n, count, 3), shorter lists filled up with points that are not there; an object without a single one
    is ignored, as COCO does."""
    points = np.zeros((len(things), count, 3), np.float32)
    for row, thing in zip(points, things, strict=True):
        written = np.asarray(thing.get("keypoints", ()), np.float32).reshape(-1, 3)[:count]
        row[: len(written)] = written
    objects.keypoints = points
    assert objects.ignore is not None
    objects.ignore |= ~(points[..., 2] > 0).any(axis=1)
