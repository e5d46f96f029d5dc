"""Throughput by count: the formula against torch's own counter, waiting told apart from working; activations that are
computed anew give the same gradients; int8 blocks answer about as those of float32."""

import time

import numpy as np
import pytest
import torch
from test_modeling import make
from torch.utils.flop_counter import FlopCounterMode

from generalist.data.collate import Request, collate
from generalist.data.readers import open_data
from generalist.model.quantised import quantised
from generalist.train import throughput
from generalist.train.throughput import Meter, flops


@pytest.fixture(scope="module")
def batch(vocabulary, tasks):
    scenes = open_data("scenes:train?size=32")
    names = ("detect", "depth", "ask")
    rows = [[Request(tasks[n], i, scenes.sample(k, n)) for i, n in enumerate(names)] for k in range(2)]
    return collate(rows, vocabulary, [1.0] * 3, 32, np.random.default_rng(0), 8, 8)


@pytest.fixture
def model(vocabulary):
    return make(vocab_size=len(vocabulary), width=64, max_text=256, max_track=128)


def test_the_formula_counts_what_is_computed(model, batch):
    """Torch counts padding and products with what is masked too; the formula is of what is needed."""
    with FlopCounterMode(display=False) as counter:
        model(batch=batch)["loss"].backward()
    counted, told = counter.get_total_flops(), flops(model, batch)
    assert 0.5 * counted < told < 1.05 * counted
    double = dict(batch) | {"pixels": torch.cat([batch["pixels"]] * 2)}
    first = 6 * 3 * 8**2 * 64 * 32
    weights = sum(p.numel() for p in model.blocks.parameters() if p.ndim == 2)
    # Two pictures more of 16 patches: weights, pairs in two blocks, the first layer.
    assert flops(model, double) - told == 6 * weights * 32 + 12 * 64 * 2 * 16**2 * 2 + first


def test_waiting_is_told_apart(model, batch, monkeypatch):
    monkeypatch.setattr(throughput, "peak", lambda device: 1e9)
    meter = Meter(model)

    def slow():
        for _ in range(2):
            time.sleep(0.05)
            yield batch

    for _ in meter.fed(slow()):
        time.sleep(0.01)
    mfu, waited = meter.told()
    assert 0.4 < waited <= 1 and mfu > 0
    assert meter.told()[0] == 0


def test_blocks_computed_anew_give_the_same_gradients(model, batch):
    found = []
    for anew in (False, True):
        model.checkpointing = anew
        model.zero_grad()
        model(batch=batch)["loss"].backward()
        found.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_int8_blocks_answer_about_the_same(model):
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    small = quantised(model)
    with torch.inference_mode():
        whole, less = model.encode_images(pixels).features[-1], small.encode_images(pixels).features[-1]
    assert not torch.equal(whole, less)
    assert (whole - less).norm() < 0.1 * whole.norm()
    assert all(isinstance(p, torch.nn.Parameter) for p in model.parameters())  # the model itself is untouched
