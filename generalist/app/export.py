"""Export: a task's whole answer as one ONNX file, for fixed names and pictures of the model's size.

    image   (B, side, side, 3) uint8, fitted into the square as ``letterbox`` does
    size    (B, 2) int64, width and height of the picture in pixels; things only

and out come what ``generalist.model.readout`` says: ``boxes``, ``labels``, ``scores``, or cells. Scores are calibrated
as the model's own are. Task, names, outputs and vocabulary stand in the file's metadata.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.metrics.scaling import CLOSEST, Scaling
from generalist.model.readout import Things, is_fixed, readout
from generalist.model.unrolled import Unrolled

__all__ = ["Graph", "export"]


class _Scale(nn.Module):
    """A ``Scaling`` of tensors."""

    at: Tensor
    mapped: Tensor

    def __init__(self, scaling: Scaling):
        super().__init__()
        self.scaling = scaling
        line = np.asarray(scaling.line or [(0, 0), (1, 1)], np.float32)
        self.register_buffer("at", torch.from_numpy(line[:, 0].copy()), persistent=False)
        self.register_buffer("mapped", torch.from_numpy(line[:, 1].copy()), persistent=False)

    def forward(self, scores: Tensor) -> Tensor:
        if self.scaling.line:  # joined points are a sum of ramps, each from one point to the next
            width, rise = self.at.diff(), self.mapped.diff()
            ramps = ((scores[..., None] - self.at[:-1]) / width).clamp(0, 1)
            return self.mapped[0] + (ramps * rise).sum(-1)
        if (self.scaling.scale, self.scaling.shift) == (1.0, 0.0):
            return scores
        p = scores.clamp(CLOSEST, 1 - CLOSEST)
        return (self.scaling.scale * (p.log() - (1 - p).log()) + self.scaling.shift).sigmoid()


class Graph(nn.Module):
    """What is exported: pictures as bytes to a task's answers.

    fields: what the task asks for besides the picture, ``labels`` or ``phrase``.

    Raises:
        Fault: no such task, one whose answers are not of fixed length, or a field that is missing.
    """

    def __init__(self, generalist: Generalist, task: str, fields: Mapping[str, Any]):
        super().__init__()
        found, request = generalist.route("", task=task, fields=dict(fields))
        fixed = [name for name, other in generalist.tasks.items() if is_fixed(other)]
        if found.name not in fixed:
            raise Fault(
                f"task {task!r} cannot be exported: its answers are not of fixed length, or of more than labels, "
                f"boxes, points and cells; those that can are {', '.join(fixed)}"
            )
        self.task, self.names = found, request.labels
        self.side = generalist.model.config.image_size
        scaling = generalist.scalings.get(found.name)
        decoding = Unrolled(generalist.model, found, request)
        self.answer = readout(decoding, found, None if scaling is None else _Scale(scaling))

    @property
    def inputs(self) -> list[str]:
        return ["image", "size"] if isinstance(self.answer, Things) else ["image"]

    @property
    def outputs(self) -> list[str]:
        return self.answer.outputs

    def forward(self, image: Tensor, size: Tensor | None = None) -> tuple[Tensor, ...]:
        pixels = image.permute(0, 3, 1, 2).float() / 127.5 - 1
        return self.answer(pixels) if size is None else self.answer(pixels, size)

    def example(self, count: int = 2) -> tuple[Tensor, ...]:
        """Inputs of the right shapes. Of two pictures: a batch of one would be taken for a constant."""
        image = torch.full((count, self.side, self.side, 3), 127, dtype=torch.uint8)
        size = torch.full((count, 2), self.side)
        return (image, size)[: len(self.inputs)]


def export(generalist: Generalist, task: str, fields: Mapping[str, Any], out: Path) -> Path:
    """Writes a task's answers as ONNX, beside and renamed.

    Raises:
        Fault: see ``Graph``; onnx is not installed; or the file cannot be written.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise Fault(f'export needs {error.name}: pip install "generalist[export]"') from error
    graph = Graph(generalist, task, fields).eval()
    batch = {0: torch.export.Dim("batch")}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            graph.example(),
            dynamo=True,
            dynamic_shapes=(batch,) * len(graph.inputs),
            input_names=graph.inputs,
            output_names=graph.outputs,
            verbose=False,
        )
    assert program is not None
    about = {
        "task": graph.task.name,
        "names": json.dumps(graph.names),
        "fields": json.dumps({name: value for name, value in fields.items() if value}),
        "vocabulary": generalist.vocabulary.fingerprint,
    }
    program.model.metadata_props.update(about)
    beside = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        program.save(str(beside), external_data=False)
        beside.replace(out)
    except OSError as error:
        raise Fault(f"{out}: cannot be written ({error.strerror or error})") from error
    return out
