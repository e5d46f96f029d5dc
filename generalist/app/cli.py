"""The command line. Commands only say what they take; the work is done by the nouns of this package.

Nothing heavy is imported before a command needs it: ``generalist --help`` and ``generalist tasks`` load no torch.
"""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from generalist.faults import Fault

__all__ = ["app", "main", "train_main"]

FAULT, INTERRUPTED = 2, 130


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

Model = Annotated[str, typer.Option("--model", "-m", help="A shipped model by name, or a model folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on standard output, nothing else.")]
TasksDir = Annotated[list[Path] | None, typer.Option("--tasks-dir", help="A folder with task files of your own.")]


class Kind(StrEnum):
    """What an index writes to name a document."""

    TITLE = "title"
    NGRAM = "ngram"


Names = Annotated[Kind, typer.Option(help="What names a document: its title, or any n-gram of it.")]


@app.command(epilog="Next: `generalist demo --scenes 200 --out pictures`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("out"),
    scenes: Annotated[int, typer.Option(min=1, help="Held-out scenes that the table is measured on.")] = 50,
    model: Model = "tiny",
    json: Json = False,
) -> None:
    """The shipped model on generated scenes: nine pictures, one for each task, and a table of metrics."""
    from generalist.app.demo import run

    run(_generalist(model), model, out, scenes, json)


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
    generalist = _generalist(model, tasks_dir)
    generalist.rescore = rescore
    prediction = Prediction(generalist, instruction, task, draw, out, score, json, region)
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
    from generalist.train.loop import train as run
    from generalist.train.recipe import Recipe

    read = Recipe.read(_recipe(recipe), changes or [])
    folder = run(read, fresh)
    print(f'the model is in {folder}; next: generalist predict IMAGE "INSTRUCTION" --model {folder}', file=sys.stderr)


@app.command(epilog="Examples: `generalist data coco:COCO:val2017 --draw out` · "
             "`generalist data yolo:my/data.yaml:train --limit 500 --json`")  # fmt: skip
def data(
    source: Annotated[
        str, typer.Argument(metavar="READER:PATH[:SPLIT]", help="A set, as in a recipe.", show_default=False)
    ],
    draw: Annotated[Path | None, typer.Option(help="Folder for pictures of what is annotated, a sheet a task.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many items, from the first.")] = None,
    json: Json = False,
) -> None:
    """Describe a set before training on it: what it holds, its sizes and classes, and what of it is broken."""
    from generalist.app.describe import Description
    from generalist.app.report import Bar, print_description, print_json

    description = Description(source, limit, draw)
    with Bar("data", len(description)) as bar:
        record = description.run(bar.step, on_fault=bar.fault)
    print_json(record) if json else print_description(record)
    if description.faults:
        raise typer.Exit(FAULT)


@app.command("eval", epilog="Examples: `generalist eval detect --data scenes:test --limit 200` · "
             "`generalist eval segment --data labelmaps:CamVid:test?classes=camvid --json`")  # fmt: skip
def evaluate(
    task: Annotated[str, typer.Argument(help="A task; see generalist tasks.", show_default=False)],
    data: Annotated[
        str, typer.Option("--data", "-d", help="READER:PATH[:SPLIT], or scenes[:SPLIT].", show_default=False)
    ],
    model: Model = "tiny",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many items, from the first.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Requests answered together.")] = 16,
    identifiers: Names = Kind.TITLE,
    json: Json = False,
    tasks_dir: TasksDir = None,
) -> None:
    """Measure a task on a set, by the task's own metrics."""
    from generalist.app.evaluate import Evaluation
    from generalist.app.report import Bar, print_json, print_metrics

    evaluation = Evaluation(_generalist(model, tasks_dir), task, data, limit, batch, identifiers=identifiers.value)
    with Bar(f"eval {task}", len(evaluation)) as bar:
        figures = evaluation.run(bar.step, on_fault=bar.fault)
    record = {"task": task, "data": data, "model": model, **figures}
    print_json(record) if json else print_metrics([record])
    if evaluation.faults:
        raise typer.Exit(FAULT)


@app.command(epilog="Examples: `generalist calibrate --data scenes:validation --model my/model` · "
             "`generalist calibrate detect refer --data coco:COCO:val2017 --limit 1000 --model my/model`")  # fmt: skip
def calibrate(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Tasks; all that the set can pose and judge if there is none."),
    ] = None,
    data: Annotated[str, typer.Option("--data", "-d", help="READER:PATH[:SPLIT], or scenes[:SPLIT].")] = (
        "scenes:validation"
    ),
    model: Model = "tiny",
    limit: Annotated[int, typer.Option(min=2, help="Only so many items of each task, from the first.")] = 500,
    batch: Annotated[int, typer.Option(min=1, help="Requests answered together.")] = 16,
    json: Json = False,
    tasks_dir: TasksDir = None,
) -> None:
    """Fit the scores of tasks to a set that was not trained on, so that 0.7 is right seven times in ten.

    The fit is kept in the model folder, as calibration.json, and used whenever the model answers."""
    from generalist.app.calibrate import Calibrator
    from generalist.app.report import Bar, print_calibration, print_json

    calibrator = Calibrator(_generalist(model, tasks_dir), _model(model), data, limit, batch)
    records = []
    for task in tasks or calibrator.tasks:
        with Bar(f"calibrate {task}", calibrator.count(task)) as bar:
            record = calibrator.run(task, bar.step, on_fault=bar.fault)
        records.append({"data": data, "model": model, **record})
        if json:
            print_json(records[-1])
    if not json:
        print_calibration(records)
    if calibrator.faults:
        raise typer.Exit(FAULT)


@app.command(
    epilog="Examples: `generalist index beir/nq --out nq.index` · `generalist index scenes:test:500 --out scenes.index`"
)
def index(
    corpus: Annotated[
        str,
        typer.Argument(
            help="A BEIR folder, a .jsonl file (id, title, text), or scenes[:SPLIT[:N]].", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the index; one already there is replaced.", show_default=False)],
    identifiers: Names = Kind.TITLE,
    model: Model = "tiny",
) -> None:
    """Build an index of documents, for `generalist search`."""
    from generalist.app.report import Bar
    from generalist.retrieval.corpus import read_corpus
    from generalist.retrieval.index import Index

    documents = read_corpus(corpus)
    with Bar("index", len(documents)) as bar:
        built = Index.build(documents, _vocabulary(model), out, lambda done, _: bar.at(done), kind=identifiers.value)
    print(f'{len(built):,} documents in {out}; next: generalist search {out} "QUERY"', file=sys.stderr)


@app.command(epilog='Examples: `generalist search nq.index "who wrote hamlet" -k 5` · '
             "`generalist search scenes.index --image scene.png --json`")  # fmt: skip
def search(
    index: Annotated[
        Path, typer.Argument(metavar="DIR", help="An index built by generalist index.", show_default=False)
    ],
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)] = "",
    image: Annotated[Path | None, typer.Option(help="A picture to look for, with or without a query.")] = None,
    model: Model = "tiny",
    k: Annotated[int, typer.Option("-k", min=1, help="Documents to list.")] = 10,
    json: Json = False,
) -> None:
    """Find documents by a text, a picture or both."""
    from generalist.app.documents import find
    from generalist.app.report import print_documents, print_json

    if not query.strip() and image is None:
        raise Fault("search: give a query, or --image FILE")
    answer = find(_generalist(model), index, query, image, k)
    print_json(answer.json()) if json else print_documents(answer)


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


@app.command(epilog="Example: `generalist bench codecs --json`")
def bench(
    name: Annotated[str, typer.Argument(help="codecs: what annotations lose by being spelled.", show_default=False)],
    json: Json = False,
) -> None:
    """Measure a part of the system, a row a figure. GENERALIST_DATA names a folder of real sets, where there is one."""
    from generalist.app.bench import BENCHES, rows
    from generalist.app.report import print_bench, print_json
    from generalist.data.readers.dataset import nearest

    if name not in BENCHES:
        raise Fault(f"there is no benchmark {name!r}{nearest(name, BENCHES)} The benchmarks are {', '.join(BENCHES)}")
    for row in rows(name):
        print_json(row) if json else print_bench(row)


def _generalist(model: str, tasks_dir: list[Path] | None = None) -> Any:
    """The model to ask, loaded without the library's own notes and bars: they are no part of what we print."""
    folder = _model(model)
    from transformers.utils import logging

    from generalist.app.generalist import Generalist

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return Generalist.from_pretrained(folder, tasks_dir or ())


def _vocabulary(model: str) -> Any:
    """The vocabulary of a model, without its weights."""
    from generalist.sequence.vocabulary import Vocabulary

    return Vocabulary.load(_model(model))


def _model(name: str) -> Path:
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


def _recipe(name: str) -> Path:
    """A recipe by its path, or a shipped one by its name."""
    from generalist.assets import assets
    from generalist.data.readers.dataset import nearest

    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for path in sorted(assets("recipes").glob("*.yaml"))}
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
