"""Utterance: one thing that a person typed, in all its readings, and how well each task accounts for it.

A task is scored in the currency of telling words (see ``lexicon``):

    a form that fits the whole text   the weights of its fixed words, and ``WHOLE``; ``LITERAL`` more as it stands
    words of it here and there        the weights of those present, less a share of those missing, and the rest of the
                                      text is the field
    either                            how well the field suits its kind (a phrase is one thing, labels are many, a
                                      question asks), less what the field swallows of other tasks' telling words

A form is tried on every reading of the text: as typed, and with ever more of the courtesies around it taken off.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from generalist.sequence.apart import apart
from generalist.sequence.aside import plainly, wanted
from generalist.sequence.english import (
    EMPTY,
    bared,
    is_empty,
    is_question,
    opened,
    quiet,
    readings,
    trimmed,
)
from generalist.sequence.lexicon import Form, Lexicon
from generalist.sequence.manner import parted
from generalist.sequence.noun import phrase_of
from generalist.sequence.phrasing import Reading, reading
from generalist.sequence.place import counted, elsewhere
from generalist.sequence.prompt import read_field
from generalist.sequence.suiting import FITS, WHOLE, asked, named
from generalist.sequence.task import Task
from generalist.sequence.telling import BESIDE
from generalist.sequence.turns import ordered

__all__ = ["OF_KIND", "REGION", "Understood", "Utterance"]

LITERAL = 0.3
CLOSED = 0.5  # a whole form that leaves no word to a field
IN_PART = 0.85  # of a form of which only some words are there
SWALLOWED = 0.4  # of a word's weight, inside a field
IDLE = 0.1  # for a word that neither the task nor its field accounts for
LED = 0.3  # the same article or quantifier as in the prompt
REGION, OF_KIND, UNUSED = 0.4, 0.2, 0.4  # a region that the task takes; of the very kind; that it has no use for


MANNER = 0.6  # said of the answer, in words of the task; in words that are not
DROPPED = 0.4  # of a word's weight, in a sentence that is left out
QUERIED = 0.2  # of a question to nobody
STATED = 0.2  # of a document that is a sentence
LAST = 0.1  # the last of two verbs says what is wanted: detect and segment
BORROWED = 0.6  # for a form of another task, that tells with the manner which thing is meant

_BOTH = re.compile(r"\w+\s+(?:and|then|and\s+then)\s+(\w+)\s+(\S.*)", re.I | re.S)
_THIS = re.compile(r"(?:for|this|the\s+following|(?:my|the|this)\s+question)\s*:\s*(?=\w)", re.I)
"""Answers this: who designed it?"""
_ASKED_FIRST = re.compile(r"[^.?!]*\?\s+\S")
_VERBLESS = re.compile(r"\w+\s+((?:the|all|every|each)\s.*)", re.I | re.S)
"""Whatever is done to every bottle, it is every bottle that is meant."""

How = Literal["literally", "in other words", "by its words", "as the model reads it", "by its name"]


@dataclass(frozen=True)
class Understood:
    """A task, and the fields read out of the text. how: ``literally``, ``in other words`` or ``by its words``,
    and where no prompt fits ``by its name`` or ``as the model reads it``.

    nearest: the tasks with their scores, best first, this one among them.
    """

    task: str
    fields: dict[str, object]
    how: How
    score: float
    nearest: tuple[tuple[str, float], ...] = ()


def _counts(task: Task) -> bool:
    return task.file.answer == "number"


class Utterance:
    """An instruction with all its readings."""

    def __init__(self, text: str, lexicon: Lexicon, has_image: bool, region_kind: str | None, whole: str = ""):
        self.text, self.lexicon = text.strip(), lexicon
        self.whole = whole.strip() or self.text
        self.dropped = 0.0 if not whole else DROPPED * (self.lexicon.telling(whole) - self.lexicon.telling(text)) + 0.05
        self.has_image, self.region_kind = has_image, region_kind
        self.asks = is_question(self.text)
        body = ordered(wanted(plainly(self.text), lexicon.known), lexicon.known)
        self.manner = parted(body, lexicon.known)
        self.readings = self._all(self.text, body, self.manner.text)
        self.plain = self._all(body, self.manner.text)
        found = _BOTH.match(bared(self.manner.text))
        self.meant = f"{found[1]} {found[2]}" if found else ""
        named = readings(self.manner.text)
        verbless = [found[1] for text in named if (found := _VERBLESS.match(text))] if self.manner.telling else []
        self.named = [reading(text) for text in (*named, *verbless)]
        self.elsewhere = [reading(short) for text in named for short in elsewhere(trimmed(text))]
        self.unplaced = [reading(counted(trimmed(text))) for text in named]

        self.apart = [(found, reading(bared(found.said))) for found in apart(self.text)]
        every = (*self.readings, *self.named, *self.elsewhere, *self.unplaced)
        self.fitting = lexicon.fitting(frozenset().union(*(one.stems for one in every)))
        """The forms of each task that have all of their words in some reading."""
        self.last = reading(bared(self.manner.text))
        self.here, self.phrases = self.readings[0].stems, lexicon.phrases_in(self.readings[0].stemmed)
        self.told = {name: lexicon.sum(self._telling(name)) for name in lexicon.told}
        self.partly = lexicon.loose.best(self.here, self.told, self.asks)

    @staticmethod
    def _all(*heads: str) -> list[Reading]:
        return [reading(text) for text in dict.fromkeys(short for head in heads for short in readings(head))]

    def read(self, task: Task) -> Understood | None:
        """The best that the text says as a request of this task."""
        given = self._given(task) - self.dropped + MANNER * self._mannered(task)
        found = (*self._whole(task), *self._borrowed(task), *self._apart(task), *self._part(task))
        best = max(found, key=lambda one: one.score, default=None)
        return best and replace(best, score=best.score + given)

    def _mannered(self, task: Task) -> float:
        """Whether what is said of the answer is said in words of the task: 1 if it is, down to -1 if none is."""
        said = self.manner.telling
        if not said:
            return 0.0
        there = len(said & self.lexicon.said[task.name]) / len(said)
        return 1.0 if there == 1 else there - 1

    def _given(self, task: Task) -> float:
        """How well the task suits what came beside the text."""
        needs = {need.name: need for need in task.inputs}
        score = 0.0
        if self.region_kind is not None:
            region = needs.get("region")
            score += -UNUSED if region is None else REGION + OF_KIND * (region.kind is not None)
        return score - UNUSED * (self.has_image and "image" not in needs)

    def _can(self, fields: Sequence[str]) -> bool:
        """Whether what a form needs beside the text is there."""
        return self.region_kind is not None or "region" not in fields

    # ---- a form that fits the whole of a reading -----------------------------------------------------------------

    def _whole(self, task: Task) -> Iterator[Understood]:
        for form in self.fitting.get(task.name, ()):
            if not self._can(form.fields):
                continue
            for read in self._read_by(form, task):
                if form.fixed <= read.stems and (found := form.pattern.fullmatch(read.stemmed)):
                    spans = {name: read.span(*found.span(name)) for name in form.fields if name != "region"}
                    values = {name: read.between(*span, name) for name, span in spans.items()}
                    literal = read.spelled(spans, self.lexicon.spelled[task.name])
                    how: How = "literally" if literal and read is self.readings[0] else "in other words"
                    score = self.lexicon.sum(form.fixed) + WHOLE + LITERAL * literal + CLOSED * (not spans)
                    if self.meant and read.text.startswith(self.meant):
                        score += LAST
                    if spans:
                        led = read.led(next(iter(spans.values()))[0])
                        score += LED * ((led == form.led and led in ("the", "every")) - (led != form.led == "every"))
                    made = self._made(task, values, score, bool(form.fixed), how)
                    if made:
                        yield made

    def _read_by(self, form: Form, task: Task) -> list[Reading]:
        """The readings in which a form's names hold none of the manner; where things are counted is told apart too."""
        if _counts(task):
            return self.named + self.unplaced
        names = FITS.keys() & set(form.fields)
        if not names:
            return self.readings
        suited = self.plain if self.manner.said <= form.fixed else self.named
        ends = form.stems[-1].startswith("{")
        return suited if ends or "labels" not in names else suited + self.elsewhere

    def _borrowed(self, task: Task) -> Iterator[Understood]:
        """The manner tells the task, and a form of another task tells which thing is meant: "find the cat, mask"."""
        if not self.manner.telling or self._mannered(task) < 1:
            return
        told = self.lexicon.sum(self.manner.telling & self.lexicon.told[task.name])
        for fields in self._fields(task):
            if len(fields) != 1 or fields[0] not in FITS:
                continue
            for form in (form for forms in self.fitting.values() for form in forms if form.fields == fields):
                for read in self.named:
                    if form.fixed <= read.stems and (found := form.pattern.fullmatch(read.stemmed)):
                        value = read.between(*read.span(*found.span(fields[0])), fields[0])
                        score = told + BORROWED * self.lexicon.sum(form.fixed) + WHOLE
                        made = self._made(task, {fields[0]: value}, score, True, "in other words")
                        if made:
                            yield made

    def _apart(self, task: Task) -> Iterator[Understood]:
        """A field that stands apart, behind a colon, in quotation marks or on its own lines, and what is said of it."""
        names = [need.name for need in task.inputs if need.name not in ("image", "region")]
        if len(names) != 1:
            return
        how = ""
        for found, said in self.apart:
            if names[0] == "document" and how not in ("", found.how):
                return  # by a surer mark it has been told what is the document
            if not found.stands_for(names[0]) or (names[0] == "document" and self.has_image and found.how == "."):
                continue
            phrases = self.lexicon.phrases_in(said.stemmed) & self.lexicon.phrases[task.name]
            told = (self.lexicon.told[task.name] & said.stems - EMPTY).union(*phrases)
            if not told:
                continue
            how = found.how
            idle = sum(word.stem not in told for word in said.words if not is_empty(word))
            score = IN_PART * self.lexicon.sum(told) - IDLE * idle + WHOLE * (not idle)
            if names[0] in FITS:
                made = self._made(task, {names[0]: found.given}, score, True, "by its words")
                if made:
                    yield made
            else:
                given = found.given if names[0] == "document" else found.given.rstrip(" .?!")
                if names[0] == "document":  # of two texts that is the order which says little else
                    score -= IDLE * idle
                    score += STATED * (given.endswith(".") and " " in given) - DROPPED * is_question(given)
                score += LITERAL * (found.how != ":")
                yield Understood(task.name, {names[0]: given}, "by its words", score)

    def _made(
        self,
        task: Task,
        values: dict[str, str],
        score: float,
        told: bool,
        how: How,
    ) -> Understood | None:
        """With its fields read and their suitability added; None where a field would be empty."""
        fields: dict[str, object] = {}
        for name, text in values.items():
            if name in ("question", "query") and not told:
                text = self.whole  # as it was typed, courtesies and all
            if (self.text.isupper() or self.text.istitle()) and name in FITS:
                text = quiet(text)
            if name in FITS and self.whole.startswith(text):
                text = opened(text)
            if name == "document" and ":" in self.text and not self.text.partition(":")[2].strip().endswith(text):
                return None  # what stands before the colon is no part of it
            if name == "document" and ("\n" in text or _ASKED_FIRST.match(text)):
                return None  # nor what stands on a line of its own: see ``apart``
            if name == "query":
                text = _THIS.sub("", text)
            if name == "query" and told and not is_question(text):
                text = phrase_of(text)
            if name == "query" and told and not self.text.partition(":")[2].strip().endswith(text):
                text = text.rstrip(" ?")  # which document explains how it works? - it is the document that is asked for
            value = read_field(name, counted(trimmed(text)) if name == "labels" and _counts(task) else text)
            suits = self._suits(name, text, told)
            if not value or suits is None:
                return None
            fields[name] = value
            score += suits - SWALLOWED * self.lexicon.telling(text) / (1 + (name in ("question", "query")))
        return Understood(task.name, fields, how, score)

    def _suits(self, name: str, text: str, told: bool) -> float | None:
        """How well a text suits a field; None where it cannot be one."""
        if name in FITS:
            return named(name, text, told, self.region_kind is not None)
        if told:
            return 0.3 * (name == "question" and is_question(text))
        if name == "question":
            return asked(self.text, self.asks, self.lexicon.known)
        # A question with no picture to ask about can only be put to the documents.
        asks = not self.has_image and asked(self.text, self.asks, self.lexicon.known) is not None
        return QUERIED if asks else None

    # ---- words of a task here and there --------------------------------------------------------------------------

    def _part(self, task: Task) -> Iterator[Understood]:
        phrases = self.phrases & self.lexicon.phrases[task.name]
        best = dict(self.partly.get(task.name, {}))
        for stems in phrases:
            score = self.lexicon.sum([stems] if len(stems) > 1 else stems)
            beside = self.told[task.name] - self.lexicon.sum(self._telling(task.name) & {stems, *stems})
            for fields in self._fields(task):
                best[fields] = max(score + BESIDE * beside, best.get(fields, 0.0))
        telling = self.lexicon.told[task.name].union(*phrases)
        last = self.last
        for fields, score in best.items():
            asked = [name for name in fields if name != "region"]
            span, idle = last.rest(telling)
            if not self._can(fields) or len(asked) > 1 or (asked and span is None) or asked == ["document"]:
                continue
            if span is not None and not asked:
                idle += last.content(*span)
            if span is not None and asked == ["labels"]:
                span = last.to_the_end(*span)
            values = {name: last.between(*span, name) for name in asked if span is not None}
            made = self._made(task, values, IN_PART * score - IDLE * idle, True, "by its words")
            if made:
                yield made

    def _telling(self, name: str) -> set[str | tuple[str, ...]]:
        """The telling words of a task that are there, and its phrases of several words."""
        return {*(self.lexicon.told[name] & self.here), *self.phrases & self.lexicon.longer[name]}

    def _fields(self, task: Task) -> Sequence[tuple[str, ...]]:
        """The fields of the task's prompts, those that can be given here."""
        return [fields for fields in self.lexicon.fields[task.name] if self._can(fields)]
