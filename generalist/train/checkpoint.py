"""Checkpoints: a folder of safetensors and one JSON file, written beside and renamed. Nothing in it is a pickle."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from generalist.faults import Fault

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(
    folder: Path, tensors: dict[str, dict[str, Tensor]], optimisers: list[Optimizer], state: dict[str, Any]
) -> None:
    """Writes ``folder``: a file for each entry of ``tensors``, one for each optimiser, and ``state.json``."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, table in tensors.items():
        save_file({k: v.detach().contiguous().clone() for k, v in table.items()}, beside / f"{name}.safetensors")
    for i, optimiser in enumerate(optimisers):
        save_file(_flat(optimiser), beside / f"optimiser{i}.safetensors")
    (beside / "state.json").write_text(json.dumps(state), encoding="utf-8")
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path,
    names: list[str],
    optimisers: list[Optimizer],
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors by name and the state; the optimisers are filled in place.

    Raises:
        Fault: names the file that is missing or cut short.
    """
    path = folder
    try:
        path = folder / "state.json"
        state = json.loads(path.read_text(encoding="utf-8"))
        tensors = {}
        for name in names:
            path = folder / f"{name}.safetensors"
            tensors[name] = load_file(path)
        for i, optimiser in enumerate(optimisers):
            path = folder / f"optimiser{i}.safetensors"
            _fill(optimiser, load_file(path))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise Fault(
            f"{path}: not a whole checkpoint ({str(error).splitlines()[0]}); delete the folder to start anew"
        ) from error
    return tensors, state


def _flat(optimiser: Optimizer) -> dict[str, Tensor]:
    state = optimiser.state_dict()["state"]
    return {
        f"{i}.{key}": torch.as_tensor(value).detach().contiguous().clone()
        for i, row in state.items()
        for key, value in row.items()
    }


def _fill(optimiser: Optimizer, table: dict[str, Tensor]) -> None:
    whole = optimiser.state_dict()
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in table.items():
        i, key = name.split(".", 1)
        like = parameters[int(i)]
        if value.shape == like.shape:  # a fused step goes through memory: what lies otherwise would be mixed up
            value = torch.empty_like(like, dtype=value.dtype, device=value.device).copy_(value)
        state.setdefault(int(i), {})[key] = value
    whole["state"] = state
    optimiser.load_state_dict(whole)
