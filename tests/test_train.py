"""Training: an interrupted run ends with the weights of an uninterrupted one; broken checkpoints and recipes
are named."""

import itertools
import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from generalist.app.evaluate import Evaluation, judge
from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.model.build import build_model, load_model
from generalist.train.clock import Clock
from generalist.train.loop import train
from generalist.train.optim import Average, optimisers, rate
from generalist.train.recipe import Optimiser, Recipe, Validate
from generalist.train.watch import Watch

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
    spec = {"name": optimiser, "warmup": 2, "decay": 0.5, "layer_decay": 0.7}
    augment = {"flip": 0.5, "scale": [0.4, 1.5], "colour": 0.4, "mosaic": 0.5, "turn": 9}
    sources = [{"data": "scenes:train?size=32", "tasks": {"instances": 1, "ask": 1}, "augment": augment}]
    more = {"optimiser": spec, "sizes": [32, 48], **({} if optimiser == "muon" else {"sources": sources})}
    whole = train(recipe(tmp_path / "whole", **more))
    train(recipe(tmp_path / "parts", **more), stop_at=2)
    train(recipe(tmp_path / "parts", **more), stop_at=3)
    parts = train(recipe(tmp_path / "parts", **more, loaders=1))
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
        ("steps=null", "when does the run end"),
        ("validate={data: scenes, task: ask, metric: accuracy, every: 0}", "validate.every: is a number of steps or"),
        ("validate={data: scenes, task: ask, metric: accuracy, every: 3 weeks}", "validate.every"),
        ("sources.0.augment={scale: [2, 1]}", "sources.0.augment: scale is .least, most."),
        ("sources.0.augment={flop: 1}", "sources.0.augment.flop"),
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


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_every_parameter_has_one_rate_and_lower_layers_a_lower_one(small_model, name):
    found = optimisers(small_model, Optimiser(name=name, layer_decay=0.5))
    groups = [group for optimiser in found for group in optimiser.param_groups]
    scale = {id(p): group["scale"] for group in groups for p in group["params"]}
    assert len(scale) == sum(len(group["params"]) for group in groups) == len(list(small_model.parameters()))
    lowest, top = ("patch_embed.proj.weight", "pos_embed"), ("norm.weight", "token_embed.weight")
    expected = dict.fromkeys(lowest, 0.125) | {"blocks.0.attn.qkv.weight": 0.25, "blocks.1.norm1.weight": 0.5}
    for parameter, factor in (expected | dict.fromkeys(top, 1.0)).items():
        assert scale[id(small_model.get_parameter(parameter))] == factor, parameter
    flat = [g["scale"] for o in optimisers(small_model, Optimiser(name=name)) for g in o.param_groups]
    assert set(flat) == {1.0} and len(flat) == (3 if name == "muon" else 2)


@torch.no_grad()
def test_a_model_of_another_size_reads_as_the_first_would(vocabulary):
    first, _ = load_model("tiny")
    again = build_model({"init": "tiny", "image_size": 192}, vocabulary)
    assert again.config.image_size == 192
    pixels = torch.rand(1, 3, 192, 192) * 2 - 1
    one, two = first.float().encode_images(pixels), again.encode_images(pixels)
    torch.testing.assert_close(one.features[-1], two.features[-1], rtol=1e-4, atol=1e-4)
    for change in ({"image_size": 200}, {"width": 64}):
        with pytest.raises(Fault, match=next(iter(change))):
            build_model({"init": "tiny", **change}, vocabulary)


class Judged:
    """Figures from a list, one a measurement, and the weights that were measured."""

    def __init__(self, figures):
        self.figures, self.seen = figures, []

    def __call__(self, model, vocabulary, recipe):
        self.seen.append({name: value.clone() for name, value in model.named_parameters()})
        return {"accuracy": self.figures[len(self.seen) - 1]}


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


WATCHED = {"data": "scenes:val?size=32&length=3", "task": "ask", "metric": "accuracy", "every": 2}
ASKED = [{"data": "scenes:train?size=32", "tasks": {"ask": 1}}]


def test_the_best_weights_are_kept_and_waiting_ends(tmp_path):
    change = {"sources": ASKED, "steps": 20, "validate": {**WATCHED, "patience": 2}}
    judge = Judged([0.1, 0.5, 0.3, 0.5, 0.9])
    model, _ = load_model(train(recipe(tmp_path / "whole", **change), judge=judge))
    assert len(judge.seen) == 4  # twice no better than the second
    for name, value in model.float().named_parameters():
        assert torch.equal(value, judge.seen[1][name]), name
    told = [(line["step"], line["best"]) for line in lines(tmp_path / "whole") if "validation" in line]
    assert told == [(2, True), (4, True), (6, False), (8, False)]
    # Interrupted between two measurements, it measures the same, writes the same curve, and ends at the same step.
    train(recipe(tmp_path / "parts", **change), stop_at=5, judge=Judged([0.1, 0.5]))
    again = train(recipe(tmp_path / "parts", **change), judge=Judged([0.3, 0.5, 0.9]))
    for name, value in load_model(again)[0].float().named_parameters():
        assert torch.equal(value, judge.seen[1][name]), name
    curves = [[{**line, "seconds": 0} for line in lines(tmp_path / part)] for part in ("whole", "parts")]
    assert curves[0] == curves[1]
    assert train(recipe(tmp_path / "parts", **change), judge=Judged([])) == again  # it is over


def test_what_is_only_watched_chooses_nothing(tmp_path):
    change = {"sources": ASKED, "steps": 4, "validate": {**WATCHED, "select": False, "patience": 1}}
    judge = Judged([0.9, 0.1])
    model, _ = load_model(train(recipe(tmp_path, **change), judge=judge))
    assert not (tmp_path / "best").exists()
    for name, value in model.float().named_parameters():
        assert torch.equal(value, judge.seen[1][name]), name


def test_a_figure_that_a_task_lacks_and_a_judge_that_is_not_there_are_named(tmp_path):
    change = {"sources": ASKED, "steps": 2, "validate": {**WATCHED, "metric": "AP50"}}
    with pytest.raises(Fault, match="'AP50'; it has accuracy"):
        train(recipe(tmp_path, **change), judge=Judged([0.5]))
    with pytest.raises(Fault, match="judge"):
        train(recipe(tmp_path, **change), fresh=True)
    with pytest.raises(Fault, match="sizes: 40"):
        train(recipe(tmp_path, sizes=[40]), fresh=True)


def test_what_is_measured_while_training_is_what_eval_measures_of_the_model(tmp_path):
    change = {"sources": ASKED, "steps": 2, "validate": {**WATCHED, "every": 1}}
    folder = train(recipe(tmp_path, **change), judge=judge)
    best = [line for line in lines(tmp_path) if line.get("best")][-1]
    found = Evaluation(Generalist.from_pretrained(folder), "ask", WATCHED["data"]).run()
    assert found["metrics"] == pytest.approx(best["validation"])


def test_less_is_better_of_an_error():
    watch = Watch(Validate(**{**WATCHED, "metric": "AbsRel", "patience": 1}))
    assert watch.take(0.3, 1, 0.0) and watch.take(0.2, 2, 0.0)
    assert not watch.take(0.25, 3, 0.0) and watch.enough and watch.at == 2


def test_the_clock_ends_a_run_and_its_rate_falls_towards_that_end(tmp_path, monkeypatch):
    """Every look at the clock takes a second: the run ends after a minute, wherever it was interrupted."""
    ticks = itertools.count()
    monkeypatch.setattr("generalist.train.clock.time.monotonic", lambda: float(next(ticks)))
    made = recipe(tmp_path, sources=ASKED, steps=None, minutes=1, optimiser={"warmup": 0, "decay": 0.5})
    rates = []
    monkeypatch.setattr("generalist.train.loop.rate", lambda *a: rates.append((a[1], rate(*a))) or rates[-1][1])
    train(made, stop_at=4)
    model = train(made)
    done, factors = zip(*rates, strict=True)
    assert list(done) == sorted(done) and 0.9 < done[-1] < 1
    assert factors[0] == 1 and factors[-1] == pytest.approx((1 - done[-1]) / 0.5) and len(done) > 6
    assert model.name == "model"
    state = json.loads((tmp_path / "last" / "state.json").read_text())
    assert state["step"] == len(done) and state["seconds"] >= 60
    train(made)
    assert len(rates) == len(done)  # its time is up


def test_a_pause_takes_no_time(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("generalist.train.clock.time.monotonic", lambda: now[0])
    clock = Clock(5.0)
    now[0] += 2
    with clock.paused():
        now[0] += 100
    assert clock.seconds == 7.0


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
