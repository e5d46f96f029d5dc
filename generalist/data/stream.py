"""Stream: any set as a Hugging Face ``IterableDataset``, an item of a task a row, whatever format it is read from.

rows = stream("coco:COCO:val2017", "detect")            # nothing is decoded yet
rows.take(3), rows.shuffle(buffer_size=500), rows.map(...)
rows.to_parquet("val.parquet")                          # which ``hf:val.parquet`` reads again
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import datasets
import numpy as np
from datasets import Image, List, Value
from numpy.typing import NDArray
from PIL import Image as Pillow

from generalist.data.readers import Dataset, open_data
from generalist.data.readers.dataset import require
from generalist.faults import Fault
from generalist.sequence.geometry import rle_encode
from generalist.sequence.region import Region
from generalist.sequence.sample import Objects, Sample

__all__ = ["row", "stream"]

ITEMS = 256
"""Items of a shard. Loaders and machines share a stream by its shards."""

ASKED = 8
"""Items that are looked at for what the rows of a set hold."""

_WORDS, _LISTS = ("phrase", "question", "query", "document", "granularity", "text"), ("labels", "texts", "documents")
_NUMBERS = {"boxes": 2, "oriented": 2, "keypoints": 3, "points": 2}
_RLE = {"size": List(Value("int32")), "counts": Value("string")}


def stream(spec: str, task: str) -> datasets.IterableDataset:
    """The items of a set as ``task`` asks them, read as they are wanted, in shards of ``ITEMS``.

    spec: as for ``open_data``. The columns are the fields of ``Sample`` and ``Objects`` that the set's first items
    have for the task: ``image``, lossless; ``boxes`` xyxy in pixels with ``names`` and ``ignore``; ``masks`` as COCO
    RLE; ``semantic`` as a picture of places in ``labels``, the highest number where nothing is known and the one before
    it where none of them is; ``depth`` as a picture of 32-bit metres; ``region`` as JSON. The requests are those of
    evaluation: every class is asked for.

    Raises:
        Fault: there is no such set, or it cannot pose the task. While it is read: an item that cannot be.
    """
    data = open_data(spec)
    require(data, task, 0)
    first = [row(data.sample(index, task)) for index in range(min(ASKED, len(data)))]
    columns = {name: kind for name, kind in _features().items() if any(name in found for found in first)}
    ends = [*range(0, len(data), ITEMS), len(data)]
    given = {"spec": spec, "task": task, "columns": tuple(columns), "shards": list(pairwise(ends))}
    return datasets.IterableDataset.from_generator(_rows, datasets.Features(columns), given)


def _rows(spec: str, task: str, columns: tuple[str, ...], shards: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    data = _opened(spec)
    for begin, end in shards:
        for index in range(begin, end):
            found = row(data.sample(index, task))
            if strange := sorted(found.keys() - set(columns)):
                raise Fault(f"{spec}: item {index} has {strange[0]}, which the first {ASKED} items have not")
            yield {name: found.get(name) for name in columns}


@lru_cache(4)
def _opened(spec: str) -> Dataset:
    """A set, opened once in each process that reads its shards."""
    return open_data(spec)


def row(sample: Sample) -> dict[str, Any]:
    """What a sample holds, by column; see ``stream``."""
    out: dict[str, Any] = {"id": sample.id}
    if isinstance(sample.image, np.ndarray):
        out["image"] = Pillow.fromarray(sample.image)
    elif sample.image is not None:
        out["image"] = str(sample.image)
    out |= {name: value for name in _WORDS if (value := getattr(sample, name))}
    out |= {name: list(value) for name in _LISTS if (value := getattr(sample, name))}
    if sample.evidence:
        out["evidence"] = [list(ids) for ids in sample.evidence]
    if sample.region is not None:
        out["region"] = _region(sample.region)
    if sample.objects is not None:
        out |= _things(sample.objects)
    if sample.parts:
        out["parts"] = [{"text": text, "rows": list(rows)} for text, rows in sample.parts]
    if sample.semantic is not None:
        out["semantic"] = Pillow.fromarray(_places(sample.semantic, len(sample.labels)))
    if sample.depth is not None:
        out["depth"] = Pillow.fromarray(np.asarray(sample.depth, np.float32))
    if sample.normals is not None:
        out["normals"] = sample.normals.tolist()
    return out


def _things(objects: Objects) -> dict[str, Any]:
    out: dict[str, Any] = {"boxes": objects.boxes.tolist(), "names": list(objects.names)}
    for name in ("oriented", "keypoints", "points", "ignore", "stuff"):
        if (value := getattr(objects, name)) is not None:
            out[name] = value.tolist()
    if objects.joints:
        out["joints"] = list(objects.joints)
    if objects.masks is not None:
        out["masks"] = [rle_encode(mask) for mask in objects.masks]
    return out


def _region(region: Region) -> str:
    return json.dumps({region.kind: rle_encode(region.value) if region.kind == "mask" else region.value.tolist()})


def _places(semantic: NDArray[np.int16], labels: int) -> NDArray[Any]:
    """Places in the labels as whole numbers of eight or sixteen bits, the highest for void, the one before for none."""
    kind = np.dtype("uint8" if labels < np.iinfo(np.uint8).max else "uint16")
    highest = np.iinfo(kind).max
    return np.asarray([*range(labels), highest, highest - 1], kind)[semantic]  # the last two are at -2 and -1


def _features() -> dict[str, Any]:
    """The kinds of all columns there can be."""
    words, flags = {name: Value("string") for name in ("id", "region", *_WORDS)}, ("ignore", "stuff")
    return {
        **words,
        **{name: Image() for name in ("image", "semantic", "depth")},
        **{name: List(Value("string")) for name in (*_LISTS, "names", "joints")},
        **{name: _nested(depth) for name, depth in _NUMBERS.items()},
        **{name: List(Value("bool")) for name in flags},
        "masks": List(_RLE),
        "evidence": _nested(2, "string"),
        "normals": _nested(3),
        "parts": List({"text": Value("string"), "rows": List(Value("int32"))}),
    }


def _nested(depth: int, kind: str = "float32") -> Any:
    """A list of lists, so deep, of numbers or words."""
    return Value(kind) if not depth else List(_nested(depth - 1, kind))
