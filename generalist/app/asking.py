"""Asking: the command that writes queries for the documents of an index, to train on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from generalist.app.options import Json, load_model
from generalist.faults import Fault

__all__ = ["asking"]

asking = typer.Typer()


@asking.command(
    epilog="Examples: `generalist queries nq.index --out nq.queries` · "
    "`generalist queries nq.index --out nq.queries --each 5 --keep-top 3 --json`; "
    "then train on `beir:nq.queries:train`"
)
def queries(
    index: Annotated[
        Path, typer.Argument(metavar="DIR", help="An index built by generalist index.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="A new BEIR folder for what is kept.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="One that was trained on ask_for; if not said DIR.model where there is one, else tiny.",
        ),
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Queries written a document.")] = 3,
    keep_top: Annotated[
        int, typer.Option(min=1, help="Keep a query if a search with it finds its document among so many.")
    ] = 1,
    temperature: Annotated[float, typer.Option(min=0.01, help="Above 1 queries are more varied, below it less.")] = 1.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1, help="Draw words from this share of the likeliest.")] = 0.9,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other queries.")] = 0,
    json: Json = False,
) -> None:
    """Write queries for the documents of an index, and keep those that find their document."""
    from generalist.app.report import Bar, print_json
    from generalist.app.teaching import taught
    from generalist.retrieval.index import Index
    from generalist.retrieval.pseudo import Asked, Asker, write_queries

    if out.exists():
        raise Fault(f"{out}: is there already; name a new folder")
    known = model or str(taught(index) or "tiny")
    generalist = load_model(known)
    found = Index.open(index, generalist.vocabulary)
    asker = Asker(found, generalist.model, generalist.tasks, each, keep_top, temperature, top_p, seed)
    written = 0
    with Bar("queries", len(found)) as bar:

        def told() -> Iterator[Asked]:
            nonlocal written
            for _, asked in asker(found):
                written += len(asked)
                bar.step(1)
                yield from asked

        kept = write_queries(out, found, told())
    if json:
        print_json({"index": str(index), "model": known, "documents": len(found), "written": written, "kept": kept,
                    "out": str(out)})  # fmt: skip
    else:
        print(f"{kept:,} of {written:,} queries find their document; next: train on beir:{out}:train")
