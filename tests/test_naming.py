"""Names to ask for: exclusive within a level, and wrong ones often nearly right."""

from itertools import combinations

import numpy as np
import pytest
import witness

from generalist.data.naming import LEVELS, alternatives, level
from generalist.data.scenes import Scenes


@pytest.mark.parametrize("name", LEVELS)
def test_exactly_one_name_of_a_level_is_true_of_a_solid(name):
    for scene in (Scenes("train", 32)[i] for i in range(10)):
        suited = [set(witness.suiting(scene, noun.text)) for noun in LEVELS[name]]
        assert set.union(*suited) == set(range(len(scene.solids)))
        assert not any(one & two for one, two in combinations(suited, 2))


def test_alternatives_hold_the_right_one_and_prefer_those_that_share_a_word():
    rng = np.random.default_rng(0)
    nouns = LEVELS["colour shape"]
    right, wrong, near = nouns[5], [noun for noun in nouns if noun is not nouns[5]], []
    for _ in range(300):
        asked = alternatives(right, wrong, rng)
        assert 2 <= len(asked) <= 6 and asked.count(right) == 1 and len(set(asked)) == len(asked)
        near += [noun.shape == right.shape or noun.colour == right.colour for noun in asked if noun is not right]
    chance = np.mean([noun.shape == right.shape or noun.colour == right.colour for noun in wrong])
    assert chance + 0.15 < np.mean(near) < 0.95


def test_every_level_is_drawn():
    rng = np.random.default_rng(0)
    assert {level(rng) for _ in range(100)} == set(LEVELS)
