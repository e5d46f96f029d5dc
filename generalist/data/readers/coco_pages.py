"""The annotation files of one COCO split, read together: what each says of every image."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generalist.data.readers.dataset import Spec
from generalist.data.readers.files import read_json
from generalist.data.readers.segments import Segment
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault

__all__ = ["Pages"]

_KINDS = r"^(instances|captions|person_keypoints|panoptic)_"
_LOOKED_FOR = 20
_NEEDED = {"images": {"id", "file_name"}, "categories": {"id", "name"}, "annotations": {"image_id"}}


@dataclass
class Pages:
    """images: the records that every file speaks of, in the order of the first. names: of categories by id. joints:
    the categories that have key points, and what these are called. By image id: things (COCO's own records), captions,
    and segments, each a map's path with what its values mean. classes: the names of segments, stuff and things alike;
    stuff: those without instances."""

    files: list[Path]
    skipped: Skipped
    images: list[dict[str, Any]] = field(default_factory=list)
    names: dict[Any, str] = field(default_factory=dict)
    joints: dict[str, tuple[str, ...]] = field(default_factory=dict)
    things: dict[Any, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    captions: dict[Any, list[str]] = field(default_factory=lambda: defaultdict(list))
    segments: dict[Any, tuple[Path, list[Segment]]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    stuff: frozenset[str] = frozenset()

    @classmethod
    def read(cls, spec: Spec, skipped: Skipped) -> "Pages":
        """The files that a spec names. An image listed twice, an annotation written twice or without a box, and one of
        an image that is not listed are skipped; a record that lacks a field or has an unknown category is a Fault."""
        pages = cls(_files(spec), skipped)
        read = [_read(path) for path in pages.files]
        pages._list(read)
        listed = {record["id"] for record in pages.images}
        seen: dict[tuple[Any, ...], dict[str, Any]] = {}
        for path, page in zip(pages.files, read, strict=True):
            named = {category["id"]: category for category in page.get("categories", ())}
            for note in page.get("annotations", ()):
                if note["image_id"] not in listed:
                    if len(read) == 1:
                        skipped.add("annotation of an image that is not listed", _of(path, note))
                elif "segments_info" in note:
                    pages._map(path, note, named)
                elif "caption" in note:
                    pages.captions[note["image_id"]].append(" ".join(note["caption"].split()))
                else:
                    pages._thing(path, note, named, seen)
        if not pages.things:
            pages._drop_silent()
        return pages

    def _drop_silent(self) -> None:
        """Skips images that have nothing: no object may be meant, but no caption or no segment is something missing."""
        for said, kind in ((self.captions, "image without a caption"), (self.segments, "image without segments")):
            for record in self.images if said else ():
                if record["id"] not in said:
                    self.skipped.add(kind, record["file_name"])
            self.images = [record for record in self.images if not said or record["id"] in said]

    def _list(self, read: list[dict[str, Any]]) -> None:
        """Images and categories of all files."""
        sets = [{record["id"] for record in page["images"]} for page in read[1:]]
        once: dict[Any, dict[str, Any]] = {}
        for record in read[0]["images"]:
            if record["id"] in once:
                self.skipped.add("image listed twice", f"{self.files[0]}: {record['file_name']}")
            once.setdefault(record["id"], record)
        self.images = [record for key, record in once.items() if all(key in ids for ids in sets)]
        for path, page in zip(self.files, read, strict=True):
            for category in page.get("categories", ()):
                name = str(category["name"])
                if "keypoints" in category:
                    self.joints[name] = tuple(map(str, category["keypoints"]))
                if not _is_panoptic(path):
                    self.names[category["id"]] = name

    def _thing(
        self, path: Path, note: dict[str, Any], named: dict[Any, Any], seen: dict[tuple[Any, ...], dict[str, Any]]
    ) -> None:
        if "bbox" not in note:
            self.skipped.add("annotation without a box", _of(path, note))
            return
        if note.get("category_id") not in named:
            category = note.get("category_id")
            raise Fault(f"{path}: annotation {note.get('id')} is of category {category}, which is not listed")
        key = (note["image_id"], note.get("id"), note["category_id"], *note["bbox"])
        if "id" in note and key in seen:
            # COCO has its people in two files; the second adds their key points.
            if "keypoints" in note and "keypoints" not in seen[key]:
                seen[key]["keypoints"] = note["keypoints"]
            else:
                self.skipped.add("annotation written twice", _of(path, note))
            return
        seen[key] = note
        self.things[note["image_id"]].append(note)

    def _map(self, path: Path, note: dict[str, Any], named: dict[Any, Any]) -> None:
        found = []
        for part in note["segments_info"]:
            if part.get("category_id") not in named:
                category = part.get("category_id")
                raise Fault(f"{path}: segment {part.get('id')} is of category {category}, which is not listed")
            category = named[part["category_id"]]
            stuff = not category.get("isthing", 1)
            found.append(Segment(int(part["id"]), str(category["name"]), stuff, bool(part.get("iscrowd", 0))))
        if not self.classes:
            self.classes = tuple(dict.fromkeys(str(category["name"]) for category in named.values()))
            self.stuff = frozenset(str(c["name"]) for c in named.values() if not c.get("isthing", 1))
        self.segments[note["image_id"]] = (path.with_suffix("") / note["file_name"], found)

    def folder(self, spec: Spec) -> Path:
        """The first of the usual places that holds one of the first images: some may be missing."""
        file = self.files[0]
        tag = spec.split or re.sub(_KINDS, "", file.stem)
        bases = [base / name for base in list(file.parents)[:3] for name in ("", "images")]
        places = [place for base in bases for place in (base / re.sub(_KINDS, "", file.stem), base / tag, base)]
        if "images" in spec.options:
            places = [Path(spec.options["images"])]
        for place in places:
            if not self.images or any((place / record["file_name"]).is_file() for record in self.images[:_LOOKED_FOR]):
                return place
        tried = ", ".join(dict.fromkeys(str(place) for place in places))
        raise Fault(f"{file}: its image {self.images[0]['file_name']} is in none of {tried}; say ?images=FOLDER")


def _of(path: Path, note: dict[str, Any]) -> str:
    return f"{path}: annotation {note.get('id')} of image {note['image_id']}"


def _is_panoptic(path: Path) -> bool:
    return path.stem.startswith("panoptic_")


def _files(spec: Spec) -> list[Path]:
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
    return list(_complete(found[spec.choose(found)]))


def _complete(files: list[Path]) -> Iterator[Path]:
    """The files without a panoptic one whose maps are elsewhere, unless it is all that there is."""
    for path in files:
        if len(files) == 1 or not _is_panoptic(path) or path.with_suffix("").is_dir():
            yield path


def _read(path: Path) -> dict[str, Any]:
    page = read_json(path)
    if not isinstance(page, dict) or not isinstance(page.get("images"), list):
        raise Fault(f"{path}: not COCO annotations, there is no list 'images'")
    for part, keys in _NEEDED.items():
        for number, record in enumerate(page.get(part, ())):
            if not isinstance(record, dict) or not keys <= record.keys():
                raise Fault(f"{path}: {part}[{number}] has not all of {', '.join(sorted(keys))}")
    if _is_panoptic(path) and page.get("annotations") and not path.with_suffix("").is_dir():
        raise Fault(f"{path}: its segment maps are not in {path.with_suffix('')}")
    return page
