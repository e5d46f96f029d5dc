"""Wording: a request in words that are not the world's own, and for what is nowhere in it.

What the world calls a sphere is a ball to others, and people ask for dogs where there are cubes. A model that has read
nothing but the world's words takes one that it does not know for anything, and loses the others beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from generalist.data.naming import shuffled
from generalist.sequence.sample import Sample

__all__ = ["FOREIGN", "HELD_OUT", "MEASURED", "SYNONYMS", "TAUGHT", "Chances", "reworded"]

Random = np.random.Generator

SYNONYMS = {
    "sphere": ("ball", "orb", "globe"),
    "cube": ("block",),
    "cylinder": ("drum", "tube", "barrel"),
    "gray": ("grey",),
    "purple": ("violet",),
    "cyan": ("turquoise", "teal"),
    "large": ("big", "huge"),
    "small": ("little", "tiny"),
    "metal": ("metallic", "shiny"),
    "rubber": ("matte",),
    "object": ("thing", "item"),
    "ground": ("floor",),
}
"""Other words for the world's. A plural is made as the world's own is."""

_NAMES = """
dog cat car person tree house bird chair table cup bottle phone book shoe hat bag bicycle bus truck train boat plane
horse cow sheep elephant bear zebra giraffe umbrella tie suitcase kite glove racket fork knife spoon bowl banana apple
sandwich carrot pizza cake sofa bed plant mirror window desk toilet door laptop mouse keyboard oven toaster sink
fridge clock vase scissors brush flower grass mountain river lake road street bridge building tower fence wall roof
cloud sun moon star fish whale shark duck chicken goose pig goat deer fox wolf lion tiger monkey rabbit squirrel frog
snake turtle spider bee butterfly ant worm man woman child baby girl boy doctor player driver hand foot face eye nose
shirt coat dress sock belt ring watch wallet key coin lamp candle curtain pillow blanket carpet basket bucket rope
ladder hammer saw screw nail drill wheel tyre engine pedestrian helmet sign lamp-post traffic-light hydrant bench
camera guitar piano violin trumpet flag tent statue fountain pump crane ship anchor sail island beach wave rock leaf
mushroom grape lemon pear cherry onion tomato pepper cheese bread egg rice soup coffee tea milk pencil crayon eraser
ruler envelope newspaper calendar backpack skateboard surfboard snowboard ski sled frisbee doll robot puppet balloon
cell nucleus platelet tumour bone lung card ace queen king jack joker
"""

FOREIGN = tuple(word for i, word in enumerate(_NAMES.split()) if i % 4 != 3)
"""Names of what the world has not, as training asks for them."""

HELD_OUT = tuple(word for i, word in enumerate(_NAMES.split()) if i % 4 == 3)
"""And those that training does not: what is done with any word is measured by these."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How often a request is put otherwise.

    other: in other words. absent: asks besides for what is nowhere. many: says names in the plural. counted, meant:
    what is nowhere is counted, or meant by a phrase; nothing else makes an answer none. few, none: one or two of its
    names are all that are asked for, or none but what is nowhere.
    """

    other: float
    absent: float
    many: float
    counted: float
    meant: float
    few: float
    none: float


TAUGHT = Chances(other=0.35, absent=0.3, many=0.1, counted=0.06, meant=0.1, few=0.3, none=0.05)
"""Those of training."""

MEASURED = Chances(other=1.0, absent=1.0, many=0.4, counted=0.24, meant=0.24, few=0.8, none=0.16)
"""Those by which other words are measured. Figures are comparable as long as these stay."""

MOST = 4
"""Names of what is nowhere in one request, at most."""

_FOUND = ("detect", "instances", "instances_pixels", "oriented", "point", "pose", "segment", "panoptic")
_AMONG = (*_FOUND, "classify")
_REFERRED = ("refer", "refer_mask", "refer_oriented")
"""The tasks that look for what has one of the names, those that are asked about names, and those about one thing."""


def reworded(
    sample: Sample, task: str, rng: Random, chances: Chances = TAUGHT, foreign: Sequence[str] = FOREIGN
) -> Sample:
    """A request of the world, now and then in other words and for more than there is. Its answer stays true.

    foreign: where names of what is nowhere are drawn from.
    """
    if task == "count" and rng.random() < chances.counted:
        return sample.but(labels=(_nowhere(rng, foreign),), text="0", texts=("0",))
    if task in _REFERRED and rng.random() < chances.meant:
        assert sample.objects is not None
        return sample.but(phrase=_nowhere(rng, foreign), objects=sample.objects.select([]))
    if rng.random() < chances.other:
        sample = _said(sample, _synonyms(rng))
    if task in _FOUND and rng.random() < chances.many:
        sample = _said(sample, lambda name: name if name in ("sky", "ground", "floor") else f"{name}s")
    none = task in _FOUND and rng.random() < chances.none
    if none:
        sample = sample.asking([])
    elif task in _FOUND and rng.random() < chances.few:
        sample = sample.asking(shuffled(sample.labels, rng)[: int(rng.integers(1, 3))])
    if none or (task in _AMONG and rng.random() < chances.absent):
        absent = [_nowhere(rng, foreign) for _ in range(int(rng.integers(1, MOST + 1)))]
        sample = sample.but(labels=tuple(dict.fromkeys([*sample.labels, *absent]))).shuffled(rng)
    return sample


def _nowhere(rng: Random, foreign: Sequence[str]) -> str:
    """The name of what is nowhere; now and then with a colour or a size that things here have."""
    name = foreign[int(rng.integers(len(foreign)))]
    if rng.random() < 0.3:
        name = f"{('red', 'blue', 'green', 'yellow', 'small', 'large')[int(rng.integers(6))]} {name}"
    return name


def _synonyms(rng: Random) -> Callable[[str], str]:
    """The same words throughout a request, most of them others than the world's."""
    chosen = {word: others[int(rng.integers(len(others)))] for word, others in SYNONYMS.items() if rng.random() < 0.8}

    def say(text: str) -> str:
        return " ".join(_in_place(word, chosen) for word in text.split(" "))

    return say


def _in_place(word: str, chosen: dict[str, str]) -> str:
    """A word's synonym, with the ending and the stops that it had."""
    bare = word.rstrip("?,.")
    stem = bare.removesuffix("s") if bare not in chosen else bare
    return chosen[stem] + bare[len(stem) :] + word[len(bare) :] if stem in chosen else word


def _said(sample: Sample, say: Callable[[str], str]) -> Sample:
    """What is asked in other words; the answer changes where it is one of the names that are asked for."""
    names = {label: say(label) for label in sample.labels}
    if len(set(names.values())) < len(names):
        return sample
    changed = sample.but(
        labels=tuple(names.values()),
        phrase=say(sample.phrase) if sample.phrase else "",
        question=say(sample.question) if sample.question else "",
        text=names.get(sample.text, sample.text),
        texts=tuple(names.get(text, text) for text in sample.texts),
    )
    if changed.objects is not None and (sample.labels or sample.phrase):
        changed.objects = replace(changed.objects, names=tuple(map(say, changed.objects.names)))
    return changed
