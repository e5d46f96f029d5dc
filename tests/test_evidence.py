"""Rankings by sets of evidence, against KILT's measures written out from their definition (Petroni et al. 2021)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.metrics.ranking import Ranking, found_whole
from generalist.sequence.sample import Answer, Sample

PAGES = "abcdefgh"
FOUND = st.lists(st.sampled_from(PAGES + "xyz"), unique=True, max_size=11)
SETS = st.lists(st.sets(st.sampled_from(PAGES), min_size=1, max_size=4).map(sorted).map(tuple), min_size=1, max_size=4)
APART = st.permutations(PAGES).flatmap(
    lambda pages: st.lists(st.integers(1, 7), unique=True, min_size=1, max_size=4).map(
        lambda cuts: [tuple(pages[a:b]) for a, b in zip([0, *sorted(cuts)], sorted(cuts), strict=False)]
    )
)


def ranked(found, sets):
    ranking = Ranking()
    relevant = tuple(dict.fromkeys(page for pages in sets for page in pages))
    answer = Answer("quote", documents=[{"id": page} for page in found])
    ranking.add(answer, Sample(documents=relevant, evidence=tuple(sets)))
    return ranking.result()


@given(FOUND, SETS)
def test_r_precision_is_that_of_the_best_set(found, sets):
    slow = max(sum(page in pages for page in found[: len(pages)]) / len(pages) for pages in sets)
    assert ranked(found, sets)["R-precision"] == pytest.approx(slow)


@given(FOUND, APART, st.integers(1, 12))
def test_recall_counts_whole_sets_where_their_last_page_stands(found, sets, k):
    rank = list(found)
    for i, pages in enumerate(sets):
        there = [page for page in rank if page in pages]
        for page in there[:-1]:
            rank.remove(page)
        if there:
            rank[rank.index(there[-1])] = i if set(pages) <= set(found) else "part"
    slow = sum(i in rank[:k] for i in range(len(sets))) / len(sets)
    assert found_whole(found, sets, k) == pytest.approx(slow)


@given(FOUND, SETS, st.integers(1, 12))
def test_recall_of_sets_that_overlap_is_between_none_and_all_that_are_there(found, sets, k):
    whole = sum(set(pages) <= set(found) for pages in sets) / len(sets)
    assert 0 <= found_whole(found, sets, k) <= min(whole, found_whole(found, sets, k + 1) + 1e-9)
    assert found_whole(found, sets, len(found) + len(sets)) == whole


@given(FOUND, st.sets(st.sampled_from(PAGES), min_size=1))
def test_sets_of_one_page_are_measured_as_documents_are(found, relevant):
    alone, whole = ranked(found, [(page,) for page in sorted(relevant)]), Ranking()
    whole.add(Answer("quote", documents=[{"id": page} for page in found]), Sample(documents=tuple(sorted(relevant))))
    for name in ("R@1", "R@10", "R@100", "nDCG@10", "MRR@10"):
        assert alone[name] == whole.result()[name]
    cut = found[: len(relevant)]
    assert whole.result()["R-precision"] == pytest.approx(sum(page in relevant for page in cut) / len(relevant))


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_scores_are_measured_over_queries_with_an_answer_and_without(told):
    """The probability is of the first document being relevant; AUROC of answerability is a count over pairs."""
    ranking = Ranking()
    for score, answerable, right in told:
        answer = Answer("quote", scores=np.asarray([score / 9], np.float32), documents=[{"id": "a" if right else "b"}])
        ranking.add(answer, Sample(documents=("a",) if answerable else ()))
    figures = ranking.result()
    yes, no = [s for s, a, _ in told if a], [s for s, a, _ in told if not a]
    assert ("answerability AUROC" in figures) == bool(yes and no)
    if yes and no:
        pairs = [(a > b) + 0.5 * (a == b) for a in yes for b in no]
        assert figures["answerability AUROC"] == pytest.approx(np.mean(pairs))
    scores, correct = ranking.calibration.pairs
    assert correct.tolist() == [a and r for _, a, r in told] and len(scores) == len(told)
    assert len(ranking.values().get("R@1", [])) == len(yes)
