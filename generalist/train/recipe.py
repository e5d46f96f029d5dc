"""Recipe: everything that decides a training run, as a YAML file checked before anything starts."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from generalist.data.augment import Augment
from generalist.faults import Fault

__all__ = ["ENDLESS", "Model", "Optimiser", "RankingSpec", "Recipe", "SourceSpec", "Validate"]

ENDLESS = 10**9
"""Steps of a run that only the clock ends."""

_EVERY = re.compile(r"(\d+(?:\.\d+)?) (step|minute)s?")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Model(Strict):
    """Where the weights start: a size, or ``init``: ``timm/<name>``, a model folder, or a shipped model's name. The
    other fields change the size's own; of a model folder ``image_size`` alone can be changed."""

    size: str = "tiny"
    init: str | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    patch_size: int | None = None
    image_size: int | None = None
    rope: bool | None = None


class Optimiser(Strict):
    """AdamW, or Muon for the matrices of the blocks (Jordan et al. 2024) and AdamW for the rest, at one learning rate:
    Muon's updates are scaled to AdamW's root mean square (Liu et al. 2025)."""

    name: Literal["muon", "adamw"] = "muon"
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = Field(1.0, gt=0)
    warmup: int = Field(200, ge=0)
    decay: float = Field(0.25, ge=0, le=1)  # share of the steps over which the rate falls to 0, at the end
    schedule: Literal["constant", "cosine"] = "constant"
    layer_decay: float = Field(1.0, gt=0, le=1)  # of the rate, by layers from the last to the first


class SourceSpec(Strict):
    """One set: its spec, how often a row is drawn from it, requests a row by task, and how its pictures are varied."""

    data: str
    weight: float = Field(1.0, gt=0)
    tasks: dict[str, float] = Field(min_length=1)
    augment: Augment | None = None


class Validate(Strict):
    """How a run is measured on held-out data while it trains, by the averaged weights.

    metric: the figure of the task that is watched, such as AP50. every: ``200``, ``200 steps`` or ``3 minutes``.
    limit: only so many items, from the first. patience: measurements without a better figure after which the run ends.

    The best weights are the model that the run gives, and measuring takes the run's own time. Without ``select`` a run
    is only watched: its last weights are the model, it does not end early, and the clock stands still meanwhile. What
    is reported on may only be watched.
    """

    data: str
    task: str
    metric: str
    every: str = "2 minutes"
    limit: int | None = Field(None, gt=0)
    patience: int | None = Field(None, gt=0)
    select: bool = True

    @field_validator("every", mode="before")
    @classmethod
    def _spelled(cls, value: Any) -> str:
        text = f"{value} steps" if isinstance(value, int) else str(value)
        found = _EVERY.fullmatch(text)
        if not found or not float(found[1]) or (found[2] == "step" and not found[1].isdecimal()):
            raise ValueError(f"is a number of steps or minutes, such as 200 steps or 3 minutes, not {value!r}")
        return text

    @property
    def steps(self) -> int | None:
        """Steps between measurements, None where the clock says it."""
        number, unit = self.every.split()
        return int(number) if unit.startswith("step") else None

    @property
    def minutes(self) -> float | None:
        """Minutes between measurements, None where steps say it."""
        number, unit = self.every.split()
        return float(number) if unit.startswith("minute") else None


class RankingSpec(Strict):
    """A margin between documents found for queries, beside the loss of the sources: see ``train.ranking``. index: a
    folder, by n-grams; queries: a set whose queries know their documents; rows: queries searched for a step; every:
    steps from one to the next that ranks; margin: a share of the best score."""

    index: str
    queries: str
    task: str = "quote"
    rows: int = Field(8, gt=0)
    every: int = Field(1, gt=0)
    beams: int = Field(15, gt=0)
    margin: float = Field(0.2, gt=0)
    weight: float = Field(1.0, gt=0)


class Recipe(Strict):
    """A training run. ``rows`` pictures a step, each with several requests (``sources[].tasks``).

    It ends after ``steps``, or after ``minutes`` by the clock, whichever is first; the learning rate falls towards that
    end. ``sizes``: edges of the square that pictures are fitted into, one of which is drawn for each batch; the model's
    own where there are none.
    """

    name: str
    out: str
    vocabulary: str = "tiny"
    model: Model = Model()
    sources: list[SourceSpec] = Field(min_length=1)
    tasks_dir: list[Path] = []
    task_weight: dict[str, float] = {}
    steps: int | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    sizes: list[int] = []
    validation: Validate | None = Field(None, alias="validate")  # pydantic has a method of that name
    rows: int = Field(16, gt=0)
    accumulate: int = Field(1, gt=0)
    empty_tracks: int = Field(24, gt=0)
    cell_tracks: int = Field(24, gt=0)
    block: float = Field(0.0, ge=0, le=1)  # share of the requests whose answers are learned as blocks too
    optimiser: Optimiser = Optimiser()
    ranking: RankingSpec | None = None
    ema: float = Field(0.999, ge=0, lt=1)
    seed: int = 0
    loaders: int = Field(1, ge=0)
    save_minutes: float = Field(5.0, gt=0)
    precision: Literal["bf16", "no"] = "bf16"
    threads: int | None = None
    checkpoint_activations: bool = False  # compute blocks anew going backward: a third more work, far less memory

    @model_validator(mode="after")
    def _ends(self) -> "Recipe":
        if self.steps is None and self.minutes is None:
            raise ValueError("say steps, or minutes: when does the run end?")
        return self

    @classmethod
    def read(cls, path: Path, changes: Sequence[str] = ()) -> "Recipe":
        """A recipe file with ``key=value`` changes, e.g. ``optimiser.lr=3e-4``; values are YAML.

        Raises:
            Fault: names the file or the change, the field and the reason.
        """
        try:
            table = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise Fault(f"{path}: cannot be read as YAML: {str(error).splitlines()[0]}") from error
        if not isinstance(table, dict):
            raise Fault(f"{path}: a recipe is a table of fields")
        for change in changes:
            _change(table, change)
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            where = [str(part) for part in first["loc"]]
            near = difflib.get_close_matches(where[-1], list(cls.model_fields), 1) if where else []
            hint = f" (did you mean {near[0]!r}?)" if near and first["type"] == "extra_forbidden" else ""
            said = first["msg"].removeprefix("Value error, ") + hint
            raise Fault(": ".join([str(path), *([".".join(where)] if where else []), said])) from error

    @property
    def last(self) -> int:
        """The number of steps after which the run ends at the latest."""
        return ENDLESS if self.steps is None else self.steps

    def done(self, step: int, seconds: float) -> float:
        """The share of the run that lies behind, by steps or by the clock."""
        by_clock = 0.0 if self.minutes is None else seconds / (60 * self.minutes)
        return max(step / self.last, by_clock)

    @property
    def tasks(self) -> dict[str, float]:
        """Weight in the loss of every task that a source poses; 1 where the recipe does not say."""
        names = dict.fromkeys(name for source in self.sources for name in source.tasks)
        return {name: self.task_weight.get(name, 1.0) for name in names}


def _change(table: dict[str, Any], change: str) -> None:
    """Sets ``a.b.0.c=value`` in a recipe's table; numbers count places in a list."""
    key, equals, value = change.partition("=")
    if not equals:
        raise Fault(f"{change!r}: a change is written key=value")
    *path, last = key.split(".")
    held: Any = table
    for part in path:
        held = held.setdefault(part, {}) if isinstance(held, dict) else held[_place(held, part, change)]
        if not isinstance(held, (dict, list)):
            raise Fault(f"{change!r}: {part!r} holds no fields")
    held[last if isinstance(held, dict) else _place(held, last, change)] = yaml.safe_load(value)


def _place(held: list[Any], part: str, change: str) -> int:
    if not part.isdigit() or int(part) >= len(held):
        raise Fault(f"{change!r}: {part!r} is no place in a list of {len(held)}, counted from 0")
    return int(part)
