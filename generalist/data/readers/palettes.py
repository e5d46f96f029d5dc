"""Palettes: what the values of a map mean, and which colours stand for them where a map is painted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.data.readers.dataset import nearest
from generalist.data.readers.files import read_json, read_lines, read_names
from generalist.data.readers.values import base_256, translated
from generalist.faults import Fault

__all__ = ["PALETTES", "Palette"]

IGNORED = 255
"""The value that means "not labelled" wherever maps have eight bits, unless it has a name."""

RGB = tuple[int, int, int]
_VOID = ("void", "unlabeled", "unlabelled", "ignore")
_COLOURED = re.compile(r"(\d+)\s+(\d+)\s+(\d+)\s+(\S.*)")


@dataclass(frozen=True)
class Palette:
    """names: of values. void: values that mean nothing, besides 255. colours: of values, where maps may be painted.
    things: the names that have instances, all of them if it is empty."""

    names: Mapping[int, str]
    void: frozenset[int] = frozenset()
    colours: Mapping[int, RGB] = field(default_factory=dict)
    things: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Mapping[int, str], path: Path, colours: Mapping[int, RGB] | None = None) -> "Palette":
        """The palette of a file's names; those called void or unlabeled are."""
        void = frozenset(value for value, name in names.items() if name.lower() in _VOID)
        kept = {value: name for value, name in names.items() if value not in void}
        if not kept:
            raise Fault(f"{path}: names no classes")
        return cls(kept, void, colours or {})

    @classmethod
    def read(cls, path: Path) -> "Palette":
        """A file of names: a line a value; lines "red green blue name", as CamVid has them; a csv with the columns
        name, r, g, b; or json, a list or a mapping from value to name."""
        if path.suffix == ".json":
            return cls.of(read_names(read_json(path), path), path)
        lines = read_lines(path)
        if path.suffix == ".csv":
            rows = [[part.strip() for part in line.split(",")] for line in lines]
            lines = [" ".join([*row[1:4], row[0]]) for row in rows if len(row) >= 4 and row[1].isdecimal()]
        coloured = [_COLOURED.fullmatch(line) for line in lines]
        if not lines or not all(coloured):
            return cls.of(dict(enumerate(lines)), path)
        found = [match.groups() for match in coloured if match]
        colours = {i: (int(r), int(g), int(b)) for i, (r, g, b, _) in enumerate(found)}
        return cls.of({i: name.strip() for i, (*_, name) in enumerate(found)}, path, colours)

    @classmethod
    def named(cls, chosen: str, whose: str) -> "Palette":
        """A built-in palette, or that of a file."""
        if chosen in PALETTES:
            return PALETTES[chosen]
        if not Path(chosen).is_file():
            raise Fault(
                f"{whose}: classes={chosen} is no file and no built-in list ({', '.join(PALETTES)})"
                + nearest(chosen, PALETTES)
            )
        return cls.read(Path(chosen))

    def without(self, values: frozenset[int]) -> "Palette":
        """The same with some values void."""
        kept = {value: name for value, name in self.names.items() if value not in values}
        return Palette(kept, self.void | values, self.colours, self.things)

    def means(self, value: int) -> bool:
        """Whether a value is known: one that has a name or is void."""
        return value in self.names or value in self.void or value == IGNORED

    def indices(self, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The values (H, W) that the colours of a painted map (H, W, 3) stand for, -1 for one that is not known."""
        known = {r << 16 | g << 8 | b: value for value, (r, g, b) in self.colours.items()}
        return translated(base_256(*np.moveaxis(pixels, -1, 0)[::-1]), known).astype(np.int64)


def _voc_colours(count: int) -> dict[int, RGB]:
    """VOC's colours: the bits of a value, dealt out to red, green and blue in turn, the highest bits first."""
    return {
        value: tuple(  # type: ignore[misc]
            sum((value >> (3 * k + channel) & 1) << (7 - k) for k in range(8)) for channel in range(3)
        )
        for value in range(count)
    }


def _cityscapes(train: bool) -> Any:
    """The nineteen classes that Cityscapes is scored on, by their ids in its maps or in training."""
    table: dict[str, tuple[int, RGB]] = {
        "road": (7, (128, 64, 128)), "sidewalk": (8, (244, 35, 232)), "building": (11, (70, 70, 70)),
        "wall": (12, (102, 102, 156)), "fence": (13, (190, 153, 153)), "pole": (17, (153, 153, 153)),
        "traffic light": (19, (250, 170, 30)), "traffic sign": (20, (220, 220, 0)),
        "vegetation": (21, (107, 142, 35)), "terrain": (22, (152, 251, 152)), "sky": (23, (70, 130, 180)),
        "person": (24, (220, 20, 60)), "rider": (25, (255, 0, 0)), "car": (26, (0, 0, 142)),
        "truck": (27, (0, 0, 70)), "bus": (28, (0, 60, 100)), "train": (31, (0, 80, 100)),
        "motorcycle": (32, (0, 0, 230)), "bicycle": (33, (119, 11, 32)),
    }  # fmt: skip
    value = {name: i if train else index for i, (name, (index, _)) in enumerate(table.items())}
    return Palette(
        {value[name]: name for name in table},
        frozenset() if train else frozenset(set(range(-1, 35)) - set(value.values())),
        {value[name]: colour for name, (_, colour) in table.items()},
        frozenset({"person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"}),
    )


PALETTES: dict[str, Palette] = {
    # Badrinarayanan et al. 2017 (SegNet): the eleven classes that CamVid is reported on; index 11 is void.
    "camvid": Palette(dict(enumerate((
        "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
    ))), frozenset({11})),
    "cityscapes": _cityscapes(train=False),
    "cityscapes_train": _cityscapes(train=True),
    "voc": Palette(dict(enumerate((
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
    ))), colours=_voc_colours(21)),
    # Zhou et al. 2017: the 150 classes of scene parsing; index 0 is void.
    "ade20k": Palette(dict(enumerate((
        "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass", "cabinet",
        "sidewalk", "person", "earth", "door", "table", "mountain", "plant", "curtain", "chair", "car", "water",
        "painting", "sofa", "shelf", "house", "sea", "mirror", "rug", "field", "armchair", "seat", "fence", "desk",
        "rock", "wardrobe", "lamp", "bathtub", "railing", "cushion", "base", "box", "column", "signboard",
        "chest of drawers", "counter", "sand", "sink", "skyscraper", "fireplace", "refrigerator", "grandstand", "path",
        "stairs", "runway", "case", "pool table", "pillow", "screen door", "stairway", "river", "bridge", "bookcase",
        "blind", "coffee table", "toilet", "flower", "book", "hill", "bench", "countertop", "stove", "palm",
        "kitchen island", "computer", "swivel chair", "boat", "bar", "arcade machine", "hovel", "bus", "towel", "light",
        "truck", "tower", "chandelier", "awning", "streetlight", "booth", "television", "airplane", "dirt track",
        "apparel", "pole", "land", "bannister", "escalator", "ottoman", "bottle", "buffet", "poster", "stage", "van",
        "ship", "fountain", "conveyer belt", "canopy", "washer", "plaything", "swimming pool", "stool", "barrel",
        "basket", "waterfall", "tent", "bag", "minibike", "cradle", "oven", "ball", "food", "step", "tank",
        "trade name", "microwave", "pot", "animal", "bicycle", "lake", "dishwasher", "screen", "blanket", "sculpture",
        "hood", "sconce", "vase", "traffic light", "tray", "ashcan", "fan", "pier", "crt screen", "plate", "monitor",
        "bulletin board", "shower", "radiator", "glass", "clock", "flag",
    ), 1)), frozenset({0})),
}  # fmt: skip
