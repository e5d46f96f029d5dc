"""Teaching: the time is divided as it says, what was interrupted goes on, and another request starts anew."""

import json

import pytest

from generalist.app import teaching
from generalist.app.teaching import LONG, shares, taught, teach
from generalist.data.readers import corpus
from generalist.model.build import load_model, save_model
from generalist.retrieval.index import Index
from generalist.retrieval.pseudo import Asked
from generalist.train import loop

STAGES = ["learn", "write", "again", "rank"]


@pytest.mark.parametrize("judged", [False, True])
@pytest.mark.parametrize("kind", ["title", "ngram"])
@pytest.mark.parametrize("minutes", [1, LONG])
def test_all_of_the_time_is_given_to_what_can_be_done(judged, kind, minutes):
    found = shares(judged, kind, minutes)
    assert sum(found.values()) == pytest.approx(1) and min(found.values()) > 0
    wanted = {"learn"} | ({"write", "again"} if judged and minutes >= LONG else set())
    wanted |= {"rank"} if judged and kind == "ngram" else set()
    assert list(found) == [name for name in STAGES if name in wanted]


@pytest.fixture
def folder(tmp_path):
    texts = ["The Moon pulls the sea.", "A tide is the rise of the sea.", "Spring tides come with a full Moon."]
    (tmp_path / "qrels").mkdir()
    for name, records in (
        ("corpus", [{"_id": f"d{i}", "title": f"t{i}", "text": text} for i, text in enumerate(texts)]),
        ("queries", [{"_id": f"q{i}", "text": f"what is {text.split()[1]}"} for i, text in enumerate(texts)]),
    ):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    (tmp_path / "qrels" / "train.tsv").write_text("q0\td0\t1\nq1\td1\t1\nq2\td2\t1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """Recipes at their smallest, and the stages that were trained, in order."""
    whole, write, names = teaching._Teacher._recipe, teaching._Teacher._write, []

    def small(self, *given):
        recipe = whole(self, *given)
        ranking = recipe.ranking and recipe.ranking.model_copy(update={"rows": 2, "beams": 2})
        return recipe.model_copy(update={"rows": 2, "loaders": 0, "precision": "no", "ranking": ranking})

    def told(recipe, *given, train=loop.train, **more):
        names.append(recipe)
        return train(recipe, *given, **more)

    monkeypatch.setattr(teaching._Teacher, "_recipe", small)
    monkeypatch.setattr(teaching, "LONG", 0.0)
    monkeypatch.setattr(teaching._Teacher, "_write", lambda self, model, _: write(self, model, 60.0))
    monkeypatch.setattr(loop, "train", told)
    return names


def test_an_interrupted_lesson_goes_on_with_its_stage(folder, trained, small_model, vocabulary, tmp_path, monkeypatch):
    save_model(small_model, tmp_path / "model", vocabulary)
    index = Index.build(corpus(folder), vocabulary, tmp_path / "index", kind="ngram")
    # A model of random weights finds nothing by its own queries: here all are kept, as if it did.
    keep = teaching.write_queries
    every = lambda asked: (Asked(one.query, one.document, True) for one in asked)  # noqa: E731
    monkeypatch.setattr(teaching, "write_queries", lambda f, d, asked, some: keep(f, d, every(asked)))
    given = (index.folder, index, f"beir:{folder}", "ngram", str(tmp_path / "model"))
    whole = loop.train

    def interrupted(recipe, *rest, **more):
        if recipe.name == "rank":
            raise KeyboardInterrupt
        return whole(recipe, *rest, **more)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "train", interrupted)
        teach(*given, 1e-6)
    assert [recipe.name for recipe in trained] == ["learn", "again"] and taught(index.folder) is None
    made = teach(*given, 1e-6)
    assert [recipe.name for recipe in trained] == ["learn", "again", "rank"]
    learn, again, rank = trained
    assert {"quote": 1.0, "ask_for": 0.5} in [source.tasks for source in learn.sources]
    assert any("index.training/queries:train" in source.data for source in again.sources)
    assert rank.ranking.index == str(index.folder) and learn.ranking is None
    assert made == taught(index.folder) and load_model(made)
    assert not (tmp_path / "index.training").exists()


def test_another_request_starts_anew(folder, trained, small_model, vocabulary, tmp_path, monkeypatch):
    save_model(small_model, tmp_path / "model", vocabulary)
    index = Index.build(corpus(folder), vocabulary, tmp_path / "index")

    def stopped(self, name, *rest):
        raise KeyboardInterrupt

    there = []
    for minutes in (1, 1, 2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(teaching._Teacher, "_train", stopped)
            teach(index.folder, index, str(folder / "corpus.jsonl"), "title", str(tmp_path / "model"), minutes)
        mark = tmp_path / "index.training" / "mark"
        there.append(mark.exists())
        mark.touch()
    assert there == [False, True, False]
