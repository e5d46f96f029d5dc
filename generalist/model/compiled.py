"""Compiled: pictures read by code made for their number and size (torch.compile), for whoever reads many alike."""

import shutil
from typing import Any

import torch

from generalist.faults import Fault
from generalist.model.modeling import GeneralistModel

__all__ = ["compile_reading"]


def compile_reading(model: GeneralistModel) -> None:
    """From now on ``model.encode_images`` is compiled: once for every shape that it meets, in half a minute or so, and
    the same numbers up to rounding. On a CPU the weights are packed for the kernels that multiply them, so that a later
    change of them is not seen; ask under ``inference_mode`` or ``no_grad``.

    Raises:
        Fault: the machine has no compiler.
    """
    if model.device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise Fault("compiling needs a C++ compiler, and there is none on the path; with apt: apt-get install g++")
    options: dict[str, Any] = {"freezing": True} if model.device.type == "cpu" else {}
    # An instance's own attribute: whoever reads goes through it, and the class stays as it is.
    model.encode_images = torch.compile(model.encode_images, dynamic=False, options=options)  # type: ignore[method-assign]
