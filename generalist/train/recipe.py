"""Recipe: everything that decides a training run, as a YAML file checked before anything starts."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generalist.faults import Fault

__all__ = ["Model", "Optimiser", "Recipe", "SourceSpec"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Model(Strict):
    """Where the weights start: a size, or ``init``: ``timm/<name>``, a model folder, or a shipped model's name. The
    other fields change the size's own."""

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


class SourceSpec(Strict):
    """One set: its spec, how often a row is drawn from it, and requests a row by task."""

    data: str
    weight: float = Field(1.0, gt=0)
    tasks: dict[str, float] = Field(min_length=1)


class Recipe(Strict):
    """A training run. ``rows`` pictures a step, each with several requests (``sources[].tasks``)."""

    name: str
    out: str
    vocabulary: str = "tiny"
    model: Model = Model()
    sources: list[SourceSpec] = Field(min_length=1)
    tasks_dir: list[Path] = []
    task_weight: dict[str, float] = {}
    steps: int = Field(gt=0)
    rows: int = Field(16, gt=0)
    accumulate: int = Field(1, gt=0)
    empty_tracks: int = Field(24, gt=0)
    cell_tracks: int = Field(24, gt=0)
    block: float = Field(0.0, ge=0, le=1)  # share of the requests whose answers are learned as blocks too
    optimiser: Optimiser = Optimiser()
    ema: float = Field(0.999, ge=0, lt=1)
    seed: int = 0
    loaders: int = Field(1, ge=0)
    save_minutes: float = Field(5.0, gt=0)
    precision: Literal["bf16", "no"] = "bf16"
    threads: int | None = None

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
            where = ".".join(map(str, first["loc"]))
            near = difflib.get_close_matches(str(first["loc"][-1]), list(cls.model_fields), 1)
            hint = f" (did you mean {near[0]!r}?)" if near and first["type"] == "extra_forbidden" else ""
            raise Fault(f"{path}: {where}: {first['msg']}{hint}") from error

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
