"""The demonstration: one model, every task, pictures it has never seen, and figures that say how well it does."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist
from generalist.app.pictures import save_picture
from generalist.app.report import Bar, print_json, print_metrics, tell
from generalist.app.viz import draw, sheet
from generalist.data.readers import open_data
from generalist.data.readers.generated import Generated
from generalist.retrieval.index import Index
from generalist.retrieval.search import search
from generalist.sequence.sample import Answer, Sample

__all__ = ["SHOWN", "TASKS", "run"]

DATA = "scenes:test"

TASKS = ("detect", "instances", "segment", "depth", "refer", "refer_mask", "caption", "ask", "retrieve")

MORE = ("oriented", "refer_oriented", "panoptic", "normals", "depth_adaptive", "point", "count", "classify", "describe",
        "pose", "grounded_caption", "instances_pixels", "box_to_mask", "box_to_oriented", "oriented_to_mask",
        "oriented_to_box", "mask_to_box", "mask_to_oriented")  # fmt: skip
"""Tasks that are drawn, on a second sheet, and not measured."""

SHOWN = {"detect": "AP50", "instances": "AP50", "segment": "mIoU", "depth": "AbsRel", "refer": "Acc@0.5",
         "refer_mask": "gIoU", "caption": "exact", "ask": "accuracy", "retrieve": "R@1"}  # fmt: skip
"""The one figure of each task that the table shows; ``--json`` has them all."""

NEXT = """next:
  generalist predict {out}/scene.png "detect red cube, ball" --draw {out}
  generalist predict {out}/scene.png "how many cubes are there?"
  generalist eval detect --data scenes:test --limit 200
  generalist tasks"""


def run(generalist: Generalist, model: str, out: Path, scenes: int, json: bool) -> None:
    """Draws every task on scenes of the test split, then measures the first nine on ``scenes`` of them."""
    world = open_data(DATA)
    assert isinstance(world, Generated)
    whole = _sheet(generalist, world, TASKS, out / "demo.png", scenes)
    more = _sheet(generalist, world, MORE, out / "more.png", scenes)
    save_picture(np.asarray(world.sample(0, "depth").image), out / "scene.png")
    tell(f"pictures: {whole}, {more}, and one for each task in {out}")
    records = _measure(generalist, model, scenes)
    if json:
        for record in records:
            print_json(record)
    else:
        print_metrics([{**r, "metrics": {SHOWN[r["task"]]: r["metrics"].get(SHOWN[r["task"]], 0.0)}} for r in records])
    tell(NEXT.format(out=out))


def _sheet(generalist: Generalist, world: Generated, tasks: tuple[str, ...], path: Path, scenes: int) -> Path:
    """A picture of each task, three tasks a scene, and all of them on one sheet."""
    pictures = []
    for i, task in enumerate(tasks):
        sample = world.sample(i // 3, task)
        answer = (
            _searched(generalist, world, sample, scenes) if task == "retrieve" else generalist.answer(task, [sample])[0]
        )
        pictures.append(_picture(generalist, task, sample, answer))
        save_picture(pictures[-1], path.parent / f"{task}.png")
    return save_picture(sheet(pictures), path)


def _measure(generalist: Generalist, model: str, scenes: int) -> list[dict[str, Any]]:
    records = []
    with Bar("measuring", scenes * len(TASKS)) as bar:
        for task in TASKS:
            # Ten beams find the first document; deeper lists are for generalist eval.
            evaluation = Evaluation(generalist, task, DATA, scenes, deepest=10, alone=True)
            records.append({"task": task, "data": DATA, "model": model, **evaluation.run(bar.step)})
    return records


def _searched(generalist: Generalist, world: Generated, sample: Sample, scenes: int) -> Answer:
    """The scene looked for among the documents of ``scenes`` scenes."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index.build(world.corpus(max(scenes, 3)), generalist.vocabulary, Path(folder) / "index")
        return search(index, generalist.model, generalist.tasks["retrieve"], [sample], k=3)[0]


def _picture(generalist: Generalist, task: str, sample: Sample, answer: Answer) -> NDArray[np.uint8]:
    question = generalist.tasks[task].render(sample).text
    if sample.region is not None:  # its tokens say little to people, and it is drawn
        question = f"{sample.region.kind} pointed at"
    note = f"one right caption: {sample.text}" if "caption" in task else f"right: {sample.text}" if sample.text else ""
    return draw(np.asarray(sample.image), answer, f"{task}\n{question}", note=note, region=sample.region)
