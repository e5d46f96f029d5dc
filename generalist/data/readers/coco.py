"""COCO: one json file of boxes, masks and crowds, or of captions, for a folder of images."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.images import load_image
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_json
from generalist.data.readers.posing import MASKED, POSABLE, pose
from generalist.faults import Fault
from generalist.sequence.sample import Objects, Sample

__all__ = ["Coco"]

_KINDS = r"^(instances|captions|person_keypoints)_"


class Coco:
    """``coco:PATH``, an annotation json; or ``coco:PATH:SPLIT``, a folder with ``annotations/*_SPLIT.json`` (COCO's
    own ``train2017`` may be asked for as ``train``) or ``SPLIT/_annotations.coco.json``.

    Images are looked for beside the json, in ``images`` and one folder up, each with and without a folder named like
    the split; the option ``images`` names the folder outright. A crowd is an ignored object. Masks stay as written,
    polygons or runs, until a task asks for them. An instances and a captions file of one split are read together.
    """

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("images")
        files = _annotation_files(spec)
        pages = [_read(path) for path in files]
        self._images = _in_all(pages)
        self._folder = _image_folder(spec, files[0], self._images)
        self._names = {c["id"]: str(c["name"]) for page in pages for c in page.get("categories", ())}
        self.classes = tuple(dict.fromkeys(self._names.values()))
        self._things, self._captions = _by_image(files, pages)
        self.tasks = self._posable()

    def __len__(self) -> int:
        return len(self._images)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo with its objects or captions. See ``Dataset.sample``."""
        require(self, task, index)
        record = self._images[index]
        path = self._folder / record["file_name"]
        image = load_image(path, annotated=(record.get("width", 0), record.get("height", 0)))
        sample = Sample(image=image, id=str(record["id"]), size=(image.shape[1], image.shape[0]))
        if task == "caption":
            texts = tuple(self._captions[record["id"]])
            return sample.but(text=texts[0 if rng is None else int(rng.integers(len(texts)))], texts=texts)
        objects = self._objects(record["id"], sample.size, masks=task in MASKED)
        return pose(sample.but(objects=objects), task, self.classes, rng, index)

    def _posable(self) -> tuple[str, ...]:
        things = [thing for group in self._things.values() for thing in group]
        masked = bool(things) and all(thing.get("segmentation") for thing in things)
        tasks = POSABLE if masked else tuple(task for task in POSABLE if task not in MASKED)
        captioned = all(record["id"] in self._captions for record in self._images)
        return (tasks if things else ()) + (("caption",) if captioned else ())

    def _objects(self, image: Any, size: tuple[int, int], masks: bool) -> Objects:
        things = self._things.get(image, [])
        boxes = np.asarray([thing["bbox"] for thing in things], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]  # COCO writes x, y, width, height
        boxes = np.clip(boxes, 0, np.asarray([*size, *size], np.float32))
        kept = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        objects = Objects(
            boxes,
            tuple(self._names[thing["category_id"]] for thing in things),
            ignore=np.asarray([bool(thing.get("iscrowd", 0)) for thing in things], bool),
        ).select(kept)
        if masks:
            drawn = [mask_of(things[i]["segmentation"], size) for i in kept]
            objects.masks = np.stack(drawn) if drawn else np.zeros((0, size[1], size[0]), bool)
        return objects


def mask_of(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The (H, W) bool mask of COCO's polygons (a list) or runs (a dict), drawn as COCO's own tools draw it."""
    from faster_coco_eval import mask as coco_mask

    width, height = size
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = coco_mask.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation
    else:
        parts = [part for part in segmentation if len(part) >= 6]
        if not parts:
            return np.zeros((height, width), bool)
        runs = coco_mask.merge(coco_mask.frPyObjects(parts, height, width))
    return np.asarray(coco_mask.decode(runs), bool)


def _annotation_files(spec: Spec) -> list[Path]:
    if spec.path.suffix == ".json":
        if not spec.path.is_file():
            raise Fault(f"{spec.text}: there is no file {spec.path}")
        return [spec.path]
    root = spec.folder()
    found = defaultdict(list)
    for path in sorted({*root.glob("annotations/*.json"), *root.glob("*.json")}):
        tag = re.sub(_KINDS, "", path.stem)
        short = re.sub(r"20\d\d$", "", tag)
        found[short if spec.split == short else tag].append(path)
    for path in sorted(root.glob("*/_annotations.coco.json")):
        found[path.parent.name].append(path)
    if not found:
        raise Fault(f"{spec.text}: there is no annotations/*.json in {root}")
    return found[spec.choose(found)]


def _read(path: Path) -> dict[str, Any]:
    page = read_json(path)
    if not isinstance(page, dict) or not isinstance(page.get("images"), list):
        raise Fault(f"{path}: not COCO annotations, there is no list 'images'")
    for part, keys in (
        ("images", {"id", "file_name"}),
        ("categories", {"id", "name"}),
        ("annotations", {"image_id"}),
    ):
        for number, record in enumerate(page.get(part, ())):
            if not isinstance(record, dict) or not keys <= record.keys():
                raise Fault(f"{path}: {part}[{number}] has not all of {', '.join(sorted(keys))}")
    return page


def _in_all(pages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The images that every file speaks of, in the order of the first."""
    first, *others = pages
    sets = [{record["id"] for record in page["images"]} for page in others]
    return [record for record in first["images"] if all(record["id"] in ids for ids in sets)]


def _by_image(files: list[Path], pages: list[dict[str, Any]]) -> tuple[dict[Any, list[Any]], dict[Any, list[str]]]:
    things: dict[Any, list[Any]] = defaultdict(list)
    captions: dict[Any, list[str]] = defaultdict(list)
    for path, page in zip(files, pages, strict=True):
        known = {category["id"] for category in page.get("categories", ())}
        for note in page.get("annotations", ()):
            if "caption" in note:
                captions[note["image_id"]].append(" ".join(note["caption"].split()))
            elif "bbox" in note:
                if note.get("category_id") not in known:
                    category = note.get("category_id")
                    raise Fault(f"{path}: annotation {note.get('id')} is of category {category}, which is not listed")
                things[note["image_id"]].append(note)
    return dict(things), dict(captions)


def _image_folder(spec: Spec, file: Path, images: list[dict[str, Any]]) -> Path:
    """The first of the usual places that holds the first image."""
    tag = spec.split or re.sub(_KINDS, "", file.stem)
    bases = [file.parent, file.parent / "images", file.parent.parent, file.parent.parent / "images"]
    places = [place for base in bases for place in (base / re.sub(_KINDS, "", file.stem), base / tag, base)]
    if "images" in spec.options:
        places = [Path(spec.options["images"])]
    for place in places:
        if not images or (place / images[0]["file_name"]).is_file():
            return place
    tried = ", ".join(dict.fromkeys(str(place) for place in places))
    raise Fault(f"{file}: its image {images[0]['file_name']} is in none of {tried}; say ?images=FOLDER")
