"""Codec ceilings: annotations encoded and decoded with no model in between. No answer can be better than these.

Measured on generated scenes and, where ``GENERALIST_DATA`` names a folder that holds them, on real sets: boxes of
BCCD, playing cards and COCO, outlines of COCO and Penn-Fudan, depth of 7-Scenes. Rival spellings of an outline stand
beside ours, each with the tokens that it takes.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app import outlines
from generalist.data.images import load_map
from generalist.data.readers import open_data
from generalist.data.readers.dataset import Dataset
from generalist.sequence.frame import Frame
from generalist.sequence.geometry import box_iou, boxes_of_masks, lattice
from generalist.sequence.oriented import oriented_iou, oriented_of_points
from generalist.sequence.sample import Sample
from generalist.sequence.units import UNITS
from generalist.sequence.units.pixels import apart, cover
from generalist.sequence.vocabulary import Vocabulary, blocks_of

__all__ = ["codecs"]

GRID = 12
SCENES = 200
LARGE = 32  # pixels of the shorter side, below which a box at 256 bins is not held to the bound

Row = tuple[str, float, str, float | None, str]


def codecs() -> Iterator[Row]:
    """The rows, one by one: name, mean, unit, fifth (of errors: ninety-fifth) percentile, what of."""
    vocabulary = Vocabulary.load("tiny")
    yield from _boxes(vocabulary)
    yield from _masks(vocabulary)
    yield from _depth(vocabulary)
    yield _normals(vocabulary)
    yield from _oriented(vocabulary)


def _told(name: str, values: list[float], unit: str, of: str, low: bool = True) -> Row:
    return name, float(np.mean(values)), unit, float(np.percentile(values, 5 if low else 95)), f"{len(values)} {of}"


def _real(spec: str) -> Dataset | None:
    """A real set, or None where it is not at hand."""
    root = os.environ.get("GENERALIST_DATA")
    return open_data(spec.format(root)) if root and Path(spec.format(root).split(":")[1]).exists() else None


def _samples(spec: str, task: str, limit: int | None = None) -> Iterator[Sample]:
    data = _real(spec)
    for i in range(0 if data is None else min(len(data), limit or len(data))):
        assert data is not None
        yield data.sample(i, task)


def _scenes(task: str) -> Iterator[Sample]:
    world = open_data("scenes:validation")
    return (world.sample(i, task) for i in range(SCENES))


def with_loc(vocabulary: Vocabulary, bins: int) -> Vocabulary:
    """The same vocabulary with another number of coordinate bins."""
    sizes = [(b.name, bins if b.name == "loc" else b.size) for b in vocabulary.blocks.values()]
    return Vocabulary(vocabulary.tokenizer, blocks_of(sizes), vocabulary.codebook, vocabulary.folder)


def _near(frame: Frame, unit: NDArray[Any]) -> Frame:
    """The frame of the lattice point nearest to a place (2,), where a model would write it."""
    points = lattice(GRID)
    return frame.at(points[np.linalg.norm(points - unit, axis=1).argmin()])


def _boxes(vocabulary: Vocabulary) -> Iterator[Row]:
    sets = (
        "voc:{}/bccd/BCCD:val",
        "voc:{}/playing_cards:test",
        "coco:{}/coco_mini/annotations/instances_train2017.json",
    )
    samples = [*_scenes("detect"), *(sample for spec in sets for sample in _samples(spec, "detect"))]
    for bins in (1024, 256):
        coarse = with_loc(vocabulary, bins)
        found: list[float] = []
        for sample in samples:
            assert sample.objects is not None
            frame = Frame(coarse, sample.size)
            for box in sample.objects.boxes:
                if bins == 256 and min(box[2:] - box[:2]) <= LARGE:
                    continue
                unit = frame.to_unit(box)
                here = _near(frame, (unit[:2] + unit[2:]) / 2)
                back = UNITS["box"].decode(UNITS["box"].encode(unit, here, None), here)
                found.append(float(box_iou(back[None], unit[None])[0, 0]))
        yield _told(f"box_{bins}_iou", found, "IoU", "boxes" if bins > 256 else f"boxes over {LARGE} px")


@cache
def _outlines() -> list[NDArray[np.bool_]]:
    """Real outlines where they are at hand, else those of scenes; none of a crowd."""
    out: list[NDArray[np.bool_]] = []
    for sample in _samples("coco:{}/coco_mini/annotations/instances_train2017.json", "instances"):
        assert sample.objects is not None and sample.objects.masks is not None
        crowd = sample.objects.ignore
        keep = np.ones(len(sample.objects), bool) if crowd is None else ~crowd
        out += [mask for mask in sample.objects.masks[keep] if mask.any()]
    folder = Path(os.environ.get("GENERALIST_DATA", "")) / "pennfudan" / "PedMasks"
    for path in sorted(folder.glob("*.png")) if folder.is_dir() else []:
        index = load_map(path)
        out += [index == i for i in np.unique(index) if i]
    if not out:
        out = [mask for s in _scenes("instances") if s.objects is not None and s.objects.masks is not None
               for mask in s.objects.masks]  # fmt: skip
    return out


def _masks(vocabulary: Vocabulary) -> Iterator[Row]:
    """Ours at two lengths and shown in 64 x 64 cells of the picture, and the rivals, each with its tokens."""
    ours = {f"mask_{n}": lambda mask, n=n: _coded(vocabulary, mask, n) for n in (16, 64)}
    shown = {"pixels_16": lambda mask: _shown(vocabulary, mask)}
    for name, way in {**ours, **shown, **outlines.RIVALS}.items():
        found, tokens = [], []
        for mask in _outlines():
            back, count = way(mask)
            found.append(float((back & mask).sum() / max((back | mask).sum(), 1)))
            tokens.append(count)
        yield _told(f"{name}_iou", found, "IoU", f"outlines, {np.mean(tokens):.0f} tokens each")


def _coded(vocabulary: Vocabulary, mask: NDArray[np.bool_], count: int) -> tuple[NDArray[np.bool_], int]:
    frame = Frame(vocabulary, (mask.shape[1], mask.shape[0]))
    inside = frame.within(frame.to_unit(boxes_of_masks(mask[None])[0]))
    ids = UNITS["mask"].encode(mask, inside, count)
    return UNITS["mask"].decode(ids, inside), len(ids)


def _shown(vocabulary: Vocabulary, mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    frame = Frame(vocabulary, (mask.shape[1], mask.shape[0]))
    inside = frame.within(frame.to_unit(boxes_of_masks(mask[None])[0]))
    planes = apart(cover(mask, frame), 4)
    ids = UNITS["pixels"].encode(mask, inside, None)
    return UNITS["pixels"].decode(ids, inside, list(planes)), len(ids)


def _depth(vocabulary: Vocabulary) -> Iterator[Row]:
    """Every pixel's bin; and the whole answer's cells, whose size is another matter."""
    from generalist.sequence.task import load_tasks
    from generalist.sequence.written import Written

    samples = [*_scenes("depth"), *_samples("rgbd:{}/depth_7scenes:test", "depth")]
    found: list[float] = []
    frame = Frame(vocabulary)
    for sample in samples:
        assert sample.depth is not None
        known = sample.depth[sample.depth > 0]
        found.append(float((np.abs(frame.depths(frame.depth_bins(known)) - known) / known).mean()))
    yield _told("depth_256_absrel", found, "AbsRel", "pictures", low=False)
    tasks = load_tasks(vocabulary)
    for name in ("depth", "depth_adaptive"):
        found = []
        for sample in samples:
            assert sample.depth is not None
            tokens = np.stack(tasks[name].encode(sample).ids)
            back = tasks[name].decode(Written(tokens, np.ones(tokens.shape, np.float32)), sample).depth
            seen = sample.depth > 0
            assert back is not None
            found.append(float((np.abs(back - sample.depth)[seen] / sample.depth[seen]).mean()))
        yield _told(f"{name}_cells_absrel", found, "AbsRel", "pictures, 32 x 32 cells", low=False)


def _normals(vocabulary: Vocabulary) -> Row:
    """The angle between normals and the nearest of the codebook, of surfaces that face a camera."""
    from generalist.sequence.units.normal import directions

    rng = np.random.default_rng(0)
    facing = rng.normal(size=(20000, 3))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    facing = facing[facing[:, 2] < 0]
    best = (facing @ directions(len(vocabulary["normal"])).T).max(1)
    return _told("normal_deg", np.degrees(np.arccos(np.clip(best, -1, 1))).tolist(), "degrees", "directions", low=False)


def _oriented(vocabulary: Vocabulary) -> Iterator[Row]:
    """The smallest turned boxes of outlines, in the coordinate bins of larger vocabularies and in those of tiny."""
    for name, bins in (("obb_iou", 1024), ("obb_256_iou", 256)):
        coarse = with_loc(vocabulary, bins)
        found: list[float] = []
        for mask in _outlines():
            frame = Frame(coarse, (mask.shape[1], mask.shape[0]))
            box = oriented_of_points(outlines.border(mask))
            unit = np.append(frame.to_unit(box[:4]), box[4])
            here = _near(frame, unit[:2])
            back = UNITS["oriented"].decode(UNITS["oriented"].encode(unit, here, None), here)
            found.append(float(oriented_iou(back[None], unit[None])[0, 0]))
        yield _told(name, found, "IoU", f"outlines, {bins} bins")
