"""Serving: the command that answers on HTTP."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from generalist.app.options import Blocks, Dtype, Model, TasksDir, Thin, load_model
from generalist.faults import Fault

__all__ = ["serving"]

serving = typer.Typer()


@serving.command(
    epilog="Examples: `generalist serve` and a look at http://127.0.0.1:8000 · "
    "`generalist serve --model runs/mine/model --index nq.index --port 9000` · "
    '`curl http://127.0.0.1:8000/predict -F image=@photo.jpg -F "instruction=detect red cube, ball"`'
)
def serve(
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 for other machines too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8000,
    model: Model = "tiny",
    index: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="An index to search, by the name of its folder; with DIR.model where that is. May be given again.",
        ),
    ] = None,
    thin: Thin = None,
    dtype: Dtype = "fp32",
    blocks: Blocks = "off",
    megabytes: Annotated[int, typer.Option(min=1, help="The most that a request may be.")] = 64,
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A page elsewhere that may ask, * for any. May be given again."),
    ] = None,
    tasks_dir: TasksDir = None,
) -> None:
    """A page to ask about your pictures, and the same for programs, on HTTP."""
    try:
        from generalist.app.server import listening, web
        from generalist.app.server import serve as run
    except ModuleNotFoundError as error:
        raise Fault(f"serve: needs the package {error.name}: pip install 'generalist[serve]'") from error
    from generalist.app.documents import Searcher
    from generalist.app.report import tell
    from generalist.app.service import Service
    from generalist.app.teaching import taught

    at = listening(host, port)
    names = [folder.name for folder in index or []]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Fault(f"serve: two indexes are called {twice[0]}; call one's folder otherwise")
    generalist = load_model(model, tasks_dir, thin, dtype, blocks)
    indexes = {}
    for folder in index or []:
        own = taught(folder)
        asked = generalist if own is None else load_model(str(own), tasks_dir, thin, dtype, blocks)
        indexes[folder.name] = Searcher(asked, folder)
    host, port = at.getsockname()[:2]
    tell(f"{model} answers at http://{f'[{host}]' if ':' in host else host}:{port}; Ctrl+C ends it")
    with suppress(KeyboardInterrupt):  # the server may swallow it
        run(web(Service(generalist, indexes), megabytes, origin or ()), at)
    tell("ended")
