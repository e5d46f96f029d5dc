"""Leaving by law: nobody who is not sure leaves; who leaves at once is what the lower blocks alone would say; who stays
is what he would have been; what leavers write still parses."""

import numpy as np
import pytest
import torch
from test_decode import requests

from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.model.leaving import Exit, Leaving
from generalist.model.reading import read_images, read_requests
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

GRIDS = ("detect", "segment", "depth", "refer_mask", "count", "caption")


@pytest.fixture(scope="module")
def generalist(small_model):
    vocabulary = Vocabulary.load("tiny")
    return Generalist(small_model, vocabulary, load_tasks(vocabulary))


@pytest.fixture(scope="module")
def asked(generalist):
    """A request of segment that has been read, its tracks' points and their first ids."""
    task, (request,) = generalist.tasks["segment"], requests(1)
    images = read_images(generalist.model, [request.image])
    prefix = read_requests(generalist.model, task, [request], images)
    points = torch.from_numpy(task.points(request))[None]
    return prefix, points, torch.full((1, points.shape[1]), generalist.vocabulary.bos)


def read(generalist, asked, leave):
    prefix, points, ids = asked
    with torch.inference_mode():
        cache = generalist.model.begin(prefix, points, points.shape[1], 2)
        first = generalist.model.read(prefix, cache, ids[..., None], leave=leave)
        second = generalist.model.read(prefix, cache, ids[..., None])
    return first[:, :, 0], second[:, :, 0], cache


@pytest.mark.parametrize("task", GRIDS)
def test_nobody_leaves_who_must_be_certain(generalist, task, monkeypatch):
    """Probabilities of 1 stand where one token alone is possible: these may always leave, and write it anyway."""
    whole = generalist.answer(task, requests(3))
    monkeypatch.setattr(generalist, "leaving", Leaving(1.0, 1))
    for a, b in zip(whole, generalist.answer(task, requests(3)), strict=True):
        assert a.text == b.text and a.labels == b.labels
        for field in ("boxes", "semantic", "depth"):
            x, y = getattr(a, field), getattr(b, field)
            assert (x is None) == (y is None) and (x is None or np.allclose(x, y, rtol=1e-3, atol=1e-3))


@pytest.mark.parametrize("task", GRIDS)
def test_all_may_leave_and_what_they_write_parses(generalist, task, monkeypatch):
    monkeypatch.setattr(generalist, "leaving", Leaving(1e-6, 1))
    assert len(generalist.answer(task, requests(3))) == 3


def test_who_stays_is_what_he_would_have_been(generalist, asked):
    """The first token of a track hangs on nothing of the others, so who leaves changes nothing for who stays."""
    whole, after, held = read(generalist, asked, None)
    odd = torch.arange(whole.shape[1])[None] % 2 == 1
    some, later, kept = read(generalist, asked, Exit(1, lambda _: odd, False))
    torch.testing.assert_close(some[~odd], whole[~odd], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(later[~odd], after[~odd], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(some[odd], whole[odd], atol=1e-4)
    for layer, (a, b) in enumerate(zip(held.keys, kept.keys, strict=True)):
        same = torch.allclose(a[0, :, odd[0], 0], b[0, :, odd[0], 0], atol=1e-5)
        assert same == (layer <= 1)  # a layer's keys are made of what enters it


def test_who_leaves_is_what_the_lower_blocks_say(generalist, asked):
    prefix, points, ids = asked
    model = generalist.model
    gone, _, _ = read(generalist, asked, Exit(1, lambda states: torch.ones(states.shape[:2], dtype=torch.bool), True))
    with torch.inference_mode():
        cache = model.begin(prefix, points, points.shape[1], 1)
        x = model.token_embed(ids) + model.track_pos[0]
        held = cache.keys[0], cache.values[0]
        x = model.blocks[0].step(x + cache.seen[0], cache.turn, prefix.sight(0), held, 0) - cache.seen[0]
        torch.testing.assert_close(gone, model.norm(x + cache.seen[-1]), atol=1e-5, rtol=1e-5)


def test_where_nobody_can_leave_is_told(generalist):
    for wrong in ({"sure": 0.0}, {"sure": 1.5}, {"sure": 0.5, "after": 0}):
        with pytest.raises(Fault, match="tracks leave at a probability"):
            Leaving(**wrong)
    depth = len(generalist.model.blocks)
    assert 0 < Leaving(0.9).first(depth) < depth
    with pytest.raises(Fault, match="leave none to be saved"):
        Leaving(0.9, depth).first(depth)
