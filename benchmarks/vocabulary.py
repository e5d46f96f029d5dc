"""Builds the shipped vocabulary again: the blocks, and the codebook of mask patches; the words are kept as they are.

    python benchmarks/vocabulary.py OUT

The codebook is learnt from random shapes and the outlines of 1,000 training scenes, never from photographs.
``generalist bench codecs`` measures what it can spell.
"""

import sys
from pathlib import Path

from generalist.assets import assets
from generalist.data.scenes import Scenes
from generalist.data.shapes import shapes
from generalist.train.vocabulary import build_vocabulary, pieces_of

SIZES = {
    "loc": 256, "angle": 180, "mask": 2048, "depth": 256, "normal": 512, "number": 128, "visibility": 3, "pixels": 16,
    "doc": 256, "label": 64,
}  # fmt: skip


def main() -> None:
    world = Scenes("train")
    masks = [*shapes(6000), *(mask for i in range(1000) for mask in world[i].masks)]
    build_vocabulary(Path(sys.argv[1]), pieces_of(assets("tokenizers") / "tiny"), masks, SIZES)


if __name__ == "__main__":
    main()
