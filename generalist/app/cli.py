"""The command line. Commands only say what they take; the work is done by the nouns of this package.

Nothing heavy is imported before a command needs it: ``generalist --help`` and ``generalist tasks`` load no torch.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from generalist.app.asking import asking
from generalist.app.measuring import measuring
from generalist.app.options import (
    FAULT,
    Blocks,
    Dtype,
    EarlyExit,
    FlipTest,
    Json,
    Model,
    Rivals,
    TasksDir,
    Thin,
    load_model,
)
from generalist.app.retrieve import documents
from generalist.app.serving import serving
from generalist.faults import Fault

__all__ = ["app", "main", "train_main"]

INTERRUPTED = 130


class _Polite(TyperGroup):
    """Faults in one line with exit status 2; an interrupt or a closed pipe without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()
            return done
        except Fault as fault:
            _complain(fault)
            raise typer.Exit(FAULT) from None
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read us has seen enough; Python would complain again while closing the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(0) from None


def _complain(fault: Fault) -> None:
    print("generalist: " + " ".join(str(fault).split()), file=sys.stderr)


app = typer.Typer(
    cls=_Polite,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="One plain transformer that answers every request about a picture, or finds a document, by writing tokens.",
    epilog='Start with `generalist demo`, then `generalist predict photo.jpg "detect red cube, ball"`.',
)


@app.command(epilog="Next: `generalist demo --scenes 200 --out pictures`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("out"),
    scenes: Annotated[int, typer.Option(min=1, help="Held-out scenes that the table is measured on.")] = 50,
    model: Model = "tiny",
    json: Json = False,
) -> None:
    """The shipped model on generated scenes: nine pictures, one for each task, and a table of metrics."""
    from generalist.app.demo import run

    run(load_model(model), model, out, scenes, json)


@app.command(
    epilog='Examples: `generalist predict photo.jpg "detect red cube, ball" --draw out` · '
    '`generalist predict "photos/*.jpg" depth --json` · '
    '`generalist predict a.png b.png "how many cubes are there?"` · '
    '`generalist predict a.png "the ball on the left" --task refer` · '
    '`generalist predict a.png "describe this" --region box:10,20,200,180`'
)
def predict(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar='IMAGE... "INSTRUCTION"',
            help="Images, folders or globs, then what to do with them.",
            show_default=False,
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option("--task", "-t", help="The task; the instruction may then be just the names, phrase or question."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="A place to point at, in pixels: point:x,y · box:x1,y1,x2,y2 · oriented:cx,cy,long,short,degrees · "
            "scribble:x,y,x,y,... · mask:FILE.png"
        ),
    ] = None,
    model: Model = "tiny",
    draw: Annotated[Path | None, typer.Option(help="Folder for a picture of each answer.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for depth maps, 16-bit PNG in millimetres; otherwise that of --draw, or out."),
    ] = None,
    score: Annotated[
        float, typer.Option(min=0, max=1, help="Show and draw what scores at least this; --json tells everything.")
    ] = 0.3,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Lower the scores of things whose box, mask and oriented box disagree.")
    ] = False,
    rivals: Rivals = None,
    thin: Thin = None,
    exit: EarlyExit = None,
    flip_test: FlipTest = False,
    dtype: Dtype = "fp32",
    blocks: Blocks = "off",
    json: Json = False,
    tasks_dir: TasksDir = None,
) -> None:
    """Ask something about images."""
    from generalist.app.predict import Prediction, find_images

    images, instruction = words[:-1], words[-1]
    if not images:
        raise Fault(
            f'predict: {instruction!r} comes without an image: generalist predict IMAGE... "INSTRUCTION"; '
            'documents are found with: generalist search DIR "QUERY"'
        )
    paths, faults = find_images(images)
    generalist = load_model(model, tasks_dir, thin, dtype, blocks, exit, flip_test)
    generalist.rescore = rescore
    prediction = Prediction(generalist, instruction, task, draw, out, score, json, region, rivals)
    for fault in faults:
        _complain(fault)
    for fault in prediction.run(paths):
        faults.append(fault)
        _complain(fault)
    if faults:
        raise typer.Exit(FAULT)


@app.command(
    epilog="Examples: `generalist train tiny` · `generalist train recipes/tiny.yaml steps=8000 optimiser.lr=1e-3`"
)
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe.", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Fields of the recipe to change, such as optimiser.lr=3e-4.",
            show_default=False,
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier checkpoints and start anew.")] = False,
) -> None:
    """Train a model. Run again after an interruption, it goes on from its last checkpoint."""
    from generalist.app.evaluate import judge
    from generalist.train.loop import train as run
    from generalist.train.recipe import Recipe

    read = Recipe.read(_recipe(recipe), changes or [])
    folder = run(read, fresh, judge=judge)
    print(f'the model is in {folder}; next: generalist predict IMAGE "INSTRUCTION" --model {folder}', file=sys.stderr)


@app.command(epilog="Examples: `generalist data coco:COCO:val2017 --draw out` · "
             "`generalist data yolo:my/data.yaml:train --limit 500 --json`")  # fmt: skip
def data(
    source: Annotated[
        str, typer.Argument(metavar="READER:PATH[:SPLIT]", help="A set, as in a recipe.", show_default=False)
    ],
    draw: Annotated[Path | None, typer.Option(help="Folder for pictures of what is annotated, a sheet a task.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many items, from the first.")] = None,
    augment: Annotated[
        str | None, typer.Option(help="Vary the pictures drawn as a recipe would: 'flip: 0.5, scale: [0.3, 1.5]'.")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a set before training on it: what it holds, its sizes and classes, and what of it is broken."""
    from generalist.app.describe import Description
    from generalist.app.report import Bar, print_description, print_json
    from generalist.data.augment import read_augment

    if augment is not None and draw is None:
        raise Fault("data: --augment varies the pictures that --draw draws: say --draw DIR as well")
    description = Description(source, limit, draw, None if augment is None else read_augment(augment))
    with Bar("data", len(description)) as bar:
        record = description.run(bar.step, on_fault=bar.fault)
    print_json(record) if json else print_description(record)
    if description.faults:
        raise typer.Exit(FAULT)


@app.command(epilog='Example: `generalist export --task detect --labels "red cube, ball" --out detect.onnx`')
def export(
    out: Annotated[Path, typer.Option(help="The ONNX file.", show_default=False)],
    task: Annotated[str, typer.Option("--task", "-t", help="A task whose answers are of fixed length.")] = "detect",
    labels: Annotated[str | None, typer.Option(help="Names to look for, for good: a, b, c.")] = None,
    phrase: Annotated[str | None, typer.Option(help="The phrase, for a task that asks for one.")] = None,
    model: Model = "tiny",
    tasks_dir: TasksDir = None,
) -> None:
    """Write a task's whole answer, from picture to boxes or cells, as an ONNX file for fixed names."""
    from generalist.app.export import export as run

    fields = {name: value for name, value in (("labels", labels), ("phrase", phrase)) if value}
    run(load_model(model, tasks_dir), task, fields, out)


app.add_typer(documents)
app.add_typer(asking)
app.add_typer(measuring)
app.add_typer(serving)


@app.command(epilog="Examples: `generalist tasks` · `generalist tasks detect`")
def tasks(
    name: Annotated[str | None, typer.Argument(help="One task, told in full.", show_default=False)] = None,
    tasks_dir: TasksDir = None,
) -> None:
    """The tasks there are, or everything about one."""
    from generalist.app.report import print_task, print_tasks
    from generalist.data.readers.dataset import nearest
    from generalist.sequence.task import load_tasks
    from generalist.sequence.vocabulary import Vocabulary

    found = load_tasks(Vocabulary.load(), *(tasks_dir or []))
    if name is None:
        print_tasks(found)
    elif name in found:
        print_task(found[name])
    else:
        raise Fault(f"there is no task {name!r}{nearest(name, found)} The tasks are {', '.join(found)}")


def _recipe(name: str) -> Path:
    """A recipe by its path, or a shipped one by its name."""
    from generalist.assets import assets
    from generalist.data.readers.dataset import nearest

    if Path(name).is_file():
        return Path(name)
    root = assets("recipes")
    shipped = {path.relative_to(root).with_suffix("").as_posix(): path for path in sorted(root.rglob("*.yaml"))}
    if name not in shipped:
        raise Fault(f"{name}: no such recipe file{nearest(name, shipped)} The shipped recipes are {', '.join(shipped)}")
    return shipped[name]


def main() -> NoReturn:
    """The ``generalist`` command. Exit status 0 done, 2 the request or a file is at fault, 1 a fault of ours."""
    app(prog_name="generalist")
    raise AssertionError("typer exits")


def train_main() -> NoReturn:
    """``python train.py RECIPE.yaml [key=value ...]``: the same as ``generalist train``."""
    app(["train", *sys.argv[1:]], prog_name="generalist")
    raise AssertionError("typer exits")


if __name__ == "__main__":
    main()
