"""Label maps by palettes, painted and with ignored values; maps of instances; depth in every kind of file."""

import sys

import numpy as np
import pytest
from folders import HEIGHT, WIDTH, index_map, picture, write
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from generalist.data.readers import open_data
from generalist.data.readers.palettes import PALETTES, Palette
from generalist.data.readers.skipped import skipped_by
from generalist.data.readers.values import there, translated
from generalist.faults import Fault
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.sample import VOID


def noise(*values, dtype=np.uint8):
    return np.random.default_rng(0).choice(np.asarray(values, dtype), (HEIGHT, WIDTH))


def named(sample):
    """(H, W) the name at each pixel, "" where nothing is known."""
    return np.asarray([*sample.labels, "", "none of them"])[sample.semantic]


@pytest.mark.parametrize(
    ("name", "count", "some"),
    [
        ("camvid", 11, {3: "road", 8: "car"}),
        ("cityscapes", 19, {7: "road", 26: "car", 33: "bicycle"}),
        ("cityscapes_train", 19, {0: "road", 13: "car", 18: "bicycle"}),
        ("voc", 21, {0: "background", 7: "car", 15: "person"}),
        ("ade20k", 150, {1: "wall", 13: "person", 150: "flag"}),
    ],
)
def test_built_in_palettes(name, count, some):
    palette = PALETTES[name]
    assert len(palette.names) == len(set(palette.names.values())) == count
    assert {value: palette.names[value] for value in some} == some
    assert not palette.void & set(palette.names)
    assert len(set(palette.colours.values())) == len(palette.colours) in (0, count)


def test_colours_of_voc_are_those_of_its_toolkit():
    assert [PALETTES["voc"].colours[i] for i in (0, 1, 2, 15, 20)] == [
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128), (0, 64, 128),
    ]  # fmt: skip


@pytest.fixture
def cityscapes(tmp_path):
    """Two cities, with maps of ids, of training ids, of instances and in colours beside one another."""
    ids = noise(7, 26, 24, 3, 255)
    train = np.select([ids == 7, ids == 26, ids == 24], [0, 13, 11], 255).astype(np.uint8)
    things = ids.astype(np.uint16)
    things[2:6, 2:9], things[8:12, 10:20] = 26001, 24000
    for city in ("aachen", "bonn"):
        picture(tmp_path / f"leftImg8bit/val/{city}/{city}_1_leftImg8bit.png")
        for ending, values in (("labelIds", ids), ("labelTrainIds", train), ("instanceIds", things)):
            index_map(tmp_path / f"gtFine/val/{city}/{city}_1_gtFine_{ending}.png", values)
        picture(tmp_path / f"gtFine/val/{city}/{city}_1_gtFine_color.png")
    return tmp_path, ids, things


def test_cityscapes_means_the_same_by_either_ids(cityscapes):
    root, ids, _ = cityscapes
    expected = np.select([ids == 7, ids == 26, ids == 24], ["road", "car", "person"], "")
    for palette in ("cityscapes", "cityscapes_train"):
        data = open_data(f"labelmaps:{root}:val?classes={palette}")
        assert len(data) == 2
        assert (named(data.sample(1, "segment")) == expected).all()
        assert not list(skipped_by(data))


def test_cityscapes_instances(cityscapes):
    root, ids, things = cityscapes
    data = open_data(f"instancemaps:{root}:val?classes=cityscapes")
    assert data.classes[0] == "person" and len(data.classes) == 8
    objects = data.sample(0, "instances").objects
    ignored = dict(zip(objects.names, objects.ignore.tolist(), strict=True))
    assert sorted(zip(objects.names, objects.ignore.tolist(), strict=True)) == [
        ("car", False), ("car", True), ("person", False), ("person", True),
    ]  # fmt: skip
    assert ignored
    for name, mask, ignore in zip(objects.names, objects.masks, objects.ignore, strict=True):
        value = {("car", False): 26001, ("person", False): 24000, ("car", True): 26, ("person", True): 24}[name, ignore]
        assert (mask == (things == value)).all()
    whole = data.sample(0, "panoptic").objects
    assert dict(zip(whole.names, whole.stuff.tolist(), strict=True))["road"]
    assert (whole.masks.sum(0) == 1).all()  # a pixel is in one segment, the void in one that is ignored
    assert not list(skipped_by(data))


def test_values_without_a_name_are_void_and_counted(tmp_path):
    picture(tmp_path / "images/a.png")
    picture(tmp_path / "images/b.png")
    index_map(tmp_path / "masks/a.png", noise(0, 1, 9, 17, 255, 4))
    index_map(tmp_path / "masks/z.png", noise(0))
    write(tmp_path / "classes.txt", "sky\nroad\n")
    data = open_data(f"labelmaps:{tmp_path}?void=4")
    assert set(np.unique(data.sample(0, "segment").semantic)) == {VOID, 0, 1}
    found = {kind: (count, names[0].removeprefix(str(tmp_path))) for kind, count, names in skipped_by(data)}
    assert found == {
        "image without a map": (1, "/images/b.png"),
        "map without an image": (1, "/masks/z.png"),
        "value without a name, taken to be void": (2, "/masks/a.png: 9, 17"),
    }


COLOURS = {"sky": (128, 128, 128), "road": (9, 0, 255), "void": (0, 0, 0)}


@pytest.mark.parametrize("suffix", ["txt", "csv"])
def test_painted_maps_are_read_by_their_colours(tmp_path, suffix):
    picture(tmp_path / "images/a.png")
    names = noise(0, 1, 2, 3)
    colours = np.asarray([*COLOURS.values(), (1, 2, 3)], np.uint8)
    index_map(tmp_path / "masks/a_L.png", colours[names])
    if suffix == "csv":
        write(
            tmp_path / "classes.csv", "name,r,g,b\n" + "\n".join(f"{n},{r},{g},{b}" for n, (r, g, b) in COLOURS.items())
        )
    else:
        write(tmp_path / "classes.txt", "\n".join(f"{r} {g} {b}\t\t{name}" for name, (r, g, b) in COLOURS.items()))
    data = open_data(f"labelmaps:{tmp_path}")
    assert data.classes == ("sky", "road")
    assert (named(data.sample(0, "segment")) == np.asarray(["sky", "road", "", ""])[names]).all()
    ((kind, count, where),) = skipped_by(data)
    assert (kind.partition(",")[0], count) == ("value without a name", 1) and where[0].endswith("a colour")


def test_voc_palette_images_and_lists(tmp_path):
    values = noise(0, 7, 15, 255)
    for stem in ("a", "b"):
        picture(tmp_path / f"JPEGImages/{stem}.jpg")
    image = Image.fromarray(values, mode="P")
    image.putpalette([part for i in range(256) for part in PALETTES["voc"].colours.get(i, (0, 0, 0))])
    (tmp_path / "SegmentationClass").mkdir()
    image.save(tmp_path / "SegmentationClass/a.png")
    write(tmp_path / "ImageSets/Segmentation/val.txt", "a\n")
    data = open_data(f"labelmaps:{tmp_path}:val?classes=voc")
    expected = np.select([values == 0, values == 7, values == 15], ["background", "car", "person"], "")
    assert len(data) == 1 and (named(data.sample(0, "segment")) == expected).all()
    image.convert("RGB").save(tmp_path / "SegmentationClass/a.png")
    painted = named(open_data(f"labelmaps:{tmp_path}:val?classes=voc").sample(0, "segment"))
    assert (painted == np.where(values == 255, "background", expected)).all()  # its 255 was painted black here


def test_a_file_that_names_nothing_is_a_fault(tmp_path):
    write(tmp_path / "classes.txt", "void\n")
    with pytest.raises(Fault, match=r"classes\.txt: names no classes"):
        Palette.read(tmp_path / "classes.txt")


def test_instance_maps_of_one_class_and_held_out_images(tmp_path):
    values = noise(0, 1, 2, 7)
    for stem in "dacb":
        picture(tmp_path / f"PNGImages/{stem}.png")
        index_map(tmp_path / f"PedMasks/{stem}_mask.png", values)
    data = open_data(f"instancemaps:{tmp_path}?name=pedestrian")
    assert (len(data), data.classes) == (4, ("pedestrian",))
    assert data.tasks == ("detect", "instances", "instances_pixels", "refer", "refer_mask")
    objects = data.sample(0, "instances").objects
    assert (objects.masks == [values == i for i in (1, 2, 7)]).all()
    assert (objects.boxes == boxes_of_masks(objects.masks)).all()
    held = open_data(f"instancemaps:{tmp_path}:test?held=3")
    assert [held.sample(i, "detect").id for i in range(len(held))] == ["b", "c", "d"]
    assert len(open_data(f"instancemaps:{tmp_path}:train?held=3")) == 1
    with pytest.raises(Fault, match="name a split.*test, train"):
        open_data(f"instancemaps:{tmp_path}?held=3")
    with pytest.raises(Fault, match="no split 'val'; there are none"):
        open_data(f"instancemaps:{tmp_path}:val")


METRES = np.random.default_rng(1).uniform(0.5, 9, (HEIGHT, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("kind", ["png", "tiff", "npy", "npy of millimetres"])
def test_depth_is_metres_with_holes_at_zero_whatever_the_file(tmp_path, kind):
    picture(tmp_path / "images/a.png")
    (tmp_path / "depth").mkdir()
    millimetres = (METRES * 1000).round().astype(np.uint16)
    millimetres[0, :2] = 0, 65535
    metres = METRES.copy()
    metres[0, :5] = 0, np.nan, np.inf, -np.inf, -3
    if kind == "png":
        Image.fromarray(millimetres).save(tmp_path / "depth/a.png")
    elif kind == "tiff":
        Image.fromarray(metres).save(tmp_path / "depth/a.tiff")
    else:
        np.save(tmp_path / "depth/a.npy", metres if kind == "npy" else millimetres)
    data = open_data(f"rgbd:{tmp_path}")
    assert data.tasks == ("depth", "depth_adaptive")
    depth = data.sample(0, "depth").depth
    holes = 2 if kind in ("png", "npy of millimetres") else 5
    assert depth.dtype == np.float32 and (depth == 0).sum() == holes == (depth[0, :holes] == 0).sum()
    np.testing.assert_allclose(depth[1:], METRES[1:], atol=6e-4)
    near = open_data(f"rgbd:{tmp_path}?far=4").sample(0, "depth").depth
    assert (near == np.where(depth > 4, 0, depth)).all()
    half = open_data(f"rgbd:{tmp_path}?scale={2000 if holes == 2 else 2}").sample(0, "depth").depth
    np.testing.assert_allclose(half, depth / 2, rtol=1e-6)


def test_depth_that_cannot_be_read_is_named(tmp_path):
    picture(tmp_path / "images/a.png")
    for content, reason in (
        (np.zeros((2, 3), np.float32), r"depth/a\.npy: \(3, 2\) pixels, but its image has \(30, 20\)"),
        (np.zeros((HEIGHT, WIDTH, 2)), r"depth/a\.npy: a depth map is \(H, W\) numbers"),
        (np.asarray([{}], object), r"depth/a\.npy: not a readable numpy array"),
    ):
        (tmp_path / "depth").mkdir(exist_ok=True)
        np.save(tmp_path / "depth/a.npy", content)
        with pytest.raises(Fault, match=reason):
            open_data(f"rgbd:{tmp_path}").sample(0, "depth")
    np.save(tmp_path / "depth/a.npy", np.zeros((HEIGHT, WIDTH)))
    data = open_data(f"rgbd:{tmp_path}")
    assert not data.sample(0, "depth").depth.any()
    assert [kind for kind, _, _ in skipped_by(data)] == ["depth map of holes alone"]


def test_exr_without_a_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    picture(tmp_path / "images/a.png")
    write(tmp_path / "depth/a.exr", "")
    with pytest.raises(Fault, match=r"a\.exr: reading EXR needs the package OpenEXR: pip install OpenEXR"):
        open_data(f"rgbd:{tmp_path}").sample(0, "depth")


def test_exr(tmp_path):
    exr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    picture(tmp_path / "images/a.png")
    (tmp_path / "depth").mkdir()
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    for channels in ({"Z": METRES}, {"R": METRES, "G": METRES, "B": METRES}, {"Y": METRES}):
        exr.File(header, channels).write(str(tmp_path / "depth/a.exr"))
        depth = open_data(f"rgbd:{tmp_path}").sample(0, "depth").depth
        assert (depth == METRES).all()
    exr.File(header, {"R": METRES, "G": METRES + 1}).write(str(tmp_path / "depth/a.exr"))
    with pytest.raises(Fault, match="neither a channel Z nor a single one; it has"):
        open_data(f"rgbd:{tmp_path}").sample(0, "depth")
    write(tmp_path / "depth/a.exr", "no exr")
    with pytest.raises(Fault, match=r"a\.exr: not a readable EXR file"):
        open_data(f"rgbd:{tmp_path}").sample(0, "depth")


@given(
    values=arrays.arrays(np.int64, (5, 7), elements=st.sampled_from([-1, 0, 1, 2, 255, 65535, 65536, 16777215])),
    table=st.dictionaries(st.sampled_from([-1, 0, 2, 255, 65536, 16777215]), st.integers(0, 300), max_size=5),
)
def test_values_are_translated_one_by_one(values, table):
    expected = [[table.get(value, -1) for value in row] for row in values.tolist()]
    assert translated(values, table).tolist() == expected
    assert (np.asarray(expected) == np.where(np.isin(values, [*table]), translated(values, table, -2), -1)).all()
    small = np.abs(values) % 300
    assert translated(small, table).tolist() == [[table.get(value, -1) for value in row] for row in small.tolist()]
    assert there(values) == sorted(set(values.ravel().tolist())) and there(small) == sorted(set(small.ravel().tolist()))
