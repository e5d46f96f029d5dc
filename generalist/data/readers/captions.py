"""Captions: a Karpathy-style ``dataset.json`` (Flickr8k, COCO, UCM, RSICD) beside a folder of images."""

from pathlib import Path
from typing import Any

import numpy as np

from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_json
from generalist.data.readers.photo import photo
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Captions"]

_HELD_OUT = 12
_FOLDERS = ("imgs", "images", ".")


class Captions:
    """``captions:PATH:SPLIT``. PATH is the json or the folder that holds ``dataset.json``; images lie in ``imgs``,
    ``images`` or beside it, under the record's ``filepath`` where it has one.

    Splits are the json's own, with Karpathy's ``restval`` counted to ``train``. A json that has one split only is
    divided here: the last twelve images by file name are ``val``, the others ``train``.
    """

    tasks: tuple[str, ...] = ("caption",)
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow()
        path = spec.path if spec.path.suffix == ".json" else spec.folder() / "dataset.json"
        splits = _splits(path)
        self._records = splits[spec.choose(splits)]
        self._root = path.parent

    def __len__(self) -> int:
        return len(self._records)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """An image with every caption in ``texts`` and one, the first or a random one, in ``text``."""
        require(self, task, index)
        record = self._records[index]
        texts = tuple(" ".join(str(sentence["raw"]).split()) for sentence in record["sentences"])
        text = texts[0 if rng is None else int(rng.integers(len(texts)))]
        return photo(self._file(record), str(record["filename"])).but(text=text, texts=texts)

    def _file(self, record: dict[str, Any]) -> Path:
        tail = Path(record.get("filepath", ""), record["filename"])
        return next((p for p in (self._root / name / tail for name in _FOLDERS) if p.is_file()), self._root / tail)


def _splits(path: Path) -> dict[str, list[dict[str, Any]]]:
    page = read_json(path)
    if not isinstance(page, dict) or not isinstance(page.get("images"), list):
        raise Fault(f"{path}: not a caption file, there is no list 'images'")
    splits: dict[str, list[dict[str, Any]]] = {}
    for number, record in enumerate(page["images"]):
        if not (isinstance(record, dict) and record.get("filename") and record.get("sentences")):
            raise Fault(f"{path}: image {number} has no 'filename' or no 'sentences'")
        split = str(record.get("split", "train"))
        splits.setdefault("train" if split == "restval" else split, []).append(record)
    if len(splits) == 1:
        (every,) = splits.values()
        every = sorted(every, key=lambda record: str(record["filename"]))
        splits = {"train": every[:-_HELD_OUT], "val": every[-_HELD_OUT:]}
    return splits
