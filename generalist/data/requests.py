"""Requests about a scene: one Sample for each task, drawn at random for training or fixed for evaluation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generalist.data.language import Noun, a, captions, full, listed, phrase, title
from generalist.data.questions import question
from generalist.data.scene import Scene
from generalist.data.solids import COLOURS, SEMANTIC_NAMES, SHAPES, SIZES
from generalist.faults import Fault
from generalist.sequence.sample import Objects, Sample

__all__ = ["TASKS", "drawn", "fixed"]

Random = np.random.Generator
MAKERS = {  # every name of a level of description: no two of them are ever true of the same solid
    "shape": [Noun(shape=shape) for shape in SHAPES],
    "colour shape": [Noun(colour=colour, shape=shape) for colour in COLOURS for shape in SHAPES],
    "colour": [Noun(colour=colour) for colour in COLOURS],
    "size shape": [Noun(size=size, shape=shape) for size in SIZES for shape in SHAPES],
}
CHANCES = {"shape": 0.30, "colour shape": 0.40, "colour": 0.15, "size shape": 0.15}


def drawn(scene: Scene, task: str, name: str, rng: Random) -> Sample:
    """A request of a task as training sees it: names, phrases and questions vary. Raises Fault for another task."""
    return _request(scene, task, name, rng, free=True)


def fixed(scene: Scene, task: str, name: str, rng: Random) -> Sample:
    """The request of a task as evaluation sees it: all the names of the world, in their order."""
    return _request(scene, task, name, rng, free=False)


def _request(scene: Scene, task: str, name: str, rng: Random, free: bool) -> Sample:
    if task not in TASKS:
        raise Fault(f"scenes: cannot make requests of the task {task!r}; the tasks are {', '.join(TASKS)}")
    height, width = scene.image.shape[:2]
    return TASKS[task](scene, Sample(image=scene.image, id=name, size=(width, height)), rng, free)


def _objects(scene: Scene, rows: list[int], names: list[str]) -> Objects:
    return Objects(scene.boxes[rows].reshape(-1, 4), tuple(names), scene.masks[rows])


def _detect(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    asked = _names(scene, rng) if free else MAKERS["shape"]
    pairs = [(i, noun.text) for i, solid in enumerate(scene.solids) for noun in asked if noun.suits(solid)]
    objects = _objects(scene, [i for i, _ in pairs], [text for _, text in pairs])
    return blank.but(labels=tuple(noun.text for noun in asked), objects=objects)


def _names(scene: Scene, rng: Random) -> list[Noun]:
    """Names to look for, of one level of description."""
    level = str(rng.choice(list(CHANCES), p=list(CHANCES.values())))
    if level == "shape":
        count = len(SHAPES) if rng.random() < 0.6 else int(rng.integers(1, len(SHAPES)))
        return [MAKERS[level][i] for i in rng.permutation(len(SHAPES))[:count]]
    return _some(scene, MAKERS[level], rng)


def _some(scene: Scene, nouns: list[Noun], rng: Random, most: int = 6) -> list[Noun]:
    """Up to ``most`` of the nouns, shuffled: some that are true of something, and a few that only nearly are."""
    present = [noun for noun in nouns if noun.rows(scene)]
    near = [noun for noun in nouns if noun not in present and _close(noun, present)]
    count = int(rng.integers(2, most + 1))
    right = [present[i] for i in rng.permutation(len(present))][: max(1, count - int(rng.integers(0, 3)))]
    absent = [near[i] for i in rng.permutation(len(near))]
    if rng.random() < 0.5 or len(absent) < count:
        rest = [noun for noun in nouns if noun not in present and noun not in absent]
        absent = [rest[i] for i in rng.permutation(len(rest))] + absent
    made = right + absent[: count - len(right)]
    return [made[i] for i in rng.permutation(len(made))]


def _close(noun: Noun, others: list[Noun]) -> bool:
    return any(noun.shape == other.shape or noun.colour == other.colour != "" for other in others)


def _segment(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    labels: list[str] = list(SEMANTIC_NAMES)
    where = {name: scene.semantic == i for i, name in enumerate(SEMANTIC_NAMES)}
    if free and rng.random() < 0.4:
        asked = _some(scene, MAKERS["colour shape"], rng, most=4)
        where |= {noun.text: scene.masks[noun.rows(scene)].any(0) for noun in asked}
        labels = [noun.text for noun in asked] + [name for name in ("ground", "sky") if rng.random() < 0.7]
        labels = [labels[i] for i in rng.permutation(len(labels))]
    elif free:
        count = len(labels) if rng.random() < 0.6 else int(rng.integers(2, len(labels)))
        labels = [labels[i] for i in rng.permutation(len(labels))[:count]]
    semantic: NDArray[np.int16] = np.full(scene.semantic.shape, -1, np.int16)
    for i, label in enumerate(labels):
        semantic[where[label]] = i
    return blank.but(labels=tuple(labels), semantic=semantic)


def _depth(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    return blank.but(depth=scene.depth)


def _refer(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    row = int(rng.integers(len(scene.solids)))
    said = phrase(scene, row, rng)
    assert said is not None, "size, colour and shape together always name one solid"
    return blank.but(phrase=said.text, objects=_objects(scene, [row], [said.text]))


def _caption(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    texts = captions(scene)
    return blank.but(text=texts[0], texts=texts)


def _ask(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    asked, answer = question(scene, rng)
    return blank.but(question=asked, text=answer, texts=(answer,))


def _retrieve(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    sample = blank.but(text=title(scene), texts=(title(scene),), documents=(blank.id,))
    if not free or rng.random() < 0.75:
        return sample
    rows = rng.permutation(len(scene.solids))
    things = listed([a(full(scene.solids[i], material=bool(rng.random() < 0.6))) for i in rows])
    openings = ("{}", "a picture of {}", "which scene shows {}?", "there is {}", "looking for {}")
    return sample.but(image=None, query=openings[int(rng.integers(len(openings)))].format(things))


TASKS: dict[str, Callable[[Scene, Sample, Random, bool], Sample]] = {
    "detect": _detect,
    "instances": _detect,
    "segment": _segment,
    "depth": _depth,
    "refer": _refer,
    "refer_mask": _refer,
    "caption": _caption,
    "ask": _ask,
    "retrieve": _retrieve,
}
