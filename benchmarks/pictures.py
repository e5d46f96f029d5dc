"""A page of what a model answers on real sets.

    python benchmarks/pictures.py --model runs/real-tiny/model --real $GENERALIST_DATA --out out/real.png

With ``--bare`` the answers are drawn on grey: photographs have owners, answers are the model's own. The page in
docs/results.md was made so.
"""

import argparse
from pathlib import Path

import numpy as np
from accuracy import REAL

from generalist.app.generalist import Generalist
from generalist.app.predict import save_picture
from generalist.app.viz import draw, sheet
from generalist.data.images import load_image
from generalist.data.readers import open_data

ITEMS = (1, 5, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--real", type=Path, required=True, help="folder of the real sets")
    parser.add_argument("--out", type=Path, default=Path("out/real.png"))
    parser.add_argument("--bare", action="store_true", help="leave the photographs out")
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model)
    pictures = []
    for task, (spec, _) in REAL.items():
        if task == "retrieve":  # text to text: nothing to draw
            continue
        data = open_data(spec.format(given.real))
        for item in ITEMS:
            sample = data.sample(item, task)
            answer = generalist.answer(task, [sample])[0]
            pixels = load_image(sample.image)
            canvas = np.full_like(pixels, 60) if given.bare else pixels
            if given.bare and task == "caption":
                canvas = canvas[:1]
            note = f"one right caption: {sample.text}" if sample.text and not given.bare else ""
            pictures.append(draw(canvas, answer, f"{task}: {Path(spec.split(':')[1]).name}, item {item}", note=note))
    print(save_picture(sheet(pictures), given.out))


if __name__ == "__main__":
    main()
