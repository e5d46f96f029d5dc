"""Captions of the picture most alike: what a captioner must beat (Devlin et al. 2015).

    python benchmarks/specialists/captions.py --data DIR --set ucm --json

Pictures are alike by their colours: histograms of 4 x 4 x 4 colours in each quarter, by Hellinger's distance. Of the
captions of the k nearest training pictures the one is given that shares most words and pairs of words with the others.
k is the one that serves the training pictures best, each left out in turn. Nothing is drawn by chance.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record import device, options, record, run
from sets import SETS

from generalist.data.readers import open_data
from generalist.metrics.cider import cider_d, words
from generalist.sequence.sample import Answer, Sample

__all__ = ["Nearest", "colours_of", "consensus"]

NEIGHBOURS = (1, 2, 3, 5, 8, 13)
QUARTERS, LEVELS = 2, 4


class Nearest:
    """Captions from ``samples``, each with an image and its ``texts``."""

    def __init__(self, samples: Sequence[Sample]):
        self.texts = [sample.texts for sample in samples]
        self.colours = np.stack([colours_of(sample.image) for sample in samples])
        alike = self.colours @ self.colours.T
        np.fill_diagonal(alike, -1)
        self.scores = {
            k: cider_d([self._said(row, k) for row in alike], self.texts) for k in NEIGHBOURS if k < len(samples)
        }
        self.k = max(self.scores, key=self.scores.__getitem__, default=1)

    def answer(self, sample: Sample) -> Answer:
        """The caption for an image."""
        return Answer("caption", sample.size, text=self._said(self.colours @ colours_of(sample.image), self.k))

    def _said(self, alike: NDArray[Any], k: int) -> str:
        return consensus([text for row in np.argsort(-alike, kind="stable")[:k] for text in self.texts[row]])


def colours_of(image: Any) -> NDArray[np.float64]:
    """The colours of an image (H, W, 3) uint8, of length 1: products of two such are Bhattacharyya's coefficient."""
    parts = [half for strip in np.array_split(image, QUARTERS) for half in np.array_split(strip, QUARTERS, axis=1)]
    codes = [(part // (256 // LEVELS)).astype(np.int64) @ [LEVELS**2, LEVELS, 1] for part in parts]
    counts = [np.bincount(code.ravel(), minlength=LEVELS**3) / code.size for code in codes]
    return np.sqrt(np.concatenate(counts) / len(parts))


def consensus(texts: Sequence[str]) -> str:
    """The text with the highest mean F1 of words and pairs of words against the others; of equals the first."""
    grams = [set(_grams(text)) for text in texts]
    row = {gram: i for i, gram in enumerate(sorted(set().union(*grams)))}
    has = np.zeros((len(texts), len(row)))
    for i, mine in enumerate(grams):
        has[i, [row[gram] for gram in mine]] = 1
    sizes = has.sum(1)
    shared = 2 * (has @ has.T) / np.maximum(sizes[:, None] + sizes[None], 1)
    np.fill_diagonal(shared, 0)
    return texts[int(shared.sum(1).argmax())]


def _grams(text: str) -> Iterator[tuple[str, ...]]:
    split = words(text)
    yield from ((word,) for word in split)
    yield from pairwise(split)


def _work(given: argparse.Namespace) -> dict[str, Any]:
    kind, began = SETS[given.set], time.monotonic()
    data = open_data(kind.data(given.data, kind.train))
    nearest = Nearest([data.sample(i, kind.task) for i in range(len(data))])
    told = {
        "model": f"nearest of {len(data)} by colour histograms, k = {nearest.k}",
        "parameters": 0,
        "minutes": round((time.monotonic() - began) / 60, 2),
        "device": device("cpu"),
    }
    return record(kind, given, told, nearest.answer)


if __name__ == "__main__":
    run(options(__doc__, ["ucm"]), None, _work)
