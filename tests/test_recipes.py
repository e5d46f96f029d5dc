"""The recipes for real sets: every batch that they would train on can be made, and what they measure can be posed."""

import os
from pathlib import Path

import pytest

from generalist.data.mixture import Mixture, Source
from generalist.data.readers import open_data
from generalist.train.recipe import Recipe

HERE = Path(__file__).resolve().parents[1]
ROOT = Path(os.environ.get("GENERALIST_DATA") or HERE.parent / "shared" / "data")
RECIPES = sorted((HERE / "recipes" / "real").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_for_a_real_set_makes_batches(path, monkeypatch, vocabulary, tasks):
    if not ROOT.is_dir():
        pytest.skip(f"no {ROOT}; set GENERALIST_DATA to the folder with the real sets")
    monkeypatch.setenv("GENERALIST_DATA", str(ROOT))
    recipe = Recipe.read(path)
    sources = [Source(open_data(s.data), s.weight, s.tasks, s.augment) for s in recipe.sources]
    mixture = Mixture(sources, tasks, recipe.tasks, vocabulary, [64, 96], 4, 9, recipe.seed, cells=recipe.cell_tracks)
    for step in range(2):
        batch = mixture[step]
        assert batch["pixels"].shape[-1] in (64, 96) and sum(float(g["weight"].sum()) for g in batch["groups"]) > 0
    asked = recipe.validation
    assert asked is not None and not asked.select  # what is reported on chooses nothing
    measured = open_data(asked.data)
    assert asked.task in measured.tasks and len(measured) and measured.sample(0, asked.task).image is not None
    trained = {sample.id for sample in (sources[0].data.sample(i, asked.task) for i in range(4))}
    assert measured.sample(0, asked.task).id not in trained or path.stem == "vqa_rad"


def test_one_model_for_five_sets_is_shown_what_each_alone_would_be():
    joint = Recipe.read(HERE / "recipes" / "real-tiny.yaml")
    alone = [Recipe.read(path) for path in RECIPES]
    sources = [source for recipe in alone for source in recipe.sources]
    assert len(joint.sources) == 5 and all(source in sources for source in joint.sources)
    singles = [recipe for recipe in alone if recipe.sources[0] in joint.sources]
    assert len({recipe.rows for recipe in singles}) == 1, "every source weighs alike, so every set is seen alike"
    assert joint.optimiser.model_copy(update={"warmup": 100}) == singles[0].optimiser
    assert joint.cell_tracks == max(recipe.cell_tracks for recipe in singles)


def test_there_is_a_recipe_for_every_real_set():
    assert [path.stem for path in RECIPES] == [
        "bccd", "camvid", "coco_mini", "pennfudan", "playing_cards", "seven_scenes", "ucm", "vqa_rad",
    ]  # fmt: skip
