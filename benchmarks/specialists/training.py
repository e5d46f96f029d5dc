"""Training: a specialist is trained until its time is over, from its last checkpoint if there is one."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from batches import Batches, Example
from clock import Clock
from torch import Tensor, nn

from generalist.app.report import Bar
from generalist.faults import Fault
from generalist.train.checkpoint import load_checkpoint, save_checkpoint
from generalist.train.memory import kept
from generalist.train.optim import Average, optimisers
from generalist.train.recipe import Optimiser

__all__ = ["Plan", "Training"]

HORIZON = 0.9998
"""Decay of the moving average. It is warmed up (``Average``): until step 50,000 it spans the last ninth of the run."""

SETTLING = 10
"""Batches over which the statistics of batch normalisation are taken again under the averaged weights, as in stochastic
weight averaging (Izmailov et al. 2018). Those kept while training lag behind: MobileNetV3 moves them by a hundredth a
step, which is meant for 10^5 steps, and here are a thousand."""

SAVE_SECONDS, TELL_SECONDS = 180, 20
"""Between checkpoints, and between lines that tell the loss."""


@dataclass(frozen=True)
class Plan:
    """What decides a run, beside its model and its set. A checkpoint of another plan is not gone on with."""

    name: str
    minutes: float
    seed: int
    batch: int
    lr: float
    weight_decay: float
    bf16: bool


class Training:
    """One model on one device.

    loss: of a model and a batch, the parts by name, which are added. out: the folder of checkpoints; fresh: without
    going on from the one that is there. What is measured is the moving average of the weights, see ``run``.
    """

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        loss: Callable[[nn.Module, list[Example]], dict[str, Tensor]],
        out: Path,
        device: torch.device,
        fresh: bool = False,
    ):
        self.plan, self.loss, self.last, self.device = plan, loss, out / "last", device
        # Channels last: otherwise a step of MobileNetV3 takes half as long again on a CPU.
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.spec = Optimiser(
            name="adamw", lr=plan.lr, weight_decay=plan.weight_decay, betas=(0.9, 0.999), clip=5.0, warmup=0
        )
        self.optimisers = optimisers(self.model, self.spec)
        self.average = Average(self.model.parameters(), HORIZON)
        self.step, self.spent, self.busy = 0, 0.0, 0.0
        if fresh:
            shutil.rmtree(self.last, ignore_errors=True)
        if self.last.is_dir():
            self._resume()

    def run(self, batches: Batches, loaders: int) -> nn.Module:
        """Trains to the end of the time and gives the model with its averaged weights, ready to answer. ``spent`` is
        then what it has taken in all.

        Raises:
            Fault: the loss is not a number.
        """
        clock = Clock(self.plan.minutes, self.spent, self.busy)
        views = batches.start(self.step, loaders)
        saved = told = time.monotonic()
        self.model.train()
        with Bar(self.plan.name, round(clock.limit)) as bar, kept():
            while not clock.over:
                batch = next(views)
                parts = self.update(batch, clock.rate())
                self.spent, self.busy = clock.spent, clock.busy
                bar.at(round(min(self.spent, clock.limit)))
                if time.monotonic() - told > TELL_SECONDS:
                    told = time.monotonic()
                    bar.say(f"step {self.step} {self.spent:.0f}s " + " ".join(f"{k} {v:.3f}" for k, v in parts.items()))
                if time.monotonic() - saved > SAVE_SECONDS:
                    saved = time.monotonic()
                    self.save()
        self.save()
        self.settle(islice(views, SETTLING))
        self.spent, self.busy = clock.spent, clock.busy
        return self.model

    def update(self, batch: list[Example], factor: float) -> dict[str, float]:
        """One step at a share of the learning rate; the parts of the loss."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.plan.lr * factor
        parts = self._parts(batch)
        total = torch.stack([part.float() for part in parts.values()]).sum()
        if not torch.isfinite(total):
            raise Fault(f"{self.plan.name}: the loss of step {self.step} is not a number; lower --lr")
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.spec.clip)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.average.update(self.model.parameters(), self.step)
        self.step += 1
        return {name: float(part.detach()) for name, part in parts.items()}

    def _parts(self, batch: list[Example]) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.bf16):
            return self.loss(self.model, [_on(example, self.device) for example in batch])

    @torch.no_grad()
    def settle(self, views: Iterable[list[Example]]) -> None:
        """The averaged weights in place of the last ones, the statistics of batch normalisation taken over ``views``,
        and the model ready to answer. The checkpoint is left as it is."""
        for value, mean in zip(self.model.parameters(), self.average.values, strict=True):
            value.copy_(mean)
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None  # the plain mean of all batches
        self.model.train()
        for batch in views:
            self._parts(batch)
        self.model.eval()

    def save(self) -> None:
        """A checkpoint of what the next step depends on, but for the clock on the wall and torch's own generator, from
        which dropout and Mask R-CNN's proposals are drawn."""
        mean = dict(zip(self._names(), self.average.values, strict=True))
        tensors = {"model": self.model.state_dict(), "average": mean}
        state = {"plan": asdict(self.plan), "step": self.step, "spent": self.spent, "busy": self.busy}
        save_checkpoint(self.last, tensors, self.optimisers, state)

    def _resume(self) -> None:
        tensors, state = load_checkpoint(self.last, ["model", "average"], self.optimisers)
        if state["plan"] != asdict(self.plan):
            raise Fault(f"{self.last}: is of another run; say --out FOLDER, or --fresh to start anew")
        self.model.load_state_dict(tensors["model"])
        self.average.values = [tensors["average"][name].to(self.device) for name in self._names()]
        self.step, self.spent, self.busy = int(state["step"]), float(state["spent"]), float(state["busy"])

    def _names(self) -> list[str]:
        return [name for name, _ in self.model.named_parameters()]


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    return {name: _on(part, device) for name, part in value.items()} if isinstance(value, dict) else value
