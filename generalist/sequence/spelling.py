"""Spelling: a prompt with optional and alternative words, and everything that it may be spelled as.

    prompt  := (words | field | choice | option)*
    choice  := "(" prompt ("|" prompt)* ")"      one of them
    option  := "[" prompt ("|" prompt)* "]"      one of them, or nothing

``[please] (find|locate) every {labels}`` has four spellings. Brackets nest.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from generalist.faults import Fault

__all__ = ["MOST_SPELLINGS", "Choice", "Words", "count", "draw", "first", "parse_prompt", "spell"]

MOST_SPELLINGS = 2048
"""Every spelling of a prompt is held in memory to be recognised; beyond this many it should be two prompts."""

_CLOSE = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the parts, or nothing where it is optional."""

    parts: tuple["Words", ...]
    optional: bool


Words = tuple[str | Choice, ...]
"""Pieces of a prompt in their order: text as it stands, fields among it, and choices."""


def parse_prompt(text: str) -> Words:
    """The pieces of a prompt. Raises Fault for brackets that do not pair and for prompts with too many spellings."""
    tokens = re.findall(r"[()\[\]|]|[^()\[\]|]+", text)
    words = _pieces(tokens, text)
    if tokens:
        raise Fault(f"prompts: {tokens[0]!r} stands alone in {text!r}")
    if count(words) > MOST_SPELLINGS:
        raise Fault(f"prompts: {text!r} has {count(words)} spellings, more than {MOST_SPELLINGS}: make it several")
    if not first(words):
        raise Fault(f"prompts: {text!r} can be read as nothing at all")
    return words


def _pieces(tokens: list[str], text: str) -> Words:
    pieces: list[str | Choice] = []
    while tokens and tokens[0] not in (")", "]", "|"):
        token = tokens.pop(0)
        if token not in _CLOSE:
            pieces.append(token)
            continue
        parts = [_pieces(tokens, text)]
        while tokens[:1] == ["|"]:
            tokens.pop(0)
            parts.append(_pieces(tokens, text))
        if tokens[:1] != [_CLOSE[token]]:
            raise Fault(f"prompts: {token!r} is not closed in {text!r}")
        tokens.pop(0)
        pieces.append(Choice(tuple(parts), token == "["))
    return tuple(pieces)


def count(words: Words) -> int:
    """How many ways a prompt can be spelled, repeats included."""
    return prod(sum(map(count, p.parts)) + p.optional for p in words if isinstance(p, Choice))


def first(words: Words) -> str:
    """The first alternative of everything, without what is optional."""
    return _tidy("".join(_first(words)))


def _first(words: Words) -> Iterator[str]:
    for piece in words:
        if isinstance(piece, str):
            yield piece
        elif not piece.optional:
            yield from _first(piece.parts[0])


def draw(words: Words, rng: np.random.Generator) -> str:
    """One spelling at random: an option is there half of the time."""
    return _tidy("".join(_draw(words, rng)))


def _draw(words: Words, rng: np.random.Generator) -> Iterator[str]:
    for piece in words:
        if isinstance(piece, str):
            yield piece
        elif not piece.optional or rng.random() < 0.5:
            yield from _draw(piece.parts[int(rng.integers(len(piece.parts)))], rng)


def spell(words: Words) -> tuple[str, ...]:
    """Every spelling, the first one first."""
    return tuple(dict.fromkeys(_tidy(text) for text in _spell(words)))


def _spell(words: Words) -> list[str]:
    ways = []
    for piece in words:
        if isinstance(piece, str):
            ways.append([piece])
        else:
            ways.append([""] * piece.optional + [text for part in piece.parts for text in _spell(part)])
    return ["".join(texts) for texts in product(*ways)]


def _tidy(text: str) -> str:
    """What was left out leaves no gap, and none before a comma."""
    return re.sub(r" (?=[,.?!:;])", "", " ".join(text.split()))
