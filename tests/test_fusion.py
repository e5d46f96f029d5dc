"""Fusion and intervals: ends of the range give back the lists; a bootstrap holds the mean and narrows with n."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.metrics.interval import bootstrap
from generalist.retrieval.fusion import fused


def hits(names: str, scores: list[float]) -> list[dict]:
    return [{"id": n, "title": n, "score": s, "evidence": [n + "!"]} for n, s in zip(names, scores, strict=True)]


LISTS = st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7).map(
    lambda names: hits("".join(names), [1.0 / (i + 1) for i in range(len(names))])
)


@given(LISTS, LISTS, st.integers(1, 9), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_a_fused_list_is_ranked_by_the_convex_sum(first, second, k, share):
    both = fused(first, second, k, share)
    scores = [hit["score"] for hit in both]
    assert all(a > b for a, b in zip(scores, scores[1:], strict=False))
    names = {hit["id"] for hit in first} | {hit["id"] for hit in second}
    assert len(both) == min(k, len(names)) and {hit["id"] for hit in both} <= names

    def wanted(name: str) -> float:
        return sum(
            w * next((h["score"] / found[0]["score"] for h in found if h["id"] == name), 0.0)
            for found, w in ((first, share), (second, 1 - share))
        )

    assert [wanted(hit["id"]) for hit in both] == pytest.approx(sorted(map(wanted, names), reverse=True)[:k], abs=1e-4)
    if share == 1.0 and len(first) >= k:
        assert [hit["id"] for hit in both] == [hit["id"] for hit in first[:k]]


def test_the_evidence_of_both_is_told_and_the_lists_are_left_alone():
    first, second = hits("ab", [2.0, 1.0]), hits("b", [5.0])
    both = fused(first, second, 2, 0.5)
    assert both[0]["id"] == "b" and both[0]["evidence"] == ["b!", "b!"]
    assert first == hits("ab", [2.0, 1.0]) and second == hits("b", [5.0])


def test_the_interval_is_that_of_the_normal_law_for_many_values():
    values = np.random.default_rng(0).normal(3, 2, 4000)
    low, high = bootstrap(values.tolist())
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.01)
    assert bootstrap([1.0] * 5) == (1.0, 1.0)
    assert np.isnan(bootstrap([])).all()
