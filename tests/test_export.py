"""Export by parity: the unrolled decoding writes what the decoder writes, its readout is ``Task.decode``, and the ONNX
file answers as both do."""

import numpy as np
import pytest
import torch

from generalist.app.export import Graph, _Scale, export
from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.metrics.scaling import Scaling
from generalist.model.build import build_model
from generalist.model.decode import Choice, decode, on_device
from generalist.model.reading import read_images, read_requests
from generalist.model.unrolled import Unrolled, steps_of
from generalist.sequence.picture import letterbox, normalise
from generalist.sequence.sample import Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

NAMES = ("red cube", "sphere", "a thing of many words")


@pytest.fixture(scope="module")
def generalist():
    """Random weights, large enough that answers differ from track to track."""
    torch.manual_seed(1)
    vocabulary = Vocabulary.load("tiny")
    size = {"size": "tiny", "width": 32, "depth": 1, "heads": 2, "image_size": 32}
    model = build_model(size, vocabulary)
    with torch.no_grad():
        model.token_embed.weight *= 30
        model.patch_embed.proj.weight *= 10
    tasks = load_tasks(vocabulary)
    return Generalist(model, vocabulary, tasks, scalings={"detect": Scaling(scale=0.5, shift=0.3)})


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, 255, (20 + 9 * i, 45, 3), dtype=np.uint8) for i in range(count)]


def asked(task, images):
    fields = {"labels": NAMES} if "labels" in task.file.inputs else {}
    fields |= {"phrase": "sphere left of the cube"} if "phrase" in task.file.inputs else {}
    return [Sample(image=image, size=image.shape[1::-1], **fields) for image in images]


def squares(images):
    return np.stack([letterbox(image, 32) for image in images]), np.asarray([image.shape[1::-1] for image in images])


def fixed(tasks) -> list[str]:
    return [name for name, task in tasks.items() if task.grid and steps_of(task.automaton(3))]


def test_what_is_of_fixed_length(tasks):
    names = fixed(tasks)
    assert {"detect", "segment", "depth", "refer", "instances", "oriented", "panoptic"} <= set(names)
    assert steps_of(tasks["grounded_caption"].automaton(1)) is None


@pytest.mark.parametrize("name", ["detect", "refer", "segment", "depth_adaptive", "oriented", "instances"])
def test_unrolled_writes_what_the_decoder_writes(generalist, name):
    task, model = generalist.tasks[name], generalist.model
    images = pictures(3)
    requests = asked(task, images)
    prefix = read_requests(model, task, requests, read_images(model, images))
    points = torch.from_numpy(task.points(requests[0])).expand(3, -1, -1)
    choice = Choice(present=None) if task.raster else Choice(best=task.file.keep == "best")
    automaton = on_device(task.constraint(requests[0]), torch.device("cpu"))
    written = decode(model, prefix, automaton, generalist.vocabulary, points, choice)
    with torch.inference_mode():
        spelled = Unrolled(model, task, requests[0])(torch.from_numpy(normalise(squares(images)[0])))
    ids = torch.stack([step.ids for step in spelled], 2).numpy()
    chosen = torch.stack([step.chosen for step in spelled], 2).numpy()
    for r, w in enumerate(written):
        length = w.tokens.shape[1]
        assert (ids[r, :, length:] == generalist.vocabulary.pad).all()
        assert (ids[r, :, :length] == w.tokens).mean() > 0.999  # a tie may fall either way
        same = ids[r, :, :length] == w.tokens
        np.testing.assert_allclose(chosen[r, :, :length][same], w.chosen[same], atol=1e-4)


@pytest.mark.parametrize("name", ["detect", "point", "refer"])
def test_things_are_those_of_the_answer(generalist, name):
    task, images = generalist.tasks[name], pictures(3)
    requests = asked(task, images)
    answers = generalist.answer(name, requests)
    square, size = squares(images)
    graph = Graph(generalist, name, {"labels": NAMES} if name != "refer" else {"phrase": requests[0].phrase})
    with torch.inference_mode():
        out = dict(zip(graph.outputs, graph(torch.from_numpy(square), torch.from_numpy(size)), strict=True))
    for r, answer in enumerate(answers):
        places = answer.points if name == "point" else answer.boxes
        n = len(places)
        assert n and (out["scores"][r, n:] == 0).all()
        np.testing.assert_allclose(out["scores"][r, :n], answer.scores, atol=1e-4)
        np.testing.assert_allclose(out["points" if name == "point" else "boxes"][r, :n], places, atol=0.02)
        if name != "refer":
            assert [NAMES[i] for i in out["labels"][r, :n]] == list(answer.labels)
            assert (out["labels"][r, n:] == -1).all()


@pytest.mark.parametrize("name", ["segment", "depth", "normals"])
def test_cells_are_those_of_the_answer(generalist, name):
    """A picture of as many pixels as there are cells is not enlarged: a pixel is a cell."""
    task = generalist.tasks[name]
    image = pictures(1)[0][:8, :32]
    image = np.concatenate([image] * 2 + [image[::-1]] * 2)[:32, :32]
    answer = generalist.answer(name, asked(task, [image]))[0]
    graph = Graph(generalist, name, {"labels": NAMES} if name == "segment" else {})
    with torch.inference_mode():
        out = dict(zip(graph.outputs, graph(torch.from_numpy(image[None])), strict=True))
    if name == "segment":
        assert (out["labels"][0].numpy() == answer.semantic).all()
        torch.testing.assert_close(out["probabilities"].sum(1), torch.ones(1, 32, 32))
    elif name == "depth":
        np.testing.assert_allclose(out["depth"][0], answer.depth, rtol=1e-4)
    else:
        np.testing.assert_allclose(out["normals"][0].permute(1, 2, 0), answer.normals, atol=1e-4)


def test_scores_are_scaled_as_scalings_do():
    scores = np.linspace(0, 1, 101, dtype=np.float32)
    line = Scaling(line=((0, 0), (0.2, 0.5), (0.7, 0.6), (1, 1)))
    for scaling in (line, Scaling(scale=0.4, shift=-1.2), Scaling()):
        found = _Scale(scaling)(torch.from_numpy(scores))
        np.testing.assert_allclose(found, scaling(scores), atol=1e-6)


def test_what_cannot_be_exported_is_told(generalist, tmp_path):
    with pytest.raises(Fault, match="those that can are .*detect"):
        export(generalist, "caption", {}, tmp_path / "a.onnx")
    with pytest.raises(Fault, match="needs labels"):
        export(generalist, "detect", {}, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["point", "depth"])
def test_the_file_answers_as_we_do(generalist, tmp_path, name):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    fields = {"labels": NAMES} if name == "point" else {}
    path = export(generalist, name, fields, tmp_path / "graph.onnx")
    assert list(tmp_path.iterdir()) == [path]
    session = runtime.InferenceSession(str(path))
    about = session.get_modelmeta().custom_metadata_map
    assert about["task"] == name and about["vocabulary"] == generalist.vocabulary.fingerprint
    graph = Graph(generalist, name, fields)
    for count in (1, 3):
        square, size = squares(pictures(count))
        given = dict(zip(graph.inputs, (square, size), strict=False))
        with torch.inference_mode():
            ours = graph(*(torch.from_numpy(value) for value in given.values()))
        for a, b in zip(session.run(graph.outputs, given), ours, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-3, atol=1e-3)
