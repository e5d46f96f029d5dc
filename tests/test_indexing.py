"""The benchmark of naming documents prints every figure that it promises, on a collection small enough for a test."""

import numpy as np
import pytest

from generalist.app import indexing, tries, zipf
from generalist.app.bench import rows
from generalist.retrieval.substrings import Substrings
from generalist.sequence.vocabulary import Vocabulary


def test_the_collection_is_the_same_every_time_and_follows_zipf():
    tokens, starts = zipf.zipf(50_000, 1000)
    assert (tokens == zipf.zipf(50_000, 1000)[0]).all() and tokens.max() < 1000
    assert np.diff(starts).tolist() == [zipf.LENGTH] * (50_000 // zipf.LENGTH)
    most = np.sort(np.bincount(tokens))[::-1]
    harmonic = (1 / np.arange(1, 1001)).sum()
    for k in (1, 2, 5):
        assert most[k - 1] == pytest.approx(50_000 / harmonic / k, rel=0.1)


def test_beams_write_what_the_collection_holds():
    held, tokens, starts = Substrings.of([[1, 2, 3] * 30]), np.asarray([1, 2, 3] * 30), np.asarray([0, 90])
    for ids in zipf.beams(np.random.default_rng(0), tokens, starts):
        assert held.count(ids.tolist()) > 0
    assert len(zipf.walks(held, tokens, starts)) == zipf.WALKS


def test_an_index_of_drawn_tokens_is_one_that_search_would_open(tmp_path):
    index = indexing._index(tmp_path / "index", Vocabulary.load(), 1000)
    assert len(index) == 10 and index[3].id == "d3"
    assert index.identifiers.documents(index.identifiers.text(3).tolist()).tolist() == [3]


def test_a_trie_allows_what_intervals_allow():
    names = [row[0] for row in tries.beside_a_trie(500, 3000)]  # it asserts so itself
    assert names == ["vs_prefix_allowed_tokens_fn", "vs_prefix_allowed_tokens_fn_cut"]


@pytest.mark.slow
def test_every_figure_is_told(monkeypatch):
    monkeypatch.setenv("GENERALIST_BENCH_TOKENS", "6e5")
    found = {row["name"]: row["value"] for row in rows("index")}
    assert set(found) >= {
        "build_s_per_10M", "bytes_per_token", "narrow_60_beams_ms", "continuations_60_beams_ms",
        "continuations_depth1_ms", "step_overhead", "vs_prefix_allowed_tokens_fn", "resident_vs_touched", "step_growth",
        "add_1000_s", "remove_1000_s",
    }  # fmt: skip
    assert all(value > 0 for value in found.values())
