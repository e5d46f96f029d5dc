"""Packed: matrices laid out once as the kernels that multiply them want them, for answering in bfloat16 on a CPU.

``F.linear`` lays a matrix out anew at each call, which takes as long as the product itself where tokens are few.
"""

from collections.abc import Callable
from functools import cache
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "applied"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
}

_FUSED = {None: ("none", ""), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh")}
"""What the kernel can do to a product before it is written: its names for it."""

_laid_out: "WeakKeyDictionary[nn.Linear, tuple[Tensor, int, Tensor]]" = WeakKeyDictionary()
"""Of each layer the matrix that was laid out, which of its versions, and how it lies now."""


def applied(linear: nn.Module, x: Tensor, activation: str | None = None, plus: Tensor | None = None) -> Tensor:
    """``activation`` of ``linear(x)``, one of ``ACTIVATIONS`` or none, or that and ``plus`` (..., out): (..., in) to
    (..., out)."""
    assert activation is None or plus is None
    if isinstance(linear, nn.Linear) and activation in _FUSED and _pays(linear, x):
        op, matrix, bias = torch.ops.mkldnn._linear_pointwise, _packed(linear), linear.bias
        if plus is not None and plus.dtype == x.dtype:
            return op.binary(x, plus, matrix, bias, "add")  # type: ignore[no-any-return]
        y: Tensor = op(x, matrix, bias, _FUSED[activation][0], [], _FUSED[activation][1])
    else:
        y = linear(x)
        y = y if activation is None else ACTIVATIONS[activation](y)
    return y if plus is None else plus + y


def _pays(linear: nn.Linear, x: Tensor) -> bool:
    """A graph that is traced or compiled keeps to the operators that everyone has."""
    return (
        x.dtype == linear.weight.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not (torch.compiler.is_compiling() or torch.compiler.is_exporting() or torch.jit.is_tracing())
        and _known()
    )


@cache
def _known() -> bool:
    """Whether torch has the operators, which its compiler uses but does not promise, and the processor has bfloat16."""
    ops = torch.ops.mkldnn
    names = ("_is_mkldnn_bf16_supported", "_linear_pointwise", "_reorder_linear_weight")
    there = torch.backends.mkldnn.is_available() and all(hasattr(ops, name) for name in names)
    return there and bool(ops._is_mkldnn_bf16_supported())


def _packed(linear: nn.Linear) -> Tensor:
    """The matrix laid out, anew when it has changed. It is held as it was, so that no other can lie at its address."""
    weight = linear.weight.detach()
    version = 0 if weight.is_inference() else linear.weight._version
    held = _laid_out.get(linear)
    if held is None or held[0].data_ptr() != weight.data_ptr() or held[1] != version:
        held = weight, version, torch.ops.mkldnn._reorder_linear_weight(weight, None)
        _laid_out[linear] = held
    return held[2]
