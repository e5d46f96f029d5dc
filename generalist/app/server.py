"""Server: a service on HTTP, with a page to try it on. FastAPI reads the requests and uvicorn does the talking."""

import copy
import socket
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from generalist.app.service import EXAMPLES, Service, Upload
from generalist.faults import Fault

__all__ = ["listening", "serve", "web"]

FAULT, TOO_LARGE = 400, 413
"""What is answered where a request is at fault, and where it is larger than is read."""

MEGABYTE = 1 << 20

Words = Annotated[str | None, Form()]


def web(service: Service, megabytes: int = 64, origins: Sequence[str] = ()) -> FastAPI:
    """The application: ``POST /predict``, ``POST /search``, ``GET /tasks``, ``GET /health``, and the page at ``/``.

    megabytes: the most that a request may be. origins: of pages elsewhere that may ask, ``*`` for all.

    What is at fault is answered with status 400 and ``{"error": one line}``; what cannot be understood as a request of
    this kind with 422, what is too large with 413, and what is our own fault with 500.
    """
    app = FastAPI(
        title="generalist",
        version=version("generalist"),
        summary="One plain transformer that answers every request about a picture, or finds a document.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_middleware(_Bounded, largest=megabytes * MEGABYTE)
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["*"], allow_headers=["*"])
    text = (files("generalist.app") / "page.html").read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> str:
        return text

    @app.get("/examples/{number}.png", include_in_schema=False)
    def example(number: int) -> Response:
        return Response(service.example(number), media_type="image/png")

    @app.get("/health", summary="Whether it is there, and what is served.")
    def health() -> dict[str, Any]:
        model = service.generalist.model
        return {
            "status": "ok",
            "version": app.version,
            "parameters": sum(p.numel() for p in model.parameters()),
            "device": str(service.generalist.device),
            "indexes": {name: len(searcher.index) for name, searcher in service.indexes.items()},
            "examples": EXAMPLES,
        }

    @app.get("/tasks", summary="What it can be asked about a picture.")
    def tasks() -> list[dict[str, Any]]:
        return service.tasks()

    @app.post("/predict", summary="Answers to instructions about an image, as `generalist predict --json` has them.")
    def predict(
        instruction: Annotated[list[str], Form(description="What is asked; may be given again.")],
        image: Annotated[UploadFile | None, File()] = None,
        task: Words = None,
        region: Annotated[str | None, Form(description="box:x1,y1,x2,y2, point:x,y, scribble:... in pixels.")] = None,
        mask: Annotated[UploadFile | None, File(description="A region that is a picture.")] = None,
        labels: Words = None,
        phrase: Words = None,
        question: Words = None,
        rivals: Annotated[float | None, Form(ge=0, le=1)] = None,
        draw: Annotated[
            float | None, Form(ge=0, le=1, description="Draw what scores at least this, as `picture`.")
        ] = None,
    ) -> dict[str, Any]:
        fields = {"labels": labels, "phrase": phrase, "question": question}
        told = service.answers(
            instruction,
            _sent(image),
            task=task or None,
            region=region or None,
            mask=_sent(mask),
            rivals=rivals,
            least=draw,
            fields=fields,
        )
        return {"answers": told}

    @app.post("/search", summary="Documents, as `generalist search --json` has them.")
    def search(
        query: Annotated[str, Form()] = "",
        image: Annotated[UploadFile | None, File()] = None,
        index: Words = None,
        k: Annotated[int, Form(ge=1)] = 10,
        granularity: Annotated[str, Form()] = "",
        fuse: Annotated[bool, Form()] = False,
    ) -> dict[str, Any]:
        return service.documents(query, _sent(image), index or None, k, granularity, fuse)

    @app.exception_handler(Fault)
    def _fault(request: Request, fault: Exception) -> JSONResponse:
        return _told(FAULT, str(fault))

    @app.exception_handler(Exception)
    def _ours(request: Request, error: Exception) -> JSONResponse:
        return _told(500, f"a fault of ours: {type(error).__name__}: {error}")

    @app.exception_handler(RequestValidationError)
    def _strange(request: Request, error: Exception) -> JSONResponse:
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
        return _told(422, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")

    @app.exception_handler(HTTPException)
    def _refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _told(error.status_code, error.detail)

    return app


def _told(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": " ".join(text.split())}, status)


def _sent(file: UploadFile | None) -> Upload | None:
    """What was sent; a form's file field that was left empty is none."""
    if file is None or not file.filename:
        return None
    return file.filename, file.file.read()


class _Bounded:
    """Refuses bodies that are larger than is said, by what they announce and by what comes."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = f"the request is larger than {self.largest // MEGABYTE} MB"
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.largest:
            await _told(TOO_LARGE, told)(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self.largest:
                raise HTTPException(TOO_LARGE, told)
            return message

        await self.app(scope, counted, send)


def listening(host: str, port: int) -> socket.socket:
    """A socket at an address, before anything heavy is loaded. Raises Fault if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen()  # who comes while the model is loaded waits
    except (OSError, OverflowError) as error:
        found.close()
        raise Fault(f"serve: {host}:{port} cannot be listened at ({error}); another one: --port 0") from error
    return found


def serve(app: FastAPI, at: socket.socket) -> None:
    """Answers until it is interrupted. Requests are logged on standard error."""
    log: dict[str, Any] = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    log["handlers"]["access"]["stream"] = "ext://sys.stderr"
    log["loggers"]["uvicorn.error"]["level"] = "WARNING"
    uvicorn.Server(uvicorn.Config(app, log_config=log)).run(sockets=[at])
