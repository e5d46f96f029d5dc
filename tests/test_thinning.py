"""Thinning by law: off it is not there; where every patch is its own cluster it changes nothing; what it gives has the
shapes of what it replaces."""

import pytest
import torch
from test_modeling import KINDS, make

from generalist.faults import Fault
from generalist.model.thinning import Thinning, gathered


@pytest.fixture
def pixels():
    return torch.randn(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_what_it_replaces(kind, pixels):
    model = make(depth=4, **KINDS[kind])
    with torch.inference_mode():
        whole = model.encode_images(pixels)
        model.thinning = Thinning(0.25, 1)
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
        model.thinning = Thinning(1.0, 1)
        thin = model.encode_images(pixels)
    for a, b in zip(whole.features, thin.features, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    for (a, b), (c, d) in zip(whole.past, thin.past, strict=True):
        torch.testing.assert_close(a, c, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(b, d, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("grid", [(6, 8), (7, 5), (3, 9), (1, 1)])
@pytest.mark.parametrize("keep", [0.05, 0.2, 0.25, 0.45, 0.9, 1.0])
@pytest.mark.parametrize("skip", [0, 3])
def test_every_patch_is_of_one_token_and_no_more_tokens_are_heard_than_were_asked_for(grid, keep, skip):
    N = grid[0] * grid[1]
    x = torch.randn(2, skip + N, 8, generator=torch.Generator().manual_seed(0))
    found = gathered(x, skip, grid, keep)
    for token, sizes in zip(found.token, found.sizes, strict=True):
        assert torch.equal(torch.bincount(token, minlength=len(sizes)), sizes)
        assert sizes[:skip].eq(1).all() and token[:skip].tolist() == list(range(skip))
        edge = sum(grid)  # squares at the edge are not whole
        assert (sizes > 0).sum() - skip <= max(keep * N, 1) + edge
    for row, token, means in zip(x, found.token, found.mean(x), strict=True):
        for t in token.unique():
            torch.testing.assert_close(means[t], row[token == t].mean(0))


def test_squares_that_differ_most_stay_apart_and_the_mean_is_of_the_patches():
    x = torch.zeros(1, 16, 4)
    x[0, [0, 1, 4, 5]] = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))  # the first square of 2 x 2
    found = gathered(x, 0, (4, 4), 7 / 16)
    assert sorted(found.sizes[0].tolist()) == [1, 1, 1, 1, 4, 4, 4]
    assert {int(found.sizes[0, t]) for t in found.token[0, [0, 1, 4, 5]]} == {1}
    torch.testing.assert_close(found.spread(found.mean(x)), x)


def test_a_token_is_heard_as_often_as_it_has_patches():
    """Where patches of a square are alike, gathering them changes nothing, if they share a place."""
    model = make(depth=3, rope=False)
    one = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = one.repeat(1, 1, 4, 4)
    other = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    pixels = torch.cat([pixels, other], 3)
    with torch.inference_mode():
        model.pos_embed.zero_()
        whole = model.encode_images(pixels)
        model.thinning = Thinning(5 / 8, 0)
        thin = model.encode_images(pixels)
    for a, b in zip(whole.features, thin.features, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_what_cannot_be_thinned_is_told(pixels):
    for wrong in ({"keep": 0.0}, {"keep": 1.5}, {"before": -1}):
        with pytest.raises(Fault, match="thinning keeps"):
            Thinning(**wrong)
    model = make(depth=2)
    model.thinning = Thinning(0.5, 2)
    with pytest.raises(Fault, match="2 blocks leave none"):
        model.encode_images(pixels)
