"""The training loop: accelerate, bf16, one progress bar with the loss of each task, checkpoints, exact resume."""

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from math import nan
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from generalist.data.mixture import Mixture, Source
from generalist.data.readers import open_data
from generalist.faults import Fault
from generalist.model.build import build_model, copy_model, save_model
from generalist.model.modeling import GeneralistModel
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary
from generalist.train.checkpoint import load_checkpoint, save_checkpoint
from generalist.train.clock import Clock
from generalist.train.curve import Curve
from generalist.train.memory import kept
from generalist.train.optim import Average, optimisers, rate
from generalist.train.ranking import Ranking
from generalist.train.recipe import Recipe
from generalist.train.throughput import Meter
from generalist.train.watch import Judge, Watch

__all__ = ["Run", "train"]

TOLD = 20
"""Steps whose mean losses are told together."""


def train(recipe: Recipe, fresh: bool = False, stop_at: int | None = None, judge: Judge | None = None) -> Path:
    """Runs a recipe to its end, from its last checkpoint if there is one, and returns the folder of the model.

    fresh: forget earlier checkpoints. stop_at: leave after this step, as an interruption would (the schedule is the
    whole run's). judge: measures the model where the recipe says ``validate``; the command line has one.

    Beside the model the folder ``out`` holds ``last``, the checkpoint, ``best``, the best model measured, and
    ``curve.jsonl``, what was measured.

    Raises:
        Fault: the recipe names a task, a set or a model that is not there, or the checkpoint is of another model.
    """
    run = Run(recipe, fresh, judge)
    with run.progress as progress, kept():
        bar = progress.add_task(recipe.name, total=recipe.steps, completed=run.step, text="")
        for batch in () if run.over else run.batches(stop_at or recipe.last):
            losses = run.update(batch)
            if losses:
                progress.update(bar, text=" ".join(f"{k} {v:.2f}" for k, v in losses.items()))
            progress.update(bar, completed=run.step)
            if run.over:
                break
        run.finish()
    return run.export() if run.over else run.out


class Run:
    """A run of a recipe, from its last checkpoint: ``batches`` gives micro-batches and ``update`` learns from one."""

    def __init__(self, recipe: Recipe, fresh: bool = False, judge: Judge | None = None):
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.out, self.judge = recipe, Path(recipe.out), judge
        self.watch = None if recipe.validation is None else Watch(recipe.validation)
        if self.watch is not None and judge is None:
            raise Fault(f"recipe {recipe.name}: validate: nobody was given to measure it: train(recipe, judge=...)")
        AcceleratorState._reset_state()  # else a second recipe of this process is held to the first one's precision
        self.accelerator = Accelerator(
            mixed_precision=recipe.precision,
            log_with="tensorboard",
            project_dir=str(self.out),
            gradient_accumulation_steps=recipe.accumulate,
        )
        self.vocabulary = Vocabulary.load(recipe.vocabulary)
        self.model = build_model(recipe.model.model_dump(exclude_none=True), self.vocabulary, recipe.vocabulary)
        self.model.checkpointing = recipe.checkpoint_activations
        self.average = Average(self.model.parameters(), recipe.ema)
        found = optimisers(self.model, recipe.optimiser)
        self.step, self.clock, self.over = 0, Clock(), False
        self.names = list(recipe.tasks)
        self.sums = torch.zeros(2, len(self.names))
        self.last = self.out / "last"
        if fresh:
            for folder in (self.last, self.out / "best"):
                shutil.rmtree(folder, ignore_errors=True)
        if self.last.is_dir():
            self._resume(found)
        (self.saved,) = self._agreed(self.clock.seconds)
        self.done = recipe.done(self.step, self.saved)
        self.over = self.over or self.done >= 1
        self.wrapped, *self.optimisers = self.accelerator.prepare(self.model, *found)
        self.average.values = [v.to(self.accelerator.device) for v in self.average.values]
        self.accelerator.init_trackers(recipe.name)
        self.curve = Curve(self.out / "curve.jsonl", self.step) if self.accelerator.is_main_process else None
        self.meter = Meter(self.model)
        self.ranking = None if recipe.ranking is None else Ranking(recipe, self.vocabulary, self.accelerator)
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
        patch, sizes = self.model.config.patch_size, recipe.sizes or [self.model.config.image_size]
        if odd := [size for size in sizes if size <= 0 or size % patch]:
            raise Fault(f"recipe {recipe.name}: sizes: {odd[0]} is no multiple of the patch of {patch} pixels")
        sources = [Source(open_data(s.data), s.weight, s.tasks, s.augment) for s in recipe.sources]
        world = self.accelerator.num_processes * recipe.accumulate
        return Mixture(
            sources,
            tasks,
            recipe.tasks,
            self.vocabulary,
            sizes,
            recipe.rows,
            recipe.last * world,
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
        for batch in self.meter.fed(loader):
            yield _on(batch, self.accelerator.device)

    def update(self, batch: dict[str, Any]) -> dict[str, float]:
        """One micro-batch; at the end of a step the weights move. Returns recent losses by task now and then."""
        spec = self.recipe.optimiser
        with self.accelerator.accumulate(self.wrapped):
            factor = rate(self.step, self.done, spec)
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = spec.lr * factor * group["scale"]
            found = [] if self.ranking is None else self.ranking.search(self.model, self.step)
            with self.accelerator.autocast():
                out = self.wrapped(batch=batch)
                if self.ranking is not None and found:
                    out["loss"] = out["loss"] + self.ranking.loss(self.model, found)
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
        losses = self._report()
        (seconds,) = self._agreed(self.clock.seconds)
        if self.watch is not None and self.watch.due(self.step, seconds):
            self._measure()
        self.done = self.recipe.done(self.step, seconds)
        self.over = self.over or self.done >= 1
        return losses

    def _agreed(self, *values: float) -> list[float]:
        """The first process's numbers, for all: clocks differ, and who stops alone leaves the others waiting."""
        if self.accelerator.num_processes == 1:
            return list(values)
        told: torch.Tensor = broadcast(torch.tensor(values, dtype=torch.float64, device=self.accelerator.device))
        return told.tolist()

    def _measure(self) -> None:
        """Measures the averaged weights, keeps them if they are the best, and notes whether there were enough."""
        assert self.watch is not None and self.judge is not None
        figures: dict[str, float] = {}
        if self.accelerator.is_main_process:
            with nullcontext() if self.watch.spec.select else self.clock.paused():
                model = self.averaged().float().to(self.accelerator.device)
                figures = dict(self.judge(model, self.vocabulary, self.recipe))
        figure, seconds = self._agreed(figures.get(self.watch.spec.metric, nan), self.clock.seconds)
        if figure != figure:
            asked, there = self.watch.spec, ", ".join(figures)
            raise Fault(f"validate: metric: {asked.task!r} has no figure {asked.metric!r}; it has {there}")
        best = self.watch.take(figure, self.step, seconds)
        self.over = self.over or self.watch.enough
        if self.curve is not None:
            self.curve.add(self.step, seconds, validation=figures, best=best)
            told = f"step {self.step} {seconds:.0f}s {self.watch.spec.task} {self.watch.spec.metric}"
            told += f" {figure:.4f}"
            told += " (best)" if best else f" (best {self.watch.best:.4f} at {self.watch.at})"
            self.progress.console.print(told, soft_wrap=True)
            if best and self.watch.spec.select:
                save_model(self.averaged(), self.out / "best", self.vocabulary)
        self.accelerator.log({f"validation/{k}": v for k, v in figures.items()}, step=self.step)
        self.save()

    def finish(self) -> None:
        """What is left to do when the batches have ended: the last weights are measured, and everything is saved."""
        if self.over and self.watch is not None and self.watch.last < self.step:
            self._measure()
        self.save()

    def _report(self) -> dict[str, float]:
        losses: dict[str, float] = {}
        if self.step % TOLD == 0:
            mean = (self.sums[0] / self.sums[1].clamp(min=1e-6)).tolist()
            losses = {name: value for name, value in zip(self.names, mean, strict=True) if value}
            losses |= {} if self.ranking is None else self.ranking.recent()
            self.accelerator.log({f"loss/{k}": v for k, v in losses.items()}, step=self.step)
            if self.curve is not None:
                self.curve.add(self.step, self.clock.seconds, loss=losses)
            losses["mfu"] = self.meter.told()[0]
            if not self.progress.console.is_terminal:  # a log file wants lines, not a bar
                told = " ".join(f"{k} {v:.3f}" for k, v in losses.items())
                self.progress.console.print(f"step {self.step} {self.clock.seconds:.0f}s {told}", soft_wrap=True)
            self.sums.zero_()
        if self.clock.seconds - self.saved > 60 * self.recipe.save_minutes:
            self.save()
        return losses

    def save(self) -> None:
        """A checkpoint of everything that the next step depends on."""
        self.saved = self.clock.seconds
        if not self.accelerator.is_main_process:
            return
        names = [name for name, _ in self.model.named_parameters()]
        tensors: dict[str, dict[str, torch.Tensor]] = {
            "model": dict(self.model.named_parameters()),
            "average": dict(zip(names, self.average.values, strict=True)),
        }
        bare = [getattr(o, "optimizer", o) for o in self.optimisers]
        state = {
            "step": self.step,
            "fingerprint": self.vocabulary.fingerprint,
            "seconds": self.saved,
            "sums": self.sums.tolist(),
            "watch": {} if self.watch is None else self.watch.state(),
        }
        save_checkpoint(self.last, tensors, bare, state)

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
        self.clock = Clock(float(state.get("seconds", 0.0)))
        told = torch.tensor(state.get("sums", []))
        self.sums = told if told.shape == self.sums.shape else self.sums
        if self.watch is not None:
            self.watch.restore(state.get("watch", {}))
        # Enough had been measured, unless this recipe is more patient.
        self.over = self.watch is not None and self.watch.enough

    def averaged(self) -> GeneralistModel:
        """A model of the averaged weights, in bfloat16 as it is kept."""
        model = GeneralistModel(self.model.config)
        for p, value in zip(model.parameters(), self.average.values, strict=True):
            p.data.copy_(value)
        return cast(GeneralistModel, model.bfloat16())

    def export(self) -> Path:
        """The model folder: the best weights that were measured, or else the last."""
        folder = self.out / "model"
        if self.accelerator.is_main_process:
            if self.watch is None or not self.watch.spec.select:
                save_model(self.averaged(), folder, self.vocabulary)
            else:
                copy_model(self.out / "best", folder)
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
