"""Accuracy of a model on a list of sets: the tables of docs/results.md.

    python benchmarks/accuracy.py                                   the shipped model on test scenes
    python benchmarks/accuracy.py --words others                    in other words, and for what is nowhere besides
    python benchmarks/accuracy.py --model runs/real-tiny/model --real $GENERALIST_DATA

Prints one JSON object a line, as ``generalist eval --json`` does, and at the end a table in Markdown on standard error.
"""

import argparse
import json
import sys
from pathlib import Path

from generalist.app.evaluate import Evaluation
from generalist.app.generalist import Generalist

MAIN = ("detect", "instances", "segment", "depth", "refer", "refer_mask", "caption", "ask", "retrieve")
MORE = (
    "instances_pixels",
    "oriented", "pose", "panoptic", "normals", "depth_adaptive", "refer_oriented", "grounded_caption", "describe",
    "classify", "count", "point", "index_document", "box_to_mask", "box_to_oriented", "mask_to_box",
    "mask_to_oriented", "oriented_to_box", "oriented_to_mask",
)  # fmt: skip
SCENES = {task: ("scenes:test", 500) for task in MAIN} | {task: ("scenes:test", 200) for task in MORE}
SCENES |= {"instances_pixels": ("scenes:test", 500), "route": ("requests:validation", 500)}
WORDED = ("detect", "instances", "segment", "panoptic", "refer", "refer_mask", "ask", "classify", "count")
"""The tasks whose requests have words of the world in them."""

REAL = {
    "detect": ("voc:{}/bccd/BCCD:val", None),
    "instances_pixels": ("instancemaps:{}/pennfudan:test?name=pedestrian&held=12", None),
    "segment": ("labelmaps:{}/camvid:val?classes=camvid", None),
    "depth": ("rgbd:{}/depth_7scenes:test", None),
    "caption": ("captions:{}/ucm_captions:val", None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--real", type=Path, help="folder of the real sets; without it, generated scenes")
    parser.add_argument("--words", choices=["own", "others"], default="own", help="of the requests about scenes")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--beams", type=int, default=100, help="and documents listed, for retrieve")
    parser.add_argument("--identifiers", choices=["title", "ngram"], help="for retrieve; its own unless said")
    parser.add_argument("--among", type=int, help="documents of generated scenes to look among")
    parser.add_argument("--tasks", nargs="*", help="only these")
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    options = {"deepest": given.beams, "identifiers": given.identifiers, "among": given.among}
    rows = []
    for task, (data, limit) in (REAL if given.real else SCENES).items():
        if given.tasks and task not in given.tasks:
            continue
        spec = data.format(given.real)
        if given.words == "others":
            if task not in WORDED or given.real:
                continue
            spec = f"{spec}?words=others"
        if given.among and spec == "scenes:test":
            spec = f"scenes:test?length={given.among}"
        record = {"task": task, "data": spec, "model": given.model}
        record |= Evaluation(generalist, task, spec, given.limit or limit, **options).run()
        print(json.dumps(record), flush=True)
        figures = ", ".join(f"{name} {value:.3f}" for name, value in record["metrics"].items())
        rows.append(f"| {task} | {record['n']} | {figures} | {record['seconds']:.0f} |")
    print("\n".join(["| task | n | figures | seconds |", "|---|---|---|---|", *rows]), file=sys.stderr)


if __name__ == "__main__":
    main()
