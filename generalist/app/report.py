"""Report: what the command line prints. JSON and answers go to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from generalist.app.description_tables import description_tables
from generalist.app.tables import answer_tables, plain_table
from generalist.faults import Fault
from generalist.sequence.sample import Answer
from generalist.sequence.task import Task

__all__ = [
    "Bar",
    "print_answer",
    "print_bench",
    "print_description",
    "print_documents",
    "print_json",
    "print_metrics",
    "print_task",
    "print_tasks",
    "tell",
]


def print_json(record: Mapping[str, Any]) -> None:
    """One JSON object in one line, at once: whoever reads the pipe need not wait for the last one."""
    print(json.dumps(record, ensure_ascii=False, allow_nan=False), flush=True)


def tell(text: str) -> None:
    """A line for people, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(text))


class _Output(Console):
    """Standard output. A pipe that closes is the command line's to handle; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _print(*things: Any) -> None:
    console = _Output(highlight=False)
    # Cut to a terminal's width only where there is a terminal.
    if not console.is_terminal:
        console = _Output(highlight=False, width=200)
    for thing in things:
        console.print(thing)


def print_metrics(records: Iterable[Mapping[str, Any]]) -> None:
    """One row a task: its data, how many, its figures, its time."""
    table = plain_table("task", "data", "n", "metrics", "seconds")
    for record in records:
        figures = "  ".join(f"{name} [bold]{value:.3f}[/bold]" for name, value in record["metrics"].items())
        table.add_row(record["task"], escape(record["data"]), str(record["n"]), figures, f"{record['seconds']:.1f}")
    _print(table)


def print_bench(row: Mapping[str, Any]) -> None:
    """One figure of a benchmark, with what it is of."""
    spread = "" if row["spread"] is None else f"  [dim]({row['spread']:.3f})[/dim]"
    _print(f"{row['name']:<28} [bold]{row['value']:.4f}[/bold] {row['unit']}{spread}  {escape(row['shape'])}")


def print_calibration(records: Iterable[Mapping[str, Any]]) -> None:
    """One row a task: how many scored answers, the error of the scores before and after, and the map."""
    table = plain_table("task", "n", "right", "ECE before", "ECE after", "scale", "shift")
    for record in records:
        figures = (f"{record[name]:.3f}" for name in ("right", "ECE", "ECE_after", "scale", "shift"))
        table.add_row(record["task"], str(record["n"]), *figures)
    _print(table)


def print_description(record: Mapping[str, Any]) -> None:
    """What a set holds, a table a task."""
    _print(*description_tables(record))


def print_tasks(tasks: Mapping[str, Task]) -> None:
    """Every task with its summary and its first prompt."""
    table = plain_table("task", "what it answers", "ask it with")
    for task in tasks.values():
        table.add_row(f"[bold]{task.name}[/bold]", escape(task.file.summary), escape(task.file.prompts[0]))
    _print(table)


def print_task(task: Task) -> None:
    """Everything about one task."""
    file = task.file
    tracks = (task.grid or 1) ** 2
    table = Table(
        box=None,
        show_header=False,
        pad_edge=False,
        title=f"{file.name}  (version {file.version})",
        title_justify="left",
        title_style="bold",
    )
    for name, value in {
        "summary": file.summary,
        "inputs": ", ".join(file.inputs),
        "prompts": "\n".join(file.prompts),
        "answer": file.answer,
        "tracks": f"{tracks}, the best is kept" if file.keep == "best" else str(tracks),
        "bound": f"{task.automaton(1).bound} tokens a track",
        "metrics": ", ".join(file.metrics) or "none",
        "file": task.path,
    }.items():
        table.add_row(f"[dim]{name}[/dim]", escape(value))
    _print(table)


def print_answer(answer: Answer, least: float) -> None:
    """An answer for people: tables of what was found, or a text."""
    heading = f"{answer.image}  {answer.size[0]}x{answer.size[1]}  {answer.task}  {1e3 * (answer.seconds or 0):.0f} ms"
    for name, path in answer.files.items():
        heading += f"  {name}: {path}"
    _print(f"[dim]{escape(heading)}[/dim]")
    _print(*answer_tables(answer, least))


def print_documents(answer: Answer) -> None:
    """Documents found, best first."""
    if not answer.documents:
        _print("nothing found")
        return
    table = plain_table("", "score", "title", "id")
    for rank, hit in enumerate(answer.documents, 1):
        table.add_row(str(rank), f"{hit['score']:.3g}", escape(hit.get("sentence", hit["title"])), escape(hit["id"]))
    _print(table)


class Bar:
    """A progress bar on standard error; nothing is drawn where that is no terminal. total: None if it is not known."""

    def __init__(self, name: str, total: int | None):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task(name, total=total)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, done: int = 1) -> None:
        """So many more are done."""
        self._progress.advance(self._bar, done)

    def at(self, done: int) -> None:
        """So many are done in all."""
        self._progress.update(self._bar, completed=done)

    def fault(self, fault: Fault) -> None:
        """One thing that was passed over, in a line as the command line tells faults."""
        self.say("generalist: " + " ".join(str(fault).split()))

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self._progress.disable:
            print(text, file=sys.stderr)
        else:
            self._progress.console.print(text, soft_wrap=True, markup=False, highlight=False)
