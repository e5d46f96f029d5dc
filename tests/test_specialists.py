"""The specialists that we are compared with: that they learn, that they are measured as we are, and the table."""

import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks" / "specialists"))

import answering  # noqa: E402
import captions  # noqa: E402
import compare  # noqa: E402
import depth  # noqa: E402
import detection  # noqa: E402
import duel  # noqa: E402
import majority  # noqa: E402
import segmentation  # noqa: E402
import specialist  # noqa: E402
from adabins import chamfer, silog  # noqa: E402
from batches import Batches  # noqa: E402
from clock import schedule  # noqa: E402
from sets import SETS  # noqa: E402
from training import Plan, Training  # noqa: E402

from generalist.data.readers import open_data  # noqa: E402
from generalist.faults import Fault  # noqa: E402
from generalist.sequence.geometry import boxes_of_masks  # noqa: E402
from generalist.sequence.sample import VOID, Objects, Sample  # noqa: E402

DATA = Path(os.environ.get("GENERALIST_DATA") or ROOT.parent / "shared" / "data")
FAMILIES = {
    "ssdlite": (detection.SsdLite, "bccd"),
    "maskrcnn": (detection.MaskRcnn, "pennfudan"),
    "lraspp": (segmentation.LrAspp, "camvid"),
    "deeplabv3": (segmentation.DeepLab, "camvid"),
    "adabins": (depth.Depth, "7scenes"),
}


class Generated:
    """Two pictures, each of three coloured squares at different depths, in whatever task they are posed."""

    name, tasks = "generated", ("detect", "instances", "segment", "depth", "caption", "ask")
    classes = ("ground", "red", "green", "blue")
    size = (128, 96)

    def __init__(self, *_):
        self.skipped = None

    def __len__(self):
        return 2

    def sample(self, index, task, rng=None):
        width, height = self.size
        image = np.full((height, width, 3), 90, np.uint8)
        semantic, far = np.zeros((height, width), np.int16), np.full((height, width), 4, np.float32)
        masks = np.zeros((3, height, width), bool)
        for i in range(3):
            x, y, side = 8 + 40 * i, 10 + 20 * ((i + index) % 3), 28 + 4 * i
            masks[i, y : y + side, x : x + side] = True
            image[masks[i]] = np.eye(3, dtype=np.uint8)[i] * 220
            semantic[masks[i]], far[masks[i]] = i + 1, 1 + i
        semantic[:2], far[:, :2] = VOID, 0
        labels = self.classes
        if task == "segment":  # a request may name the classes in any order
            labels = self.classes[::-1]
            semantic = np.where(semantic < 0, VOID, 3 - semantic).astype(np.int16)
        objects = Objects(boxes_of_masks(masks).astype(np.float32), self.classes[1:], masks)
        text = ("three squares on the ground", "coloured squares")[index]
        return Sample(
            image, str(index), self.size, labels=labels, objects=objects, semantic=semantic, depth=far,
            question="how many squares?", text=text, texts=(text,),
        )  # fmt: skip


@pytest.fixture
def generated(monkeypatch):
    """The generated pictures in the place of every set."""
    for module in ("generalist.app.evaluate", "specialist"):
        monkeypatch.setattr(f"{module}.open_data", Generated)


def made(name, folder, batch=2):
    """A specialist and its training on the generated pictures."""
    torch.manual_seed(0)
    kind, on = FAMILIES[name]
    one = kind(SETS[on], Generated.classes)
    plan = Plan(name, 1.0, 0, batch, 5e-4, 0.0, one.bf16)
    return one, Training(plan, one.model, one.loss, folder, torch.device("cpu"))


# ---- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_a_specialist_learns_two_pictures_and_its_answers_can_be_measured(name, tmp_path, generated, monkeypatch):
    monkeypatch.setattr(depth, "SIZE", (144, 192))
    monkeypatch.setattr(segmentation, "CROP", 160)
    one, training = made(name, tmp_path)
    if name == "maskrcnn":
        one.model.transform.min_size, one.model.roi_heads.fg_bg_sampler.batch_size_per_image = (96,), 32
    views = Batches(specialist.examples(one, Generated()), one.augment, 2, 0)[0]
    training.model.train()
    losses = []
    for _ in range(2):
        torch.manual_seed(0)  # Mask R-CNN draws what it learns from
        losses.append(sum(training.update(views, 1.0).values()))
    assert losses[1] < losses[0]
    training.settle([views])
    told = answering.measure(one.kind, "", one.answer)
    assert told["n"] == 2
    assert set(one.kind.figures) <= told["metrics"].keys()
    assert np.isfinite(list(told["metrics"].values())).all()


@pytest.mark.parametrize("name", ["ssdlite", "maskrcnn"])
def test_true_things_on_a_detector_s_way_out_score_one(name, generated):
    kind, on = FAMILIES[name]
    one = kind(SETS[on], Generated.classes)
    examples = iter(specialist.examples(one, Generated()))

    def says(images):
        truth = next(examples)
        masks = {"masks": truth["masks"][:, None].float()} if "masks" in truth else {}
        return [{"boxes": truth["boxes"], "labels": truth["labels"], "scores": torch.ones(3)} | masks]

    one.model = Saying(says)
    told = answering.measure(one.kind, "", one.answer)["metrics"]
    assert (told["AP"], told["AP50"]) == (pytest.approx(1), pytest.approx(1))


def test_a_true_map_on_a_segmenter_s_way_out_scores_one(generated):
    one = segmentation.LrAspp(SETS["camvid"], Generated.classes)
    examples = iter(specialist.examples(one, Generated()))

    def says(images):
        known = next(examples)["map"].long()
        return {"out": torch.nn.functional.one_hot(known.clamp(max=3), 4).permute(2, 0, 1)[None].float()}

    one.model = Saying(says)
    assert answering.measure(one.kind, "", one.answer)["metrics"]["mIoU"] == 1


def test_true_depth_on_the_way_out_scores_one_but_at_the_edges(generated):
    one, data = depth.Depth(SETS["7scenes"], ()), Generated()
    samples = (data.sample(i, "depth").depth for i in range(2))

    def says(images):
        assert images.shape == (2, 3, *depth.SIZE)
        far = torch.from_numpy(next(samples))[None, None]
        small = torch.nn.functional.interpolate(far, [side // 4 for side in depth.SIZE])
        return torch.cat([small, small.flip(-1)]), None

    one.model = Saying(says)
    told = answering.measure(one.kind, "", one.answer)["metrics"]
    assert told["delta1"] > 0.95
    assert told["AbsRel"] < 0.05


class Saying(torch.nn.Module):
    """A model that says what a function says."""

    def __init__(self, says):
        super().__init__()
        self.says, self.weight = says, torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return self.says(images)


@pytest.mark.parametrize("name", ["maskrcnn", "adabins", "lraspp"])
def test_changed_pictures_keep_what_is_true_of_them(name, generated):
    kind, on = FAMILIES[name]
    one = kind(SETS[on], Generated.classes)
    (example, *_) = specialist.examples(one, Generated())
    for seed in range(12):
        torch.manual_seed(seed)
        view = one.augment(dict(example))
        if name == "maskrcnn":
            assert len(view["boxes"]) == len(view["labels"]) == len(view["masks"])
            tight = boxes_of_masks(view["masks"].bool().numpy())
            assert (np.abs(tight - view["boxes"].numpy()).max() if len(tight) else 0) <= 3
        elif name == "lraspp":
            assert view["image"].shape[1:] == view["map"].shape == (segmentation.CROP,) * 2
            assert set(view["map"].unique().tolist()) <= {0, 1, 2, 3, segmentation.VOID}
        else:
            metres = view["depth"][view["depth"] > 0].unique()
            assert view["image"].shape[1:] == view["depth"].shape[1:] == depth.SIZE
            steps = metres / metres[0] * round(float(metres[0]) + 0.49)  # 1, 2, 3, 4 metres, all nearer alike
            assert torch.allclose(steps, steps.round(), atol=1e-3)


def test_a_run_goes_on_where_it_stopped_and_not_as_another(tmp_path):
    def small(lr=0.1):
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        plan = Plan("small", 1.0, 0, 2, lr, 0.01, False)
        return Training(plan, model, lambda m, b: {"loss": m(b[0]["image"]).square().mean()}, tmp_path, device)

    device = torch.device("cpu")
    views = [[{"image": torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(i))}] for i in range(4)]
    whole = small()
    for view in views:
        whole.update(view, 0.5)
    first = small()
    for view in views[:2]:
        first.update(view, 0.5)
    first.spent = 42.0
    first.save()
    second = small()
    assert (second.step, second.spent) == (2, 42.0)
    for view in views[2:]:
        second.update(view, 0.5)
    for mine, theirs in zip(whole.model.state_dict().values(), second.model.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    for mine, theirs in zip(whole.average.values, second.average.values, strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(Fault, match="another run"):
        small(lr=0.2)


def test_a_batch_is_known_by_its_step_and_every_picture_comes_once_an_epoch():
    examples = [{"image": torch.tensor(i)} for i in range(6)]
    batches = Batches(examples, lambda example: example | {"drawn": torch.rand(())}, 2, seed=3)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    epochs = [[int(one["image"]) for step in range(3 * e, 3 * e + 3) for one in batches[step]] for e in range(3)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 1
    assert [one["drawn"] for one in batches[4]] == [one["drawn"] for one in batches[4]]
    assert torch.equal(state, torch.random.get_rng_state())
    (again, _) = batches.start(4, loaders=0), None
    assert [int(one["image"]) for one in next(again)] == [int(one["image"]) for one in batches[4]]


def test_the_rate_rises_falls_and_ends_with_the_time():
    rates = [schedule(share) for share in np.linspace(0, 1, 101)]
    top = int(np.argmax(rates))
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0)
    assert 0.9 < rates[top] <= 1
    assert rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)


def test_silog_forgives_a_factor_only_when_fully_balanced():
    truth = torch.rand(2, 1, 5, 5) + 0.5
    truth[:, :, 0] = 0
    assert silog(truth * 3, truth, balance=1.0) < 0.01
    assert silog(truth * 3, truth) > 1
    assert silog(torch.where(truth > 0, truth, 9.0), truth) < 0.01


def test_bins_at_the_depths_are_no_distance_away():
    truth = torch.tensor([1.0, 2.0, 0.0, 4.0]).reshape(1, 1, 2, 2)
    assert chamfer(torch.tensor([[1.0, 2.0, 4.0]]), truth) == 0
    assert chamfer(torch.tensor([[1.0, 2.0, 5.0]]), truth) == pytest.approx(1 / 3 + 1 / 3)
    assert chamfer(torch.tensor([[1.0, 2.0]]), truth * 0) == 0


def test_the_command_prints_one_object(generated, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(segmentation, "CROP", 96)
    arguments = ["--set", "camvid", "--data", "x", "--minutes", "0.005", "--batch", "2", "--threads", "1"]
    arguments += ["--loaders", "0", "--seed", "7", "--device", "cpu", "--json", "--out", str(tmp_path)]
    specialist.train("A family.", segmentation.FAMILY, arguments)
    told = json.loads(capsys.readouterr().out)
    assert (told["set"], told["model"], told["seed"], told["n"]) == ("camvid", "lraspp_mobilenet_v3_large", 7, 2)
    assert told["parameters"] > 10**6
    assert told["steps"] >= 1
    assert compare.set_of(told) is SETS["camvid"]
    with pytest.raises(SystemExit) as end:
        specialist.train("A family.", segmentation.FAMILY, [*arguments, "--lr", "0.5"])
    assert end.value.code == 2
    assert "another run" in capsys.readouterr().err


# ---- what needs no training ------------------------------------------------------------------------------------------


def test_a_picture_that_was_seen_gets_a_caption_of_its_own():
    data = Generated()
    samples = [data.sample(i, "caption") for i in range(2)]
    samples[1].image = 255 - samples[1].image
    nearest = captions.Nearest(samples)
    assert nearest.k == 1
    assert [nearest.answer(sample).text for sample in samples] == [sample.text for sample in samples]


def test_the_caption_of_most_is_chosen():
    texts = ["a river and trees", "many cars in a lot", "cars in a parking lot", "there are cars in a lot"]
    assert captions.consensus(texts) in texts[1:]
    assert captions.consensus(["alone"]) == "alone"


def test_the_majority_is_counted_as_answers_are_compared():
    assert majority.most_common(["Yes", "no", "yes.", "no"]) == "yes"


# ---- the table -------------------------------------------------------------------------------------------------------


def test_a_set_knows_its_own_test_split_wherever_it_lies():
    for kind in SETS.values():
        for folder in ("/data", "a/b c"):
            assert kind.holds(kind.data(folder, kind.test))
            assert not kind.holds(kind.data(folder, kind.train))
        assert [other.name for other in SETS.values() if other.holds(kind.data("/data", kind.test))] == [kind.name]


def line(name, value, seed=None, model="m", n=12, **more):
    kind = SETS[name]
    figures = {figure: value for figure in kind.figures}
    record = {"task": kind.task, "data": kind.data("/d", kind.test), "model": model, "n": n, "metrics": figures} | more
    return record if seed is None else record | {"seed": seed}


def test_the_table_has_means_spreads_and_which_is_better(tmp_path, capsys, monkeypatch):
    ours = [line("7scenes", value, model=f"run{i}") for i, value in enumerate((0.1, 0.12, 0.14))]
    ours += [line("camvid", 0.5, model="a"), line("camvid", 0.5, model="b")]
    theirs = [line("7scenes", value, i, "adabins") for i, value in enumerate((0.2, 0.2, 0.2))]
    theirs += [line("camvid", 0.4 + i / 5, i, "lraspp") for i in range(2)] + [line("bccd", 0.9, 0, "ssd")]
    files = []
    for name, records in (("ours", ours), ("theirs", theirs)):
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("\n".join(map(json.dumps, records)) + "\n")
    monkeypatch.setattr(sys, "argv", ["compare.py", "--ours", str(files[0]), "--theirs", str(files[1])])
    compare.main()
    out = capsys.readouterr()
    rows = [[cell.strip() for cell in text.strip("|").split("|")] for text in out.out.splitlines()[2:]]
    assert ["7scenes", "AbsRel", "0.120 (0.020, 3)", "0.200", "adabins", "+0.080", "ahead"] in rows
    assert ["7scenes", "delta1", "0.120 (0.020, 3)", "0.200", "adabins", "-0.080", "behind"] in rows
    assert ["camvid", "mIoU", "0.500", "0.500 (0.141, 2)", "lraspp", "+0.000", "even"] in rows
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ([], [line("bccd", 0.5, 1), line("bccd", 0.6, 1)], "seed 1 is there twice"),
        ([], [line("bccd", 0.5, 1), line("bccd", 0.6, 2, n=5)], "not comparable"),
        ([line("bccd", 0.5, n=5)], [line("bccd", 0.5, 1)], "not comparable"),
        ([line("bccd", 0.5) | {"metrics": {}}], [line("bccd", 0.5, 1)], "no AP50"),
        ([line("7scenes", 0.5), line("7scenes", 0.5) | {"task": "depth_adaptive"}], [], "different tasks"),
    ],
)
def test_unequal_lines_are_refused(ours, theirs, said):
    with pytest.raises(Fault, match=said):
        list(compare.rows(compare.grouped(ours, by_model=False), compare.grouped(theirs, by_model=True)))


def test_a_line_that_is_none_is_named(tmp_path):
    path = tmp_path / "ours.jsonl"
    path.write_text(json.dumps(line("bccd", 0.5)) + '\n{"task": "detect"}\n')
    with pytest.raises(Fault, match="line 2"):
        list(compare.lines([path]))


def test_a_duel_does_what_is_missing_and_shows_how_both_starts_learned(tmp_path, monkeypatch, capsys):
    called = []

    def call(self, command, to):
        called.append(command)
        told = line("bccd", 0.6 if any("ours" in word for word in command) else 0.5)
        told |= {"set": "bccd", "seed": 0, "minutes": 2.0} if "--minutes" in command else {}
        if out := next((word.removeprefix("out=") for word in command if word.startswith("out=")), None):
            Path(out).mkdir(parents=True)
            curve = [{"step": 5, "seconds": 61.0, "loss": {"detect": 2.0}}]
            curve += [{"step": 9, "seconds": at, "validation": {"AP50": at / 1000}} for at in (60.0, 119.0)]
            (Path(out) / "curve.jsonl").write_text("".join(json.dumps(one) + "\n" for one in curve))
        return duel.subprocess.CompletedProcess(command, 0, json.dumps(told))

    monkeypatch.setattr(duel.Duel, "_call", call)
    command = ["duel.py", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--sets", "bccd", "--minutes", "2"]
    for _ in range(2):  # the second has nothing left to do
        monkeypatch.setattr(sys, "argv", command)
        duel.main()
        assert len(called) == 5
        table = capsys.readouterr().out
        assert "| bccd | AP50 | 0.600 | 0.500 |" in table
        assert "| bccd | AP50 | tiny | 1: 0.060, 2: 0.600 |" in table
        assert "| bccd | AP50 | random weights | 1: 0.060, 2: 0.500 |" in table
    trained = [words for words in called if "train" in words]
    assert [all(change in words for change in duel.TRANSFER) for words in trained] == [True, False]


def test_runs_side_by_side_have_cores_of_their_own(tmp_path, monkeypatch, capsys):
    both, cores = threading.Barrier(2), []

    def call(self, command, to):
        both.wait(20)  # neither goes on until the other has begun
        cores.append(os.sched_getaffinity(0))
        told = line("bccd", 0.5) | {"set": "bccd", "seed": int(command[command.index("--seed") + 1])}
        return duel.subprocess.CompletedProcess(command, 0, json.dumps(told))

    monkeypatch.setattr(duel.Duel, "_call", call)
    command = ["duel.py", "--data", str(tmp_path), "--out", str(tmp_path), "--sets", "bccd", "--sides", "theirs"]
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0", "1", "2", "3", "--threads", "1", "--jobs", "2"])
    before = os.sched_getaffinity(0)
    duel.main()
    capsys.readouterr()
    assert os.sched_getaffinity(0) == before
    assert sorted(told["seed"] for told in compare.lines([tmp_path / "theirs.jsonl"])) == [0, 1, 2, 3]
    assert all(len(held) == 1 for held in cores) or len(before) < 2
    assert len(set.union(*cores)) == min(2, len(before))


@pytest.mark.parametrize("name", SETS)
def test_the_sets_are_there_and_the_sides_do_not_overlap(name):
    if not DATA.is_dir():
        pytest.skip(f"no {DATA}; set GENERALIST_DATA to the folder with the real sets")
    kind = SETS[name]
    train, test = (open_data(kind.data(str(DATA), split)) for split in (kind.train, kind.test))
    assert kind.task in train.tasks
    assert train.classes == test.classes
    ids = [{data.sample(i, kind.task).id for i in range(0, len(data), 9)} for data in (train, test)]
    assert not ids[0] & ids[1]
    assert isinstance(test.sample(0, kind.task), Sample)
