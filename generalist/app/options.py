"""Options that commands share, and what they name: a model, its vocabulary. Nothing heavy is loaded before it is asked
for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from generalist.faults import Fault

__all__ = [
    "FAULT",
    "RIVALS",
    "Blocks",
    "Dtype",
    "EarlyExit",
    "FlipTest",
    "Json",
    "Kinds",
    "Model",
    "Rivals",
    "TasksDir",
    "Thin",
    "load_model",
    "load_vocabulary",
    "model_folder",
]

FAULT = 2
"""Exit status where the request or a file is at fault."""

RIVALS = 0.001
"""The probability from which other names of a thing are ranked too, where a measure is of ranked lists: that of
torchvision's SSD."""

Model = Annotated[str, typer.Option("--model", "-m", help="A shipped model by name, or a model folder.")]
Dtype = Annotated[str, typer.Option("--dtype", help="fp32, or bf16, which is faster where the processor has it.")]
Blocks = Annotated[
    str, typer.Option("--blocks", help="Write what is of fixed length at once: off, exact (the same answers), or fast.")
]
EarlyExit = Annotated[
    float | None,
    typer.Option(
        "--exit",
        min=0.01,
        max=1,
        metavar="PROBABILITY",
        help="Cells and other tracks that are so sure of their next token skip the last third of the blocks.",
    ),
]
FlipTest = Annotated[
    bool,
    typer.Option(
        "--flip-test",
        help="Segment, depth, normals: the mean of what is seen in the picture and in its mirror, for twice the time.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on standard output, nothing else.")]
Kinds = Annotated[
    str | None,
    typer.Option(
        metavar="KINDS",
        help="What names a document: title, ngram (of its title and text), code (of what the model makes of it), or "
        "several with + between them; if not said its title, or what the task or --train would have.",
    ),
]
Rivals = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="PROBABILITY",
        help="Other names of a thing that are at least so likely are told too, each with its score, as detectors do.",
    ),
]
TasksDir = Annotated[list[Path] | None, typer.Option("--tasks-dir", help="A folder with task files of your own.")]
Thin = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=1,
        help="Tokens a patch that the later blocks see, 0.4 for one: faster on large pictures, nearly as good.",
    ),
]


def load_model(
    model: str,
    tasks_dir: list[Path] | None = None,
    thin: float | None = None,
    dtype: str = "fp32",
    blocks: Any = "off",
    exit: float | None = None,
    flip_test: bool = False,
) -> Any:
    """The model to ask, loaded without the library's own notes and bars: they are no part of what we print. thin: the
    tokens a patch that its later blocks see, None for all of them. exit: see ``Leaving.sure``, None for never.
    flip_test: see ``Generalist``."""
    folder = model_folder(model)
    if blocks not in ("off", "exact", "fast"):
        raise Fault(f"--blocks {blocks}: blocks are off, exact or fast")
    from transformers.utils import logging

    from generalist.app.generalist import Generalist

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    generalist = Generalist.from_pretrained(folder, tasks_dir or (), dtype=dtype, blocks=blocks)
    if thin is not None:
        from generalist.model.thinning import Thinning

        generalist.model.thinning = Thinning(thin)
    if exit is not None:
        from generalist.model.leaving import Leaving

        generalist.leaving = Leaving(exit)
    generalist.flip_test = flip_test
    return generalist


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
