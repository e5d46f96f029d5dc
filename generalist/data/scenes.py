"""The generated world: scenes of solids on a plane with exact annotations, for every task, with no download.

``Scenes("train")[i]`` is a function of the split, ``i``, the size and the number of objects only: no state, no
files, and no scene of one split can be asked for in another.
"""

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from generalist.data import language, requests
from generalist.data.raycast import Stage, View, look, paint
from generalist.data.scene import Scene
from generalist.data.solids import COLOURS, MATERIALS, SEMANTIC_NAMES, SHAPES, SIZES, Solid, radius_of
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.sample import Document, Sample

__all__ = ["COLOURS", "MATERIALS", "SEMANTIC_NAMES", "SHAPES", "SIZES", "SPLITS", "Scene", "Scenes", "Solid"]

SPLITS = {"train": 1_000_000, "validation": 5_000, "test": 5_000}  # and how many scenes each has
MOST = 8  # solids that still fit a picture
SEEN = 0.4  # of a solid's outline must be visible
PIXELS = 60 / 128**2  # of the picture must show it


class Scenes:
    """A split of the generated world, as a sequence of scenes.

    split: "train", "validation" or "test"; size: side of the square pictures in pixels, at least 32;
    objects: fewest and most solids of a scene; words: those of the requests without ``rng``, "own" or "others", see
    ``requests.others``. Raises Fault for a value outside these.
    """

    def __init__(
        self,
        split: str = "train",
        size: int = 128,
        objects: tuple[int, int] = (2, 5),
        length: int | None = None,
        words: str = "own",
    ) -> None:
        if split not in SPLITS:
            raise Fault(f"scenes: there is no split {split!r}; the splits are {', '.join(SPLITS)}")
        if not 1 <= objects[0] <= objects[1] <= MOST:
            raise Fault(f"scenes: objects must be two numbers, 1 <= fewest <= most <= {MOST}, not {objects}")
        if size < 32:
            raise Fault(f"scenes: size must be at least 32 pixels, not {size}")
        if words not in ("own", "others"):
            raise Fault(f"scenes: words are own or others, not {words!r}")
        self.split, self.size, self.objects, self.words = split, size, objects, words
        self.length = SPLITS[split] if length is None else length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> Scene:
        """Scene ``i``; negative counts from the end. Raises IndexError beyond it."""
        if not -self.length <= i < self.length:
            raise IndexError(f"scene {i} of {self.length}")
        i = int(i) % self.length
        rng = self._rng(i)
        count = int(rng.integers(self.objects[0], self.objects[1] + 1))
        kinds = draw_kinds(rng, count)
        while True:
            # The same kinds again, elsewhere: replacing them would make crowded scenes rare and small things rarer.
            view = compose(rng, kinds, self.size)
            if view is not None:
                return annotate(i, view, rng.standard_normal((self.size, self.size), dtype=np.float32))

    def __iter__(self) -> Iterator[Scene]:
        return (self[i] for i in range(self.length))

    def sample(self, scene: Scene, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A request of one task about ``scene``, with its answer; without ``rng``, the one used for evaluation."""
        name = f"{self.split}-{scene.index}"
        if rng is None:
            pose = requests.fixed if self.words == "own" else requests.others
            return pose(scene, task, name, self._rng(scene.index, task))
        return requests.drawn(scene, task, name, rng)

    def corpus(self, n: int) -> Iterator[Document]:
        """The documents that describe scenes 0 to n - 1."""
        for i in range(n):
            yield language.document(self[i], f"{self.split}-{i}")

    def _rng(self, i: int, task: str = "") -> np.random.Generator:
        return np.random.default_rng([list(SPLITS).index(self.split), i, zlib.crc32(task.encode())])


def draw_kinds(rng: np.random.Generator, count: int) -> list[Solid]:
    """``count`` solids, no two alike in size, colour and shape. Half of the time from few colours or few shapes,
    so that many look alike and telling them apart takes a size, a material or a relation."""
    colours = rng.permutation(len(COLOURS))[: 3 if rng.random() < 0.35 else len(COLOURS)]
    shapes = rng.permutation(len(SHAPES))[: 2 if rng.random() < 0.25 else len(SHAPES)]
    codes = rng.permutation(len(colours) * len(shapes) * len(SIZES))[:count]
    solids = []
    for code in codes:
        rest, shape = divmod(int(code), len(shapes))
        size, colour = divmod(rest, len(colours))
        material = MATERIALS[int(rng.integers(2))]
        solids.append(Solid(SHAPES[shapes[shape]], COLOURS[colours[colour]], SIZES[size], material))
    return solids


def draw_stage(rng: np.random.Generator) -> Stage:
    """A camera that looks down at the middle of the world, a lamp to one side of it, a ground and a sky."""
    azimuth, pitch, roll = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(21, 40)), np.radians(rng.normal(0, 1.2))
    forward = np.asarray([np.cos(azimuth) * np.cos(pitch), np.sin(azimuth) * np.cos(pitch), -np.sin(pitch)])
    right = np.asarray([np.sin(azimuth), -np.cos(azimuth), 0.0])
    down = np.cross(forward, right)
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    aim = np.asarray([*rng.uniform(-0.3, 0.3, 2), 0.35])
    eye = aim - forward * rng.uniform(6.3, 7.4)
    turn = azimuth + rng.choice([-1, 1]) * rng.uniform(0.5, 2.5)  # never straight behind a solid
    rise = np.radians(rng.uniform(38, 66))
    light = np.asarray([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    tint = np.asarray([0.62, 0.60, 0.57]) * rng.uniform(0.80, 1.05) + rng.normal(0, 0.02, 3)
    sky = np.asarray([0.30, 0.50, 0.80]) + rng.normal(0, 0.04, 3)
    grain = np.concatenate([rng.normal(0, 2.2, (3, 2)), rng.uniform(0, 2 * np.pi, (3, 1))], axis=1)
    return Stage(
        (float(eye[0]), float(eye[1]), float(eye[2])),
        np.stack([right, down, forward]).astype(np.float32),
        float(rng.uniform(1.18, 1.28)),
        light.astype(np.float32),
        float(rng.uniform(-1, 1)),
        tint.astype(np.float32),
        sky.astype(np.float32),
        grain.astype(np.float32),
    )


def compose(rng: np.random.Generator, kinds: list[Solid], size: int) -> View | None:
    """The solids stood somewhere in front of a new camera; None where one of them cannot be seen well enough."""
    stage = draw_stage(rng)
    solids = arrange(rng, stage, kinds)
    if solids is None:
        return None
    view = look(stage, solids, size)
    return view if well_seen(view) else None


def arrange(rng: np.random.Generator, stage: Stage, kinds: list[Solid], tries: int = 40) -> list[Solid] | None:
    """Stand the solids apart on the ground and, roughly, in the picture and not one behind another; None on failure."""
    spots = rng.uniform(-2.7, 2.7, (tries * len(kinds), 2)).astype(np.float32)
    turns = rng.uniform(0, np.pi / 2, len(kinds))
    width = np.asarray([radius_of(kind) for kind in kinds], np.float32)
    taken: list[int] = []
    discs = np.zeros((0, 4), np.float32)  # picture x, y, radius (parts of the picture's width) and girth
    for k, kind in enumerate(kinds):
        rows = np.arange(k * tries, (k + 1) * tries)
        points = np.concatenate([spots[rows], np.full((tries, 1), kind.height / 2, np.float32)], axis=1)
        x, y, depth = stage.project(points, 1)
        r = stage.focal * width[k] / np.maximum(depth, 0.1)
        good = (depth > 4.6) & (depth < 8.6)
        good &= (np.minimum(x, y) > 0.95 * r + 0.01) & (np.maximum(x, y) < 0.99 - 0.95 * r)
        apart = np.hypot(*(spots[rows][:, None] - spots[taken][None]).transpose(2, 0, 1))
        good &= (apart > kind.girth * 1.2 + discs[:, 3] * 1.2 + 0.12).all(1)
        gap = np.hypot(x[:, None] - discs[:, 0], y[:, None] - discs[:, 1])
        good &= (gap > 0.58 * (r[:, None] + discs[:, 2])).all(1)
        if not good.any():
            return None
        first = int(good.argmax())
        taken.append(int(rows[first]))
        discs = np.concatenate([discs, [[x[first], y[first], r[first], kind.girth]]]).astype(np.float32)
    return [
        Solid(kind.shape, kind.colour, kind.size, kind.material, float(spots[at][0]), float(spots[at][1]), float(turn))
        for kind, at, turn in zip(kinds, taken, turns, strict=True)
    ]


def well_seen(view: View) -> bool:
    """Whether every solid shows enough pixels, and enough of its outline, and lies inside the picture."""
    least = PIXELS * view.size**2
    for k, outline in enumerate(view.outlines):
        visible = np.count_nonzero(view.ids[outline] == 2 + k)
        if visible < least or visible < SEEN * len(outline):
            return False
        y, x = np.divmod(outline, view.size)
        if min(x.min(), y.min()) < 1 or max(x.max(), y.max()) > view.size - 2:
            return False
    return True


def annotate(index: int, view: View, noise: NDArray[np.float32]) -> Scene:
    """Paint a view and write down what is true of it."""
    shape = (view.size, view.size)
    names = np.asarray([0, 1, *(SEMANTIC_NAMES.index(solid.shape) for solid in view.solids)], np.int16)
    middles = np.asarray([solid.centre for solid in view.solids], np.float32) - np.asarray(view.stage.eye, np.float32)
    return Scene(
        index=index,
        image=paint(view, noise),
        solids=view.solids,
        boxes=boxes_of_masks(view.masks),
        masks=view.masks,
        semantic=names[view.ids].reshape(shape),
        depth=np.where(view.ids > 0, view.depth, np.float32(0)).reshape(shape),
        distances=np.linalg.norm(middles, axis=1).astype(np.float32),
        view=view,
    )
