"""Rotary positions: the way that training takes is the one that is written down, there and back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from generalist.model.rotary import Turn, rotate, rotation


def written_out(x: Tensor, turn: Turn) -> Tensor:
    a, b = x.chunk(2, -1)
    cos, sin = turn
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.sampled_from([4, 8, 64]), st.booleans())
def test_training_turns_as_it_is_written(rows: int, heads: int, tokens: int, width: int, alike: bool) -> None:
    torch.manual_seed(rows + 10 * tokens)
    turn = rotation(torch.rand(1 if alike else rows, tokens, 2), width)
    turn = turn[0].double(), turn[1].double()
    # As queries come: heads beside each other in a token, and not one after the other.
    x = torch.randn(rows, tokens, heads, width, dtype=torch.float64).transpose(1, 2)
    mine, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    got, wanted, grad = rotate(mine, turn), written_out(plain, turn), torch.randn_like(x)
    got.backward(grad)
    wanted.backward(grad)
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(mine.grad, plain.grad)
    torch.testing.assert_close(rotate(x, turn), wanted.detach())


def test_what_is_turned_is_as_long_and_turns_with_its_place() -> None:
    x = torch.randn(2, 3, 5, 16).requires_grad_()
    turn = rotation(torch.rand(2, 5, 2), 16)
    torch.testing.assert_close(rotate(x, turn).norm(dim=-1), x.norm(dim=-1))
    # Queries and keys meet by how far apart they are: both moved, their product is the same.
    places = torch.rand(1, 5, 2) / 2
    q, k = torch.randn(1, 1, 5, 16), torch.randn(1, 1, 5, 16)

    def met(moved: float) -> Tensor:
        turn = rotation(places + moved, 16)
        return rotate(q, turn) @ rotate(k, turn).transpose(-1, -2)

    torch.testing.assert_close(met(0.0), met(0.25), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_gradients_have_the_kind_of_what_is_turned(dtype: torch.dtype) -> None:
    x = torch.randn(1, 2, 3, 8, dtype=dtype).requires_grad_()
    rotate(x, rotation(torch.rand(1, 3, 2), 8)).sum().backward()
    assert x.grad is not None and x.grad.dtype == dtype
