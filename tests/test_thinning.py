"""Thinning by law: off it is not there; where every patch is its own cluster it changes nothing; what it gives has the
shapes of what it replaces."""

import pytest
import torch
from test_modeling import KINDS, make

from generalist.faults import Fault
from generalist.model.thinning import Thinning, _square


@pytest.fixture
def pixels():
    return torch.randn(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_what_it_replaces(kind, pixels):
    model = make(depth=4, **KINDS[kind])
    with torch.inference_mode():
        whole = model.encode_images(pixels)
        model.thinning = Thinning(0.25, 1, 1)
        thin = model.encode_images(pixels)
        model.thinning = None
        again = model.encode_images(pixels)
    assert thin.grid == whole.grid
    assert [f.shape for f in thin.features] == [f.shape for f in whole.features]
    assert [(k.shape, v.shape) for k, v in thin.past] == [(k.shape, v.shape) for k, v in whole.past]
    for a, b in zip(whole.features, again.features, strict=True):
        assert torch.equal(a, b)
    assert torch.equal(thin.features[1], whole.features[1]) and not torch.equal(thin.features[2], whole.features[2])


def test_a_cluster_of_its_own_changes_nothing(pixels):
    model = make(depth=4, rope=True)
    with torch.inference_mode():
        whole = model.encode_images(pixels)
        model.thinning = Thinning(1.0, 1, 1)
        thin = model.encode_images(pixels)
    for a, b in zip(whole.features, thin.features, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    for (a, b), (c, d) in zip(whole.past, thin.past, strict=True):
        torch.testing.assert_close(a, c, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(b, d, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("grid", [(6, 8), (7, 5), (3, 9)])
def test_every_patch_is_of_one_square_and_every_square_has_patches(grid):
    small = tuple(max(round(edge / 2), 1) for edge in grid)
    square = _square(grid, small, torch.device("cpu"))
    assert square.shape == (grid[0] * grid[1],) and set(square.tolist()) == set(range(small[0] * small[1]))


def test_what_cannot_be_thinned_is_told(pixels):
    for wrong in ({"keep": 0.0}, {"keep": 1.5}, {"before": -1}):
        with pytest.raises(Fault, match="thinning keeps"):
            Thinning(**wrong)
    model = make(depth=2)
    model.thinning = Thinning(0.5, 1, 1)
    with pytest.raises(Fault, match="2 blocks leave none"):
        model.encode_images(pixels)
