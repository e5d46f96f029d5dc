"""Whether an exported file answers as the model does, and how fast: ONNX in onnxruntime against ``Generalist.answer``.

    python benchmarks/export.py [--tasks detect segment depth] [--limit 100]

For each task the file is written once, for the commonest names of the test scenes, and asked about every scene. One
JSON line a figure: of things, the share of scenes with the same labels in the same order, and the farthest that any
corner is from ours in bins of an even split of the picture; of cells, the share that is the same, and the largest
relative difference; and the time of ours over that of the file, one thread each, a picture at a time, in turns.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generalist.app.export import Graph, export
from generalist.app.generalist import Generalist
from generalist.data.readers import open_data
from generalist.sequence.picture import letterbox
from generalist.sequence.raster import _enlarged
from generalist.sequence.sample import Answer, Sample

NAMES = ("cube", "sphere", "cone", "cylinder", "ground", "sky")


def main() -> None:
    import onnxruntime

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--tasks", nargs="*", default=["detect", "segment", "depth"])
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="folder for the files; those that are there are not written again")
    given = parser.parse_args()
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    generalist = Generalist.from_pretrained(given.model)
    with tempfile.TemporaryDirectory() as folder:
        for task in given.tasks:
            fields = {"labels": NAMES[:4] if task in ("detect", "point") else NAMES} if task != "depth" else {}
            path = (given.keep or Path(folder)) / f"{task}.onnx"
            if not path.is_file():
                export(generalist, task, fields, path)
            session = onnxruntime.InferenceSession(str(path), options)
            compare(generalist, task, fields, session, given.limit, path.stat().st_size)


def compare(generalist: Generalist, task: str, fields: dict[str, Any], session: Any, limit: int, size: int) -> None:
    data, graph = open_data("scenes:test"), Graph(generalist, task, fields)
    agreed, farthest, ratios, theirs = [], [], [], []
    for i in range(min(limit, len(data))):
        image = data.sample(i, "detect").image
        request = Sample(image=image, size=image.shape[1::-1], **fields)
        began = time.perf_counter()
        answer = generalist.answer(task, [request])[0]
        middle = time.perf_counter()
        square = letterbox(image, graph.side)[None]
        fed = dict(zip(graph.inputs, (square, np.asarray([request.size])), strict=False))
        out = dict(zip(graph.outputs, session.run(graph.outputs, fed), strict=True))
        theirs.append(time.perf_counter() - middle)
        ratios.append((middle - began) / theirs[-1])
        same, far = agreement(generalist, out, answer, request)
        agreed.append(same)
        farthest.append(far)
    for name, value, unit in (
        (f"{task}_agree", float(np.mean(agreed)), "share"),
        (f"{task}_farthest", float(np.max(farthest)), "bins" if "scores" in out else "relative"),
        (f"{task}_speed_vs_torch", float(np.median(ratios)), "ratio"),
        (f"{task}_ms", float(np.median(theirs)) * 1e3, "ms"),
        (f"{task}_file", size / 1e6, "MB"),
    ):
        row = {
            "bench": "export",
            "name": name,
            "value": round(value, 4),
            "unit": unit,
            "shape": f"{len(ratios)} scenes",
        }
        print(json.dumps(row | {"threads": 1, "cores": os.cpu_count()}), flush=True)


def agreement(generalist: Generalist, out: dict[str, Any], answer: Answer, request: Sample) -> tuple[float, float]:
    """How far one answer is the same, and the largest distance."""
    if "scores" in out:
        n = int((out["scores"][0] > 0).sum())
        named = tuple(request.labels[i] for i in out["labels"][0, :n])
        places = answer.points if "points" in out else answer.boxes
        assert places is not None
        if named != answer.labels:
            return 0.0, 0.0
        bins = (len(generalist.vocabulary["loc"]) - 1) / max(request.size)
        found = next(out[name] for name in ("boxes", "points") if name in out)[0, :n]
        return 1.0, float(np.abs(found - places).max(initial=0.0)) * bins
    frame = generalist.tasks[answer.task].frame(request)
    if answer.semantic is not None:
        weights = _enlarged(out["probabilities"][0].transpose(1, 2, 0), frame).argmax(-1)
        guess = np.where(weights == len(request.labels), -1, weights)
        return float((guess == answer.semantic).mean()), float((guess != answer.semantic).mean())
    assert answer.depth is not None
    metres = np.exp(_enlarged(np.log(out["depth"][0]), frame))
    far = np.abs(metres / answer.depth - 1)
    return float((far < 1e-3).mean()), float(far.max())


if __name__ == "__main__":
    main()
