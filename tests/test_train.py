"""Training: an interrupted run ends with the weights of an uninterrupted one; broken checkpoints and recipes
are named."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from generalist.faults import Fault
from generalist.model.build import load_model
from generalist.train.loop import train
from generalist.train.optim import Average, rate
from generalist.train.recipe import Optimiser, Recipe

TINY = {
    "name": "test",
    "model": {"width": 32, "depth": 2, "heads": 2, "image_size": 32},
    "steps": 6,
    "rows": 2,
    "empty_tracks": 4,
    "cell_tracks": 4,
    "loaders": 0,
    "precision": "no",
    "sources": [
        {"data": "scenes:train?size=32", "tasks": {"detect": 1, "depth": 1, "ask": 1, "retrieve": 1, "segment": 1}}
    ],
}


def recipe(out: Path, **changes) -> Recipe:
    return Recipe.model_validate({**TINY, "out": str(out), **changes})


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_resume_gives_the_weights_of_an_uninterrupted_run(tmp_path, optimiser):
    spec = {"name": optimiser, "warmup": 2, "decay": 0.5}
    whole = train(recipe(tmp_path / "whole", optimiser=spec))
    train(recipe(tmp_path / "parts", optimiser=spec), stop_at=2)
    train(recipe(tmp_path / "parts", optimiser=spec), stop_at=3)
    parts = train(recipe(tmp_path / "parts", optimiser=spec, loaders=1))
    for file in ("last/model.safetensors", "last/average.safetensors", "last/optimiser0.safetensors"):
        a, b = load_file(whole.parent / file), load_file(parts.parent / file)
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), f"{file}: {name}"


def test_a_run_learns_and_its_model_loads(tmp_path):
    folder = train(recipe(tmp_path, steps=3))
    model, vocabulary = load_model(folder)
    assert model.config.fingerprint == vocabulary.fingerprint
    assert {p.suffix for p in folder.iterdir()} <= {".json", ".safetensors", ".npy"}  # nothing in it is a pickle
    average = load_file(tmp_path / "last" / "average.safetensors")
    for name, value in model.named_parameters():
        assert torch.equal(value, average[name].to(torch.bfloat16)), name


def test_one_process_trains_recipes_of_different_precision(tmp_path):
    for precision in ("no", "bf16", "no"):
        train(recipe(tmp_path / precision, precision=precision, steps=1))


@pytest.mark.parametrize("file", ["model.safetensors", "optimiser0.safetensors", "state.json"])
def test_a_checkpoint_cut_short_is_named(tmp_path, file):
    train(recipe(tmp_path), stop_at=1)
    path = tmp_path / "last" / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Fault, match=file):
        train(recipe(tmp_path))
    assert train(recipe(tmp_path, steps=1), fresh=True)


def test_a_checkpoint_of_another_model_is_named(tmp_path):
    train(recipe(tmp_path), stop_at=1)
    with pytest.raises(Fault, match="another model"):
        train(recipe(tmp_path, model={**TINY["model"], "width": 64}))
    state = tmp_path / "last" / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "fingerprint": "0" * 16}))
    with pytest.raises(Fault, match="another vocabulary"):
        train(recipe(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("stepz=3", "stepz.*'steps'"),
        ("steps=none", "steps"),
        ("optimiser.lr=-1", "optimiser.lr"),
        ("sources=[]", "sources"),
        ("steps", "key=value"),
        ("name.x=1", "'name' holds no fields"),
        ("sources.3.data=x", "no place in a list of 1"),
    ],
)
def test_a_recipe_at_fault_is_named(tmp_path, change, said):
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump({**TINY, "out": "o"}))
    with pytest.raises(Fault, match=said):
        Recipe.read(path, [change])
    assert Recipe.read(path, ["steps=9", "optimiser.lr=0.5"]).optimiser.lr == 0.5
    assert Recipe.read(path, ["sources.0.data=voc:/a:train"]).sources[0].data == "voc:/a:train"


def test_a_task_that_is_not_there_is_named(tmp_path):
    sources = [{"data": "scenes:train", "tasks": {"detekt": 1}}]
    with pytest.raises(Fault, match="detekt"):
        train(recipe(tmp_path, sources=sources))


def test_every_shipped_recipe_is_valid():
    for path in (Path(__file__).parent.parent / "recipes").rglob("*.yaml"):
        assert Recipe.read(path).tasks


def test_schedules_start_and_end_where_they_say():
    constant, cosine = Optimiser(warmup=10, decay=0.5), Optimiser(warmup=1, schedule="cosine")
    assert rate(0, 0, constant) == pytest.approx(0.1)
    assert rate(49, 0.49, constant) == 1.0
    assert rate(75, 0.75, constant) == pytest.approx(0.5)
    assert rate(99, 0.99, constant) == pytest.approx(0.02)
    assert rate(50, 0.5, cosine) == pytest.approx(0.5)
    assert rate(50, 1.2, constant) == rate(50, 1.2, cosine) == 0  # the clock ran on while it was measured


def test_the_average_follows_its_equation():
    value = torch.tensor([1.0])
    average = Average([value], decay=0.5)
    expected = 1.0
    for step, new in enumerate([2.0, 5.0, -1.0]):
        value.fill_(new)
        average.update([value], step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * new
        assert float(average.values[0]) == pytest.approx(expected)
