"""Attention that keeps its weights for going backward: what it gives, and every gradient, are the fused one's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from generalist.model import attending, layers
from generalist.model.attending import Mask, Picked, attend

WIDTH = 4


def drawn(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_() for shape in shapes]


def fused(q: Tensor, k: Tensor, v: Tensor, past: Picked | None, mask: Mask | None) -> Tensor:
    before = 0 if past is None else past.keys.shape[2]
    if past is not None:
        keys, values = past.selected()
        k, v = torch.cat([keys, k], 2), torch.cat([values, v], 2)
    whole = None if mask is None else mask.whole(before)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=whole)


def hidden(seed: int, rows: int, tokens: int) -> Mask:
    """Any mask under which every token sees itself."""
    random = torch.Generator().manual_seed(seed)
    unseen = torch.rand(rows, 1, tokens, tokens, generator=random) < 0.5
    own = torch.zeros(rows, 1, tokens, tokens, dtype=torch.float64)
    own.masked_fill_(unseen & ~torch.eye(tokens, dtype=torch.bool), float("-inf"))
    return Mask(own, torch.rand(rows, tokens, generator=random) < 0.3)


@given(
    seed=st.integers(0, 99),
    rows=st.integers(1, 6),
    heads=st.integers(1, 3),
    tokens=st.integers(1, 7),
    pictures=st.integers(0, 3),
    room=st.sampled_from([1, 100, 400, 1 << 22]),
    masked=st.booleans(),
)
def test_gradients_are_the_fused_ones(
    seed: int, rows: int, heads: int, tokens: int, pictures: int, room: int, masked: bool
) -> None:
    own = (rows, heads, tokens, WIDTH)
    given_ = drawn(seed, own, own, own, *[(pictures, heads, 5, WIDTH)] * (2 if pictures else 0))
    past = None
    if pictures:
        about = torch.randint(pictures, (rows,), generator=torch.Generator().manual_seed(seed))
        past = Picked(given_[3], given_[4], about)
    mask = hidden(seed, rows, tokens) if masked else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attending, "ROOM", room)
        out = attend(*given_[:3], past, mask)
        wanted = fused(*given_[:3], past, mask)
        torch.testing.assert_close(out, wanted)
        told = torch.randn(own, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(
            torch.autograd.grad(out, given_, told), torch.autograd.grad(wanted, given_, told), atol=1e-9, rtol=1e-9
        )


@pytest.mark.parametrize("masked", [True, False])
def test_training_takes_it_where_the_weights_have_room(monkeypatch: pytest.MonkeyPatch, masked: bool) -> None:
    own, about = (3, 2, 6, WIDTH), torch.tensor([1, 0, 1])
    q, k, v, keys, values = drawn(0, own, own, own, (2, 2, 5, WIDTH), (2, 2, 5, WIDTH))
    found = []
    for held in (layers.HELD, 0):
        monkeypatch.setattr(layers, "HELD", held)
        out = layers._attend(q, k, v, Picked(keys, values, about), hidden(0, 3, 6) if masked else None)
        assert (held == 0) == ("Attention" in out.grad_fn.name() and "_Attention" not in out.grad_fn.name())
        found.append((out, *torch.autograd.grad(out.square().sum(), (q, k, v, keys, values))))
    torch.testing.assert_close(*found)
