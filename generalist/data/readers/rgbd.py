"""RGB-D: photos with a depth map each, in any units on disk, in metres in a Sample."""

from pathlib import Path

import numpy as np

from generalist.data.depths import DEPTH_SUFFIXES, load_depth
from generalist.data.readers.dataset import Spec, require
from generalist.data.readers.files import read_lines
from generalist.data.readers.folders import paired_folders
from generalist.data.readers.photo import fitting
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Rgbd"]

_LISTS = ("train", "val", "validation", "test")
_DEPTHS = ("depth", "depths", "depth_maps", "gt", "groundtruth_depth")


class Rgbd:
    """``rgbd:PATH:SPLIT?scale=1000``. PATH holds ``SPLIT.txt`` (lines "image depth", relative to PATH); or files
    ``NAME.color.*`` with ``NAME.depth.*``; or folders of images and of depth maps, see ``paired_folders``.

    Depth maps are 16-bit images, TIFF, npy or EXR. ``scale`` is how many units of the file make a metre (7-Scenes,
    ScanNet: 1000; TUM: 5000; KITTI: 256); unless given, whole numbers are millimetres and others metres. Zero, what is
    not finite and the saturated 65535 are holes, 0 in ``depth``; with ``far=N`` what is farther than N metres too.
    """

    tasks: tuple[str, ...] = ("depth", "depth_adaptive")
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("scale", "far", "images", "maps", "held")
        self._scale = spec.number("scale", 1) if "scale" in spec.options else None
        self._far = spec.number("far", 1) if "far" in spec.options else np.inf
        self._pairs = _pairs(spec, spec.folder(), self.skipped)

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo and its depth in metres. See ``Dataset.sample``; there is nothing to draw by chance."""
        require(self, task, index)
        path, depth_path = self._pairs[index]
        depth = load_depth(depth_path, self._scale)
        depth[depth > self._far] = 0
        if not depth.any():
            self.skipped.add("depth map of holes alone", depth_path)
        return fitting(path, depth, depth_path).but(id=path.name.split(".")[0], depth=depth)


def _pairs(spec: Spec, root: Path, skipped: Skipped) -> list[tuple[Path, Path]]:
    lists = [name for name in _LISTS if (root / f"{name}.txt").is_file()]
    if lists:
        return _listed(root, root / f"{spec.choose(lists)}.txt")
    if next(root.glob("*.color.*"), None) is not None:
        return _beside(spec, root)
    return paired_folders(spec, _DEPTHS, ("_depth", "_d"), skipped, DEPTH_SUFFIXES)


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
        stem = path.name.split(".color.")[0]
        depths = [root / f"{stem}.depth{suffix}" for suffix in sorted(DEPTH_SUFFIXES)]
        depth = next((depth for depth in depths if depth.is_file()), None)
        if depth is None:
            raise Fault(f"{path}: there is no {stem}.depth.png beside it")
        pairs.append((path, depth))
    return pairs
