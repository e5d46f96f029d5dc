"""TaskFile: what a YAML file says of a task, checked field by field."""

import difflib
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generalist.faults import Fault

__all__ = ["TaskFile"]


Granularity = Literal["sentence", "passage", "document", "entity"]


class TaskFile(BaseModel):
    """What a task file may say. Everything else in it is an error that names the field. granularities: the prompts in
    place of ``prompts`` where a request says what is to be found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    summary: str
    inputs: tuple[str, ...]
    prompts: tuple[str, ...] = Field(min_length=1)
    granularities: dict[Granularity, tuple[str, ...]] = {}
    words: tuple[str, ...] = ()
    answer: str
    grid: int | None = Field(default=None, ge=1, le=64)
    at: Literal["region"] | None = None
    keep: Literal["all", "best"] = "all"
    disjoint: bool = False
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "TaskFile":
        """Raises Fault that names the file, the field and the reason."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise Fault(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            near = difflib.get_close_matches(where, cls.model_fields, 1) if first["type"] == "extra_forbidden" else []
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise Fault(f"{path}: {where}: {first['msg']}{hint}") from error
