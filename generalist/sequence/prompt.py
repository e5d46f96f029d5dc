"""Prompt: a request as tokens, and Template: how a task's prompts are filled and recognised."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.sample import Sample
from generalist.sequence.visual import spell_region
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Prompt", "Template", "split_labels"]

_FIELD = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """ids: (T,) int64. label: (T,) int64, for each token the index of the label that it is part of, -1 elsewhere.
    point: (T, 2) float32, where in the unit square a token looks at the picture; not a number for words."""

    text: str
    ids: NDArray[np.int64]
    label: NDArray[np.int64]
    point: NDArray[np.float32]


def split_labels(text: str) -> tuple[str, ...]:
    """``"red cube, blue sphere and cone"`` to its names, repeats dropped."""
    names = [name.strip() for name in re.split(r",|;|\band\b", text)]
    return tuple(dict.fromkeys(name for name in names if name))


class Template:
    """One prompt of a task file, such as ``detect {labels}``."""

    def __init__(self, text: str, inputs: tuple[str, ...]):
        self.text = text
        self.fields: tuple[str, ...] = tuple(_FIELD.findall(text))
        known = {name.rstrip("?").partition(":")[0] for name in inputs}
        for name in self.fields:
            if name not in known:
                raise Fault(f"prompts: {{{name}}} in {text!r} is not among the inputs {', '.join(sorted(known))}")

    def render(self, request: Sample, vocabulary: Vocabulary) -> Prompt:
        """The instruction of a request. Names are tokenised on their own, so that each is exactly its own tokens."""
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

        for i, piece in enumerate(_FIELD.split(self.text)):
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

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the prompt looks like when a person types it."""
        parts = [
            f"(?P<{piece}>.+?)" if i % 2 else r"\s+".join(map(re.escape, piece.split(" ")))
            for i, piece in enumerate(_FIELD.split(self.text))
        ]
        return re.compile(r"\s*" + "".join(parts) + r"\s*[.?!]?\s*", re.IGNORECASE | re.DOTALL)

    @property
    def weight(self) -> int:
        """How much of the prompt is fixed: of two that fit an instruction, the one that says more is meant."""
        return len(_FIELD.sub("", self.text))

    def read(self, instruction: str) -> dict[str, object] | None:
        """The fields of an instruction of this form, or None."""
        found = self.pattern.fullmatch(instruction)
        if not found:
            return None
        return {k: split_labels(v) if k == "labels" else v.strip() for k, v in found.groupdict().items()}
