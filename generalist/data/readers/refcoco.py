"""RefCOCO, RefCOCO+ and RefCOCOg: what people called objects of COCO (Kazemzadeh et al. 2014, Yu et al. 2016)."""

from pathlib import Path
from typing import Any

import numpy as np

from generalist.data.readers.coco import objects_of_coco
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_json
from generalist.data.readers.photo import photo
from generalist.data.readers.plain_pickle import read_plain_pickle
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["RefCoco"]

_LOOKED_FOR = 20
"""Expressions whose images are looked for: some may be missing."""

_REFS = ("refs(*).json", "refs(*).p", "refs.json", "refs.p")
_IMAGES = ("images/mscoco/images/train2014", "images/train2014", "train2014", "images", "")


class RefCoco:
    """``refcoco:PATH:SPLIT?by=unc``. PATH holds ``instances.json`` and ``refs(BY).p`` or ``refs(BY).json``, as the
    refer toolkit has them; ``by`` chooses among several (unc, google, umd). Images are looked for in PATH and up to two
    folders up, in refer's ``images/mscoco/images/train2014`` and the like; the option ``images`` names the folder.

    Every expression is an item. The pickle is read without being unpickled, see ``read_plain_pickle``.

    Skipped: references to objects or images that are not listed or have no area, and expressions without a word.
    """

    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("by", "images")
        root = spec.folder()
        self._file = _references(spec, root)
        page = read_json(root / "instances.json")
        try:
            self._names = {category["id"]: str(category["name"]) for category in page["categories"]}
            self._images = {record["id"]: record for record in page["images"]}
            self._things = {note["id"]: note for note in page["annotations"]}
        except (KeyError, TypeError) as error:
            raise Fault(f"{root / 'instances.json'}: not COCO annotations ({error})") from error
        refs = _read(self._file)
        split = spec.choose({str(ref["split"]) for ref in refs})
        self._items = [item for ref in refs if str(ref["split"]) == split for item in self._expressions(ref)]
        masked = all(self._things[thing].get("segmentation") for thing, _, _ in self._items)
        self.tasks: tuple[str, ...] = ("refer", "refer_mask") if masked else ("refer",)
        self._folder = self._image_folder(spec, root)

    def __len__(self) -> int:
        return len(self._items)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo, an expression and the object it means. See ``Dataset.sample``; nothing is drawn by chance."""
        require(self, task, index)
        key, identity, phrase = self._items[index]
        thing = self._things[key]
        record = self._images[thing["image_id"]]
        annotated = (record.get("width", 0), record.get("height", 0))
        sample = photo(self._folder / record["file_name"], identity, annotated)
        objects = objects_of_coco([thing], self._names, sample, task == "refer_mask", self.skipped)
        if not len(objects):
            raise Fault(f"{self._file}: expression {identity}: its object has no area in {record['file_name']}")
        return sample.but(phrase=phrase, objects=objects)

    def _expressions(self, ref: dict[str, Any]) -> list[tuple[Any, str, str]]:
        """The object, the id and the words of each expression of a reference that can be asked."""
        thing = self._things.get(ref["ann_id"])
        where = f"{self._file}: reference {ref['ref_id']}"
        if thing is None or thing.get("image_id") not in self._images or thing.get("category_id") not in self._names:
            self.skipped.add("reference to an object or image that is not listed", where)
            return []
        if len(thing.get("bbox", ())) != 4 or min(thing["bbox"][2:]) <= 0:
            self.skipped.add("reference to an object of no area", where)
            return []
        found = []
        for number, sentence in enumerate(ref["sentences"]):
            words = " ".join(str(sentence.get("sent") or sentence.get("raw") or "").split())
            if words:
                found.append((ref["ann_id"], str(sentence.get("sent_id", f"{ref['ref_id']}-{number}")), words))
            else:
                self.skipped.add("expression without a word", where)
        return found

    def _image_folder(self, spec: Spec, root: Path) -> Path:
        bases = [root.resolve(), *list(root.resolve().parents)[:2]]
        places = [base / name for base in bases for name in _IMAGES]
        if "images" in spec.options:
            places = [Path(spec.options["images"])]
        some = [self._images[self._things[key]["image_id"]]["file_name"] for key, _, _ in self._items[:_LOOKED_FOR]]
        first = some[0] if some else ""
        for place in places:
            if any((place / name).exists() for name in some or [""]):
                return place
        raise Fault(f"{spec.text}: its image {first} is in none of {', '.join(map(str, places))}; say ?images=FOLDER")


def _references(spec: Spec, root: Path) -> Path:
    """The file of references: the one by whom the option says, or the only one; json before a pickle of the same."""
    found: dict[str, Path] = {}
    for pattern in _REFS:
        for path in sorted(root.glob(pattern)):
            found.setdefault(path.stem.removeprefix("refs").strip("()"), path)
    if not found:
        raise Fault(f"{spec.text}: there is no refs(unc).p or refs(unc).json in {root}")
    by = spec.option("by", next(iter(found)) if len(found) == 1 else "")
    if by not in found:
        raise Fault(f"{spec.text}: option by is one of {', '.join(sorted(found))}, the references of {root}")
    return found[by]


def _read(path: Path) -> list[dict[str, Any]]:
    refs = read_json(path) if path.suffix == ".json" else read_plain_pickle(path)
    needed = {"ref_id", "ann_id", "split", "sentences"}
    if not isinstance(refs, list):
        raise Fault(f"{path}: not a list of references")
    for number, ref in enumerate(refs):
        whole = isinstance(ref, dict) and needed <= ref.keys() and isinstance(ref["sentences"], list)
        if not whole or not all(isinstance(sentence, dict) for sentence in ref["sentences"]):
            raise Fault(f"{path}: reference {number} has not all of {', '.join(sorted(needed))}")
    return refs
