"""RGB-D: photos with a depth map each, integers on disk, metres in a Sample."""

from pathlib import Path

import numpy as np

from generalist.data.images import load_image, load_map
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import images_by_stem, read_lines
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Rgbd"]

_LISTS = ("train", "val", "validation", "test")
_SATURATED = 65535


class Rgbd:
    """``rgbd:PATH:SPLIT?scale=1000``. PATH holds ``SPLIT.txt`` (lines "image depth", relative to PATH); or files
    ``NAME.color.*`` with ``NAME.depth.png``; or folders ``images`` and ``depth`` with the same names, each with a
    folder ``SPLIT`` or without splits.

    ``scale`` is how many units on disk make a metre (7-Scenes, ScanNet: 1000; TUM: 5000; KITTI: 256). Zero and the
    saturated 65535 are holes, 0 in ``depth``.
    """

    tasks: tuple[str, ...] = ("depth",)
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("scale")
        self._scale = spec.number("scale", 1000)
        self._pairs = _pairs(spec, spec.folder())

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo and its depth in metres. See ``Dataset.sample``; there is nothing to draw by chance."""
        require(self, task, index)
        path, depth_path = self._pairs[index]
        stored = load_map(depth_path)
        image = load_image(path, annotated=(stored.shape[1], stored.shape[0]))
        if image.shape[:2] != stored.shape:
            raise Fault(f"{depth_path}: {stored.shape[::-1]} pixels, but its image has {image.shape[1::-1]}")
        depth = np.where((stored <= 0) | (stored == _SATURATED), 0, stored / self._scale).astype(np.float32)
        return Sample(image=image, id=path.name.split(".")[0], size=(image.shape[1], image.shape[0]), depth=depth)


def _pairs(spec: Spec, root: Path) -> list[tuple[Path, Path]]:
    lists = [name for name in _LISTS if (root / f"{name}.txt").is_file()]
    if lists:
        return _listed(root, root / f"{spec.choose(lists)}.txt")
    if not ((root / "images").is_dir() and (root / "depth").is_dir()):
        return _beside(spec, root)
    splits = [path.name for path in (root / "images").iterdir() if (root / "depth" / path.name).is_dir()]
    split = spec.choose(splits) if splits or spec.split else ""
    depths = images_by_stem(root / "depth" / split)
    images = images_by_stem(root / "images" / split)
    for stem, path in images.items():
        if stem not in depths:
            raise Fault(f"{path}: there is no depth map for it in {root / 'depth' / split}")
    return [(path, depths[stem]) for stem, path in images.items()]


def _listed(root: Path, path: Path) -> list[tuple[Path, Path]]:
    pairs = []
    for number, line in enumerate(read_lines(path), 1):
        parts = line.split()
        if len(parts) != 2:
            raise Fault(f"{path}: line {number} is not an image and its depth map")
        pairs.append((root / parts[0], root / parts[1]))
    return pairs


def _beside(spec: Spec, root: Path) -> list[tuple[Path, Path]]:
    if spec.split is not None:
        spec.choose([])
    pairs = []
    for path in sorted(root.glob("*.color.*")):
        depth = path.with_name(path.name.split(".color.")[0] + ".depth.png")
        if not depth.is_file():
            raise Fault(f"{path}: there is no {depth.name} beside it")
        pairs.append((path, depth))
    if not pairs:
        raise Fault(f"{spec.text}: neither train.txt, nor *.color.* files, nor images and depth folders in {root}")
    return pairs
