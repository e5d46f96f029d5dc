"""Prompt: a request as tokens, and Template: how a task's prompts are filled and recognised."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.noun import phrase_of, split_labels
from generalist.sequence.place import here
from generalist.sequence.region import KINDS
from generalist.sequence.sample import Sample
from generalist.sequence.spelling import draw, first, parse_prompt, spell
from generalist.sequence.visual import spell_region
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["INPUTS", "Input", "Prompt", "Template", "read_field"]

INPUTS = ("image", "labels", "phrase", "question", "query", "document", "region")
_FIELD = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Input:
    """What a task is asked with: ``labels``, ``region:box`` (of that kind), ``query?`` (or not)."""

    name: str
    kind: str | None = None
    optional: bool = False

    @classmethod
    def parse(cls, text: str) -> "Input":
        """Raises Fault for a name or a kind that there is not."""
        name, colon, kind = text.removesuffix("?").partition(":")
        if name not in INPUTS:
            raise Fault(f"inputs: {text!r} is none of {', '.join(INPUTS)}")
        if colon and (name != "region" or kind not in KINDS):
            raise Fault(f"inputs: {text!r}: only a region has a kind, one of {', '.join(KINDS)}")
        return cls(name, kind or None, text.endswith("?"))

    @property
    def spoken(self) -> str:
        """What is wanted, for people."""
        region = f"a region, of the kind {self.kind!r}" if self.kind else f"a region: one of {', '.join(KINDS)}"
        return {"image": "an image", "region": region}.get(self.name, self.name)

    def given(self, request: Sample) -> bool:
        """Whether a request has it."""
        value = getattr(request, self.name)
        if self.name == "region":
            return value is not None and self.kind in (None, value.kind)
        return value is not None and (self.name == "image" or len(value) > 0)


@dataclass(frozen=True, slots=True)
class Prompt:
    """ids: (T,) int64. label: (T,) int64, for each token the index of the label that it is part of, -1 elsewhere.
    point: (T, 2) float32, where in the unit square a token looks at the picture; not a number for words."""

    text: str
    ids: NDArray[np.int64]
    label: NDArray[np.int64]
    point: NDArray[np.float32]


def read_field(name: str, text: str) -> object:
    """What a person typed in the place of a field: names in the singular, a phrase without its article."""
    if name == "labels":
        return split_labels(text)
    return phrase_of(here(text)) if name == "phrase" else text.strip()


class Template:
    """One prompt of a task file, such as ``(find|locate) every {labels}``: see ``spelling`` for what it may hold."""

    def __init__(self, text: str, inputs: tuple[str, ...]):
        self.text = text
        self.words = parse_prompt(text)
        self.fields: tuple[str, ...] = tuple(_FIELD.findall(first(self.words)))
        known = {Input.parse(name).name for name in inputs}
        for name in _FIELD.findall(text):
            if name not in known:
                raise Fault(f"prompts: {{{name}}} in {text!r} is not among the inputs {', '.join(sorted(known))}")
        for spelling in self.spellings:
            if sorted(_FIELD.findall(spelling)) != sorted(set(self.fields)):
                raise Fault(f"prompts: {text!r}: every spelling needs each field once, and {spelling!r} does not")

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """Everything that it may be spelled as, the one that stands for it first."""
        return spell(self.words)

    def render(self, request: Sample, vocabulary: Vocabulary, rng: np.random.Generator | None = None) -> Prompt:
        """The instruction of a request, in the first spelling or one drawn by ``rng``.

        Names are tokenised on their own, so that each is exactly its own tokens.
        """
        ids: list[int] = []
        label: list[int] = []
        spoken: list[str] = []
        place: list[NDArray[np.float32]] = [np.zeros((0, 2), np.float32)]

        def add(text: str, tokens: list[int], points: NDArray[np.float32] | None = None, index: int = -1) -> None:
            ids.extend(tokens)
            label.extend([index] * len(tokens))
            place.append(np.full((len(tokens), 2), np.nan, np.float32) if points is None else points)
            spoken.append(text)

        def say(text: str, index: int = -1) -> None:
            add(text, vocabulary.encode(text) if text.strip() else [], index=index)

        spelling = first(self.words) if rng is None else draw(self.words, rng)
        for i, piece in enumerate(_FIELD.split(spelling)):
            if i % 2 == 0:
                say(piece)
            elif piece == "labels":
                for n, name in enumerate(request.labels):
                    if n:
                        say(", ")
                    say(name, n)
            elif piece == "region":
                assert request.region is not None
                tokens, points = spell_region(request.region, Frame(vocabulary, request.size))
                add(vocabulary.spell(tokens), tokens, points)
            else:
                say(str(getattr(request, piece)))
        return Prompt("".join(spoken), np.asarray(ids, np.int64), np.asarray(label, np.int64), np.concatenate(place))
