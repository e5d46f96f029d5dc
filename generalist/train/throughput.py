"""Throughput: what share of the machine's matrix product a training run uses, and of its time it waits for data.

Counted is what a step needs, forward and backward, two operations a multiply-and-add; what is computed twice or on
padding is not. For tokens of pictures and of rows, each of which meets every weight of the blocks once:

    6 x weights of the blocks x tokens            products with weights
    12 x width x pairs, in each block             queries with keys, weights with values
    6 x 3 x patch² x width x patches              the first layer
    6 x width x (targets x columns), a group      the last
"""

import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import torch

from generalist.model.modeling import GeneralistModel

__all__ = ["Meter", "flops", "peak"]


def flops(model: GeneralistModel, batch: dict[str, Any]) -> float:
    """Operations of a training step on a batch of ``generalist.data.collate``."""
    config = model.config
    D, weights = config.width, sum(p.numel() for p in model.blocks.parameters() if p.ndim == 2)
    there = torch.as_tensor(batch["request"]) >= 0
    tokens, keys = int(there.sum()), there.sum(1)
    pairs, patches, first = float((keys.double() ** 2).sum()), 0, 0.0
    if batch["pixels"] is not None:
        B, _, H, W = batch["pixels"].shape
        N = (H // config.patch_size) * (W // config.patch_size)
        patches, first = B * N, 6.0 * 3 * config.patch_size**2 * D * B * N
        seeing = torch.as_tensor(batch["has_image"])
        pairs += B * N**2 + float((there & seeing).sum()) * N
    last = sum(6.0 * D * len(group["at"]) * len(group["columns"]) for group in batch["groups"])
    return 6.0 * weights * (tokens + patches) + 12.0 * D * pairs * len(model.blocks) + first + last


@lru_cache(maxsize=4)
def peak(device: torch.device) -> float:
    """Operations a second of the machine's own bf16 matrix product: the fastest of a few shapes, of a few runs each."""
    best = 0.0
    for n in (1024, 2048, 4096) if device.type == "cpu" else (4096, 8192, 16384):
        a, b = (torch.randn(n, n, device=device).bfloat16() for _ in range(2))
        for _ in range(5 if n < 4096 or device.type != "cpu" else 2):
            began = _now(device)
            a @ b
            best = max(best, 2 * n**3 / max(_now(device) - began, 1e-9))
    return best


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Meter:
    """Operations and seconds of a run since they were last told."""

    def __init__(self, model: GeneralistModel):
        self.model, self.work, self.waited, self.began = model, 0.0, 0.0, time.perf_counter()

    def fed(self, batches: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The same batches, counted on their way; what passes before one comes is waiting."""
        source = iter(batches)
        while True:
            began = time.perf_counter()
            batch = next(source, None)
            if batch is None:
                return
            self.waited += time.perf_counter() - began
            self.work += flops(self.model, batch)
            yield batch

    def told(self) -> tuple[float, float]:
        """Shares since the last time: of the machine's matrix product used (MFU, Chowdhery et al. 2022), and of the
        time spent waiting for data."""
        device = self.model.device
        seconds = max(_now(device) - self.began, 1e-9)
        shares = self.work / seconds / peak(device), self.waited / seconds
        self.work, self.waited, self.began = 0.0, 0.0, _now(device)
        return shares
