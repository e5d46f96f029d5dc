"""The training loop: accelerate, bf16, one progress bar with the loss of each task, checkpoints, exact resume."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from generalist.data.mixture import Mixture, Source
from generalist.data.readers import open_data
from generalist.faults import Fault
from generalist.model.build import build_model, save_model
from generalist.model.modeling import GeneralistModel
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.train.checkpoint import load_checkpoint, save_checkpoint
from generalist.train.optim import Average, optimisers, rate
from generalist.train.recipe import Recipe

__all__ = ["train"]


def train(recipe: Recipe, fresh: bool = False, stop_at: int | None = None) -> Path:
    """Runs a recipe to its end, from its last checkpoint if there is one, and returns the folder of the model.

    fresh: forget earlier checkpoints. stop_at: leave after this step, as an interruption would (the schedule is the
    whole run's).

    Raises:
        Fault: the recipe names a task, a set or a model that is not there, or the checkpoint is of another model.
    """
    run = _Run(recipe, fresh)
    with run.progress as progress:
        bar = progress.add_task(recipe.name, total=recipe.steps, completed=run.step, text="")
        for batch in run.batches(stop_at or recipe.steps):
            losses = run.update(batch)
            if losses:
                progress.update(bar, text=" ".join(f"{k} {v:.2f}" for k, v in losses.items()))
            progress.update(bar, completed=run.step)
    run.save()
    return run.export() if run.step >= recipe.steps else run.out


class _Run:
    def __init__(self, recipe: Recipe, fresh: bool):
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.out = recipe, Path(recipe.out)
        AcceleratorState._reset_state()  # else a second recipe of this process is held to the first one's precision
        self.accelerator = Accelerator(
            mixed_precision=recipe.precision,
            log_with="tensorboard",
            project_dir=str(self.out),
            gradient_accumulation_steps=recipe.accumulate,
        )
        self.vocabulary = Vocabulary.load(recipe.vocabulary)
        self.model = build_model(recipe.model.model_dump(exclude_none=True), self.vocabulary, recipe.vocabulary)
        self.average = Average(self.model.parameters(), recipe.ema)
        found = optimisers(self.model, recipe.optimiser)
        self.step, self.began = 0, time.monotonic()
        self.saved = self.began
        self.last = self.out / "last"
        if fresh:
            shutil.rmtree(self.last, ignore_errors=True)
        if self.last.is_dir():
            self._resume(found)
        self.wrapped, *self.optimisers = self.accelerator.prepare(self.model, *found)
        self.average.values = [v.to(self.accelerator.device) for v in self.average.values]
        self.accelerator.init_trackers(recipe.name)
        self.names = list(recipe.tasks)
        self.sums = torch.zeros(2, len(self.names))
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            disable=not self.accelerator.is_main_process,
            console=Console(stderr=True),
        )

    def _mixture(self) -> Mixture:
        recipe = self.recipe
        tasks = load_tasks(self.vocabulary, *recipe.tasks_dir)
        missing = [name for name in recipe.tasks if name not in tasks]
        if missing:
            raise Fault(f"recipe {recipe.name}: there is no task {missing[0]!r}; there are {', '.join(tasks)}")
        sources = [Source(open_data(s.data), s.weight, s.tasks) for s in recipe.sources]
        world = self.accelerator.num_processes * recipe.accumulate
        return Mixture(
            sources,
            tasks,
            recipe.tasks,
            self.vocabulary,
            self.model.config.image_size,
            recipe.rows,
            recipe.steps * world,
            recipe.seed,
            recipe.empty_tracks,
            recipe.cell_tracks,
            recipe.block,
        )

    def batches(self, stop: int) -> Iterator[dict[str, Any]]:
        """Micro-batches from the present step on; each process takes every n-th."""
        each, rank, world = self.recipe.accumulate, self.accelerator.process_index, self.accelerator.num_processes
        order = range(self.step * each * world + rank, stop * each * world, world)
        loader = DataLoader(
            self._mixture(),
            batch_size=None,
            sampler=order,
            num_workers=self.recipe.loaders,
            prefetch_factor=4 if self.recipe.loaders else None,
            collate_fn=_plain,
        )
        for batch in loader:
            yield _on(batch, self.accelerator.device)

    def update(self, batch: dict[str, Any]) -> dict[str, float]:
        """One micro-batch; at the end of a step the weights move. Returns recent losses by task now and then."""
        spec = self.recipe.optimiser
        with self.accelerator.accumulate(self.wrapped):
            factor = rate(self.step, self.recipe.steps, spec)
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = spec.lr * factor
            with self.accelerator.autocast():
                out = self.wrapped(batch=batch)
            self.accelerator.backward(out["loss"])
            if self.accelerator.sync_gradients:
                self.accelerator.clip_grad_norm_(self.wrapped.parameters(), spec.clip)
            for optimiser in self.optimisers:
                optimiser.step()
                optimiser.zero_grad()
        self.sums += torch.stack([out["by_task"] * out["count"], out["count"]]).cpu()
        if not self.accelerator.sync_gradients:
            return {}
        self.average.update(self.model.parameters(), self.step)
        self.step += 1
        return self._report()

    def _report(self) -> dict[str, float]:
        losses: dict[str, float] = {}
        if self.step % 20 == 0:
            mean = (self.sums[0] / self.sums[1].clamp(min=1e-6)).tolist()
            losses = {name: value for name, value in zip(self.names, mean, strict=True) if value}
            self.accelerator.log({f"loss/{k}": v for k, v in losses.items()}, step=self.step)
            if not self.progress.console.is_terminal:  # a log file wants lines, not a bar
                told = " ".join(f"{k} {v:.3f}" for k, v in losses.items())
                self.progress.console.print(
                    f"step {self.step} {time.monotonic() - self.began:.0f}s {told}", soft_wrap=True
                )
            self.sums.zero_()
        if time.monotonic() - self.saved > 60 * self.recipe.save_minutes:
            self.save()
        return losses

    def save(self) -> None:
        """A checkpoint of everything that the next step depends on."""
        self.saved = time.monotonic()
        if not self.accelerator.is_main_process:
            return
        names = [name for name, _ in self.model.named_parameters()]
        tensors: dict[str, dict[str, torch.Tensor]] = {
            "model": dict(self.model.named_parameters()),
            "average": dict(zip(names, self.average.values, strict=True)),
        }
        bare = [getattr(o, "optimizer", o) for o in self.optimisers]
        save_checkpoint(self.last, tensors, bare, {"step": self.step, "fingerprint": self.vocabulary.fingerprint})

    def _resume(self, found: list[torch.optim.Optimizer]) -> None:
        tensors, state = load_checkpoint(self.last, ["model", "average"], found)
        if state["fingerprint"] != self.vocabulary.fingerprint:
            raise Fault(f"{self.last}: was trained with another vocabulary; give another out=")
        names = [name for name, _ in self.model.named_parameters()]
        try:
            self.model.load_state_dict(tensors["model"])
        except RuntimeError as error:
            raise Fault(f"{self.last}: is of another model; give another out=, or start anew with --fresh") from error
        self.average.values = [tensors["average"][name] for name in names]
        self.step = int(state["step"])

    def export(self) -> Path:
        """The averaged weights as a model folder, in bfloat16."""
        folder = self.out / "model"
        if self.accelerator.is_main_process:
            model = GeneralistModel(self.model.config)
            for p, value in zip(model.parameters(), self.average.values, strict=True):
                p.data.copy_(value)
            save_model(cast(GeneralistModel, model.bfloat16()), folder, self.vocabulary)
        return folder


def _plain(value: Any) -> Any:
    """Tensors as numpy arrays, which go from a loader to us as bytes. A tensor goes as an open file, and a batch is
    some two hundred of them: fetching those took a quarter of a step."""
    if isinstance(value, torch.Tensor):
        return value.numpy()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value).to(device, non_blocking=True)
    if isinstance(value, dict):
        return {k: _on(v, device) for k, v in value.items()}
    return [_on(v, device) for v in value] if isinstance(value, list) else value
