"""Meta: what meta.json says of an index, and the step that makes it so."""

import json
import os
import shutil
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from generalist.faults import Fault
from generalist.retrieval.coding import BookMeta
from generalist.retrieval.kinds import KINDS
from generalist.retrieval.shard import ShardMeta

__all__ = ["FORMAT", "Meta", "commit", "cure", "read_meta", "replaceable"]

FORMAT: Final = 3

_EARLIER = {"documents.jsonl", *(f"{name}.npy" for name in
            ("offsets", "identifiers", "shared", "tokens", "starts", "suffixes"))}  # fmt: skip
"""Files that indexes of format 1 had in the folder itself."""


class Meta(BaseModel):
    """What meta.json says. kind: as ``kinds_of`` reads it. longest: by kind, the most tokens of an identifier. change:
    how often the index was changed since it was built."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[3] = FORMAT
    kind: str = Field("title", pattern=rf"^({'|'.join(KINDS)})(\+({'|'.join(KINDS)}))*$")
    vocabulary: str
    fingerprint: str
    longest: dict[str, int]
    change: int = Field(default=0, ge=0)
    shards: tuple[ShardMeta, ...] = Field(min_length=1)
    codebook: BookMeta | None = None

    @model_validator(mode="after")
    def _every_kind_is_told_of(self) -> Self:
        kinds = set(self.kind.split("+"))
        if any(set(told) != kinds for told in (self.longest, *(shard.identifiers for shard in self.shards))):
            raise ValueError(f"longest and identifiers tell of {self.kind}")
        return self


def cure(folder: Path) -> str:
    """What to do about an index that cannot be used."""
    return f"build it with: generalist index CORPUS --out {folder}"


def replaceable(folder: Path) -> bool:
    """Whether nothing would be lost: only what an index is made of."""
    known = {"meta.json", "meta.json.part", *_EARLIER}
    mine = ("shard-", "codebook-")
    return folder.is_dir() and all(one.name in known or one.name.startswith(mine) for one in folder.iterdir())


def commit(folder: Path, meta: Meta) -> None:
    """From one moment to the next the index is what ``meta`` says. Then what it does not name is deleted."""
    part = folder / "meta.json.part"
    part.write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(part, folder / "meta.json")
    files = {one.name: one.files for one in (*meta.shards, *([meta.codebook] if meta.codebook else ()))}
    for path in folder.iterdir():
        if path.is_dir() and path.name not in files:
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            for file in path.iterdir():
                if file.name not in files[path.name]:
                    file.unlink(missing_ok=True)
        elif path.name != "meta.json":
            path.unlink(missing_ok=True)


def read_meta(folder: Path) -> Meta:
    """What an index says of itself. Raises Fault for a folder that holds none, or one of another format."""
    try:
        values = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault(f"{folder}: is no index, its meta.json is missing or broken; {cure(folder)}") from error
    if isinstance(values, dict) and values.get("format", FORMAT) != FORMAT:
        raise Fault(f"{folder}: is an index of format {values['format']}, this version reads {FORMAT}; {cure(folder)}")
    try:
        return Meta.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise Fault(f"{folder}: meta.json: {where}: {first['msg']}; {cure(folder)}") from error
