"""Label maps: folders of images and, pixel for pixel, of class indices (CamVid, ADE20K, index-mask PNGs)."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from generalist.data.images import load_image, load_map
from generalist.data.readers.dataset import Spec, nearest, require
from generalist.data.readers.files import images_by_stem, read_json, read_lines, read_text
from generalist.data.readers.palettes import PALETTES
from generalist.data.readers.posing import names_asked
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["LabelMaps"]

_MAPS = ("annotations", "labels", "masks", "labelmaps", "gt")
_ENDINGS = ("_mask", "_label", "_labels", "_L", "_gt")


class LabelMaps:
    """``labelmaps:PATH:SPLIT?classes=NAMES&void=N,N``. PATH holds ``SPLIT`` and ``SPLITannot`` (CamVid); or ``images``
    and ``annotations`` (or labels, masks, gt), each with a folder ``SPLIT`` or without splits (ADE20K); or a
    ``config.yaml`` that gives each split its ``images`` and ``masks``, and the ``classes``.

    Names come from the option ``classes`` (a built-in list such as ``camvid``, or a file), else from ``classes.txt``
    (a line an index) or ``classes.json`` (a list, or a mapping from index to name) in PATH. An index without a name,
    or in ``void``, is -1 in ``semantic``.
    """

    tasks: tuple[str, ...] = ("segment",)

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("classes", "void")
        root = spec.folder()
        config = _config(root)
        folders = _folders(root, config)
        images, maps = folders[spec.choose(folders)]
        self._pairs = _pairs(images, maps)
        named = _named(spec, root, config)
        for index in _void(spec):
            named.pop(index, None)
        self._named = named
        self.classes = tuple(dict.fromkeys(named.values()))

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A photo and its label map for ``segment``. See ``Dataset.sample``."""
        require(self, task, index)
        path, map_path = self._pairs[index]
        indices = load_map(map_path)
        image = load_image(path, annotated=(indices.shape[1], indices.shape[0]))
        if image.shape[:2] != indices.shape:
            raise Fault(f"{map_path}: {indices.shape[::-1]} pixels, but its image has {image.shape[1::-1]}")
        present = [self._named[int(i)] for i in np.unique(indices) if int(i) in self._named]
        labels = names_asked(self.classes, present, rng)
        row = {name: i for i, name in enumerate(labels)}
        table = np.full(int(max(indices.max(), 0)) + 1, -1, np.int16)
        for value, name in self._named.items():
            if value < len(table):
                table[value] = row.get(name, -1)
        semantic = table[indices]
        size = (image.shape[1], image.shape[0])
        return Sample(image=image, id=path.stem, size=size, labels=labels, semantic=semantic)


def _config(root: Path) -> dict[str, Any]:
    path = root / "config.yaml"
    if not path.is_file():
        return {}
    try:
        config = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise Fault(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    return config if isinstance(config, dict) else {}


def _folders(root: Path, config: dict[str, Any]) -> dict[str, tuple[Path, Path]]:
    """The image and map folder of every split; a set without splits has one, named ``all``."""
    found = {
        name: (root / part["images"], root / part["masks"])
        for name, part in config.items()
        if isinstance(part, dict) and {"images", "masks"} <= part.keys()
    }
    inside = {path.name: path for path in root.iterdir() if path.is_dir()}
    found |= {name: (path, inside[f"{name}annot"]) for name, path in inside.items() if f"{name}annot" in inside}
    maps = next((inside[name] for name in _MAPS if name in inside), None)
    if "images" in inside and maps is not None:
        splits = [path.name for path in inside["images"].iterdir() if path.is_dir() and (maps / path.name).is_dir()]
        found |= {name: (inside["images"] / name, maps / name) for name in splits}
        if not splits:
            found["all"] = (inside["images"], maps)
    if not found:
        raise Fault(f"{root}: neither SPLIT and SPLITannot, nor images and one of {', '.join(_MAPS)}")
    return found


def _pairs(images: Path, maps: Path) -> list[tuple[Path, Path]]:
    there = images_by_stem(maps)
    for stem in list(there):
        for ending in _ENDINGS:
            if stem.endswith(ending):
                there.setdefault(stem.removesuffix(ending), there[stem])
    pairs = []
    for stem, path in images_by_stem(images).items():
        if stem not in there:
            raise Fault(f"{path}: there is no label map for it in {maps}")
        pairs.append((path, there[stem]))
    return pairs


def _named(spec: Spec, root: Path, config: dict[str, Any]) -> dict[int, str]:
    """Index to name."""
    chosen = spec.options.get("classes")
    if chosen in PALETTES:
        return dict(enumerate(PALETTES[chosen]))
    if chosen is not None and not Path(chosen).is_file():
        raise Fault(
            f"{spec.text}: classes={chosen} is no file and no built-in list ({', '.join(PALETTES)})"
            + nearest(chosen, PALETTES)
        )
    files = [Path(chosen)] if chosen is not None else [root / "classes.txt", root / "classes.json"]
    for path in files:
        if path.is_file():
            return _indexed(read_json(path) if path.suffix == ".json" else read_lines(path), path)
    if "classes" in config:
        return _indexed(config["classes"], root / "config.yaml")
    raise Fault(f"{spec.text}: no class names; put classes.txt in {root} or say ?classes={next(iter(PALETTES))}")


def _indexed(names: Any, path: Path) -> dict[int, str]:
    try:
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(index): str(name) for index, name in pairs if str(name).lower() not in ("void", "unlabeled")}
    except (TypeError, ValueError) as error:
        raise Fault(f"{path}: class names are a list, or a mapping from index to name") from error


def _void(spec: Spec) -> list[int]:
    try:
        return [int(part) for part in spec.option("void", "").split(",") if part]
    except ValueError as error:
        raise Fault(f"{spec.text}: option void is indices with commas, not {spec.options['void']!r}") from error
