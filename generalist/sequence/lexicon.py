"""Lexicon: which words tell the tasks apart, computed from the task files alone.

A word that one task alone uses in its prompts tells it surely, one that all use tells nothing: its weight is
``1 - log(tasks that use it) / log(all tasks + 1)``. Words that every request is full of count for a fraction.
"""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log

from generalist.sequence.english import ASKING, AUXILIARIES, EMPTY, Word, is_empty, words
from generalist.sequence.pointing import POINTED
from generalist.sequence.task import Task

__all__ = ["Form", "Lexicon", "determiner", "lexicon"]

TYPED, NEAR = 5, 0.8
"""Letters of a word in which a slip of the keyboard is recognised, and how alike the two spellings then are."""
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
    """A prompt as stems, however it is spelled, or with no ``fields`` known, one of a task's telling ``words``.

    led: the ``determiner`` of its first field. question: whether it asks.
    """

    fields: tuple[str, ...] | None
    stems: tuple[str, ...]
    led: str
    question: bool

    @classmethod
    def of(cls, text: str, fields: tuple[str, ...] | None) -> "Form":
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
    forms, phrases, told, spelled: of each task, the forms of its prompts, its ``words``, the stems of both, and its
    prompts in all their spellings. loose: forms and words alike, those that differ in order alone once, with the weight
    of the whole. said: of each task, every stem of its forms and words. known: those of all tasks that say something.
    of_fields: the forms of all tasks that have the same fields.
    """

    def __init__(self, tasks: tuple[Task, ...]):
        self.forms: dict[str, tuple[Form, ...]] = {}
        self.phrases: dict[str, frozenset[tuple[str, ...]]] = {}
        self.loose: dict[str, dict[Form, float]] = {}
        self.spelled: dict[str, frozenset[str]] = {}
        self.told: dict[str, frozenset[str]] = {}
        used: Counter[str | tuple[str, ...]] = Counter()
        for task in tasks:
            name = task.name
            spelled = list(dict.fromkeys(Form.of(text, t.fields) for t in task.templates for text in t.spellings))
            self.spelled[name] = frozenset(text.lower() for t in task.templates for text in t.spellings)
            further = [Form.of(text, None) for text in task.file.words]
            self.forms[name] = tuple(spelled)
            self.phrases[name] = frozenset(form.stems for form in further)
            alone = [form for form in further if len(form.stems) == 1]
            self.told[name] = frozenset().union(*(form.fixed for form in (*spelled, *alone)))
            used.update(self.told[name])
            used.update({form.stems for form in further if len(form.stems) > 1})
        self.said = {task.name: self.told[task.name].union(*self.phrases[task.name]) for task in tasks}
        self.of_fields: dict[tuple[str, ...] | None, list[Form]] = defaultdict(list)
        for form in (form for forms in self.forms.values() for form in forms):
            self.of_fields[form.fields].append(form)
        self.known = frozenset().union(*self.said.values()) - EMPTY - AUXILIARIES
        most = log(len(tasks) + 1)
        texts = (text for task in tasks for text in (*task.file.prompts, *task.file.words))
        found = {word.text for text in texts for word in words(re.sub(r"[()\[\]|]", " ", text)) if not is_empty(word)}
        self.typed = sorted(word for word in found if len(word) >= TYPED and "{" not in word)
        self.weight = {word: (1 - log(n) / most) * self._meaning(word) for word, n in used.items()}
        for task in tasks:
            alike = {(form.fields, form.fixed, form.question): form for form in self.forms[task.name]}
            whole = {form: self.sum(form.fixed) for form in alike.values()}
            for stems in self.phrases[task.name]:
                form = Form(None, stems, "", False)
                whole[form] = self.sum([stems]) if len(stems) > 1 else self.sum(stems)
            self.loose[task.name] = whole

    @staticmethod
    def _meaning(word: str | tuple[str, ...]) -> float:
        return COMMON if word in EMPTY or word in AUXILIARIES else 1.0

    def telling(self, text: str) -> float:
        """The weight of all the telling words and phrases in a text."""
        found = [word for word in words(text) if not word.silent]
        stems = " ".join(word.stem for word in found)
        phrases = [key for key in self.weight if isinstance(key, tuple) and f" {' '.join(key)} " in f" {stems} "]
        alone = {word.stem for word in found if not is_empty(word)}.difference(*phrases)
        return self.sum(alone) + self.sum(phrases)

    def corrected(self, text: str) -> str:
        """The text with the words that nobody knows spelled as the telling words that they nearly are."""
        for word in reversed(words(text)):
            if len(word.text) >= TYPED and word.stem not in self.weight and not is_empty(word):
                near = difflib.get_close_matches(word.text, self.typed, 1, NEAR)
                text = text[: word.start] + near[0] + text[word.stop :] if near else text
        return text

    def sum(self, stems: Iterable[str | tuple[str, ...]]) -> float:
        """The weights of some stems together."""
        return sum(self.weight.get(stem, 0.0) for stem in stems)


@lru_cache(maxsize=8)
def lexicon(tasks: tuple[Task, ...]) -> Lexicon:
    """The lexicon of some tasks, made once."""
    return Lexicon(tasks)
