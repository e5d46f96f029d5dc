"""A second reader of the generated world's English, written from the words alone, to check the first by."""

import re
from collections.abc import Callable

from generalist.data.scene import Scene
from generalist.data.solids import COLOURS, MATERIALS, SHAPES, SIZES
from generalist.data.wording import FOREIGN, HELD_OUT, SYNONYMS

WORDS = {"size": SIZES, "colour": COLOURS, "material": MATERIALS, "shape": SHAPES}
BACK = {other: word for word, words in SYNONYMS.items() for other in words}
EXTREME = {"leftmost": ("x", min), "rightmost": ("x", max), "nearest": ("z", min), "farthest": ("z", max)}
SIDE = {"left of": ("x", -1), "right of": ("x", 1), "in front of": ("z", -1), "behind": ("z", 1)}
SIDE |= {"nearer than": ("z", -1), "farther than": ("z", 1)}
RELATION = re.compile(f" ({'|'.join(SIDE)}) the ")


def own(text: str) -> str:
    """Words of the world in the place of others, each alone, with the endings and stops that they have."""
    return re.sub(r"\w+", lambda found: _own(found[0]), text)


def _own(word: str) -> str:
    stem = word if word in BACK else word.removesuffix("s")
    return BACK[stem] + word[len(stem) :] if stem in BACK else word


def name(label: str) -> str:
    """A name in the world's own words, of one."""
    return " ".join(word.removesuffix("s") for word in own(label).split(" "))


def place(scene: Scene, row: int, axis: str) -> float:
    """The middle of a solid's box across the picture, or its distance."""
    return float(scene.boxes[row, ::2].mean()) if axis == "x" else float(scene.distances[row])


def suiting(scene: Scene, words: str) -> list[int]:
    """The solids that a noun without relations is true of, word by word; of what is nowhere none."""
    if words.split(" ")[-1] in (*FOREIGN, *HELD_OUT):
        return []
    wanted = [word for word in name(words).split() if word != "object"]
    known = [word for some in WORDS.values() for word in some]
    assert all(word in known for word in wanted), words
    have = [{solid.size, solid.colour, solid.material, solid.shape} for solid in scene.solids]
    return [row for row, attributes in enumerate(have) if attributes.issuperset(wanted)]


def meant(scene: Scene, phrase: str) -> list[int]:
    """The solids that any phrase names."""
    phrase = phrase.removeprefix("the ")
    if found := RELATION.search(phrase):
        axis, sign = SIDE[found[1]]
        (anchor,) = suiting(scene, phrase[found.end() :])
        rows = [row for row in suiting(scene, phrase[: found.start()]) if row != anchor]
        return [row for row in rows if sign * (place(scene, row, axis) - place(scene, anchor, axis)) > 0]
    first, _, rest = phrase.partition(" ")
    if first in EXTREME:
        axis, best = EXTREME[first]
        rows = suiting(scene, rest)
        most = best(place(scene, row, axis) for row in rows)
        return [row for row in rows if place(scene, row, axis) == most]
    return suiting(scene, phrase)


def answer(scene: Scene, question: str) -> str:
    """The answer to a question, or an AssertionError if it is of no known form or speaks of nothing."""
    for form, reply in FORMS:
        if found := re.fullmatch(form, question):
            return reply(scene, *found.groups())
    raise AssertionError(f"no such question: {question}")


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _only(scene: Scene, phrase: str) -> int:
    rows = meant(scene, phrase)
    assert len(rows) == 1, f"{phrase!r} names {len(rows)} solids"
    return rows[0]


def _value(scene: Scene, name: str, phrase: str) -> str:
    return str(getattr(scene.solids[_only(scene, phrase)], name))


def _beside(scene: Scene, one: str, relation: str, two: str) -> str:
    axis, sign = SIDE[relation]
    return _yes(sign * (place(scene, _only(scene, one), axis) - place(scene, _only(scene, two), axis)) > 0)


FORMS: list[tuple[str, Callable[..., str]]] = [
    (r"is there an? (.+)\?", lambda scene, noun: _yes(bool(suiting(scene, noun)))),
    (r"how many (.+) are there\?", lambda scene, noun: str(len(suiting(scene, noun)))),
    (r"what is the (.+) made of\?", lambda scene, noun: _value(scene, "material", noun)),
    (r"what (\w+) is the (.+)\?", _value),
    (
        r"are there more (.+) than (.+)\?",
        lambda scene, one, two: _yes(len(suiting(scene, one)) > len(suiting(scene, two))),
    ),
    (rf"is the (.+) ({'|'.join(SIDE)}) the (.+)\?", _beside),
    (
        r"do the (.+) and the (.+) have the same (\w+)\?",
        lambda scene, one, two, name: _yes(_value(scene, name, one) == _value(scene, name, two)),
    ),
]
