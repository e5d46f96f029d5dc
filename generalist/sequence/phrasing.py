"""Phrasing: one reading of a text as words and as stems, and what stands where in it."""

import re
from functools import lru_cache

from generalist.sequence.english import ASKING, AUXILIARIES, Word, is_empty, is_question, listed, words
from generalist.sequence.lexicon import determiner

__all__ = ["SENTENCES", "Reading", "reading"]

_RELATING = listed("behind between around against over under near inside next beside across")
"""Words of prompts that also say where a thing is."""
_LAST = re.compile(r"(?:off|on|open|up|down|out|(?:in|on|around|under)\s+it)")
SENTENCES = ("question", "query", "document")
"""Fields that are sentences, whole and as they were typed."""


class Reading:
    """One reading of a text, as words and as stems."""

    def __init__(self, text: str):
        self.text, self.words = text, words(text)
        self.at = [i for i, word in enumerate(self.words) if not word.silent]
        self.stemmed = "".join(self.words[i].stem + " " for i in self.at)
        self.stems = frozenset(self.words[i].stem for i in self.at)

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """The words that a stretch of the stems stands for."""
        return self.at[self.stemmed.count(" ", 0, start)], self.at[self.stemmed.count(" ", 0, stop) - 1] + 1

    def between(self, first: int, last: int, name: str) -> str:
        """The text of some words, with the articles and quantifiers that lead them; a sentence to its very end."""
        first -= len(self._leading(first))
        asking = first  # who invented it, how to replace it
        while name == "query" and asking and self.words[asking - 1].text in ASKING | AUXILIARIES | {"to"}:
            asking -= 1
            first = asking if self.words[asking].text in ASKING else first
        text = self.text[self.words[first].start :]
        if name not in SENTENCES or last <= self.at[-1]:
            return text[: self.words[last - 1].stop - self.words[first].start]
        return text if name != "query" else text.rstrip(" .!" if is_question(text) else " .!?")

    def _leading(self, first: int) -> tuple[Word, ...]:
        start = first
        while start and self.words[start - 1].leads:
            start -= 1
        return self.words[start:first]

    def spelled(self, spans: dict[str, tuple[int, int]], spellings: frozenset[str]) -> bool:
        """Whether the text is one of the spellings as it stands, with fields at ``spans``."""
        if not spans:
            return plain(self.text) in spellings
        texts = [self.text]
        for name, (first, last) in sorted(spans.items(), key=lambda item: -item[1][0]):
            starts = [self.words[k].start for k in range(first - len(self._leading(first)), first + 1)]
            end = self.words[last - 1].stop
            texts = [f"{text[:start]}{{{name}}}{text[end:]}" for text in texts for start in starts]
        return any(plain(text) in spellings for text in texts)

    def led(self, first: int) -> str:
        """What leads the words from ``first`` on."""
        return determiner(self._leading(first))

    def content(self, first: int, last: int) -> int:
        """How many of some words say something."""
        return sum(not is_empty(word) for word in self.words[first:last])

    def rest(self, telling: frozenset[str] | set[str]) -> tuple[tuple[int, int] | None, int]:
        """The longest stretch without telling words, the last of equals; and how many words of meaning are outside."""
        spans: list[tuple[int, int]] = []
        start = 0
        named = self._announced(telling)
        for i, word in enumerate((*self.words, None)):
            if word is None or (
                (i < named or self.words[i - 1].text == "(")
                and word.stem in telling
                and not is_empty(word)
                and word.text not in _RELATING
            ):
                inside = [k for k in range(start, i) if not is_empty(self.words[k])]
                if inside:
                    last = inside[-1] + 1
                    rest = [after for after in self.words[last:] if after.stem]
                    worn = any(before.text == "with" for before in self.words[inside[0] : last])
                    if word is None and worn and _LAST.fullmatch(" ".join(after.text for after in rest)):
                        last += len(rest)  # the pan with the lid off
                    spans.append((inside[0], last))
                start = i + 1
        if not spans:
            return None, 0
        chosen = max(spans, key=lambda span: (self.content(*span), span[0]))
        return chosen, sum(self.content(*span) for span in spans if span != chosen)

    def _announced(self, telling: frozenset[str] | set[str]) -> int:
        """Where the names begin that a colon announces behind telling words: "localisation: cereal boxes"."""
        at = next((i for i, word in enumerate(self.words) if word.text == ":"), len(self.words))
        told = any(word.stem in telling and not is_empty(word) for word in self.words[:at])
        return at if told else len(self.words)

    def to_the_end(self, first: int, last: int) -> tuple[int, int]:
        """A list with its last name whole, though the name ends in a word that tells tasks: carts and price tags."""
        several = any(word.text in (",", "and", "or") for word in self.words[first:])
        tail = [word for word in self.words[last:] if word.stem]
        noun = len(tail) == 1 and tail[0] == self.words[last] and not tail[0].text.endswith("ed")
        return (first, last + 1) if several and noun else (first, last)


@lru_cache(maxsize=256)
def reading(text: str) -> Reading:
    """A text as one reading, made once: a request is read several times in part."""
    return Reading(text)


def plain(text: str) -> str:
    """In small letters, without the mark at the end."""
    return " ".join(text.lower().split()).rstrip(" .?!")
