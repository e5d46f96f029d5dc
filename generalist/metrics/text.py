"""Measures of written answers: captions against several references, short answers against the accepted ones."""

import re

from generalist.metrics.calibration import Calibration
from generalist.metrics.cider import cider_d
from generalist.sequence.sample import Answer, Sample

__all__ = ["Accuracy", "Caption", "plain_answer"]

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(i) for i, word in enumerate(_NUMBER_WORDS)} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})


class Caption:
    """``CIDEr-D`` in [0, 10], ``BLEU-4`` in [0, 1] of the whole set (by sacrebleu, case aside), and ``exact``, the
    share that equals a reference but for case and spaces. Papers often print the first two times a hundred."""

    def __init__(self) -> None:
        self._captions: list[str] = []
        self._references: list[tuple[str, ...]] = []

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``text`` in the answer, ``texts`` or ``text`` in the sample."""
        self._captions.append(answer.text or "")
        self._references.append(sample.texts or (sample.text,))

    def result(self) -> dict[str, float]:
        """The three figures."""
        if not self._captions:
            return {}
        exact = [
            _folded(text) in {_folded(reference) for reference in references}
            for text, references in zip(self._captions, self._references, strict=True)
        ]
        return {
            "CIDEr-D": cider_d(self._captions, self._references),
            "BLEU-4": self._bleu(),
            "exact": sum(exact) / len(exact),
        }

    def _bleu(self) -> float:
        from sacrebleu.metrics.bleu import BLEU

        most = max(len(references) for references in self._references)
        # sacrebleu takes streams: the i-th reference of every caption, None where a caption has fewer.
        streams = [[texts[i] if i < len(texts) else None for texts in self._references] for i in range(most)]
        score = BLEU(lowercase=True).corpus_score(self._captions, streams)  # type: ignore[arg-type]
        return float(score.score) / 100


class Accuracy:
    """``accuracy``, the share of answers equal to an accepted one in VQA's plain form; and ``ECE`` of their scores."""

    def __init__(self) -> None:
        self._right: list[bool] = []
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``text`` in the answer, ``texts`` or ``text`` in the sample; ``scores`` (1,) if there is one."""
        accepted = {plain_answer(text) for text in (sample.texts or (sample.text,))}
        right = plain_answer(answer.text or "") in accepted
        self._right.append(right)
        if answer.scores is not None and len(answer.scores):
            self.calibration.add(answer.scores[:1], [right])

    def result(self) -> dict[str, float]:
        """In [0, 1]."""
        if not self._right:
            return {}
        return {"accuracy": sum(self._right) / len(self._right)} | self.calibration.result()


def plain_answer(text: str) -> str:
    """A short answer as VQA's evaluation compares it (Antol et al. 2015): lower case, no articles or punctuation,
    number words as digits. Inside a number a point stays and a comma goes; elsewhere punctuation parts words."""
    text = re.sub(r"(?<=\d),(?=\d)", "", text.lower())
    text = re.sub(r"(?!(?<=\d)\.(?=\d))[^\w\s']", " ", text)
    return " ".join(_NUMBERS.get(word, word) for word in text.replace("'", "").split() if word not in _ARTICLES)


def _folded(text: str) -> str:
    return " ".join(text.lower().split())
