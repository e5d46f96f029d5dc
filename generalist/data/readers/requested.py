"""Requests in words, with the task that each means: what a model learns routing from."""

from functools import cache
from typing import Any

import numpy as np

from generalist.data.readers.dataset import Spec, require
from generalist.faults import Fault
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["ROUTE", "Requested", "spoken"]

SPLITS = {"train": 100_000, "validation": 2_000}
ROUTE = "route"
OPENINGS = (
    "please", "can you", "could you", "I want you to", "I need you to", "would you", "hey,", "now", "kindly",
    "for this", "in this picture", "on this photo", "help me to", "just", "I'd like you to", "your task is to",
    "let's", "try to",
)  # fmt: skip
CLOSINGS = (
    "please", "thanks", "in this picture", "in the image", "for me", "here", "if you can", "in the scene", "now",
)  # fmt: skip
KINDS = (
    "red", "small", "large", "wooden", "old", "white", "parked", "broken", "tall", "green", "metal", "plastic",
    "empty", "young", "left", "black", "round", "open", "wet", "blue", "striped", "yellow", "hidden", "nearest",
    "front",
)  # fmt: skip
THINGS = (
    "car", "person", "dog", "cat", "bottle", "cup", "chair", "table", "tree", "bus", "bicycle", "bird", "boat",
    "horse", "sheep", "cow", "cell", "platelet", "leaf", "apple", "banana", "pizza", "laptop", "phone", "book",
    "clock", "vase", "scissors", "train", "truck", "traffic light", "stop sign", "bench", "umbrella", "bag",
    "suitcase", "ball", "kite", "skateboard", "knife", "fork", "bowl", "sandwich", "orange", "cake", "couch",
    "bed", "toilet", "screen", "mouse", "keyboard", "oven", "sink", "fridge", "toothbrush", "building", "road",
    "sidewalk", "fence", "pole", "sky", "wall", "floor", "window", "door", "ship", "plane", "helicopter", "bridge",
    "roof", "pool", "field", "tumour", "lung", "tooth", "bolt", "crack", "pipe", "valve", "helmet", "vest", "box",
    "pallet", "shelf", "can", "card", "coin", "sphere", "cube", "cylinder", "cone", "player", "goal", "racket",
    "runner", "fish", "bee", "flower", "mushroom",
)  # fmt: skip
PLACES = (
    "", "", "", " on the left", " on the right", " in the middle", " next to the {}", " behind the {}",
    " in front of the {}", " under the {}", " near the {}", " that is closest", " at the back", " on the {}",
)  # fmt: skip
QUESTIONS = (
    "what colour is the {}?", "is there a {}?", "is the {} {}?", "what is the {} made of?", "who holds the {}?",
    "what is next to the {}?", "does the {} touch the {}?", "why is the {} {}?", "what is the {} doing?",
    "are there more {}s than {}s?", "is it raining?", "what does the sign say?", "which {} is {}?",
    "what is behind the {}?",
)  # fmt: skip
SUBJECTS = (
    "the history of the {}", "how {}s are made", "who invented the {}", "{} prices", "the {} industry",
    "climate change", "tides", "roman law", "vaccines", "black holes", "why {}s are {}", "solar energy",
    "the {} in art", "when was the {} built",
)  # fmt: skip
POINTED = (
    "this", "it", "the region", "the marked area", "what I pointed at", "the selected thing", "this one", "here",
)  # fmt: skip


class Requested:
    """``requests[:SPLIT]``: the prompts of every task that is shipped, filled with things of everyday, with and without
    courtesies around them; ``train`` (the default) or ``validation``. Nothing on disk."""

    tasks: tuple[str, ...] = (ROUTE,)

    def __init__(self, spec: Spec) -> None:
        spec.allow()
        split = spec.split or spec.path.name or "train"
        if split not in SPLITS:
            raise Fault(f"{spec.text}: there is no split {split!r}; there are {', '.join(SPLITS)}")
        self.name, self.split = spec.text, split
        self.classes = tuple(_shipped())

    def __len__(self) -> int:
        return SPLITS[self.split]

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A request to be routed. With ``rng`` among some of the tasks only, in any order."""
        require(self, task, index)
        draw = np.random.default_rng((list(SPLITS).index(self.split), index))
        meant = str(draw.choice(self.classes))
        text = _said(_shipped()[meant], draw)
        labels = self.classes
        if rng is not None:
            some = rng.permutation(self.classes)[: int(rng.integers(6, len(labels) + 1))]
            labels = tuple(dict.fromkeys([str(name) for name in rng.permutation([*some, meant])]))
        return Sample(id=str(index), labels=tuple(map(spoken, labels)), query=text, text=spoken(meant))


def spoken(task: str) -> str:
    """The name of a task as words."""
    return task.replace("_", " ")


@cache
def _shipped() -> dict[str, Task]:
    return {name: task for name, task in load_tasks(Vocabulary.load()).items() if name != ROUTE}


def _said(task: Task, draw: np.random.Generator) -> str:
    """A request of a task, in one of its prompts."""

    def one(words: tuple[str, ...]) -> str:
        return words[int(draw.integers(len(words)))]

    def thing(_: Any = None) -> str:
        return (one(KINDS) + " " if draw.random() < 0.4 else "") + one(THINGS)

    def filled(text: str) -> str:
        *pieces, last = text.split("{}")
        words = (one(KINDS if piece.endswith(("is ", "are ")) else THINGS) for piece in pieces)
        return "".join(piece + word for piece, word in zip(pieces, words, strict=True)) + last

    several = draw.random() < 0.7
    fields = {
        "labels": ", ".join(thing() + ("s" if several else "") for _ in range(int(draw.integers(1, 4)))),
        "phrase": filled(thing() + one(PLACES)),
        "question": filled(one(QUESTIONS)),
        "query": filled(one(SUBJECTS)),
        "document": f"{filled(one(SUBJECTS))}. {filled(one(QUESTIONS))}",
        "region": one(POINTED),
    }
    template = task.templates[int(draw.integers(len(task.templates)))]
    text = one(template.spellings)
    for name, value in fields.items():
        text = text.replace(f"{{{name}}}", value)
    if draw.random() < 0.35:
        text = f"{one(OPENINGS)} {text}"
    if draw.random() < 0.2:
        text = f"{text} {one(CLOSINGS)}"
    text += one(("", "", "?", "."))
    return text.capitalize() if draw.random() < 0.3 else text
