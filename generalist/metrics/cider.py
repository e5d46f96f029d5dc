"""CIDEr-D, the consensus of a caption with its references (Vedantam, Zitnick and Parikh, CVPR 2015)."""

import re
from collections import Counter
from collections.abc import Sequence
from math import exp, log, sqrt

__all__ = ["cider_d", "words"]

ORDERS = 4
SIGMA = 6.0

Ngram = tuple[str, ...]
Vector = dict[Ngram, float]


def words(text: str) -> list[str]:
    """The words of a caption, lower case, without punctuation; an apostrophe or hyphen inside a word stays."""
    return re.findall(r"\w+(?:['-]\w+)*", text.lower())


def cider_d(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """The mean CIDEr-D of ``captions`` against the references of each, in [0, 10] as the authors scale it.

    Section 5 of the paper: n-grams of 1 to 4 words weighted by tf-idf, where the document frequency of an n-gram is
    the number of images with it in a reference; counts of the caption clipped to the reference's; a Gaussian penalty
    (sigma 6) on the difference in length. Words are as written, without a stemmer, as in the authors' code. With one
    image every idf is log 1 = 0, and so is the score.
    """
    split = [[words(text) for text in texts] for texts in references]
    frequency: list[Counter[Ngram]] = [
        Counter(gram for texts in split for gram in {g for text in texts for g in _ngrams(text, n)})
        for n in range(1, ORDERS + 1)
    ]
    scores = [_score(words(text), texts, frequency, len(split)) for text, texts in zip(captions, split, strict=True)]
    return sum(scores) / len(scores) if scores else 0.0


def _score(caption: list[str], references: list[list[str]], frequency: list[Counter[Ngram]], images: int) -> float:
    total = 0.0
    for n, counts in enumerate(frequency, 1):
        mine = _vector(caption, n, counts, images)
        for reference in references:
            penalty = exp(-((len(caption) - len(reference)) ** 2) / (2 * SIGMA**2))
            total += penalty * _similarity(mine, _vector(reference, n, counts, images))
    return 10 * total / ORDERS / max(len(references), 1)


def _similarity(mine: Vector, theirs: Vector) -> float:
    """Cosine in which no n-gram of the caption weighs more than in the reference (section 5 of the paper)."""
    norm = sqrt(sum(v * v for v in mine.values())) * sqrt(sum(v * v for v in theirs.values()))
    shared = sum(min(value, theirs[gram]) * theirs[gram] for gram, value in mine.items() if gram in theirs)
    return shared / norm if norm else 0.0


def _vector(text: list[str], n: int, frequency: Counter[Ngram], images: int) -> Vector:
    """tf-idf. Term frequencies are counts, not shares: the cosine would cancel the length, but the clipping not."""
    return {gram: count * log(images / max(frequency[gram], 1)) for gram, count in Counter(_ngrams(text, n)).items()}


def _ngrams(text: list[str], n: int) -> list[Ngram]:
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
