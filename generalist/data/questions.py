"""Questions about a scene and their answers, balanced so that no answer can be guessed from the question."""

from collections.abc import Callable

import numpy as np

from generalist.data.language import ATTRIBUTES, Noun, a, holds, phrase, plain
from generalist.data.naming import pick
from generalist.data.scene import Scene
from generalist.data.solids import COLOURS, MATERIALS, SHAPES, SIZES
from generalist.faults import Fault

__all__ = ["KINDS", "question"]

WORDS = {"size": SIZES, "colour": COLOURS, "material": MATERIALS, "shape": SHAPES}
Asked = tuple[str, str]
Random = np.random.Generator
Form = Callable[[Scene, Random, bool], Asked | None]


def question(scene: Scene, rng: Random, kind: str | None = None) -> Asked:
    """A question about the scene, in lower case and ending in "?", and its answer: a word or a digit.

    kind: "exist", "count", "attribute" or "compare"; one of them at random if None. Raises Fault for another.
    """
    if kind is None:
        kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    if kind not in KINDS:
        raise Fault(f"scenes: there is no kind of question {kind!r}; the kinds are {', '.join(KINDS)}")
    return KINDS[kind](scene, rng)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _exist(scene: Scene, rng: Random) -> Asked:
    """Yes and no equally often; what is not there is one word away from something that is."""
    solid = pick(scene.solids, rng)
    said = [name for name in ATTRIBUTES[:3] if rng.random() < 0.5]
    said += ["shape"] if not said or rng.random() < 0.8 else []
    noun = Noun(**{name: getattr(solid, name) for name in said})
    if rng.random() < 0.5:
        return f"is there {a(noun.text)}?", "yes"
    for _ in range(20):
        name = pick(said, rng)
        other = Noun(**{**{n: getattr(noun, n) for n in said}, name: pick(WORDS[name], rng)})
        if not other.rows(scene):
            return f"is there {a(other.text)}?", "no"
    # "small object", where small and large are both there, has no neighbour that is not: then any colour that is not,
    # or, in a scene of all eight, any colour and shape.
    absent = [noun for noun in (Noun(colour=colour) for colour in COLOURS) if not noun.rows(scene)]
    both = (Noun(colour=colour, shape=shape) for colour in COLOURS for shape in SHAPES)
    absent = absent or [noun for noun in both if not noun.rows(scene)]
    return f"is there {a(pick(absent, rng).text)}?", "no"


def _count(scene: Scene, rng: Random) -> Asked:
    """Every number that some description gives is equally likely, though many more give 0 or 1 than 4."""
    simple = [Noun(**{name: word}) for name in ATTRIBUTES for word in WORDS[name]]
    words = [(name, word) for name in ATTRIBUTES[:3] for word in WORDS[name]]
    pairs = [Noun(**{name: word, "shape": shape}) for name, word in words for shape in SHAPES]
    by_number: dict[int, list[Noun]] = {}
    for noun in [Noun(), *simple, *(pairs if rng.random() < 0.4 else [])]:
        by_number.setdefault(len(noun.rows(scene)), []).append(noun)
    number = pick(sorted(by_number), rng)
    return f"how many {pick(by_number[number], rng).plural} are there?", str(number)


def _attribute(scene: Scene, rng: Random) -> Asked:
    for _ in range(20):
        row, name = int(rng.integers(len(scene.solids))), pick(ATTRIBUTES, rng)
        said = phrase(scene, row, rng, without=name)
        if said is not None:
            answer: str = getattr(scene.solids[row], name)
            the = f"the {said.text}"
            form = f"what is {the} made of?" if name == "material" and rng.random() < 0.5 else f"what {name} is {the}?"
            return form, answer
    return _exist(scene, rng)


def _compare(scene: Scene, rng: Random) -> Asked:
    forms: tuple[Form, ...] = (_more, _place, _same)
    for at in rng.permutation([0, 1, 1, 2]):
        asked = forms[int(at)](scene, rng, bool(rng.random() < 0.5))
        if asked is not None:
            return asked
    return _more(scene, rng, True) or _more(scene, rng, False) or _exist(scene, rng)


def _more(scene: Scene, rng: Random, truth: bool) -> Asked | None:
    """Two values of one attribute, both of them there if possible; equally many is a "no"."""
    name = ("shape", "shape", "colour", "size", "material")[int(rng.integers(5))]
    counts = {word: len(Noun(**{name: word}).rows(scene)) for word in WORDS[name]}
    pairs = [(one, two) for one in counts for two in counts if one != two and (counts[one] > counts[two]) is truth]
    both = [pair for pair in pairs if min(counts[word] for word in pair)]
    either = both or [pair for pair in pairs if max(counts[word] for word in pair)]
    if not either:
        return None
    one, two = (Noun(**{name: word}).plural for word in pick(either, rng))
    return f"are there more {one} than {two}?", _yes(truth)


PLACES = {"left of": "left of", "right of": "right of", "in front of": "nearer than", "behind": "farther than"}


def _pair(scene: Scene, rng: Random, without: str = "") -> tuple[int, int, str, str] | None:
    """Two solids and plain names for them."""
    if len(scene.solids) < 2:
        return None
    i, j = (int(row) for row in rng.permutation(len(scene.solids))[:2])
    one, two = plain(scene, i, rng, without), plain(scene, j, rng, without)
    return None if one is None or two is None else (i, j, one.text, two.text)


def _place(scene: Scene, rng: Random, truth: bool) -> Asked | None:
    for _ in range(10):
        pair = _pair(scene, rng)
        relation = pick(list(PLACES), rng)
        if pair is None:
            continue
        first, second = pair[:2] if truth else (pair[1], pair[0])
        if holds(scene, first, relation, second):
            return f"is the {pair[2]} {PLACES[relation]} the {pair[3]}?", _yes(truth)
    return None


def _same(scene: Scene, rng: Random, truth: bool) -> Asked | None:
    for _ in range(12):
        name = pick(ATTRIBUTES, rng)
        pair = _pair(scene, rng, without=name)
        if pair is None:
            continue
        if (getattr(scene.solids[pair[0]], name) == getattr(scene.solids[pair[1]], name)) is truth:
            return f"do the {pair[2]} and the {pair[3]} have the same {name}?", _yes(truth)
    return None


KINDS: dict[str, Callable[[Scene, Random], Asked]] = {
    "exist": _exist,
    "count": _count,
    "attribute": _attribute,
    "compare": _compare,
}
