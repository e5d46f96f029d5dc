"""Decoding by law: together equals alone, tracks that leave change nothing, beams of one are greedy, answers
always parse."""

from typing import Any

import numpy as np
import pytest
import torch
from answers import First, region_of

from generalist.app.generalist import Generalist
from generalist.data.collate import Request, collate
from generalist.data.readers import open_data
from generalist.model import modeling
from generalist.model.chances import slots
from generalist.model.decode import Choice, _Decoder, _Told, beam_search, decode, on_device
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_images, read_requests
from generalist.sequence.runs import runs
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Written

VISUAL = ("detect", "instances", "instances_pixels", "segment", "depth", "refer", "refer_mask", "caption", "ask")


@pytest.fixture(scope="module")
def generalist(small_model):
    vocabulary = Vocabulary.load("tiny")
    return Generalist(small_model, vocabulary, load_tasks(vocabulary))


def requests(count: int) -> list[Sample]:
    rng = np.random.default_rng(count)
    names = ("cube", "red sphere", "a very long name of a thing", "cone")
    return [
        Sample(
            image=rng.integers(0, 255, (20 + 9 * i, 37, 3), dtype=np.uint8),
            size=(37, 20 + 9 * i),
            labels=names[: 1 + i % 4],
            phrase="red cube" + " left" * i,
            question="is there a cone?" + " really?" * i,
        )  # fmt: skip
        for i in range(count)
    ]


@pytest.mark.parametrize("task", VISUAL)
def test_a_batch_answers_as_each_request_alone(generalist, task):
    together = generalist.answer(task, requests(3))
    alone = [generalist.answer(task, [request])[0] for request in requests(3)]
    for a, b in zip(together, alone, strict=True):
        assert a.text == b.text and a.labels == b.labels
        for field in ("boxes", "scores", "depth"):
            x, y = getattr(a, field), getattr(b, field)
            assert (x is None) == (y is None)
            if x is not None:
                np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3)
        if a.semantic is not None:
            assert (a.semantic == b.semantic).mean() > 0.999  # a tie between two names may fall either way


def test_shown_masks_are_what_the_loss_compares(generalist):
    """Decoding step by step gives the planes that one pass over the whole answer gives in training."""
    task, model = generalist.tasks["instances_pixels"], generalist.model
    scene = open_data("scenes:train?size=32").sample(3, "instances_pixels")
    one = [[Request(task, 0, scene)]]
    made = collate(one, generalist.vocabulary, [1.0], model.config.image_size, First(np.random.PCG64(0)))
    seen = {}

    def planes(hidden, patches):
        seen["planes"] = GeneralistModel.planes(model, hidden, patches)
        return seen["planes"]

    model.planes = planes
    try:
        with torch.no_grad():
            model(batch=made)
    finally:
        del model.planes
    tracks = task.encode(scene)
    writing = [track for track, covers in enumerate(tracks.shown) if covers]
    cache = read_images(model, [scene.image])
    prefix = read_requests(model, task, [scene], cache)
    points = torch.from_numpy(tracks.points[writing])[None]
    state = model.begin(prefix, points, len(writing), 32)
    ids = np.stack([tracks.ids[track] for track in writing])
    fed = np.concatenate([np.full((len(ids), 1), generalist.vocabulary.bos), ids[:, :-1]], 1)
    label = generalist.vocabulary["label"]
    with torch.no_grad():
        for step in range(fed.shape[1]):
            token = torch.from_numpy(fed[None, :, step])
            slot = torch.where((token >= label.start) & (token < label.stop), token - label.start, -1)
            shown = model.planes(model.step(prefix, state, token, slot), cache.features[-1])
            if ids[0, step] in generalist.vocabulary["pixels"]:
                i = generalist.vocabulary["pixels"].index_of(ids[0, step])
                torch.testing.assert_close(shown[0], seen["planes"][:, i], rtol=1e-3, atol=1e-3)


def test_tracks_that_leave_change_nothing(generalist):
    """With every track kept to the end, the same tokens are written as with ended ones dropped."""
    task, request = generalist.tasks["instances"], requests(1)
    model = generalist.model
    cache = read_images(model, [request[0].image])
    points = torch.from_numpy(task.points(Sample()))[None]
    tables = on_device(task.automaton(1), model.device)

    def written(choice, at):
        return decode(model, read_requests(model, task, request, cache), tables, generalist.vocabulary, at, choice)[0]

    everything = written(Choice(present=0.0), points)
    assert (everything.tokens[:, 0] != generalist.vocabulary.none).sum() == Choice().most
    few = written(Choice(present=0.0, most=5), points)
    kept = np.flatnonzero(few.tokens[:, 0] != generalist.vocabulary.none)
    assert len(kept) == 5
    np.testing.assert_array_equal(few.tokens[kept], everything.tokens[kept])
    np.testing.assert_allclose(few.chosen[kept], everything.chosen[kept], rtol=1e-4)
    one = written(Choice(present=0.0), points[:, kept[:1]])
    np.testing.assert_array_equal(one.tokens[0], everything.tokens[kept[0]])


def test_the_strongest_track_writes_however_weakly_where_the_best_is_kept(generalist):
    task, request = generalist.tasks["refer"], requests(3)
    model, none = generalist.model, generalist.vocabulary.none
    cache = read_images(model, [r.image for r in request])
    points = torch.from_numpy(task.points(Sample())).expand(3, -1, -1)
    tables = on_device(task.automaton(0), model.device)

    def writing(choice):
        prefix = read_requests(model, task, request, cache)
        return [w.tokens[:, 0] != none for w in decode(model, prefix, tables, generalist.vocabulary, points, choice)]

    strongest = writing(Choice(present=0.0, most=1))
    assert all(tracks.sum() == 1 for tracks in strongest)
    np.testing.assert_array_equal(writing(Choice(present=1.1, best=True)), strongest)
    assert not np.any(writing(Choice(present=1.1)))
    np.testing.assert_array_equal(
        writing(Choice(present=0.3, best=True)), writing(Choice(present=0.3)) | np.asarray(strongest)
    )


@pytest.mark.parametrize("task", ["caption", "ask"])
def test_one_beam_is_greedy(generalist, task):
    request = requests(2)
    found = generalist.tasks[task]
    model, vocabulary = generalist.model, generalist.vocabulary
    cache = read_images(model, [r.image for r in request])
    tables = on_device(found.automaton(0), model.device)
    greedy = decode(model, read_requests(model, found, request, cache), tables, vocabulary)
    beams = beam_search(model, read_requests(model, found, request, cache), tables, vocabulary, beams=1)
    for one, many in zip(greedy, beams, strict=True):
        assert many[0][0] == one.ids(0)
        assert many[0][1] == pytest.approx(float(np.log(one.chosen[0][one.tokens[0] != one.pad]).sum()), abs=1e-2)


def test_beams_are_sorted_distinct_and_no_worse_than_greedy(generalist):
    task, request = generalist.tasks["ask"], requests(1)
    model, vocabulary = generalist.model, generalist.vocabulary
    cache = read_images(model, [request[0].image])
    tables = on_device(task.automaton(0), model.device)
    greedy = decode(model, read_requests(model, task, request, cache), tables, vocabulary)[0]
    beams = beam_search(model, read_requests(model, task, request, cache), tables, vocabulary, beams=8)[0]
    scores = [score for _, score in beams]
    assert scores == sorted(scores, reverse=True) and len({tuple(ids) for ids, _ in beams}) == len(beams) == 8
    assert scores[0] >= float(np.log(greedy.chosen[0]).sum()) - 1e-3
    assert all(tables.on(lambda t: t.numpy()).accepts(ids) for ids, _ in beams)


@pytest.mark.parametrize("task", VISUAL)
def test_samples_parse_and_follow_their_seed(generalist, task):
    request = requests(2)
    found = generalist.tasks[task]
    model = generalist.model
    cache = read_images(model, [r.image for r in request])
    starts = found.points(request[0])
    points = None if starts is None else torch.from_numpy(starts).expand(2, -1, -1)
    tables = found.automaton(4)

    def written(seed):
        choice = Choice(temperature=1.5, top_p=0.95, seed=seed)
        tables_ = on_device(tables, model.device)
        return decode(
            model, read_requests(model, found, request, cache), tables_, generalist.vocabulary, points, choice
        )

    first, again, other = written(1), written(1), written(2)
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.tokens, same.tokens)
    assert any(
        (a.tokens.shape != b.tokens.shape) or (a.tokens != b.tokens).any() for a, b in zip(first, other, strict=True)
    )
    for one in first:
        for track in range(len(one.tokens)):
            assert tables.accepts(one.ids(track)) and len(one.ids(track)) <= tables.bound


def test_every_cell_of_a_raster_is_its_likeliest(small_model, tasks):
    """A grid of objects is held to its hundred surest tracks; a raster has more, and all count."""
    task = tasks["segment"]
    request = Sample(image=np.full((32, 32, 3), 90, np.uint8), size=(32, 32), labels=("cup", "jug"))
    answer = Generalist(small_model, task.vocabulary, tasks).answer("segment", [request])[0]
    assert answer.semantic is not None
    prefix = read_requests(small_model, task, [request], read_images(small_model, [request.image]))
    points, constraint = (
        torch.from_numpy(task.points(request))[None],
        on_device(task.constraint(request), prefix.mask.device),
    )
    plain = decode(small_model, prefix, constraint, task.vocabulary, points, Choice(present=None))[0]
    limited = decode(small_model, prefix, constraint, task.vocabulary, points, Choice(present=0.0))[0]
    for step, tokens in zip(plain.steps, plain.tokens.T, strict=True):
        assert (step.columns[step.probabilities.argmax(1)] == tokens).all()
    assert (limited.tokens[:, 0] != task.vocabulary.none).sum() == Choice().most < len(plain.tokens)
    np.testing.assert_array_equal(answer.semantic, task.decode(plain, request).semantic)


# ---- blocks ----------------------------------------------------------------------------------------------------------

FIXED = ("detect", "instances", "instances_pixels", "segment", "depth", "refer", "refer_mask", "oriented", "pose",
         "point", "normals", "depth_adaptive", "box_to_mask", "mask_to_box", "oriented_to_mask")  # fmt: skip


def pointed(task: Task, count: int) -> list[Sample]:
    kind = next((kind for kind in ("box", "mask", "oriented") if task.name.startswith(f"{kind}_to")), "box")
    rng = np.random.default_rng(5)
    return [request.but(region=region_of(kind, request.size, rng)) for request in requests(count)]


def written(generalist: Generalist, task: Task, requests: list[Sample], blocks: str, **choice: Any) -> list[Written]:
    model = generalist.model
    prefix = read_requests(model, task, requests, read_images(model, [request.image for request in requests]))
    starts = [task.points(request) for request in requests]
    points = None if starts[0] is None else torch.from_numpy(np.stack(starts))
    tables = on_device(task.automaton(max(len(request.labels) for request in requests)), model.device)
    choice.setdefault("present", None if task.raster else 0.3)
    return decode(model, prefix, tables, generalist.vocabulary, points, Choice(blocks=blocks, **choice))


def same(some: list[Written], others: list[Written]) -> None:
    """The same tokens and, up to rounding, the same probabilities of all that might have stood there."""
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.tokens, other.tokens)
        np.testing.assert_allclose(one.chosen, other.chosen, rtol=1e-3, atol=1e-4)
        for a, b in zip(one.steps, other.steps, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a.row >= 0, b.row >= 0)
                there = a.row >= 0
                x, y = a.probabilities[a.row[there]], b.probabilities[b.row[there]]
                np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4)
                assert (a.planes is None) == (b.planes is None)
                if a.planes is not None:
                    np.testing.assert_allclose(a.planes[a.row[there]], b.planes[b.row[there]], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("task", FIXED)
def test_blocks_that_are_read_change_nothing(generalist, task):
    """Weights that never learned to write blocks get nearly all of them wrong: all the more is written anew."""
    found = generalist.tasks[task]
    assert runs(found.automaton(2), generalist.vocabulary).max() > 1
    several = pointed(found, 2)
    same(written(generalist, found, several, "exact"), written(generalist, found, several, "off"))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_what_is_right_of_a_block_stands(generalist, share, monkeypatch):
    """With guesses that are right for a share of tracks, the answer is the same, and the less is read the more are."""
    model, task = generalist.model, generalist.tasks["detect"]
    wanted = written(generalist, task, requests(2), "off")
    truth = torch.from_numpy(np.stack([one.tokens for one in wanted]))
    rng, passes = torch.Generator().manual_seed(0), []

    def drafted(self, count):
        ids = torch.stack([truth[:, :, self.step + i].gather(1, self.track) for i in range(count)], 2)
        other = torch.rand(ids.shape, generator=rng) >= share
        passes.append(count)
        return torch.where(other, -1, ids)

    told = _Decoder._told

    def obedient(self, hidden, state):
        if hidden.dtype.is_floating_point:
            return told(self, hidden, state)
        nothing = torch.zeros(*hidden.shape, 1)
        return _Told(torch.where(self._ended(state), self.vocabulary.pad, hidden.clamp(min=0)), *[nothing] * 3, None)

    reads = []
    read = _Decoder._read
    monkeypatch.setattr(_Decoder, "_draft", drafted)
    monkeypatch.setattr(_Decoder, "_told", obedient)
    monkeypatch.setattr(_Decoder, "_read", lambda self: reads.append(self.track.numel()) or read(self))
    same(written(generalist, task, requests(2), "exact"), wanted)
    assert passes == [4] and model.training is False
    if share == 1.0:
        assert len(reads) == 2, "a pass for the labels, a pass for all the boxes"


@pytest.mark.parametrize("task", FIXED)
def test_blocks_that_are_believed_parse(generalist, task):
    found = generalist.tasks[task]
    several = pointed(found, 2)
    tables = found.automaton(2)
    for one in written(generalist, found, several, "fast"):
        assert all(tables.accepts(one.ids(track)) for track in range(len(one.tokens)))
        assert len(one.steps) == one.tokens.shape[1]


@pytest.mark.parametrize("task", ["detect", "instances", "depth", "box_to_mask"])
def test_blocks_are_learned_as_they_are_written(generalist, task):
    """The states that the loss hears of a block are those that decoding drafts after the same tokens."""
    found, model, vocabulary = generalist.tasks[task], generalist.model, generalist.vocabulary
    scene = open_data("scenes:train?size=32").sample(3, task)
    made = collate(
        [[Request(found, 0, scene)]], vocabulary, [1.0], 32, First(np.random.PCG64(0)), empty=2, cells=200, block=1.0
    )
    plain = collate([[Request(found, 0, scene)]], vocabulary, [1.0], 32, First(np.random.PCG64(0)), empty=2, cells=200)
    heard = []
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(modeling, "grouped_loss", lambda hidden, *_: heard.append(hidden) or {})
        model(batch=made)
        model(batch=plain)
    learned, before = (h.view(*b["ids"].shape, -1)[0] for h, b in zip(heard, (made, plain), strict=True))
    length = int((plain["request"][0] >= 0).sum())
    torch.testing.assert_close(learned[:length], before[:length], rtol=1e-4, atol=1e-4)  # nobody looks at a block

    row = {name: made[name][0] for name in ("ids", "track", "position", "block", "source", "point")}
    cache = read_images(model, [scene.image])
    prefix = read_requests(model, found, [scene], cache)
    number = int(row["track"][row["block"] > 0][0])
    mine = (row["track"] == number) & (row["block"] == 0)
    ids, at = row["ids"][mine][None, None], row["point"][mine][:1][None]
    drafted = 0
    for begin in row["block"][(row["track"] == number) & (row["block"] > 0)].unique().tolist():
        here = (row["track"] == number) & (row["block"] == begin)
        assert row["source"][here].unique().tolist() == [int(torch.nonzero(mine)[begin - 1])]
        tracks = model.begin(prefix, None if at.isnan().any() else at, 1, 64)
        with torch.inference_mode():
            model.read(prefix, tracks, ids[:, :, :begin], slots(ids[:, :, :begin], vocabulary))
            last = ids[:, :, begin]
            states = model.draft(prefix, tracks, last, int(here.sum()), slots(last, vocabulary))
        torch.testing.assert_close(states[0, 0], learned[here], rtol=1e-3, atol=1e-3)
        drafted += int(here.sum())
    targets = sum(int((group["weight"] > 0).sum()) for group in made["groups"])
    assert drafted > 1 and targets > sum(int((group["weight"] > 0).sum()) for group in plain["groups"])


def test_the_runs_of_an_answer_are_what_its_file_says(generalist):
    vocabulary = generalist.vocabulary

    def along(name: str, ids: list[int]) -> list[int]:
        tables = generalist.tasks[name].automaton(2)
        return [int(runs(tables, vocabulary)[state]) for state in tables.states(ids)]

    label, loc, mask = vocabulary["label"][0], vocabulary["loc"], vocabulary["mask"][0]
    box = [loc[1], loc[1], loc[9], loc[9]]
    assert along("detect", [label, *box]) == [0, 4, 3, 2, 0, 0]
    assert along("instances", [label, *box, *[mask] * 16])[:8] == [0, 4, 3, 2, 0, 16, 15, 14]
    assert along("depth", [vocabulary["depth"][0]] * 4) == [4, 3, 2, 0, 0]
    assert not runs(generalist.tasks["caption"].automaton(0), vocabulary).any(), "words hang on words"
