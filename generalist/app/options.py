"""Options that commands share, and what they name: a model, its vocabulary. Nothing heavy is loaded before it is asked
for."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from generalist.faults import Fault

__all__ = ["Blocks", "Dtype", "Json", "Kind", "Model", "TasksDir", "load_model", "load_vocabulary", "model_folder"]

Model = Annotated[str, typer.Option("--model", "-m", help="A shipped model by name, or a model folder.")]
Dtype = Annotated[str, typer.Option("--dtype", help="fp32, or bf16, which is faster where the processor has it.")]
Blocks = Annotated[
    str, typer.Option("--blocks", help="Write what is of fixed length at once: off, exact (the same answers), or fast.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on standard output, nothing else.")]
TasksDir = Annotated[list[Path] | None, typer.Option("--tasks-dir", help="A folder with task files of your own.")]


class Kind(StrEnum):
    """What an index writes to name a document."""

    TITLE = "title"
    NGRAM = "ngram"


def load_model(model: str, tasks_dir: list[Path] | None = None, dtype: str = "fp32", blocks: Any = "off") -> Any:
    """The model to ask, loaded without the library's own notes and bars: they are no part of what we print."""
    folder = model_folder(model)
    if blocks not in ("off", "exact", "fast"):
        raise Fault(f"--blocks {blocks}: blocks are off, exact or fast")
    from transformers.utils import logging

    from generalist.app.generalist import Generalist

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return Generalist.from_pretrained(folder, tasks_dir or (), dtype=dtype, blocks=blocks)


def load_vocabulary(model: str) -> Any:
    """The vocabulary of a model, without its weights."""
    from generalist.sequence.vocabulary import Vocabulary

    return Vocabulary.load(model_folder(model))


def model_folder(name: str) -> Path:
    """A model's folder: its path, or the name of a shipped one. Told before anything heavy is loaded."""
    from generalist.assets import assets

    if Path(name).is_dir():
        return Path(name)
    try:
        shipped = {path.name: path for path in sorted(assets("weights").iterdir()) if path.is_dir()}
    except FileNotFoundError:
        shipped = {}
    if name not in shipped:
        there = ", ".join(shipped) or "none"
        raise Fault(f"{name}: no such model folder, and no shipped model of that name; shipped: {there}")
    return shipped[name]
