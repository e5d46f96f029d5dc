"""Packed by law: a matrix that was laid out anew is the same matrix, also after it has changed; who learns has the
plain one."""

import copy

import pytest
import torch
from torch import nn

from generalist.model.packed import ACTIVATIONS, _known, _laid_out, applied

there = pytest.mark.skipif(not _known(), reason="a processor without bfloat16, or a torch without the operators")


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return nn.Linear(24, 40).bfloat16()


@there
@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
def test_it_is_what_it_stands_for(linear, activation):
    x = torch.randn(2, 5, 24).bfloat16()
    with torch.inference_mode():
        found = applied(linear, x, activation).float()
    exact = nn.functional.linear(x.float(), linear.weight.float(), linear.bias.float())
    exact = exact if activation is None else ACTIVATIONS[activation](exact)
    torch.testing.assert_close(found, exact, atol=1e-2, rtol=1e-2)
    assert (linear in _laid_out) == (activation != "quick_gelu")


@there
def test_what_is_added_is_added(linear):
    x, plus = torch.randn(2, 5, 24).bfloat16(), torch.randn(2, 5, 40).bfloat16()
    exact = plus.float() + nn.functional.linear(x.float(), linear.weight.float(), linear.bias.float())
    with torch.inference_mode():
        kept = plus.clone()
        for fused in (applied(linear, x, plus=plus), applied(linear, x[:1], plus=plus[:1])):
            torch.testing.assert_close(fused.float(), exact[: len(fused)], atol=2e-2, rtol=2e-2)
        assert torch.equal(plus, kept)


@there
def test_a_matrix_that_changes_is_laid_out_again(linear):
    x = torch.randn(3, 24).bfloat16()
    with torch.no_grad():
        before = applied(linear, x)
        other = applied(copy.deepcopy(linear), x)
        linear.weight.mul_(2)
        linear.bias.zero_()
        after = applied(linear, x)
        torch.testing.assert_close(after, linear(x), atol=1e-2, rtol=1e-2)
        linear.weight = nn.Parameter(torch.ones(40, 24).bfloat16())
        torch.testing.assert_close(applied(linear, x), linear(x), atol=1e-2, rtol=1e-2)
        for number in range(8):  # a new matrix may come to lie where an old one was
            linear.weight.data = torch.full((40, 24), float(number)).bfloat16()
            torch.testing.assert_close(applied(linear, x), linear(x), atol=1e-2, rtol=1e-2)
    assert torch.equal(before, other) and not torch.allclose(before, after)


def test_who_learns_or_is_not_in_bfloat16_has_the_plain_one(linear):
    x = torch.randn(3, 24).bfloat16()
    applied(linear, x).float().sum().backward()
    assert linear.weight.grad is not None and linear not in _laid_out
    with torch.inference_mode():
        plain = linear.float()
        assert torch.equal(applied(plain, x.float(), "gelu"), nn.functional.gelu(plain(x.float())))
    assert linear not in _laid_out
