"""What training makes of the machine: MFU of tiny and of base on generated scenes, and the share of waiting for data.

Batches are those of the shipped recipe: its mix of tasks, 16 pictures of 128 px for tiny, 8 of 384 px for base. MFU is
against the machine's own bf16 matrix product, measured in the same run. GENERALIST_BENCH_STEPS says how many steps of
tiny are measured, and half as many of base; the median of single steps is told, and the distance of the quartiles.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from generalist.app.zipf import Row, told
from generalist.assets import assets
from generalist.data.collate import Request, collate
from generalist.data.readers import open_data
from generalist.model.build import build_model
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.train.memory import kept
from generalist.train.optim import optimisers
from generalist.train.recipe import Optimiser, Recipe
from generalist.train.throughput import Meter, peak

__all__ = ["training"]

WARM = 4
"""Steps that are not counted: by then most memory has been asked for once (``train/memory.py``)."""

SIZES = (("tiny", 16, 128, 1), ("base", 8, 384, 2))
"""Presets, with the pictures of a step, their edge, and of how many steps of tiny one is made. What an optimiser does
for a step does not grow with its pictures: with two of them it takes two fifths of a step of base."""


def training() -> Iterator[Row]:
    """The rows, one by one: name, median, unit, distance of the quartiles, what of."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    steps = int(os.environ.get("GENERALIST_BENCH_STEPS", "10"))
    yield "matmul_bf16", peak(device) / 1e9, "GFLOP/s", None, f"{torch.get_num_threads()} threads"
    waits: list[float] = []
    for size, rows, side, each in SIZES:
        count = max(steps // each, 1)
        shares, waited = _run(size, rows, side, count, device)
        waits = waits or waited
        yield told(f"mfu_{size}", shares, "share", f"{rows} pictures of {side} px a step, {count} steps")
    yield told("data_wait", waits, "share", "of tiny's steps, one loader")


def _run(size: str, rows: int, side: int, steps: int, device: torch.device) -> tuple[list[float], list[float]]:
    """Of every step, the MFU and the share of waiting."""
    vocabulary = Vocabulary.load("tiny")
    torch.manual_seed(0)
    model = build_model({"size": size}, vocabulary)
    model.to(device)  # type: ignore[arg-type]
    movers = optimisers(model, Optimiser())
    batches = _Batches(vocabulary, rows, side, steps + WARM)
    loader = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    meter = Meter(model)
    shares, waited = [], []
    with kept():
        for step, batch in enumerate(meter.fed(loader)):
            moved = _on(batch, device)
            with torch.autocast(device.type, torch.bfloat16):
                loss = model(batch=moved)["loss"]
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for mover in movers:
                mover.step()
                mover.zero_grad()
            mfu, wait = meter.told()
            if step >= WARM:
                shares.append(mfu)
                waited.append(wait)
    return shares, waited


class _Batches(TorchDataset[dict[str, Any]]):
    def __init__(self, vocabulary: Vocabulary, rows: int, side: int, steps: int):
        self.vocabulary, self.rows, self.side, self.steps = vocabulary, rows, side, steps
        source = Recipe.read(assets("recipes") / "tiny.yaml").sources[0]
        self.tasks = load_tasks(vocabulary)
        self.names = list(source.tasks)
        self.means = np.asarray(list(source.tasks.values()))
        self.scenes = open_data(f"scenes:train?size={side}")

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng(step)
        rows = []
        for _ in range(self.rows):
            index, counts = int(rng.integers(len(self.scenes))), rng.poisson(self.means)
            counts[0] += not counts.any()
            rows.append(
                [
                    Request(self.tasks[name], i, self.scenes.sample(index, name, rng))
                    for i, (name, count) in enumerate(zip(self.names, counts, strict=True))
                    for _ in range(count)
                ]
            )
        return collate(rows, self.vocabulary, [1.0] * len(self.names), self.side, rng, 16, 16)


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {k: _on(v, device) for k, v in value.items()}
    return [_on(v, device) for v in value] if isinstance(value, list) else value
