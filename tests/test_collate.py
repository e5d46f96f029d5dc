"""The training batch by law: packed or alone, a request gives the same loss; what is dropped is weighted back in."""

import numpy as np
import pytest
import torch
from answers import First
from embedder import built
from hypothesis import given
from hypothesis import strategies as st

from generalist.data.collate import Request, _rarity, collate
from generalist.data.mixture import Mixture, Source
from generalist.data.readers import open_data
from generalist.data.rows import PAIRS, WIDEST, Rows, best_width
from generalist.sequence.sample import VOID, Objects
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

WORDS = open_data("requests:train")
TASKS = tuple(sorted(load_tasks(Vocabulary.load("tiny"))))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    vocabulary = Vocabulary.load("tiny")
    index = built(open_data("scenes:train").corpus(10), vocabulary, tmp_path_factory.mktemp("coded") / "index", "code")
    return vocabulary, load_tasks(vocabulary), open_data(f"scenes:train?size=32&codes={index.folder}")


def row(world, index, names, seed=0):
    _, tasks, data = world
    rng = np.random.default_rng(seed)
    sets = {name: WORDS if name == "route" else data for name in names}
    return [Request(tasks[name], TASKS.index(name), sets[name].sample(index, name, rng)) for name in names]


def batch(world, rows, empty=10**6, cells=10**6):
    return collate(rows, world[0], [1.0] * len(TASKS), 32, First(np.random.PCG64(0)), empty, cells)


def totals(model, made):
    with torch.no_grad():
        out = model(batch=made)
    return out["by_task"] * out["count"], out["count"]


def test_a_request_loses_the_same_packed_with_others_or_alone(world, small_model):
    rows = [row(world, 3, TASKS), row(world, 4, TASKS[:4])]
    packed, count = totals(small_model, batch(world, rows))
    alone = [totals(small_model, batch(world, [[request]])) for requests in rows for request in requests]
    torch.testing.assert_close(sum(total for total, _ in alone), packed, rtol=2e-4, atol=2e-3)
    torch.testing.assert_close(sum(each for _, each in alone), count)


def test_blocks_take_nothing_from_the_answer(world, small_model):
    """The mean is over the answer; what its blocks lose comes on top."""
    rows = [row(world, 3, ["detect", "segment", "grounded_caption"])]
    made = [collate(rows, world[0], [1.0] * len(TASKS), 32, First(np.random.PCG64(0)), 9, 9, share) for share in (0, 1)]
    (plain, count), (both, again) = (totals(small_model, one) for one in made)
    torch.testing.assert_close(count, again)
    asked = count > 0
    assert asked.sum() == 3 and (both[asked] > plain[asked]).all()


def test_rows_hold_one_picture_each_and_requests_whole(world):
    made = batch(world, [row(world, i, ["detect", "ask", "ask", "caption", "depth"], i) for i in range(4)], 20, 20)
    used = made["request"] >= 0
    for picture in made["image"].tolist():
        assert 0 <= picture < 4
    owner = {}
    for r in range(len(used)):
        for number in set(made["request"][r][used[r]].tolist()):
            assert owner.setdefault(number, r) == r  # a request is never torn over two rows


def test_requests_without_a_picture_share_rows(world):
    rows = [[*row(world, i, ["route"] * 5, i), *row(world, i, ["detect"], i)] for i in range(4)]
    made = batch(world, rows, 20, 20)
    used, seen = made["request"] >= 0, made["has_image"]
    blind = [r for r in range(len(used)) if not seen[r][used[r]].any() and used[r].any()]
    assert all(len(set(seen[r][used[r]].tolist())) <= 1 for r in range(len(used)))
    told = [set(made["request"][r][used[r]].tolist()) for r in blind]
    assert sum(map(len, told)) == 20 and len(blind) < 20


def packed(lengths, width):
    rows = Rows(width)
    for picture, some in lengths.items():
        for length in some:
            zeros = np.zeros(length, np.int64)
            rows[rows.place(picture, length)].add(zeros, 1, 0, zeros, np.zeros((length, 2)), zeros, True)
    return rows.tensors(0)[0]["ids"].shape


@given(lengths=st.dictionaries(st.integers(-1, 5), st.lists(st.integers(1, 500), min_size=1, max_size=20), min_size=1))
def test_no_other_length_of_rows_makes_a_table_that_costs_less(lengths):
    cost = lambda shape: shape[0] * shape[1] * (shape[1] + PAIRS)  # noqa: E731
    longest = max(length for some in lengths.values() for length in some)
    best = packed(lengths, best_width(lengths))
    assert all(cost(best) <= cost(packed(lengths, width)) for width in range(-(-longest // 16) * 16, WIDEST + 1, 16))


def test_every_reference_of_a_text_is_learned_and_together_they_weigh_as_one(world, small_model):
    request = row(world, 5, ["caption"], 5)[0]
    texts = tuple(dict.fromkeys(request.sample.texts))
    assert len(texts) > 1
    several, count = totals(small_model, batch(world, [[request]]))
    each = [request.sample.but(text=text, texts=(text,)) for text in texts]
    alone = [totals(small_model, batch(world, [[Request(request.task, request.index, one)]])) for one in each]
    mean = sum(total for total, _ in alone) / len(texts)
    torch.testing.assert_close(several, mean, rtol=2e-4, atol=2e-3)
    torch.testing.assert_close(count, sum(number for _, number in alone) / len(texts))


def test_targets_are_what_the_task_encodes(world):
    """Reads every target back through its group's columns: together they are the tracks, token for token."""
    vocabulary, tasks, _ = world
    for name in TASKS:
        request = row(world, 7, [name], 7)[0]
        sample = request.sample.but(texts=(request.sample.text,))  # of several references each is a track
        request = Request(request.task, request.index, sample)
        made = batch(world, [[request]])
        found = {}
        for group in made["groups"]:
            label = vocabulary["label"]
            columns = group["columns"].tolist() + ([label[i] for i in range(label.size)] if group["named"] else [])
            for at, target, weight in zip(
                group["at"].tolist(), group["target"].tolist(), group["weight"].tolist(), strict=True
            ):
                if weight:
                    found[at] = columns[target]
        tracks = tasks[name].encode(request.sample)
        wanted = sorted(
            tuple(ids[w > 0] if w is not None else ids) for ids, w in zip(tracks.ids, tracks.weights, strict=True)
        )
        by_track = {}
        flat = {k: made[k].flatten().tolist() for k in ("track", "position", "ids")}
        for at in sorted(found, key=lambda at: (flat["track"][at], flat["position"][at])):
            by_track.setdefault(flat["track"][at], []).append(found[at])
            if flat["position"][at]:
                assert flat["ids"][at] != vocabulary.bos
            else:
                assert flat["ids"][at] == vocabulary.bos
        assert sorted(map(tuple, by_track.values())) == [w for w in wanted if w], name


def test_silent_tracks_that_are_kept_stand_for_those_that_are_not(world):
    vocabulary, _, _ = world
    request = row(world, 5, ["detect"], 5)[0]
    for empty in (1, 7, 20):
        made = batch(world, [[request]], empty=empty)
        full = batch(world, [[request]])
        for m, n in ((made, full),):
            silent = [
                sum(float(g["weight"].sum()) for g in x["groups"] if vocabulary.none in g["columns"].tolist())
                for x in (m, n)
            ]
            assert silent[0] == pytest.approx(silent[1])


def test_what_is_ignored_is_neither_asked_for_nor_an_error(world, small_model):
    """Whatever is ignored, nothing of it is learned: not the thing, and not that there is none where it stands."""
    vocabulary, tasks, _ = world
    box = np.asarray([[2, 2, 12, 12], [14, 14, 31, 31]], np.float32)
    sample = row(world, 5, ["detect"], 5)[0].sample
    both = sample.but(objects=Objects(box, ("cube", "cone"), ignore=np.asarray([False, True])), labels=("cube", "cone"))
    request = Request(tasks["detect"], TASKS.index("detect"), both)
    made = batch(world, [[request]])
    points = made["point"].flatten(0, 1)
    for group in made["groups"]:
        at = group["at"][group["weight"] > 0]
        here = points[at]
        assert not ((here >= 14 / 32) & (here <= 31 / 32)).all(1).any()
    label = vocabulary["label"]
    fed = made["ids"][made["track"] > 0]
    assert label[0] in fed.tolist() and label[1] not in fed.tolist()
    # All of it ignored: nothing is asked and the loss is nothing, not an error.
    crowd = Objects(np.asarray([[0, 0, 32, 32]], np.float32), ("cube",), ignore=np.ones(1, bool))
    total, count = totals(small_model, batch(world, [[Request(tasks["detect"], 0, both.but(objects=crowd))]]))
    assert float(total.sum()) == 0 == float(count.sum())


def test_a_step_is_a_function_of_the_seed_and_its_number(world):
    vocabulary, tasks, data = world

    def mixture(seed):
        source = Source(data, 1.0, {"detect": 0.5, "ask": 2.5})
        return Mixture([source], tasks, {"detect": 1.0, "ask": 1.0}, vocabulary, [32], 3, 10, seed)

    first, again, other = mixture(0)[4], mixture(0)[4], mixture(1)[4]
    assert torch.equal(first["ids"], again["ids"]) and torch.equal(first["pixels"], again["pixels"])
    assert not torch.equal(first["pixels"], other["pixels"])


def test_void_draws_no_track_though_it_is_rare(world):
    _, tasks, _ = world
    semantic = np.full((32, 32), 0, np.int16)
    semantic[:4, :4], semantic[8:12, 8:12] = VOID, 1
    sample = row(world, 0, ["segment"])[0].sample.but(semantic=semantic, labels=("ground", "cube"))
    drawn = _rarity(tasks["segment"].encode(sample)).reshape(16, 16)
    assert drawn[0, 0] <= drawn[10, 10] < drawn[4, 4]


def test_rare_names_are_drawn_more_often(world):
    vocabulary, tasks, _ = world
    semantic = np.full((32, 32), 0, np.int16)
    semantic[:4, :4] = 1  # two by two tracks of 256
    sample = row(world, 0, ["segment"])[0].sample.but(semantic=semantic, labels=("ground", "cube"))
    request = Request(tasks["segment"], TASKS.index("segment"), sample)
    drawn = []
    for seed in range(40):
        made = collate([[request]], vocabulary, [1.0] * len(TASKS), 32, np.random.default_rng(seed), 20, 20)
        group = next(g for g in made["groups"] if g["named"])
        here = group["weight"] > 0
        drawn.append(float((group["target"][here] == len(group["columns"]) + 1).float().mean()))
    assert 4 / 256 * 3 < np.mean(drawn) < 0.5
