"""The generated world as a set: ``scenes[:SPLIT]``, with nothing on disk."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from generalist.data.readers.dataset import Spec, require
from generalist.faults import Fault
from generalist.sequence.sample import Document, Sample

if TYPE_CHECKING:
    from generalist.data.scenes import Scenes

__all__ = ["Generated"]


class Generated:
    """``scenes[:SPLIT][?size=128&objects=2-5&length=N&words=own]``: ``train``, ``validation`` (also ``val``, and the
    default) or ``test``. With ``words=others`` evaluation asks in other words than the world's own, and for what is
    nowhere too. ``classes`` are the names of its semantic maps; objects are asked for in more words than these."""

    tasks: tuple[str, ...] = (
        "detect", "instances", "instances_pixels", "oriented", "point", "pose", "segment", "panoptic", "depth",
        "depth_adaptive", "normals", "refer", "refer_mask", "refer_oriented", "caption", "grounded_caption", "ask",
        "count", "retrieve", "quote", "index_document", "ask_for", "describe", "classify", "box_to_oriented",
        "box_to_mask", "oriented_to_box", "oriented_to_mask", "mask_to_box", "mask_to_oriented",
    )  # fmt: skip

    def __init__(self, spec: Spec) -> None:
        # Imported here, so that reading a folder does not load the renderer.
        from generalist.data.scenes import SEMANTIC_NAMES

        spec.allow("size", "objects", "length", "words")
        self.name = spec.text
        self.classes: tuple[str, ...] = tuple(SEMANTIC_NAMES)
        self._scenes = _scenes(spec)
        # Several requests are posed of one picture in a row: it is rendered once.
        self._scene = lru_cache(maxsize=4)(self._scenes.__getitem__)

    def __len__(self) -> int:
        return len(self._scenes)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """Scene ``index`` posed as ``task``. See ``Dataset.sample``."""
        require(self, task, index)
        return self._scenes.sample(self._scene(index), task, rng)

    def corpus(self, n: int | None = None) -> list[Document]:
        """The documents of the first ``n`` scenes, or of all."""
        return list(self._scenes.corpus(len(self) if n is None else n))


def _scenes(spec: Spec) -> "Scenes":
    from generalist.data.scenes import SPLITS, Scenes

    split = spec.split or spec.path.name or "validation"
    split = "validation" if split == "val" else split
    if split not in SPLITS:
        raise Fault(f"{spec.text}: there is no split {split!r}; there are {', '.join(SPLITS)}")
    length = int(spec.number("length", 0)) if "length" in spec.options else None
    fewest, _, most = spec.option("objects", "2-5").partition("-")
    try:
        objects = (int(fewest), int(most or fewest))
    except ValueError as error:
        raise Fault(f"{spec.text}: option objects is fewest-most, not {spec.options['objects']!r}") from error
    return Scenes(split, int(spec.number("size", 128)), objects, length, spec.option("words", "own"))
