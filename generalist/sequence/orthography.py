"""Orthography: slips of the keyboard put right, where one word alone can have been meant.

A slip is a word that no dictionary holds, and what was meant the word from which one slip of the fingers leads there:
two letters in the wrong order, one left out, one doubled or one of a pair dropped, seldom another (Damerau, 1964). Of
several that could have been meant the likeliest is taken, by how common each is and how common its slip; where no one
of them stands out the word is kept, as is whatever looks like a name, an abbreviation or a word of a trade, and all
that stands in quotation marks.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["Respelled", "respelled"]


class _Slip(NamedTuple):
    """A way to mistype. often: against the other ways. letters: of a word in which it is believed, unless it leads to
    a word of the tasks: pitot and canid are no pilot and candid."""

    often: float
    letters: int


_SWAPPED, _DOUBLED, _DROPPED = _Slip(20, 3), _Slip(20, 4), _Slip(4, 6)
_VOWEL, _ADDED, _OTHER, _FIRST = _Slip(3, 7), _Slip(2, 8), _Slip(0.5, 8), _Slip(0.02, 8)
"""Two letters in each other's places; a pair made one, or one a pair; a letter left out, a vowel for another, a letter
let in, one for another; the same of the first of all, which hardly anybody gets wrong."""
TOLD = 4
"""Letters of a word that is taken for one of the tasks'."""
COMMON = 3e-5
"""How often a word occurs that one of fewer letters than `TOLD` is taken for: many, find, with."""
RARE = 3e-7
"""Below this a word is no likelier than that somebody's own word is new to the dictionary."""
AHEAD = 4.0
"""How much likelier the likeliest must be than the next."""
_WORD = re.compile(r"(?<![\w'@#/.:-])[a-z]+(?![\w'@#/-]|\.\w)|(?<![\w'@#/.:-])(?:^|(?<=[.?!]\s))[A-Z][a-z]+(?![\w'-])")
"""Words in small letters, and the first of a sentence; nothing of an address, a number or a compound."""
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_ELSEWHERE = [
    (re.compile(pattern), said)
    for pattern, said in (
        ("our", "or"), ("re$", "er"), ("res$", "ers"), ("is(e|es|ed|er|ing|ation|ations)$", r"iz\1"), ("yse", "yze"),
        ("ll(ed|ing|er|ers)$", r"l\1"), ("ogue", "og"), ("ae", "e"), ("oe", "e"),
        ("ence", "ense"), ("ium", "um"), ("ph", "f"), ("grey", "gray"), ("tyre", "tire"), ("mould", "mold"),
        ("plough", "plow"), ("programme", "program"), ("draught", "draft"),
    )
]  # fmt: skip
"""Spellings of the other side of the ocean, which the dictionary does not all hold."""


_USUAL = {
    "hte": "the", "meny": "many", "wich": "which", "wher": "where", "whre": "where", "plese": "please",
    "plase": "please", "evry": "every", "aroud": "around", "foto": "photo",
}  # fmt: skip
"""Slips in words that every request is full of, which elsewhere could be of others."""


class Respelled:
    """A text with its slips put right. slips: what was typed and what was meant, in order."""

    def __init__(self, typed: str, pieces: list[tuple[int, int, str]]):
        self.typed, self._pieces = typed, pieces
        text, at = "", 0
        self._starts: list[tuple[int, int, int, int]] = []  # of each slip, its span in both texts
        for start, stop, meant in pieces:
            text += typed[at:start]
            self._starts.append((len(text), len(text) + len(meant), start, stop))
            text, at = text + meant, stop
        self.text = text + typed[at:]

    @property
    def slips(self) -> tuple[tuple[str, str], ...]:
        return tuple((self.typed[start:stop], meant) for start, stop, meant in self._pieces)

    def as_typed(self, passage: str) -> str:
        """A passage of the text as it was typed; the passage itself where it is none."""
        at = self.text.find(passage)
        return self.typed[self._back(at, False) : self._back(at + len(passage), True)] if at >= 0 else passage

    def _back(self, at: int, end: bool) -> int:
        moved = 0
        for start, stop, first, last in self._starts:
            if at >= stop:
                moved = last - stop
            elif at > start:
                return last if end else first
        return at + moved


def respelled(text: str, known: frozenset[str]) -> Respelled:
    """A text with its slips put right. known: words that are right though no dictionary holds them."""
    pieces = []
    kept = [found.span() for found in _QUOTED.finditer(text)]
    for found in _WORD.finditer(text):
        word = found[0].lower()
        quoted = any(start < found.start() < stop for start, stop in kept)
        meant = None if quoted or word in known or len(word) < 3 else _meant(word, known)
        if meant:
            pieces.append((found.start(), found.end(), meant.capitalize() if found[0][0].isupper() else meant))
    return Respelled(text, pieces)


@lru_cache(maxsize=4096)
def _meant(word: str, known: frozenset[str]) -> str | None:
    """The word that a slip stands for; None where it is no slip, or could stand for several."""
    if word in _USUAL:
        return _USUAL[word]
    dictionary = _dictionary()
    if _right(word, lambda spelled: spelled in dictionary):
        return None
    spelled = dictionary.edit_distance_1(word)
    could = {near: dictionary.word_usage_frequency(near) for near in dictionary.known(spelled) if "'" not in near}
    could |= {near: COMMON for near in known.intersection(spelled)}
    likely = {near: often * _slip(near, word).often for near, often in could.items()}
    best, *others = sorted(likely, key=likely.__getitem__, reverse=True) or [""]
    if not best or (others and likely[best] < AHEAD * likely[others[0]]):
        return None
    common = could[best] >= COMMON
    letters = min(TOLD, _slip(best, word).letters) if best in known else _slip(best, word).letters - common
    return best if len(word) >= letters and (common or (len(word) > TOLD and could[best] >= RARE)) else None


def _right(word: str, holds: Callable[[str], bool]) -> bool:
    """Whether a word is spelled as somebody spells it: in a dictionary, from elsewhere, or of two that are in it."""
    if holds(word) or any(holds(pattern.sub(said, word)) for pattern, said in _ELSEWHERE if pattern.search(word)):
        return True
    stems = [
        word.removesuffix(end) for end in ("s", "es", "ed", "ing", "er", "ers", "like", "wise") if word.endswith(end)
    ]
    if any(
        len(stem) > 3 and (holds(stem) or holds(stem + "e")) for stem in stems if stem + "s" == word or len(stem) > 4
    ):
        return not word.endswith("os")  # tomatos is a slip
    return any(holds(word[:cut]) and holds(word[cut:]) for cut in range(3, len(word) - 3)) and len(word) > 7


def _slip(meant: str, typed: str) -> _Slip:
    """How a word that is one slip away was come by."""
    same = next((i for i, (a, b) in enumerate(zip(meant, typed, strict=False)) if a != b), min(len(meant), len(typed)))
    if same == 0:
        return _FIRST
    if len(meant) > len(typed):
        return _DOUBLED if meant[same] == meant[same - 1] else _DROPPED
    if len(meant) < len(typed):
        return _DOUBLED if typed[same] == typed[same - 1] else _ADDED
    if meant[same : same + 2] == typed[same : same + 2][::-1]:
        return _SWAPPED
    return _VOWEL if {meant[same], typed[same]} <= set("aeiouy") else _OTHER


@lru_cache(maxsize=1)
def _dictionary() -> Any:
    from spellchecker import SpellChecker  # a tenth of a second, which only a word that no task knows costs

    return SpellChecker(distance=1)
