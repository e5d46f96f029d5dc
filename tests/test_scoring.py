"""Scores of documents against a slow reading of the published formula."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.retrieval.scoring import ALPHA, BETA, key_weights, ranked
from generalist.retrieval.substrings import Substrings

TOKENS = st.sampled_from([0, 1, 2, 5])
DOCUMENTS = st.lists(st.lists(TOKENS, min_size=1, max_size=10), min_size=1, max_size=8)
KEYS = st.lists(st.lists(TOKENS, min_size=1, max_size=3).map(tuple), min_size=1, max_size=8, unique=True)


def slow(documents, keys, log_probabilities):
    """Every document's score, word for word after the formula."""
    places = sum(len(document) + 1 for document in documents)

    def stands(document, key):
        return [at for at in range(len(document) - len(key) + 1) if tuple(document[at : at + len(key)]) == key]

    weight = {}
    for key, log_probability in zip(keys, log_probabilities, strict=True):
        share = sum(len(stands(document, key)) for document in documents) / places
        p = math.exp(log_probability)
        weight[key] = max(0, math.log(p * (1 - share) / (share * (1 - p)))) if share else 0
    scores = []
    for document in documents:
        score, taken, seen = 0.0, set(), set()
        for key in sorted(keys, key=lambda key: -weight[key]):
            for at in stands(document, key):
                if weight[key] and not taken & set(range(at, at + len(key))):
                    new = len(set(key) - seen) / len(set(key))
                    score += weight[key] ** ALPHA * (1 - BETA + BETA * new)
                    taken |= set(range(at, at + len(key)))
                    seen |= set(key)
                    break
        scores.append(score)
    return scores


@given(DOCUMENTS, KEYS, st.data())
def test_scores_are_those_of_the_formula(documents, keys, data):
    logs = np.asarray(data.draw(st.lists(st.floats(-9, -0.01), min_size=len(keys), max_size=len(keys), unique=True)))
    expected = slow(documents, keys, logs)
    found = ranked(Substrings.of(documents), keys, logs, k=len(documents))
    assert {one.document for one in found} == {i for i, score in enumerate(expected) if score > 0}
    for one in found:
        assert one.score == pytest.approx(expected[one.document], rel=1e-6)
        assert sum(match.weight for match in one.matches) == pytest.approx(one.score)
        for match in one.matches:
            assert tuple(documents[one.document][match.start : match.stop]) in keys
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(DOCUMENTS, KEYS)
def test_the_best_are_the_first_of_all(documents, keys):
    held, logs = Substrings.of(documents), np.linspace(-1, -3, len(keys))
    assert ranked(held, keys, logs, 2) == ranked(held, keys, logs, len(documents))[:2]


def test_what_stands_nowhere_or_is_no_likelier_than_by_chance_weighs_nothing():
    assert key_weights(np.log([0.5, 0.01, 0.5]), np.asarray([0, 10, 10]), 100).tolist()[:2] == [0, 0]
    assert key_weights(np.log([0.5]), np.asarray([10]), 100)[0] == pytest.approx(math.log(9))
    assert ranked(Substrings.of([[1, 2]]), [(7,)], np.log([0.5])) == []
