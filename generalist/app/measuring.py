"""Measuring: the commands that say how good a model is, make its scores mean something, and time its parts."""

from pathlib import Path
from typing import Annotated

import typer

from generalist.app.options import (
    FAULT,
    RIVALS,
    Blocks,
    Dtype,
    EarlyExit,
    FlipTest,
    Json,
    Kinds,
    Model,
    Rivals,
    TasksDir,
    Thin,
    load_model,
    model_folder,
)
from generalist.faults import Fault

__all__ = ["measuring"]

measuring = typer.Typer()


@measuring.command("eval", epilog="Examples: `generalist eval detect --data scenes:test --limit 200` · "
             "`generalist eval segment --data labelmaps:CamVid:test?classes=camvid --json`")  # fmt: skip
def evaluate(
    task: Annotated[str, typer.Argument(help="A task; see generalist tasks.", show_default=False)],
    data: Annotated[
        str, typer.Option("--data", "-d", help="READER:PATH[:SPLIT], or scenes[:SPLIT].", show_default=False)
    ],
    model: Model = "tiny",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many items, from the first.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Requests answered together.")] = 16,
    identifiers: Kinds = None,
    among: Annotated[
        int | None, typer.Option(min=1, help="Documents of generated scenes to look among; those measured if not more.")
    ] = None,
    thin: Thin = None,
    exit: EarlyExit = None,
    flip_test: FlipTest = False,
    unanswerable: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Leave the documents of so many queries out of the index."),
    ] = 0.0,
    rivals: Rivals = RIVALS,
    dtype: Dtype = "fp32",
    blocks: Blocks = "off",
    json: Json = False,
    tasks_dir: TasksDir = None,
) -> None:
    """Measure a task on a set, by the task's own metrics."""
    from generalist.app.evaluate import Evaluation
    from generalist.app.report import Bar, print_json, print_metrics

    known = load_model(model, tasks_dir, thin, dtype, blocks, exit, flip_test)
    evaluation = Evaluation(known, task, data, limit, batch, identifiers=identifiers, among=among,
                            unanswerable=unanswerable, rivals=rivals)  # fmt: skip
    with Bar(f"eval {task}", len(evaluation)) as bar:
        figures = evaluation.run(bar.step, on_fault=bar.fault)
    record = {"task": task, "data": data, "model": model, **figures}
    print_json(record) if json else print_metrics([record])
    if evaluation.faults:
        raise typer.Exit(FAULT)


@measuring.command(epilog="Examples: `generalist calibrate --data voc:mine:val --model my/model` · "
             "`generalist calibrate detect refer --data coco:COCO:val2017 --limit 1000 --out my/copy`")  # fmt: skip
def calibrate(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Tasks; all that the set can pose and judge if there is none."),
    ] = None,
    data: Annotated[str, typer.Option("--data", "-d", help="READER:PATH[:SPLIT], or scenes[:SPLIT].")] = (
        "scenes:validation"
    ),
    model: Model = "tiny",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for a copy of the model that keeps the fit; a shipped model needs one."),
    ] = None,
    limit: Annotated[int, typer.Option(min=2, help="Only so many items of each task, from the first.")] = 500,
    batch: Annotated[int, typer.Option(min=1, help="Requests answered together.")] = 16,
    unanswerable: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Queries whose documents are left out, so that none answers."),
    ] = 1 / 3,
    json: Json = False,
    tasks_dir: TasksDir = None,
) -> None:
    """Fit the scores of tasks to a set that was not trained on, so that 0.7 is right seven times in ten.

    The fit is kept in the model folder, as calibration.json, and used whenever the model answers."""
    from generalist.app.calibrate import Calibrator
    from generalist.app.report import Bar, print_calibration, print_json, tell

    folder = model_folder(model)
    if out is None and not Path(model).is_dir():
        raise Fault(f"calibrate: {model} is shipped, and stays as it is: --out DIR for a copy with scores of its own")
    calibrator = Calibrator(load_model(model, tasks_dir), folder, data, limit, batch, unanswerable, out)
    records = []
    for task in tasks or calibrator.tasks:
        with Bar(f"calibrate {task}", calibrator.count(task)) as bar:
            record = calibrator.run(task, bar.step, on_fault=bar.fault)
        records.append({"data": data, "model": model, **record})
        if json:
            print_json(records[-1])
    if not json:
        print_calibration(records)
    if out is not None and records:
        tell(f'the copy is in {out}; next: generalist predict IMAGE "INSTRUCTION" --model {out}')
    if calibrator.faults:
        raise typer.Exit(FAULT)


@measuring.command(epilog="Example: `generalist bench codecs --json`")
def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="codecs: what annotations lose by being spelled. index: what naming documents costs. encode: what "
            "reading a picture costs. decode: what an answer costs. peers: others beside us. train: what training "
            "makes of the machine.",
            show_default=False,
        ),
    ],
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
