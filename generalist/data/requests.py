"""Requests about a scene: one Sample for each task, drawn at random for training or fixed for evaluation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generalist.data.language import Noun, a, captions, document, full, listed, order, parts, phrase, sentences, title
from generalist.data.naming import LEVELS, level, names, pick, shuffled, some
from generalist.data.passages import passages
from generalist.data.pointed import POINTED, Maker
from generalist.data.questions import question
from generalist.data.quotes import QUOTES, Quotes
from generalist.data.scene import Scene
from generalist.data.solids import SEMANTIC_NAMES
from generalist.data.wording import HELD_OUT, MEASURED, reworded
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.sample import Objects, Sample, joined
from generalist.sequence.units.text import fold

__all__ = ["TASKS", "drawn", "fixed", "others"]

Random = np.random.Generator

UNTRUE = 0.06
"""How often a phrase is true of nothing in the scene."""


def drawn(scene: Scene, task: str, name: str, rng: Random) -> Sample:
    """A request of a task as training sees it: names, phrases and questions vary. Raises Fault for another task."""
    return reworded(_request(scene, task, name, rng, free=True), task, rng)


def others(scene: Scene, task: str, name: str, rng: Random) -> Sample:
    """A request with names, phrases and questions as in training, in words that are not the world's and for things that
    are nowhere, called what training has not called them."""
    return reworded(_request(scene, task, name, rng, free=True), task, rng, MEASURED, HELD_OUT)


def fixed(scene: Scene, task: str, name: str, rng: Random) -> Sample:
    """The request of a task as evaluation sees it: all the names of the world, in their order."""
    return _request(scene, task, name, rng, free=False)


def _request(scene: Scene, task: str, name: str, rng: Random, free: bool) -> Sample:
    if task not in TASKS:
        raise Fault(f"scenes: cannot make requests of the task {task!r}; the tasks are {', '.join(TASKS)}")
    height, width = scene.image.shape[:2]
    return TASKS[task](scene, Sample(image=scene.image, id=name, size=(width, height)), rng, free)


def _things(*more: str) -> Maker:
    """Every solid of the names asked for, with its box, its mask and ``more``."""

    def make(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
        return _named(scene, blank, names(scene, rng) if free else LEVELS["shape"], range(len(scene.solids)), *more)

    return make


def _named(scene: Scene, blank: Sample, asked: list[Noun], among: Sequence[int], *more: str) -> Sample:
    pairs = [(i, noun.text) for i in among for noun in asked if noun.suits(scene.solids[i])]
    objects = scene.objects([i for i, _ in pairs], [text for _, text in pairs], *more)
    return blank.but(labels=tuple(noun.text for noun in asked), objects=objects)


def _pose(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    """Cubes alone have corners: of other solids whose name is asked for nothing is said."""
    asked = [Noun(shape="cube")]
    if free and rng.random() < 0.4:
        asked = some(scene, [noun for noun in LEVELS["colour shape"] if noun.shape == "cube"], rng, most=4)
    if free and rng.random() < 0.25:
        others = [noun for noun in LEVELS["shape"] if noun.shape != "cube"]
        asked = shuffled([*asked, *shuffled(others, rng)[: int(rng.integers(1, 3))]], rng)
    return _named(scene, blank, asked, Noun(shape="cube").rows(scene), "keypoints")


def _panoptic(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    """The solids, then the ground and the sky: every pixel is in one mask, of the names that are asked for."""
    labels = list(SEMANTIC_NAMES)
    if free:
        count = len(labels) if rng.random() < 0.6 else int(rng.integers(2, len(labels)))
        labels = shuffled(labels, rng)[:count]
    found = [(solid.shape, k + 2) for k, solid in enumerate(scene.solids)] + [("ground", 1), ("sky", 0)]
    kept = [(name, scene.panoptic == i) for name, i in found if name in labels and (scene.panoptic == i).any()]
    masks = np.asarray([mask for _, mask in kept], bool).reshape(-1, *scene.panoptic.shape)
    stuff = np.asarray([name in ("ground", "sky") for name, _ in kept], bool)
    objects = Objects(boxes_of_masks(masks), tuple(name for name, _ in kept), masks, stuff=stuff)
    return blank.but(labels=tuple(labels), objects=objects)


def _count(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    """Every number that some names give is equally likely, though many more give 0 or 1 than 4."""
    asked: list[tuple[Noun, ...]] = [(noun,) for nouns in ([Noun()], *LEVELS.values()) for noun in nouns]
    if rng.random() < 0.25:
        asked = [tuple(shuffled(LEVELS[level(rng)], rng)[:2]) for _ in range(30)]
    by_number: dict[int, list[tuple[Noun, ...]]] = {}
    for nouns in asked:
        by_number.setdefault(sum(len(noun.rows(scene)) for noun in nouns), []).append(nouns)
    number = pick(sorted(by_number), rng)
    labels = tuple(noun.text for noun in pick(by_number[number], rng))
    return blank.but(labels=labels, text=str(number), texts=(str(number),))


def _segment(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    labels: list[str] = list(SEMANTIC_NAMES)
    where = {name: scene.semantic == i for i, name in enumerate(SEMANTIC_NAMES)}
    if free and rng.random() < 0.15:  # more, and what is there would as often be nameless as not
        asked = some(scene, LEVELS["colour shape"], rng, most=4)
        where |= {noun.text: scene.masks[noun.rows(scene)].any(0) for noun in asked}
        labels = [noun.text for noun in asked] + [name for name in ("ground", "sky") if rng.random() < 0.7]
        labels = [labels[i] for i in rng.permutation(len(labels))]
    elif free:
        count = len(labels) if rng.random() < 0.8 else int(rng.integers(2, len(labels)))
        labels = [labels[i] for i in rng.permutation(len(labels))[:count]]
    semantic: NDArray[np.int16] = np.full(scene.semantic.shape, -1, np.int16)
    for i, label in enumerate(labels):
        semantic[where[label]] = i
    return blank.but(labels=tuple(labels), semantic=semantic)


def _depth(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    return blank.but(depth=scene.depth)


def _normals(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    return blank.but(normals=scene.normals)


def _referred(*more: str) -> Maker:
    """The one solid that a phrase names, with ``more``."""

    def make(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
        if free and rng.random() < UNTRUE:
            absent = [noun for noun in LEVELS["colour shape"] if not noun.rows(scene)]
            return blank.but(phrase=pick(absent, rng).text, objects=scene.objects([], [], *more))
        row = int(rng.integers(len(scene.solids)))
        said = phrase(scene, row, rng)
        assert said is not None, "size, colour and shape together always name one solid"
        return blank.but(phrase=said.text, objects=scene.objects([row], [said.text], *more))

    return make


def _caption(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    texts = captions(scene)
    return blank.but(text=texts[0], texts=texts)


def _grounded(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    rows = order(scene)
    told, texts = parts(scene), captions(scene)
    text, _ = joined([piece for piece, _ in told])
    objects = scene.objects(rows, [full(scene.solids[i]) for i in rows])
    return blank.but(parts=told, objects=objects, text=text, texts=texts)


def _ask(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    asked, answer = question(scene, rng)
    return blank.but(question=asked, text=answer, texts=(answer,))


def _retrieve(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    sample = blank.but(text=title(scene), texts=(title(scene),), documents=(blank.id,))
    if not free or rng.random() < 0.75:
        return sample
    return sample.but(image=None, query=_wanted(scene, rng))


def _wanted(scene: Scene, rng: Random) -> str:
    """What somebody would say who looks for a scene."""
    rows = rng.permutation(len(scene.solids))
    things = listed([a(full(scene.solids[i], material=bool(rng.random() < 0.6))) for i in rows])
    openings = ("{}", "a picture of {}", "which scene shows {}?", "there is {}", "looking for {}")
    return openings[int(rng.integers(len(openings)))].format(things)


def _quote(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    asked = _retrieve(scene, blank, rng, free)
    runs = Quotes([document(scene, blank.id)]).draw(0, title(scene), QUOTES, rng if free else None)
    return asked.but(query=fold(asked.query), text=runs[0], texts=runs)


def _index(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    """In training half of the documents have lost sentences; those that the title can be told from stay."""
    told = list(sentences(scene))
    if free and rng.random() < 0.5:
        told = [words for words in told if words.startswith("Made of") or rng.random() < 0.6]
    name = title(scene)
    return blank.but(image=None, document=" ".join(told), text=name, texts=(name,), documents=(blank.id,))


def _ask_for(scene: Scene, blank: Sample, rng: Random, free: bool) -> Sample:
    asked = fold(_wanted(scene, rng))
    (told, *_) = passages(document(scene, blank.id))
    return blank.but(image=None, document=told, text=asked, texts=(asked,), documents=(blank.id,))


TASKS: dict[str, Maker] = {
    "detect": _things(),
    "instances": _things(),
    "instances_pixels": _things(),
    "oriented": _things("oriented"),
    "point": _things("points"),
    "pose": _pose,
    "segment": _segment,
    "panoptic": _panoptic,
    "depth": _depth,
    "depth_adaptive": _depth,
    "normals": _normals,
    "refer": _referred(),
    "refer_mask": _referred(),
    "refer_oriented": _referred("oriented"),
    "caption": _caption,
    "grounded_caption": _grounded,
    "ask": _ask,
    "count": _count,
    "retrieve": _retrieve,
    "quote": _quote,
    "index_document": _index,
    "ask_for": _ask_for,
    **POINTED,
}
