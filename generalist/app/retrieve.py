"""Retrieve: the commands that keep an index of documents and look something up in it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from generalist.app.options import FAULT, Json, Kinds, Model, load_model, load_vocabulary, model_folder
from generalist.faults import Fault

__all__ = ["documents"]

documents = typer.Typer()


@documents.command(
    epilog="Examples: `generalist index beir/nq --out nq.index` · "
    "`generalist index scenes:test:500 --out scenes.index` · `generalist index more.jsonl --out nq.index --add` · "
    "`generalist index --out nq.index --remove d1 --merge`"
)
def index(
    out: Annotated[
        Path, typer.Option(help="Folder of the index; one already there is replaced, or changed.", show_default=False)
    ],
    corpus: Annotated[
        str,
        typer.Argument(
            help="A BEIR folder, a folder of .txt and .md files, a .jsonl file (id, title, text; or KILT's), "
            "a .tsv file (id, text, title), or scenes[:SPLIT[:N]].",
            show_default=False,
        ),
    ] = "",
    add: Annotated[bool, typer.Option("--add", help="Add the corpus to the index instead of replacing it.")] = False,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Remove a document; may be given again.", show_default=False)
    ] = None,
    remove_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Remove the documents whose ids are in a file, one a line.", show_default=False
        ),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Write what was added and removed into one piece, which is searched faster.")
    ] = False,
    identifiers: Kinds = None,
    codes: Annotated[
        str, typer.Option(help="How codes are made: tree (hierarchical k-means) or residual (quantised residuals).")
    ] = "tree",
    train: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="Train the model on the documents for so long, by n-grams unless said otherwise; it is kept as "
            "DIR.model, which search then uses.",
            show_default=False,
        ),
    ] = None,
    model: Model = "tiny",
) -> None:
    """Build an index of documents for `generalist search`, or change one: first remove, then add, then merge."""
    from generalist.retrieval.index import Index
    from generalist.retrieval.kinds import kinds_of

    changes = bool(remove or remove_list or merge)
    if not corpus and (add or not changes):
        raise Fault("index: name a corpus, or say what to change with --remove or --merge")
    if corpus and changes and not add:
        raise Fault("index: a corpus without --add makes a new index, from which there is nothing to remove or merge")
    if train is not None and (changes or add or not corpus):
        raise Fault("index: --train goes with a corpus of which a new index is made")
    vocabulary = load_vocabulary(model)
    if corpus and not add:
        kind = identifiers or ("title" if train is None else "ngram")
        vectors = _vectors(model, vocabulary) if "code" in kinds_of(kind) else None
        made = _read(
            corpus,
            lambda source, told: Index.build(source, vocabulary, out, told, kind=kind, vectors=vectors, codes=codes),
        )
        if train is not None:
            from generalist.app.teaching import teach

            teach(out, made, corpus, kind, str(model_folder(model)), train)
        _tell(made)
        return
    found = Index.open(out, vocabulary)
    if identifiers and identifiers != found.meta.kind:
        raise Fault(f"{out}: names documents by {found.meta.kind}, not by {identifiers}; build a new index")
    done = []
    if remove or remove_list:
        ids = [*(remove or []), *(_ids(remove_list) if remove_list else [])]
        done.append(f"{found.remove(ids):,} removed")
    if add:
        vectors = _vectors(model, vocabulary) if found.meta.codebook else None
        done.append(f"{_read(corpus, lambda source, told: found.add(source, told, vectors)):,} added")
    if merge:
        found.merge()
        done.append("merged")
    _tell(found, *done)


def _vectors(model: str, vocabulary: Any) -> Any:
    from generalist.retrieval.vectors import Vectors

    return Vectors(load_model(model).model, vocabulary)


def _read(corpus: str, write: Any) -> Any:
    """Has a corpus written by ``write(documents, progress)`` under a bar, and says what was left out."""
    from generalist.app.report import Bar
    from generalist.data.readers.corpora import Corpus

    source = Corpus(corpus)
    with Bar("index", None) as bar:
        written = write(source, lambda done, _: bar.at(done))
    if source.skipped:
        print(f"{corpus}: left out {source.skipped:,} without title and text", file=sys.stderr)
    return written


def _ids(path: Path) -> list[str]:
    from generalist.data.readers.files import read_lines

    return read_lines(path)


def _tell(index: Any, *done: str) -> None:
    found = f"{len(index):,} documents in {index.folder}"
    print(f'{", ".join([*done, found])}; next: generalist search {index.folder} "QUERY"', file=sys.stderr)


@documents.command(
    epilog='Examples: `generalist search nq.index "who wrote hamlet" -k 5` · '
    "`generalist search scenes.index --image scene.png --json` · "
    "`generalist search nq.index --queries nq/queries.jsonl --out nq.trec -k 100 --fuse`"
)
def search(
    index: Annotated[
        Path, typer.Argument(metavar="DIR", help="An index built by generalist index.", show_default=False)
    ],
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)] = "",
    image: Annotated[Path | None, typer.Option(help="A picture to look for, with or without a query.")] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Many queries: a text a line, .tsv (id, text), or .jsonl (_id or id; text or query, image, or both).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --queries: a TREC run (.trec, .run, .txt), or .jsonl of everything.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A shipped model or a folder; if not said DIR.model where there is one, else tiny."
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Documents to list.")] = 10,
    granularity: Annotated[
        str, typer.Option(help="What to list: sentence, passage (a document as it is stored), document, entity.")
    ] = "",
    prompted: Annotated[
        bool, typer.Option("--prompted", help="Ask for that granularity, too, of a model that was trained with it.")
    ] = False,
    at_least: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="P", help="List nothing if the first document is right with a lower probability."
        ),
    ] = 0.0,
    fuse: Annotated[
        bool, typer.Option("--fuse", help="With BM25 over the same documents; --json tells all three lists.")
    ] = False,
    json: Json = False,
) -> None:
    """Find documents by a text, a picture or both, or by a file of them."""
    from generalist.app.documents import Searcher
    from generalist.app.report import tell
    from generalist.app.teaching import taught

    if queries is None and not query.strip() and image is None:
        raise Fault("search: give a query, --image FILE or --queries FILE")
    if queries is not None and (query.strip() or image is not None):
        raise Fault("search: --queries FILE holds all queries, with no other beside it")
    if out is not None and queries is None:
        raise Fault("search: --out goes with --queries FILE; for one query there is --json")
    known = model or str(taught(index) or "tiny")
    searcher = Searcher(load_model(known), index, k, granularity, at_least, fuse, prompted)
    if at_least and not searcher.calibrated:
        cure = f"generalist calibrate {searcher.task.name} --data READER:PATH[:SPLIT] --model {known}"
        cure += "" if Path(known).is_dir() else " --out DIR"
        tell(f"the scores of {searcher.task.name} are not calibrated, so they are no probabilities; calibrate: {cure}")
    if queries is None:
        _one(searcher, query, image, json)
    elif _many(searcher, queries, out, json):
        raise typer.Exit(FAULT)


def _one(searcher: Any, query: str, image: Path | None, json: bool) -> None:
    from generalist.app.documents import asking
    from generalist.app.report import print_json, tell

    (answer,) = searcher([asking(query, image)])
    answer.image = None if image is None else str(image)
    _unanswered(searcher, answer, "", tell)
    print_json(answer.json()) if json else _print(answer)


def _many(searcher: Any, path: Path, out: Path | None, json: bool) -> int:
    """Answers a file of queries, in batches; returns how many were at fault."""
    from contextlib import nullcontext

    from generalist.app.queries import Batches, Queries
    from generalist.app.report import Bar, print_json, tell
    from generalist.app.runs import Run

    batches = Batches(searcher, Queries(path))
    with Bar("search", len(batches)) as bar, nullcontext() if out is None else Run(out) as run:
        for query, answer in batches(bar.step, bar.fault):
            record = {"id": query.id, "query": query.text, **answer.json()}
            if run is not None:
                run.add(record)
            _unanswered(searcher, answer, f"{query.id}: ", bar.say)
            if json:
                print_json(record)
            elif run is None:
                bar.say(f"{query.id}: {query.text or query.image}")
                _print(answer)
    faults = f", {batches.faults:,} at fault" if batches.faults else ""
    tell(f"{batches.answered:,} queries answered{faults}" + ("" if out is None else f"; {out}"))
    return batches.faults


def _print(answer: Any) -> None:
    """The documents found, by the model and BM25 together where both were asked."""
    from dataclasses import replace

    from generalist.app.report import print_documents

    print_documents(replace(answer, documents=answer.lists.get("fused", answer.documents)))


def _unanswered(searcher: Any, answer: Any, whose: str, say: Any) -> None:
    """Says that nothing here answers a query, where the model is not sure enough that something does."""
    if (sure := float(answer.scores[0])) < searcher.at_least:
        say(f"{whose}nothing here answers this: the probability is {sure:.2f}, below {searcher.at_least:g}")
