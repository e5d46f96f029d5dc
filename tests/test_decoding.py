"""The benchmark of decoding prints every figure that it promises, and what it compares comes to the same."""

import pytest
import torch

from generalist.app import decoding
from generalist.app.unshared import Unshared
from generalist.model.chances import on_device
from generalist.model.reading import read_images, read_requests
from generalist.sequence.picture import normalise


@pytest.fixture(scope="module")
def bench() -> decoding.Bench:
    return decoding.Bench("tiny", 32, width=32, depth=2, heads=2)


def test_generate_without_sharing_writes_what_we_write(bench: decoding.Bench) -> None:
    task, points = bench.own("label box | none", 6), bench.points(6)
    request, model = bench.request(task), bench.model.float()
    rows = Unshared.of(model, bench.vocabulary, task.render(request))
    images = read_images(model, [bench.picture])
    prefix = read_requests(model, task, [request], images)
    ours = bench.decode(prefix, on_device(task.constraint(request), bench.device), points, present=None)[0].tokens
    with torch.no_grad():
        pixels = torch.from_numpy(normalise(bench.picture[None])).expand(36, -1, -1, -1)
        alone = rows.write(pixels, points[0], task.constraint(request))
        copied = rows.go_on(Unshared.expanded(prefix, 36), prefix, points[0], task.constraint(request))
    writes = torch.from_numpy(ours[:, 0] != bench.vocabulary.none)
    for theirs in (alone, copied):
        assert torch.equal(theirs[:, 0], torch.from_numpy(ours[:, 0]))
        assert torch.equal(theirs[writes], torch.from_numpy(ours)[writes])
    bench.model.bfloat16()


def test_every_figure_is_there(bench: decoding.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"REPEATS": 1, "GRID": 5, "EXPANDED": 9, "PATCHES": (4, 16, 64), "TRACKS": (1, 4, 16)}.items():
        monkeypatch.setattr(decoding, name, value)
    found = {name: (value, unit, of) for name, value, unit, _, of in decoding.decoding(bench)}
    assert {
        "tracks_625_vs_generate",
        "tracks_625_vs_expanded_cache",
        "kv_memory_vs_expanded_cache",
        "box_atomic_vs_one_token",
        "ask_many_10",
        "constraint_overhead",
    } < set(found)
    assert all(value > 0 and unit and of for value, unit, of in found.values() if unit != "exponent")
    assert {name for name, (_, unit, _) in found.items() if unit == "exponent"} == {
        "encode_s_patches_exponent",
        "decode_100_s_patches_exponent",
        "prefix_mb_patches_exponent",
        "decode_s_tracks_exponent",
        "tracks_mb_tracks_exponent",
    }
    assert found["tracks_mb_tracks_exponent"][0] == pytest.approx(1, abs=0.01), "memory is linear in tracks"
    assert found["prefix_mb_patches_exponent"][0] == pytest.approx(0.8, abs=0.2), "and of patches, but for the words"
