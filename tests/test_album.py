"""What has been read is not read again: counted encodings, equal answers, and files that were written anew."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from generalist.app.generalist import Generalist
from generalist.data.images import load_image
from generalist.model.modeling import GeneralistModel
from generalist.model.thinning import Thinning
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

ASKED = ["detect cube", "depth", "detect red sphere, cone", "how many cubes are there?", "detect ball, cube, jug"]


@pytest.fixture
def generalist(small_model: GeneralistModel) -> Generalist:
    vocabulary = Vocabulary.load("tiny")
    return Generalist(small_model, vocabulary, load_tasks(vocabulary))


@pytest.fixture
def encoded(generalist: Generalist, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many images each pass over images read."""
    counts: list[int] = []
    encode = generalist.model.encode_images

    def counted(pixels):
        counts.append(len(pixels))
        return encode(pixels)

    monkeypatch.setattr(generalist.model, "encode_images", counted, raising=False)
    yield counts


def picture(seed: int, size: tuple[int, int] = (40, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def alike(one: Answer, other: Answer) -> None:
    assert one.task == other.task and one.text == other.text and one.labels == other.labels
    for field in ("boxes", "scores", "depth", "semantic"):
        a, b = getattr(one, field), getattr(other, field)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_a_picture_that_is_thinned_is_read_anew(generalist, encoded):
    image = picture(0)
    whole = generalist("depth", image)
    generalist.model.thinning = Thinning(0.25, 1)
    try:
        thinned = generalist("depth", image)
        assert encoded == [1, 1] and not np.array_equal(whole.depth, thinned.depth)
        generalist.model.thinning = Thinning(0.25, 1)
        alike(thinned, generalist("depth", image))
    finally:
        generalist.model.thinning = None
    alike(whole, generalist("depth", image))
    assert encoded == [1, 1], "both are kept"


def test_several_requests_about_one_picture_are_answered_as_each_alone(generalist, encoded):
    image = picture(0)
    together = generalist.answers(ASKED, image)
    assert encoded == [1]
    generalist.album.clear()
    for instruction, answer in zip(ASKED, together, strict=True):
        generalist.album.clear()
        alike(answer, generalist(instruction, image))
    assert encoded == [1] * (1 + len(ASKED))
    alike(together[0], generalist.read(image).answers(ASKED[:1])[0])


def test_a_batch_reads_each_picture_once_and_answers_as_each_alone(generalist, encoded):
    images = [picture(0), picture(1), picture(0), None, picture(1)]
    requests = [Sample(image=i, size=(40, 30), query="red cube", labels=("cube", "cone")) for i in images]
    together = generalist.answer("retrieve", requests)
    assert encoded == [2]
    for request, answer in zip(requests, together, strict=True):
        alike(answer, generalist.answer("retrieve", [request])[0])
    assert encoded == [2], "the album holds them"
    shared = generalist.answer("detect", [requests[1], requests[4]])
    alike(*shared)
    alike(shared[0], generalist.answer("detect", requests[1:3])[0])
    assert encoded == [2]


def test_the_album_holds_what_was_asked_last(generalist, encoded):
    generalist.album.room = 2
    for seed in (0, 1, 0, 2, 0, 1):
        generalist("depth", picture(seed))
    assert len(encoded) == 4, "0, 1, 2, and 1 again, which had to leave for 2"
    assert len(generalist.album) == 2


def test_a_pillow_image_is_answered_as_its_pixels_and_read_once(generalist, encoded):
    first = generalist("depth", picture(0))
    alike(generalist("depth", Image.fromarray(picture(0))), first)
    assert encoded == [1]


def test_a_file_is_decoded_and_read_once_until_it_is_written_anew(generalist, encoded, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(picture(0)).save(path)
    opened = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
    first = generalist("depth", path)
    alike(generalist("depth", str(path)), first)
    generalist.album.clear()
    alike(generalist("depth", path), first)
    assert len(opened) == 1 and encoded == [1, 1]
    load_image(path)[:] = 0
    np.testing.assert_array_equal(load_image(path), picture(0))
    Image.fromarray(picture(1)).save(path)
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(generalist.read(path).pixels, picture(1))
    assert encoded == [1, 1, 1]
