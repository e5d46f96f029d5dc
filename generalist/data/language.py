"""What can be said about a scene: nouns, phrases that name one solid, captions, titles and documents.

A phrase is a small expression, not a string: it is written by ``text`` and evaluated by ``rows``, so that a phrase
is only ever used when it is true of exactly one solid, and clearly so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from generalist.data.scene import Scene
from generalist.data.solids import Solid
from generalist.sequence.sample import Document

__all__ = [
    "ATTRIBUTES",
    "Noun",
    "Phrase",
    "a",
    "caption",
    "captions",
    "document",
    "full",
    "listed",
    "nouns",
    "order",
    "parts",
    "phrase",
    "plain",
    "sentences",
    "title",
]

ATTRIBUTES = ("size", "colour", "material", "shape")  # in the order in which English says them
RELATIONS = ("left of", "right of", "in front of", "behind")
EXTREMES = {"leftmost": "left of", "rightmost": "right of", "nearest": "in front of", "farthest": "behind"}
ASIDE = 0.05  # of the picture's width: two solids nearer than this are neither left nor right of each other
AHEAD = 0.45  # metres, likewise for in front and behind
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True)
class Noun:
    """A description by attributes; an empty one is not asked for. "small red metal cube", "red object"."""

    size: str = ""
    colour: str = ""
    material: str = ""
    shape: str = ""

    @property
    def text(self) -> str:
        """The words, without an article."""
        return " ".join(word for word in (self.size, self.colour, self.material, self.shape or "object") if word)

    @property
    def plural(self) -> str:
        """The words, of many."""
        return self.text + "s"

    def suits(self, solid: Solid) -> bool:
        """Whether it is true of a solid."""
        return all(getattr(self, name) in ("", getattr(solid, name)) for name in ATTRIBUTES)

    def rows(self, scene: Scene) -> list[int]:
        """The solids that it is true of."""
        return [i for i, solid in enumerate(scene.solids) if self.suits(solid)]


@dataclass(frozen=True)
class Phrase:
    """A noun, perhaps an extreme one ("leftmost cube") or in relation to another ("cube left of the cone")."""

    noun: Noun
    extreme: str = ""
    relation: str = ""
    anchor: Noun | None = None

    @property
    def text(self) -> str:
        """The words, without the article: the prompts say it."""
        if self.anchor is not None:
            return f"{self.noun.text} {self.relation} the {self.anchor.text}"
        return f"{self.extreme} {self.noun.text}".strip()

    def rows(self, scene: Scene, clear: bool = False) -> list[int]:
        """The solids that it names; ``clear`` leaves out those of which it is only just true."""
        rows = self.noun.rows(scene)
        if self.extreme:
            name = EXTREMES[self.extreme]
            return [i for i in rows if all(i == j or holds(scene, i, name, j, clear) for j in rows)]
        if self.anchor is None:
            return rows
        anchors = self.anchor.rows(scene)
        if len(anchors) != 1:
            return []
        return [i for i in rows if i != anchors[0] and holds(scene, i, self.relation, anchors[0], clear)]

    def names(self, scene: Scene, row: int) -> bool:
        """Whether it names that solid alone, beyond doubt."""
        return self.rows(scene) == [row] == self.rows(scene, clear=True)


def holds(scene: Scene, i: int, relation: str, j: int, clear: bool = True) -> bool:
    """Whether solid ``i`` stands in a relation to solid ``j``: by the middles of their boxes, or their distances."""
    if relation in ("left of", "right of"):
        gap = (scene.boxes[j, 0] + scene.boxes[j, 2] - scene.boxes[i, 0] - scene.boxes[i, 2]) / 2
        margin = ASIDE * scene.image.shape[1]
    else:
        gap = scene.distances[j] - scene.distances[i]
        margin = AHEAD
    if relation in ("right of", "behind"):
        gap = -gap
    return bool(gap > (margin if clear else 0))


def nouns(solid: Solid, without: str = "") -> list[Noun]:
    """Every description of a solid that does not say its ``without``, the shortest first; never a bare "object"."""
    known = [("",) if name == without else ("", getattr(solid, name)) for name in ATTRIBUTES]
    found = [Noun(*words) for words in product(*known) if any(words)]
    return sorted(found, key=lambda noun: (_words(noun), not noun.shape))


def _words(noun: Noun) -> int:
    return sum(bool(getattr(noun, name)) for name in ATTRIBUTES)


def phrase(scene: Scene, row: int, rng: np.random.Generator, without: str = "") -> Phrase | None:
    """A phrase that names solid ``row`` alone: a plain one, a relation or an extreme. None if nothing short does."""
    kinds = [plain, _related, _extreme]
    first = int(rng.choice(3, p=[0.5, 0.35, 0.15]))
    for kind in (kinds[first], plain, _related, _extreme):
        found = kind(scene, row, rng, without)
        if found is not None:
            return found
    return None


def plain(scene: Scene, row: int, rng: np.random.Generator, without: str = "") -> Phrase | None:
    """A shortest unique noun, or one a word longer; an "object" only now and then, where a shape would do."""
    unique = [noun for noun in nouns(scene.solids[row], without) if noun.rows(scene) == [row]]
    if not unique:
        return None
    shaped = [noun for noun in unique if noun.shape]
    pool = shaped if shaped and rng.random() < 0.8 else unique
    slack = int(rng.random() < 0.3)
    pool = [noun for noun in pool if _words(noun) <= _words(pool[0]) + slack]
    return Phrase(pool[int(rng.integers(len(pool)))])


def _related(scene: Scene, row: int, rng: np.random.Generator, without: str = "") -> Phrase | None:
    """A relation to another solid; one that is needed, where there is one, since the noun alone is ambiguous."""
    found = []
    heads = [noun for noun in nouns(scene.solids[row], without)[:8] if _words(noun) <= 2]
    for other in range(len(scene.solids)):
        anchor = None if other == row else plain(scene, other, rng)
        for relation in RELATIONS:
            if anchor is None or not holds(scene, row, relation, other):
                continue
            made = [Phrase(head, relation=relation, anchor=anchor.noun) for head in heads]
            found += [one for one in made if one.names(scene, row)]
    needed = [one for one in found if len(one.noun.rows(scene)) > 1]
    return _pick(needed or found, rng)


def _extreme(scene: Scene, row: int, rng: np.random.Generator, without: str = "") -> Phrase | None:
    heads = [noun for noun in nouns(scene.solids[row], without) if _words(noun) == 1] + [Noun()]
    made = [Phrase(head, extreme=name) for head in heads for name in EXTREMES if len(head.rows(scene)) > 1]
    return _pick([one for one in made if one.names(scene, row)], rng)


def _pick(found: Sequence[Phrase], rng: np.random.Generator) -> Phrase | None:
    return found[int(rng.integers(len(found)))] if found else None


# --- sentences -------------------------------------------------------------------------------------------------------


def order(scene: Scene) -> list[int]:
    """The solids from left to right."""
    return [int(i) for i in np.argsort(scene.boxes[:, 0] + scene.boxes[:, 2], kind="stable")]


def a(words: str) -> str:
    """With the indefinite article."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def listed(parts: Sequence[str]) -> str:
    """One, two and three."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def full(solid: Solid, material: bool = True) -> str:
    """Everything about a solid; without its material, still unique in its scene."""
    return Noun(solid.size, solid.colour, solid.material if material else "", solid.shape).text


def caption(scene: Scene, rows: Sequence[int] | None = None) -> str:
    """Every solid, from left to right (or in the order of ``rows``), in all its attributes."""
    rows = order(scene) if rows is None else rows
    return listed([a(full(scene.solids[i])) for i in rows])


def parts(scene: Scene) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The caption in pieces, each with the solids that it names, counted from left to right; () for the words between.

    ``generalist.sequence.sample.joined`` puts the pieces together again, to the letter.
    """
    told: list[tuple[str, tuple[int, ...]]] = []
    rows = order(scene)
    for k, row in enumerate(rows):
        if k:
            told.append(("and" if k == len(rows) - 1 else ",", ()))
        told.append((a(full(scene.solids[row])), (k,)))
    return tuple(told)


def captions(scene: Scene) -> tuple[str, ...]:
    """The caption, and another where two neighbours are so close that either may be named first."""
    rows = order(scene)
    middles = (scene.boxes[rows, 0] + scene.boxes[rows, 2]) / 2
    gaps = np.diff(middles)
    if not len(gaps) or gaps.min() > ASIDE * scene.image.shape[1]:
        return (caption(scene),)
    k = int(gaps.argmin())
    return caption(scene), caption(scene, [*rows[:k], rows[k + 1], rows[k], *rows[k + 2 :]])


def title(scene: Scene) -> str:
    """The title of its document: every solid from left to right in size, colour and shape."""
    words = listed([a(full(scene.solids[i], material=False)) for i in order(scene)])
    return words[0].upper() + words[1:]


def document(scene: Scene, name: str) -> Document:
    """What an eyewitness would write about a scene, under its title."""
    return Document(name, title(scene), " ".join(sentences(scene)))


def sentences(scene: Scene) -> Iterator[str]:
    """What the document says: how many of what; of what they are made, each of them named; where they stand."""
    solids, rows = scene.solids, order(scene)
    kinds = sorted({solid.shape for solid in solids})
    counts = {kind: sum(solid.shape == kind for solid in solids) for kind in kinds}
    things = [f"{NUMBERS[count]} {kind}{'s' * (count > 1)}" for kind, count in counts.items()]
    if len(solids) == 1:
        yield f"On the ground there is {things[0]}."
    else:
        yield f"There are {NUMBERS[len(solids)]} objects on the ground: {listed(things)}."
    for material, words in (("metal", "shiny metal"), ("rubber", "matt rubber")):
        made = ["the " + full(solids[i], material=False) for i in rows if solids[i].material == material]
        if made:
            yield f"Made of {words}: {listed(made)}."
    for i, j in zip(rows, rows[1:], strict=False):
        for relation in RELATIONS:
            if holds(scene, i, relation, j):
                yield f"The {full(solids[i], False)} is {relation} the {full(solids[j], False)}."
    near = Phrase(Noun(), extreme="nearest").rows(scene, clear=True)
    if len(solids) > 1 and near:
        yield f"Nearest of all is the {full(solids[near[0]], False)}."
