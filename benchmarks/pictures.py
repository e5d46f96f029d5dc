"""A page of what a model answers on real sets, or of what is annotated in them.

    python benchmarks/pictures.py --model runs/real-tiny/model --real $GENERALIST_DATA --out out/real.png
    python benchmarks/pictures.py --annotated --real $GENERALIST_DATA --out out/annotated.png

With ``--bare`` both are drawn on grey: photographs have owners, answers are the model's own. The pages in
docs/results.md and docs/data.md were made so.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import REAL

from generalist.app.describe import annotated
from generalist.app.generalist import Generalist
from generalist.app.pictures import save_picture
from generalist.app.viz import draw, fitted, sheet
from generalist.data.images import load_image
from generalist.data.readers import open_data
from generalist.sequence.sample import Answer, Sample

ITEMS, SIDE = (1, 5, 9), 480

COCO = "{}/coco_mini"

ANNOTATED = (
    ("detect", "voc:{}/bccd/BCCD:val"),
    ("detect", "voc:{}/playing_cards:test"),
    ("instances", "instancemaps:{}/pennfudan:test?name=pedestrian&held=12"),
    ("segment", "labelmaps:{}/camvid:val?classes=camvid"),
    ("depth", "rgbd:{}/depth_7scenes:test"),
    ("instances", f"coco:{COCO}:train"),
    ("detect", f"yolo:{COCO}/object_detection:val"),
    ("instances", f"yolo:{COCO}/instance_segmentation:val"),
    ("panoptic", f"coco:{COCO}/panoptic_segmentation:val"),
    ("segment", f"labelmaps:{COCO}/semantic_segmentation:val"),
    ("caption", f"coco:{COCO}:val"),
    ("caption", "captions:{}/ucm_captions:val"),
    ("ask", "vqa:{}/vqa_rad:val"),
    ("quote", "beir:{}/qed_nq/beir:test"),
    ("quote", "beir:{}/xquad_en/beir:test"),
    ("quote", "beir:{}/cranfield/beir:test"),
)
"""Every set, and every layout that it comes in."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--real", type=Path, required=True, help="folder of the real sets")
    parser.add_argument("--out", type=Path, default=Path("out/real.png"))
    parser.add_argument("--annotated", action="store_true", help="what the sets hold instead of what a model answers")
    parser.add_argument("--bare", action="store_true", help="leave the photographs out")
    given = parser.parse_args()
    pages = _annotations(given.real) if given.annotated else _answers(given.model, given.real)
    pictures = []
    for title, sample, answer in pages:
        if sample.image is None or given.bare and not any(_shown(answer)):
            canvas = np.full((1, SIDE, 3), 255, np.uint8)
        else:
            pixels = load_image(sample.image)
            canvas = np.full_like(pixels, 60) if given.bare else pixels
        note = f"one right caption: {sample.text}" if sample.text and not given.bare and not given.annotated else ""
        pictures.append(fitted(draw(canvas, answer, title, note=note), SIDE))
    print(save_picture(sheet(pictures), given.out))


def _answers(model: str, folder: Path) -> Iterator[tuple[str, Sample, Answer]]:
    generalist = Generalist.from_pretrained(model)
    for task, (spec, _) in REAL.items():
        for title, sample in _items(task, spec.format(folder)):
            yield title, sample, generalist.answer(task, [sample])[0]


def _annotations(folder: Path) -> Iterator[tuple[str, Sample, Answer]]:
    for task, spec in ANNOTATED:
        for title, sample in _items(task, spec.format(folder)):
            asked = sample.question or sample.query
            answer = annotated(sample, task)
            if task == "quote":  # the judged document, not the runs of it that are learned
                answer = Answer(task, documents=[{"title": name} for name in sample.documents])
            yield f"{title}\n{asked}" if asked else title, sample, answer


def _shown(answer: Answer) -> Iterator[bool]:
    """Of what is drawn into the picture, whether it is there."""
    return (what is not None for what in (answer.boxes, answer.masks, answer.semantic, answer.depth))


def _items(task: str, spec: str) -> Iterator[tuple[str, Sample]]:
    data: Any = open_data(spec)
    reader, path = spec.partition("?")[0].split(":")[:2]
    name = "/".join(Path(path).parts[-2:]) if reader in ("beir", "coco", "yolo", "labelmaps") else Path(path).name
    for item in ITEMS:
        yield f"{task}: {reader}:{name}, item {item}", data.sample(item, task)


if __name__ == "__main__":
    main()
