"""Pairs of folders: one of images, and one with a map for each of them. The layouts that such sets come in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generalist.data.images import IMAGE_SUFFIXES
from generalist.data.readers.dataset import Spec
from generalist.data.readers.files import read_lines, read_yaml
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault

__all__ = ["config_of", "paired_folders"]

Pair = tuple[Path, Path]

_IMAGES = ("images", "PNGImages", "JPEGImages", "leftImg8bit", "imgs", "rgb")
_PHOTO = "_leftImg8bit"


def config_of(root: Path) -> dict[str, Any]:
    """What a folder's ``config.yaml`` says, nothing where there is none."""
    config = read_yaml(root / "config.yaml") if (root / "config.yaml").is_file() else {}
    return config if isinstance(config, dict) else {}


def paired_folders(
    spec: Spec,
    maps: Sequence[str],
    endings: Sequence[str],
    skipped: Skipped,
    suffixes: frozenset[str] = IMAGE_SUFFIXES,
    lists: str = "",
) -> list[Pair]:
    """The images of the split asked for, each with its map. PATH holds ``SPLIT`` and ``SPLITannot``; or a folder of
    images and one of ``maps``, both with folders ``SPLIT`` or without; or a ``config.yaml`` that gives each split its
    ``images`` and ``masks``. The options ``images`` and ``maps`` name other folders in PATH; folders of folders, as of
    cities, are looked through. lists: a folder with ``SPLIT.txt``, the stems of each split, where it is there.

    A map is called like its image, with one of ``endings`` after it; of several the first. Without folders of splits,
    the option ``held=N`` makes ``test`` of the last N by name and ``train`` of the others.

    Skipped: an image without a map, and a map without an image.
    """
    root = spec.folder()
    listed = {path.stem: path for path in sorted((root / lists).glob("*.txt"))} if lists else {}
    splits = _folders(spec, root, maps)
    whole = splits.get("") if len(splits) == 1 else None
    if whole is not None and listed:
        stems = {line.split()[0] for line in read_lines(listed[spec.choose(listed)])}
        return [pair for pair in _pairs(*whole, endings, suffixes, Skipped()) if pair[0].stem in stems]
    if whole is None:
        return _pairs(*splits[spec.choose(splits)], endings, suffixes, skipped)
    found = _pairs(*whole, endings, suffixes, skipped)
    held = spec.whole("held")
    if held is None:
        if spec.split is not None:
            spec.choose([])
        return found
    return {"train": found[:-held], "test": found[-held:]}[spec.choose(("train", "test"))]


def _folders(spec: Spec, root: Path, maps: Sequence[str]) -> dict[str, Pair]:
    """The image and map folder of every split; a set without splits has one without a name."""
    found = {
        name: (root / part["images"], root / part["masks"])
        for name, part in config_of(root).items()
        if isinstance(part, dict) and {"images", "masks"} <= part.keys()
    }
    inside = {path.name: path for path in root.iterdir() if path.is_dir()}
    found |= {name: (path, inside[f"{name}annot"]) for name, path in inside.items() if f"{name}annot" in inside}
    asked_images, asked_maps = ([spec.options[name]] if name in spec.options else [] for name in ("images", "maps"))
    images = next((root / name for name in asked_images or _IMAGES if (root / name).is_dir()), None)
    labels = next((root / name for name in asked_maps or maps if (root / name).is_dir()), None)
    if images is not None and labels is not None:
        splits = sorted(path.name for path in images.iterdir() if path.is_dir() and (labels / path.name).is_dir())
        found |= {name: (images / name, labels / name) for name in splits}
        if not splits:
            found[""] = (images, labels)
    if not found:
        raise Fault(
            f"{spec.text}: neither SPLIT and SPLITannot, nor a folder of images ({', '.join(asked_images or _IMAGES)}) "
            f"and one of maps ({', '.join(asked_maps or maps)}), in {root}"
        )
    return found


def _pairs(images: Path, maps: Path, endings: Sequence[str], suffixes: frozenset[str], skipped: Skipped) -> list[Pair]:
    photos = {stem.removesuffix(_PHOTO): path for stem, path in _files(images, IMAGE_SUFFIXES).items()}
    there = _files(maps, suffixes)
    pairs = []
    for stem, path in photos.items():
        name = next((stem + ending for ending in ("", *endings) if stem + ending in there), None)
        if name is None:
            skipped.add("image without a map", path)
        else:
            pairs.append((path, there[name]))
    if not pairs:
        raise Fault(f"{images}: none of its {len(photos)} images has a map in {maps}")
    for name, path in there.items():
        # Maps of other kinds may lie beside those that are meant, as NAME_color: they have their image all the same.
        if photos.keys().isdisjoint({name} | {name[:i] for i, letter in enumerate(name) if letter == "_"}):
            skipped.add("map without an image", path)
    return pairs


def _files(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """The files in a folder and those in it, by their paths from it without suffixes, in order."""
    if not folder.is_dir():
        raise Fault(f"{folder}: there is no such folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}
