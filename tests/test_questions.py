"""Every answer is the one that a second reader finds, and none can be guessed from the kind of question."""

from collections import Counter

import numpy as np
import pytest
import witness

from generalist.data.questions import KINDS, question
from generalist.data.scenes import Scene, Scenes
from generalist.faults import Fault


@pytest.fixture(scope="module")
def world() -> list[Scene]:
    return [Scenes("train", 48)[i] for i in range(80)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_right(world, kind):
    rng = np.random.default_rng(0)
    odd = [Scenes("test", 48, (n, n))[i] for n in (1, 8) for i in range(8)]
    for scene in [*world, *odd]:
        for _ in range(6):
            asked, answer = question(scene, rng, kind)
            assert asked == asked.lower() and asked.endswith("?")
            assert witness.answer(scene, asked) == answer, asked


@pytest.mark.parametrize("kind", ["exist", "compare"])
def test_yes_and_no_are_equally_likely(world, kind):
    rng = np.random.default_rng(1)
    said = [question(scene, rng, kind) for scene in world for _ in range(8)]
    forms = Counter((asked.split()[0], answer) for asked, answer in said)
    for first in {first for first, _ in forms}:
        yes, no = forms[first, "yes"], forms[first, "no"]
        assert 0.35 < yes / (yes + no) < 0.65, (first, yes, no)


def test_numbers_and_attributes_are_spread(world):
    rng = np.random.default_rng(2)
    numbers = Counter(question(scene, rng, "count")[1] for scene in world for _ in range(6))
    assert set(numbers) == set("012345") and max(numbers.values()) < 0.4 * numbers.total()
    words = Counter(question(scene, rng, "attribute")[1] for scene in world for _ in range(6))
    assert set(words) == {word for some in witness.WORDS.values() for word in some}


def test_kinds_are_equally_likely_and_known(world):
    rng = np.random.default_rng(3)
    first = Counter(question(scene, rng)[0].split()[0] for scene in world for _ in range(10))
    assert 0.15 < first["how"] / first.total() < 0.35 and 0.15 < first["what"] / first.total() < 0.35
    with pytest.raises(Fault, match="exist, count, attribute, compare"):
        question(world[0], rng, "why")
