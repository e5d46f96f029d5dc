"""Pictures read lately stay decoded, as far as they have room, and nobody can change them for others."""

import numpy as np
import pytest
from PIL import Image

from generalist.data import images
from generalist.data.images import load_image, load_map
from generalist.faults import Fault


@pytest.fixture
def lately(monkeypatch):
    """A store with room for two pictures of 8 x 8, and the names of what was decoded."""
    store = images._Lately(2 * 8 * 8 * 3)
    monkeypatch.setattr(images, "_IMAGES", store)
    read = []
    decode = images._decode
    monkeypatch.setattr(images, "_decode", lambda source, size: (read.append(str(source)[-5]), decode(source, size))[1])
    return store, read


def painted(path, value, side=8):
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(path)
    return path


def test_the_oldest_leaves_and_what_is_asked_for_again_is_not_the_oldest(lately, tmp_path):
    store, read = lately
    a, b, c = (painted(tmp_path / f"{name}.png", i) for i, name in enumerate("abc"))
    for path in (a, b, a, c, a, b):
        load_image(path)
    assert read == ["a", "b", "c", "b"] and store.held == store.room


def test_what_has_no_room_is_not_kept(lately, tmp_path):
    store, read = lately
    path = painted(tmp_path / "a.png", 7, 32)
    assert (load_image(path) == load_image(path)).all()
    assert read == ["a", "a"] and store.held == 0


def test_nobody_changes_what_is_kept(tmp_path):
    painted(tmp_path / "a.png", 3)
    load_image(tmp_path / "a.png")[:] = 0
    assert (load_image(tmp_path / "a.png") == 3).all()
    Image.fromarray(np.full((4, 4), 5, np.uint8)).save(tmp_path / "m.png")
    load_map(tmp_path / "m.png")[:] = 0
    assert (load_map(tmp_path / "m.png") == 5).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "I;16"])
def test_an_opened_image_is_read_like_its_file(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    made = Image.fromarray(pixels).convert("I" if mode == "I;16" else mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    made.convert(mode).save(path)
    with Image.open(path) as opened:
        assert (load_image(opened) == load_image(path)).all()
        assert opened.size == (9, 6)  # and is still open


def test_an_opened_photo_is_turned_as_its_camera_says(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (9, 6)).save(tmp_path / "a.jpg", exif=turned)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert load_image(opened).shape == load_image(tmp_path / "a.jpg").shape == (9, 6, 3)


def test_a_torn_image_that_was_opened_is_named(tmp_path):
    painted(tmp_path / "a.png", 3, 64)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-60])
    with Image.open(tmp_path / "b.png") as opened, pytest.raises(Fault, match="b.png: not a readable image"):
        load_image(opened)


@pytest.mark.parametrize("wrong", [7, None, [1, 2], {"image": "a.png"}])
def test_what_is_no_image_is_told(wrong):
    with pytest.raises(Fault, match=f"not {type(wrong).__name__}"):
        load_image(wrong)
