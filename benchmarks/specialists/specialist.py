"""Specialist: a model that can do one task, and how it is trained for its time and then measured."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from batches import Batches, Example
from record import device, options, record, run
from sets import SETS, Set
from torch import Tensor, nn
from training import Plan, Training

from generalist.app.report import Bar
from generalist.data.readers import Dataset, open_data
from generalist.faults import Fault
from generalist.sequence.sample import Answer, Sample

__all__ = ["Specialist", "examples", "train"]


class Specialist:
    """One family's model for one set. A family says what it is and fills in the methods.

    name: as it is printed. task: what it can do. batch, lr, weight_decay, bf16: what suits it; bf16 where that is the
    faster on a CPU that has it.
    """

    name: str
    task: str
    batch: int = 8
    lr: float = 1e-3
    weight_decay: float = 0.05
    bf16: bool = False

    def __init__(self, kind: Set, classes: tuple[str, ...]):
        self.kind, self.classes = kind, classes
        self.model = self.build()

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def build(self) -> nn.Module:
        """The model for ``classes``, with random weights."""
        raise NotImplementedError

    def example(self, sample: Sample) -> Example:
        """A sample as it is kept for training: as small as that needs it, and not yet changed."""
        raise NotImplementedError

    def augment(self, example: Example) -> Example:
        """A random view of it, by torch's generator."""
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: list[Example]) -> dict[str, Tensor]:
        """The parts of the loss of a batch on the model's device; they are added."""
        raise NotImplementedError

    def answer(self, sample: Sample) -> Answer:
        """What the model, as it now is, says to a request."""
        raise NotImplementedError


def examples(specialist: Specialist, data: Dataset) -> list[Example]:
    """The whole set, decoded. Items that cannot be read are told and left out, as they are of our training.

    Raises:
        Fault: not one item can be read.
    """
    found = []
    with Bar(f"read {specialist.kind.name}", len(data)) as bar:
        for i in range(len(data)):
            try:
                found.append(specialist.example(data.sample(i, specialist.task)))
            except Fault as fault:
                bar.fault(fault)
            bar.step()
    if not found:
        raise Fault(f"{data.name}: holds nothing to train on")
    return found


def train(about: str | None, family: Mapping[str, type[Specialist]], arguments: list[str] | None = None) -> None:
    """The command of a family: reads its options, trains, measures, prints."""
    tasks = {member.task for member in family.values()}
    parser = options(about, [name for name, kind in SETS.items() if kind.task in tasks])
    parser.add_argument("--model", choices=list(family), help="the first that does the set's task, unless said")
    parser.add_argument("--minutes", type=float, default=30.0, help="of training, by the clock on the wall")
    parser.add_argument("--loaders", type=int, default=1, help="processes that prepare pictures beside the training")
    parser.add_argument("--batch", type=int, help="pictures a step")
    parser.add_argument("--lr", type=float, help="the highest learning rate")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="as suits the model, unless said")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="folder of checkpoints; runs/specialists/SET-MODEL-SEED unless said")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier checkpoint")
    run(parser, arguments, lambda given: _trained(family, given))


def _trained(family: Mapping[str, type[Specialist]], given: argparse.Namespace) -> dict[str, Any]:
    kind = SETS[given.set]
    able = [name for name, member in family.items() if member.task == kind.task]
    name = given.model or able[0]
    if name not in able:
        raise Fault(f"--model {name} does not do {kind.task}, which {kind.name} asks; {', '.join(able)} do")
    torch.manual_seed(given.seed)
    data = open_data(kind.data(given.data, kind.train))
    specialist = family[name](kind, data.classes)
    plan = Plan(
        name=f"{specialist.name} {kind.name}",
        minutes=given.minutes,
        seed=given.seed,
        batch=given.batch or specialist.batch,
        lr=given.lr or specialist.lr,
        weight_decay=specialist.weight_decay,
        bf16=specialist.bf16 if given.bf16 is None else given.bf16,
    )
    out = given.out or Path("runs", "specialists", f"{kind.name}-{name}-{given.seed}")
    training = Training(plan, specialist.model, specialist.loss, out, torch.device(given.device), given.fresh)
    batches = Batches(examples(specialist, data), specialist.augment, plan.batch, plan.seed)
    training.run(batches, given.loaders)
    told = {
        "model": specialist.name,
        "parameters": sum(p.numel() for p in specialist.model.parameters()),
        "minutes": round(training.spent / 60, 2),
        "processor_minutes": round(training.busy / 60, 2),
        "steps": training.step,
        "batch": plan.batch,
        "lr": plan.lr,
        "bf16": plan.bf16,
        "device": device(given.device),
    }
    return record(kind, given, told, specialist.answer)
