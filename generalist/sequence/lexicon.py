"""Lexicon: which words tell the tasks apart, computed from the task files alone.

A word that one task alone uses in its prompts tells it surely, one that all use tells nothing: its weight is
``1 - log(tasks that use it) / log(all tasks + 1)``. Words that every request is full of count for a fraction.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log

from generalist.sequence.english import ASKING, AUXILIARIES, EMPTY, SHORTENED, Word, is_empty, words
from generalist.sequence.pointing import POINTED
from generalist.sequence.task import Task
from generalist.sequence.telling import Loose, Table

__all__ = ["Form", "Lexicon", "determiner", "lexicon"]

COMMON = 0.15
"""What a word such as "is" or "of" counts, of what a word of meaning in as many tasks would."""


def determiner(before: Iterable[Word]) -> str:
    """How a noun is led, of the words before it: by ``the``, ``a``, a quantifier (``every``), or nothing."""
    led = [word.text for word in before if word.leads]
    if any(word not in ("the", "a", "an") for word in led):
        return "every"
    return {"the": "the", "a": "a", "an": "a"}.get(led[-1], "") if led else ""


@dataclass(frozen=True)
class Form:
    """A prompt as stems, however it is spelled.

    led: the ``determiner`` of its first field. question: whether it asks.
    """

    fields: tuple[str, ...]
    stems: tuple[str, ...]
    led: str
    question: bool

    @classmethod
    def of(cls, text: str, fields: tuple[str, ...] = ()) -> "Form":
        """Reads a spelling; ``{field}`` is a word of it."""
        all_words = words(text)
        at = next((i for i, word in enumerate(all_words) if word.stem.startswith("{")), 0)
        first = at
        while first and all_words[first - 1].leads:
            first -= 1
        stems = tuple(word.stem for word in all_words if not word.silent)
        asks = bool(ASKING.union(AUXILIARIES).intersection(stems[:1]))
        return cls(fields, stems, determiner(all_words[first:at]), asks)

    @cached_property
    def fixed(self) -> frozenset[str]:
        """The stems that are not fields."""
        return frozenset(stem for stem in self.stems if not stem.startswith("{"))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Over stems, each with a blank behind it."""
        return re.compile("".join(map(self._piece, self.stems)))

    @staticmethod
    def _piece(stem: str) -> str:
        if not stem.startswith("{"):
            return re.escape(stem) + " "
        return f"(?P<region>{POINTED} )?" if stem == "{region}" else f"(?P<{stem[1:-1]}>(?:\\S+ )+?)"


class Lexicon:
    """The forms and telling words of a set of tasks.

    weight: of every stem, and of every phrase of ``words`` as a tuple of stems, in [0, 1].
    forms, fields, spelled: of each task, its prompts in all their spellings, the fields that they have, the spellings.
    phrases, longer: its ``words``, and those that are several. told, said: the stems of its forms and of single words,
    and of all words. known: the stems of all tasks that say something. loose: the forms of all as a table.
    right: the words of all prompts, and what is short for one, as they are spelled.
    """

    def __init__(self, tasks: tuple[Task, ...]):
        self.forms: dict[str, tuple[Form, ...]] = {}
        self.phrases: dict[str, frozenset[tuple[str, ...]]] = {}
        self.longer: dict[str, frozenset[tuple[str, ...]]] = {}
        self.spelled: dict[str, frozenset[str]] = {}
        self.told: dict[str, frozenset[str]] = {}
        used: Counter[str | tuple[str, ...]] = Counter()
        for task in tasks:
            name = task.name
            spelled = list(dict.fromkeys(Form.of(text, t.fields) for t in task.templates for text in t.spellings))
            self.spelled[name] = frozenset(text.lower() for t in task.templates for text in t.spellings)
            self.forms[name] = tuple(spelled)
            self.phrases[name] = frozenset(Form.of(text).stems for text in task.file.words)
            self.longer[name] = frozenset(stems for stems in self.phrases[name] if len(stems) > 1)
            alone = self.phrases[name] - self.longer[name]
            self.told[name] = frozenset().union(*(form.fixed for form in spelled), *alone)
            used.update(self.told[name])
            used.update(self.longer[name])
        self.said = {task.name: self.told[task.name].union(*self.phrases[task.name]) for task in tasks}
        self.known = frozenset().union(*self.said.values()) - EMPTY - AUXILIARIES
        most = log(len(tasks) + 1)
        texts = (text for task in tasks for text in (*task.file.prompts, *task.file.words))
        found = {word.text for text in texts for word in words(re.sub(r"[()\[\]|]", " ", text)) if not is_empty(word)}
        self.right = frozenset(word for word in found if "{" not in word) | SHORTENED
        self.weight = {word: (1 - log(n) / most) * self._meaning(word) for word, n in used.items()}
        self.fields = {name: sorted({form.fields for form in forms}) for name, forms in self.forms.items()}
        self.loose = Table(
            (Loose(name, form.fields, form.fixed, form.question) for name, form in self._every()), self.weight
        )
        self._rarest: defaultdict[str, list[tuple[str, Form]]] = defaultdict(list)
        for name, form in self._every():
            self._rarest[max(sorted(form.fixed), key=self.weight.__getitem__, default="")].append((name, form))
        self._opened: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for stems in frozenset().union(*self.phrases.values()):
            self._opened[stems[0]].add(stems)

    def _every(self) -> Iterator[tuple[str, Form]]:
        return ((name, form) for name, forms in self.forms.items() for form in forms)

    def fitting(self, stems: frozenset[str]) -> dict[str, list[Form]]:
        """Of each task, the forms that have all of their words among some stems."""
        found: defaultdict[str, list[Form]] = defaultdict(list)
        for name, form in (pair for stem in ("", *sorted(stems)) for pair in self._rarest.get(stem, ())):
            if form.fixed <= stems:
                found[name].append(form)
        return found

    def phrases_in(self, stemmed: str) -> frozenset[tuple[str, ...]]:
        """The telling ``words``, of one word or several, in a text given as stems with a blank behind each."""
        near = frozenset().union(*(self._opened.get(stem, ()) for stem in set(stemmed.split())))
        return frozenset(stems for stems in near if f" {' '.join(stems)} " in f" {stemmed}")

    @staticmethod
    def _meaning(word: str | tuple[str, ...]) -> float:
        return COMMON if word in EMPTY or word in AUXILIARIES else 1.0

    def telling(self, text: str) -> float:
        """The weight of all the telling words and phrases in a text."""
        found = [word for word in words(text) if not word.silent]
        phrases = [stems for stems in self.phrases_in("".join(word.stem + " " for word in found)) if len(stems) > 1]
        alone = {word.stem for word in found if not is_empty(word)}.difference(*phrases)
        return self.sum(alone) + self.sum(phrases)

    def sum(self, stems: Iterable[str | tuple[str, ...]]) -> float:
        """The weights of some stems together."""
        return sum(self.weight.get(stem, 0.0) for stem in stems)


@lru_cache(maxsize=8)
def lexicon(tasks: tuple[Task, ...]) -> Lexicon:
    """The lexicon of some tasks, made once."""
    return Lexicon(tasks)
