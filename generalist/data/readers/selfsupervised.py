"""A corpus alone: queries that documents make of themselves, to learn from where nobody has asked anything.

keywords  the rarer words of a sentence, to the document that holds it
cloze     a sentence, to the rest of its document: inverse cloze (Lee et al. 2019)
inner     a sentence, to its document: inner-sentence selection (Chen et al. 2022)
lead      the opening of a document, to all of it: lead-passage selection (Chen et al. 2022)
body      a sentence, to another passage under the same title: body first (Chang et al. 2020)
link      a sentence that names another document's title, to that one: link prediction, hyperlinks (both)
"""

import re
from collections.abc import Callable
from functools import cached_property

import numpy as np

from generalist.data.quotes import QUOTES, Quotes, posed, words_of
from generalist.data.readers.corpora import PREFIXES, Corpus, titled, worded
from generalist.data.readers.dataset import Spec, require
from generalist.faults import Fault
from generalist.sequence.granularity import GRANULARITIES
from generalist.sequence.sample import Sample
from generalist.sequence.units.text import fold

__all__ = ["KINDS", "SelfSupervised"]

_END = re.compile(r"(?<=[.!?])\s+")

ASKING = (
    "who", "what is", "when did", "where is", "how many", "which", "what", "who was the", "when was", "where does",
    "how", "why is", "what are the", "what kind of", "in what year", "what was the name of",
)  # fmt: skip

LONGEST_TITLE = 6
"""Words of the longest title that is looked for in a text."""

KEPT = (3, 9)
"""Fewest and most words that are kept of a sentence as a query of keywords."""

Posed = tuple[str, int, str]
"""A query, the place of the document that answers it, and the text that it must not be answered with, or nothing."""


class SelfSupervised:
    """``corpus:PATH?kinds=keywords,cloze``: whatever an index is built over, see ``Corpus``. kinds: how queries are
    made, all ways alike often unless some are named. granularity: what is asked for half of the time, as of ``beir``.
    There is no split: what is learned here are the documents."""

    tasks: tuple[str, ...] = ("retrieve", "quote")
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name = spec.text
        spec.allow("kinds", "granularity")
        source = spec.text.removeprefix(f"{spec.reader}:").partition("?")[0]
        if spec.split is not None and source.partition(":")[0] not in PREFIXES:
            raise Fault(f"{spec.text}: a corpus has no splits, {spec.split!r} is none")
        self.kinds = spec.several("kinds", KINDS) or tuple(KINDS)
        self.granularities = spec.several("granularity", GRANULARITIES)
        # Titles as an index has them: what it names a document by is what is to be written.
        self.documents = [titled(document) for document in Corpus(source).every() if worded(document)]
        if not self.documents:
            raise Fault(f"{spec.text}: holds no document with words")

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def quotes(self) -> Quotes:
        return Quotes(self.documents)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A query made of document ``index``, in the first of the kinds, or with ``rng`` in any of them. ``texts`` are
        runs of the document that answers it, or for ``retrieve`` its title."""
        require(self, task, index)
        draw = rng or np.random.default_rng(index)
        kind = self.kinds[0 if rng is None else int(rng.integers(len(self.kinds)))]
        query, place, hidden = KINDS[kind](self, index, draw)
        answer, granularity = self.documents[place], posed(self.granularities, rng)
        if task == "retrieve":
            texts: tuple[str, ...] = (answer.title,)
        else:
            query = fold(query)
            texts = self.quotes.draw(place, query, QUOTES, rng, granularity)
            # What was asked with is not to be found by itself alone, so it is left out of most answers.
            if hidden and draw.random() < 0.9:
                texts = tuple(text for text in texts if fold(text) not in fold(hidden)) or texts
        return Sample(
            id=str(index), query=query, documents=(answer.id,), text=texts[0], texts=texts, granularity=granularity
        )

    def sentence(self, index: int, rng: np.random.Generator) -> str:
        """A sentence of a document of three words or more; its title if there is none."""
        document = self.documents[index]
        sentences = [part for part in _END.split(document.text) if len(words_of(part)) >= 3]
        return sentences[int(rng.integers(len(sentences)))] if sentences else document.title or document.text

    def keywords(self, index: int, rng: np.random.Generator) -> Posed:
        words = words_of(self.sentence(index, rng))
        rarity = self.quotes.rarity(words) + 0.3
        count = min(int(rng.integers(KEPT[0], KEPT[1] + 1)), len(words))
        kept = rng.choice(len(words), count, replace=False, p=rarity / rarity.sum())
        kept = kept if rng.random() < 0.3 else np.sort(kept)
        asking = [ASKING[int(rng.integers(len(ASKING)))]] if rng.random() < 0.5 else []
        return " ".join([*asking, *(words[i].strip(".,;:!?\"'()") for i in kept)]), index, ""

    def cloze(self, index: int, rng: np.random.Generator) -> Posed:
        sentence = self.sentence(index, rng)
        return sentence, index, sentence

    def inner(self, index: int, rng: np.random.Generator) -> Posed:
        return self.sentence(index, rng), index, ""

    def lead(self, index: int, rng: np.random.Generator) -> Posed:
        document = self.documents[index]
        opening = _END.split(document.text)[0] or document.title
        return opening, index, ""

    def body(self, index: int, rng: np.random.Generator) -> Posed:
        alike = self._titled[self.documents[index].title]
        others = [i for i in alike if i != index] or [index]
        return self.sentence(index, rng), others[int(rng.integers(len(others)))], ""

    def link(self, index: int, rng: np.random.Generator) -> Posed:
        """A sentence around a title of another document; where none is named, of the document itself."""
        sentences = _END.split(self.documents[index].text)
        found = [(sentence, place) for sentence in sentences for place in self._named(sentence, index)]
        if not found:
            return self.inner(index, rng)
        sentence, place = found[int(rng.integers(len(found)))]
        return sentence, place, ""

    @cached_property
    def _titled(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for i, document in enumerate(self.documents):
            places.setdefault(document.title, []).append(i)
        return places

    @cached_property
    def _titles(self) -> dict[tuple[str, ...], int]:
        """Words of the titles that could be names, and the first document of each."""
        names = {tuple(words_of(fold(title))): at[0] for title, at in self._titled.items()}
        return {name: at for name, at in names.items() if 0 < len(name) <= LONGEST_TITLE and len(" ".join(name)) > 3}

    def _named(self, sentence: str, index: int) -> list[int]:
        words = [word.strip(".,;:!?\"'()") for word in words_of(fold(sentence))]
        runs = (tuple(words[i : i + n]) for n in range(1, LONGEST_TITLE + 1) for i in range(len(words) - n + 1))
        found = (self._titles[run] for run in runs if run in self._titles)
        return [at for at in found if self.documents[at].title != self.documents[index].title]


KINDS: dict[str, Callable[[SelfSupervised, int, np.random.Generator], Posed]] = {
    "keywords": SelfSupervised.keywords,
    "cloze": SelfSupervised.cloze,
    "inner": SelfSupervised.inner,
    "lead": SelfSupervised.lead,
    "body": SelfSupervised.body,
    "link": SelfSupervised.link,
}
