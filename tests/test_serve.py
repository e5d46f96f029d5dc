"""Serving: what HTTP gives is what Python and the command line give; the page works in a browser."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.faults import Fault

pytest.importorskip("fastapi", reason="no fastapi; pip install 'generalist[serve]'")
pytest.importorskip("uvicorn", reason="no uvicorn; pip install 'generalist[serve]'")

from fastapi.testclient import TestClient  # noqa: E402

from generalist.app.documents import Searcher  # noqa: E402
from generalist.app.pictures import as_png, of_depth  # noqa: E402
from generalist.app.server import listening, serve, web  # noqa: E402
from generalist.app.service import EXAMPLES, Service  # noqa: E402
from generalist.retrieval.index import Index  # noqa: E402
from generalist.sequence.sample import Sample  # noqa: E402

SCENE = np.asarray(open_data("scenes:test").sample(3, "depth").image)
PNG = as_png(SCENE)


@pytest.fixture(scope="module")
def model():
    return Generalist.from_pretrained("tiny")


@pytest.fixture(scope="module")
def searcher(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "scenes.index"
    Index.build(open_data("scenes:test").corpus(30), model.vocabulary, folder)
    return Searcher(model, folder)


@pytest.fixture(scope="module")
def service(model, searcher):
    return Service(model, {"scenes.index": searcher})


@pytest.fixture(scope="module")
def client(service):
    return TestClient(web(service, megabytes=1))


def asked(client, *instructions, image=PNG, **form):
    """The answers to instructions about a picture."""
    sent = {} if image is None else {"image": ("scene.png", image)}
    reply = client.post("/predict", data={"instruction": list(instructions), **form}, files=sent or None)
    assert reply.status_code == 200, reply.text
    return reply.json()["answers"]


def pixels(url):
    head, _, code = url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(b64decode(code))))


def same(told, answer):
    """Whether an answer on the wire is the answer, apart from what is said of this one asking."""
    ours = answer.json()
    for name in ("image", "seconds"):
        ours.pop(name, None)
    return {name: told.get(name) for name in ours} == ours


@pytest.mark.parametrize(
    ("instruction", "form"),
    [
        ("detect sphere, cube, cone, cylinder", {}),
        ("instances of sphere, cube", {}),
        ("segment sphere, cube, ground", {}),
        ("how many cubes are there?", {}),
        ("describe this", {"region": "box:20,30,60,80"}),
        ("cube, sphere", {"task": "detect"}),
        ("detect", {"labels": "cube, sphere"}),
        ("detect cube, sphere", {"rivals": "0.01"}),
    ],
)
def test_answers_are_those_of_the_model(client, model, instruction, form):
    (told,) = asked(client, instruction, **form)
    given = {name: float(value) if name == "rivals" else value for name, value in form.items()}
    assert same(told, model(instruction, SCENE, **given))
    assert told["image"] == "scene.png" and told["size"] == [128, 128] and "picture" not in told


def test_several_instructions_about_one_picture(client, model):
    told = asked(client, "detect cube", "depth", "how many spheres are there?", "detect sphere")
    assert [answer["task"] for answer in told] == ["detect", "depth", "count", "detect"]
    assert [answer["understood"] for answer in told][::3] == ["detect: labels cube", "detect: labels sphere"]
    for answer, instruction in zip(told, ("detect cube", "depth"), strict=False):
        assert same(answer, model(instruction, SCENE))


def test_maps_and_drawings_come_as_pictures(client, model):
    (told,) = asked(client, "depth", draw="0.5")
    assert np.array_equal(pixels(told["depth"]), of_depth(model("depth", SCENE).depth))
    assert pixels(told["picture"]).shape[1] == 512
    (told,) = asked(client, "normals")
    assert pixels(told["normals"]).shape == SCENE.shape


def test_a_region_may_be_a_picture(client, model):
    mask = np.zeros((128, 128), np.uint8)
    mask[40:90, 30:80] = 255
    reply = client.post(
        "/predict",
        data={"instruction": "describe this"},
        files={"image": ("scene.png", PNG), "mask": ("mask.png", as_png(mask))},
    )
    (told,) = reply.json()["answers"]
    assert told["understood"] == "describe: region mask"
    assert same(told, model("describe this", SCENE, region={"mask": mask > 0}))


def test_documents_are_those_of_the_index(client, searcher):
    reply = client.post("/search", files={"image": ("scene.png", PNG)}, data={"k": "3"}).json()
    (answer,) = searcher.but(k=3, granularity="", fuse=False)([Sample(image=SCENE, size=(128, 128))])
    assert reply["documents"] == answer.json()["documents"] and len(reply["documents"]) == 3
    fused = client.post("/search", data={"query": "a red cube", "index": "scenes.index", "fuse": "true"}).json()
    assert {"documents", "bm25", "fused"} <= fused.keys() and len(fused["documents"]) == 10


@pytest.mark.parametrize(
    ("path", "form", "sent", "status", "told"),
    [
        ("/predict", {}, {"image": PNG}, 422, "instruction: Field required"),
        ("/predict", {"instruction": "depth"}, {}, 400, "task 'depth' needs an image"),
        ("/predict", {"instruction": "depth"}, {"image": b"text"}, 400, "image.png: not a readable image (of no"),
        ("/predict", {"instruction": "depth"}, {"image": PNG[:900]}, 400, "image.png: not a readable image"),
        ("/predict", {"instruction": "fly me to the moon"}, {"image": PNG}, 400, "no task fits 'fly me to the moon'"),
        ("/predict", {"instruction": "x", "task": "detekt"}, {"image": PNG}, 400, "did you mean 'detect'"),
        ("/predict", {"instruction": "x", "task": "retrieve"}, {"image": PNG}, 400, "'retrieve' finds documents"),
        ("/predict", {"instruction": "describe", "region": "mask:/etc/passwd"}, {"image": PNG}, 400, "sent as a file"),
        ("/predict", {"instruction": "describe", "region": "box:1,2"}, {"image": PNG}, 400, "box is x1,y1,x2,y2"),
        ("/predict", {"instruction": "depth", "rivals": "7"}, {"image": PNG}, 422, "rivals: Input should be less than"),
        ("/predict", {"instruction": "depth"}, {"image": bytes(2 << 20)}, 413, "the request is larger than 1 MB"),
        ("/search", {}, {}, 400, "give a query, an image or both"),
        ("/search", {"query": "x", "index": "scene.index"}, {}, 400, "did you mean 'scenes.index'"),
        ("/search", {"query": "x", "k": "0"}, {}, 422, "k: Input should be greater than or equal to 1"),
        ("/search", {"query": "x", "granularity": "word"}, {}, 400, "word"),
        ("/nowhere", {}, {}, 404, "Not Found"),
    ],
)  # fmt: skip
def test_what_is_at_fault_is_told_in_a_line(client, path, form, sent, status, told):
    reply = client.post(path, data=form, files={name: (f"{name}.png", value) for name, value in sent.items()} or None)
    assert reply.status_code == status and told in reply.json()["error"] and "\n" not in reply.json()["error"]


def test_bodies_that_do_not_say_how_large_they_are_are_counted(client):
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    chunks = (chunk for chunk in [head, *[bytes(1 << 18)] * 5, b"\r\n--x--\r\n"])
    reply = client.post("/predict", content=chunks, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert reply.status_code == 413 and reply.json() == {"error": "the request is larger than 1 MB"}


def test_without_an_index_there_is_nothing_to_search(model):
    reply = TestClient(web(Service(model, {}))).post("/search", data={"query": "x"})
    assert reply.status_code == 400 and "start with generalist serve --index DIR" in reply.json()["error"]
    two = Service(model, {"a": None, "b": None})
    with pytest.raises(Fault, match="say which index: a, b"):
        two.documents("x")


def test_a_fault_of_ours_is_called_so(model):
    broken = Service(model, {})
    broken.tasks = lambda: 1 // 0
    reply = TestClient(web(broken), raise_server_exceptions=False).get("/tasks")
    assert reply.status_code == 500 and reply.json()["error"].startswith("a fault of ours: ZeroDivisionError")


def test_many_ask_at_once(client):
    asking = ["detect cube", "how many cubes are there?", "detect sphere, cone", "where is the cube"] * 3
    alone = [asked(client, instruction)[0] for instruction in asking]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda instruction: asked(client, instruction)[0], asking))
    for one, other in zip(alone, together, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_what_is_there_is_told(client, service):
    health = client.get("/health").json()
    assert health["status"] == "ok" and health["indexes"] == {"scenes.index": 30}
    tasks = {task["task"]: task for task in client.get("/tasks").json()}
    assert tasks["detect"]["inputs"] == ["image", "labels"] and "retrieve" not in tasks
    first = client.get("/examples/0.png")
    assert first.headers["content-type"] == "image/png" and Image.open(BytesIO(first.content)).size == (256, 256)
    assert client.get(f"/examples/{EXAMPLES}.png").status_code == 400
    paths = client.get("/openapi.json").json()["paths"]
    names = {path: told["operationId"] for path, ways in paths.items() for told in ways.values()}
    assert names == {"/predict": "predict", "/search": "search", "/tasks": "tasks", "/health": "health"}


def test_pages_elsewhere_ask_only_where_they_may(model):
    mine, let = {"Origin": "https://mine.example"}, "access-control-allow-origin"
    closed, opened = (TestClient(web(Service(model, {}), origins=there)) for there in ([], ["https://mine.example"]))
    assert let not in closed.get("/health", headers=mine).headers
    assert opened.get("/health", headers=mine).headers[let] == "https://mine.example"


def test_the_page_needs_nothing_from_elsewhere(client):
    page = client.get("/").text
    assert page.startswith("<!doctype html>") and not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(https?:)?//", page)
    assert (files("generalist.app") / "page.html").read_text(encoding="utf-8") == page


# ---- as a process ----------------------------------------------------------------------------------------------------


def command(*words):
    return [sys.executable, "-m", "generalist.app.cli", "serve", *words]


def test_the_command_answers_and_ends_when_it_is_interrupted():
    with subprocess.Popen(command("--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        try:
            address = re.search(r"tiny answers at (http://127\.0\.0\.1:\d+);", line)
            assert address, line
            sent = {"files": {"image": ("a.png", PNG)}, "data": {"instruction": "detect cube"}}
            reply = httpx.post(f"{address[1]}/predict", **sent, timeout=60)
            assert reply.status_code == 200 and reply.json()["answers"][0]["task"] == "detect"
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and out == ""
    assert '"POST /predict HTTP/1.1" 200' in err and err.rstrip().endswith("ended") and "Traceback" not in err


def test_an_address_that_is_taken_is_told_before_anything_is_loaded():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(command("--port", port), capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"generalist: serve: 127.0.0.1:{port} cannot be listened at")
    assert len(done.stderr.splitlines()) == 1


def test_without_the_extra_packages_it_says_which():
    code = "import sys; sys.modules['fastapi'] = None; from generalist.app.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "serve"], capture_output=True, text=True)
    assert done.returncode == 2 and "pip install 'generalist[serve]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# ---- in a browser ----------------------------------------------------------------------------------------------------


@contextmanager
def running(service):
    at = listening("127.0.0.1", 0)
    thread = threading.Thread(target=serve, args=(web(service), at), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{at.getsockname()[1]}/"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright; pip install 'generalist[dev]'")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as found:
        yield found.chromium.launch(executable_path=path, args=["--no-sandbox"])


def test_the_page_asks_and_shows(browser, service, tmp_path):
    with running(service) as address:
        page = browser.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#drop canvas")

        def answers(count):
            page.wait_for_function(f"document.querySelectorAll('article').length == {count}")
            return page.locator("article").first

        page.click("text=detect sphere, cube, cone, cylinder")
        found = answers(1)
        assert "understood as detect: labels sphere, cube, cone, cylinder" in found.inner_text()
        assert found.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 512
        assert found.locator("td").count() > 3

        (tmp_path / "mine.png").write_bytes(PNG)
        page.set_input_files("#file", tmp_path / "mine.png")
        page.wait_for_function("document.querySelector('#drop canvas').width == 128")
        page.click("[data-tool=box]")
        place = page.locator("#drop canvas").bounding_box()
        page.mouse.move(place["x"] + place["width"] * 0.25, place["y"] + place["height"] * 0.25)
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + place["height"] * 0.5, steps=3)
        page.mouse.up()
        page.click("text=describe this")
        told = answers(2)
        assert "understood as describe: region box" in told.inner_text()
        told.locator("summary").click()
        numbers = re.search(r"region=box:([\d.,]+)", told.locator("pre").first.inner_text())
        np.testing.assert_allclose([float(n) for n in numbers[1].split(",")], [32, 32, 96, 64], atol=1)
        assert json.loads(told.locator("pre").last.inner_text())["image"] == "mine.png"

        page.fill("#instruction", "fly me to the moon")
        page.click("#go")
        assert "no task fits 'fly me to the moon'" in answers(3).inner_text()
        page.fill("#query", "a red cube")
        page.click("#search button")
        assert answers(4).locator("td").count() == 30
        assert not wrong
