"""The ranking stage: its scores are those of search, its gradient raises the right document, and a run with it goes on
from where it was left."""

import json

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from generalist.data.readers import corpus
from generalist.faults import Fault
from generalist.model.build import build_model, load_model, save_model
from generalist.retrieval.index import Index
from generalist.retrieval.scoring import Scoring, key_weights, log_odds, ranked, weights_of
from generalist.train.loop import train
from generalist.train.ranking import Ranking, documents_scored
from generalist.train.recipe import Recipe

WORDS = ["sea", "moon", "tide", "star", "wind", "rock", "salt", "ice", "sand", "fog", "reef", "gull"]
SIZE = {"width": 32, "depth": 2, "heads": 2, "image_size": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BEIR folder of twelve documents, every query being judged with half of them."""
    root = tmp_path_factory.mktemp("ranking")
    rng = np.random.default_rng(0)
    documents = []
    for i, word in enumerate(WORDS):
        text = " ".join(rng.permutation([word, word, *rng.choice(WORDS, 6)]))
        documents.append({"_id": f"d{i}", "title": word, "text": text})
    queries = [{"_id": f"q{i}", "text": f"what of the {word} and the {word}"} for i, word in enumerate(WORDS)]
    for name, records in (("corpus", documents), ("queries", queries)):
        (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    (root / "qrels").mkdir()
    judged = [f"q{i}\td{j}\t1\n" for i in range(12) for j in range(12) if (i + j) % 2]
    (root / "qrels" / "train.tsv").write_text("".join(judged), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def index(folder, vocabulary):
    """The index, and beside it a model with random weights that would sooner say words of the documents than others."""
    made = Index.build(corpus(folder), vocabulary, folder / "index", kind="ngram")
    torch.manual_seed(1)
    model = build_model(SIZE, vocabulary)
    held = sorted({token for i in range(len(made)) for token in made.identifiers.text(i).tolist()})
    with torch.no_grad():
        model.token_embed.weight[held] *= 60
    save_model(model, folder / "model", vocabulary)
    return made


def recipe(folder, out, **changes):
    ranking = {"index": str(folder / "index"), "queries": f"beir:{folder}:train", "rows": 4, "beams": 4}
    source = {"data": f"beir:{folder}:train", "tasks": {"quote": 1}}
    base = {"name": "rank", "out": str(out), "model": {"init": str(folder / "model")}, "steps": 3, "rows": 2,
            "loaders": 0, "precision": "no", "sources": [source], "ranking": ranking}  # fmt: skip
    return Recipe.model_validate({**base, **changes})


@pytest.fixture
def ranking(folder, index, vocabulary, tmp_path):
    AcceleratorState._reset_state()  # else what another run of this process was precise to is kept
    return Ranking(recipe(folder, tmp_path), vocabulary, Accelerator(cpu=True))


@pytest.fixture(scope="module")
def model(folder, index, vocabulary):
    return load_model(folder / "model")[0].float()


def test_scores_are_those_of_search(ranking, model):
    """What the uncached pass gives, key by key and document by document, is what the list was sorted by."""
    cases = ranking.search(model, 0)
    assert len(cases) >= 3
    with torch.no_grad():
        scores = documents_scored(model, ranking.task, cases)
    for case, score in zip(cases, scores, strict=True):
        found = [one for pair in case.pairs for one in pair]
        assert set(score) == {one.document for one in found}
        for one in found:
            assert float(score[one.document]) == pytest.approx(one.score, rel=1e-4)


def test_the_loss_is_the_margin_and_its_gradient_narrows_it(ranking, model):
    cases = ranking.search(model, 0)
    scores = documents_scored(model, ranking.task, cases)
    gaps = [float((s[w.document] - s[r.document]).detach()) / c.best
            for c, s in zip(cases, scores, strict=True) for r, w in c.pairs]  # fmt: skip
    loss = ranking.loss(model, cases)
    assert float(loss.detach()) == pytest.approx(np.mean([max(0, gap + ranking.spec.margin) for gap in gaps]), rel=1e-4)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss.backward()
    with torch.no_grad():
        norm = torch.sqrt(sum(p.grad.square().sum() for p in model.parameters() if p.grad is not None))
        for p in model.parameters():
            if p.grad is not None:
                p -= 1e-3 * p.grad / norm
        assert float(ranking.loss(model, cases)) < float(loss)
        for name, p in model.named_parameters():
            p.copy_(before[name])
            p.grad = None
    assert ranking.recent()["ranking"] > 0
    assert ranking.recent() == {}


def test_a_step_searches_for_the_same_again_and_only_where_it_ranks(ranking, model):
    once, again = ranking.search(model, 3), ranking.search(model, 3)
    assert [case.sample for case in once] == [case.sample for case in again]
    for case in once:
        relevant = [{ranking.index[one.document].id in case.sample.documents for one in pair} for pair in case.pairs]
        assert relevant == [{True, False}] * 2
    ranking.spec.every = 2
    assert ranking.search(model, 3) == [] != ranking.search(model, 2)


@given(st.lists(st.floats(-20, -1e-3), min_size=1, max_size=8), st.integers(1, 50), st.integers(60, 10**9))
def test_weights_are_one_formula_and_its_derivative(logs, count, places):
    counts = np.full(len(logs), count)
    written = torch.tensor(logs, dtype=torch.float64, requires_grad=True)
    weights = weights_of(written, torch.from_numpy(log_odds(counts, places)))
    p, share = np.exp(logs), count / places
    expected = np.maximum(np.log(p * (1 - share)) - np.log(share * (1 - p)), 0)
    assert weights.detach().numpy() == pytest.approx(expected, abs=1e-6)
    assert key_weights(np.asarray(logs), counts, places) == pytest.approx(expected, abs=1e-6)
    weights.sum().backward()
    assert written.grad.numpy() == pytest.approx(np.where(expected > 0, 1 / (1 - p), 0), rel=1e-6)


def test_a_score_of_the_best_key_alone_is_the_weight_of_one(index):
    held = index.identifiers
    keys = [tuple(held.text(0)[:2].tolist()), tuple(held.text(0)[3:5].tolist()), tuple(held.text(1)[:1].tolist())]
    logs = np.asarray([-0.5, -1.0, -2.0])
    whole = {one.document: one for one in ranked(held, keys, logs, scoring=Scoring(2.0, 0.5))}
    alone = {one.document: one for one in ranked(held, keys, logs, scoring=Scoring(2.0, 0.5, most=1))}
    assert whole.keys() == alone.keys() and len(whole[0].matches) > 1
    for document, one in alone.items():
        assert len(one.matches) == 1
        assert one.score == pytest.approx(whole[document].matches[0].weight)


def test_an_interrupted_run_ends_with_the_same_weights(folder, index, tmp_path):
    whole = train(recipe(folder, tmp_path / "whole"))
    train(recipe(folder, tmp_path / "parts"), stop_at=1)
    parts = train(recipe(folder, tmp_path / "parts"))
    a, b = (load_file(one.parent / "last" / "model.safetensors") for one in (whole, parts))
    for name in a:
        assert torch.equal(a[name], b[name]), name
    plain = train(recipe(folder, tmp_path / "plain", ranking=None))
    c = load_file(plain.parent / "last" / "model.safetensors")
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_what_cannot_be_ranked_is_refused(folder, index, vocabulary, tmp_path):
    titles = tmp_path / "titles"
    Index.build(corpus(folder), vocabulary, titles)
    base = recipe(folder, tmp_path).ranking

    def opened(**changes):
        return Ranking(recipe(folder, tmp_path, ranking=base.model_copy(update=changes)), vocabulary, Accelerator())

    with pytest.raises(Fault, match="by title, not by ngram"):
        opened(index=titles)
    with pytest.raises(Fault, match="cannot be posed as 'detect'"):
        opened(task="detect")
    with pytest.raises(Fault, match="no such index folder"):
        opened(index=tmp_path / "nowhere")
