"""Tries: all n-grams of a collection as nested dictionaries behind Hugging Face's ``prefix_allowed_tokens_fn``, as
GENRE (De Cao et al. 2021) has identifiers, beside the same n-grams as intervals."""

import gc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PrefixConstrainedLogitsProcessor

from generalist.app.zipf import BEAMS, DEEP, REPEATS, Row, beams, seconds, told, zipf
from generalist.retrieval.order import Ids
from generalist.retrieval.substrings import Substrings
from generalist.sequence.automaton import Allowed

__all__ = ["beside_a_trie"]

TOKENS = 100_000
"""A trie of a million dictionaries; of ten million tokens it would be one of a hundred million."""


class _Trie:
    def __init__(self, documents: Sequence[Sequence[int]]):
        self._root: dict[int, Any] = {}
        for document in documents:
            for at in range(len(document)):
                node = self._root
                for token in document[at : at + DEEP]:
                    node = node.setdefault(token, {})

    def follow(self, _: int, written: torch.Tensor) -> list[int]:
        """What may come after the start token and what a beam has written."""
        node = self._root
        for token in written[1:].tolist():
            node = node[token]
        return list(node)


class _Walk:
    """Beams that write ``ids`` (BEAMS, DEEP), a step at a time, on either side, with the same scores."""

    def __init__(self, ids: Ids, size: int, trie: _Trie, held: Substrings):
        self.written = torch.from_numpy(np.concatenate([np.zeros((BEAMS, 1), np.int64), ids], 1))
        self.scores = torch.randn(BEAMS, size)
        self.held, self.state = held, held.start(BEAMS)
        self.allowed: list[Allowed] = []
        self.processor = PrefixConstrainedLogitsProcessor(trie.follow, num_beams=BEAMS)

    def theirs(self, depth: int) -> torch.Tensor:
        return self.processor(self.written[:, : depth + 1], self.scores)

    def their_cutting(self, _: int) -> torch.Tensor:
        """What of theirs is not finding."""
        return self.scores + torch.full_like(self.scores, -torch.inf)

    def ours(self, depth: int) -> None:
        self.allowed.append(self.held.allowed(self.state))
        self.state = self.held.advance(self.state, self.written[:, depth + 1])

    def our_cutting(self, depth: int) -> torch.Tensor:
        """A model gives scores of the columns alone."""
        columns, mask = self.allowed[depth].columns, self.allowed[depth].mask
        return self.scores[:, : len(columns)].masked_fill(~mask, -torch.inf)

    def agree(self) -> bool:
        """Whether both sides allow the same."""
        for depth, allowed in enumerate(self.allowed):
            theirs, ours = self.theirs(depth).isfinite(), self.our_cutting(depth).isfinite()
            if not torch.equal(theirs[:, allowed.columns], ours) or theirs.sum() != ours.sum():
                return False
        return True


def beside_a_trie(size: int, count: int = TOKENS) -> Iterator[Row]:
    """How many times as long a step takes with the trie, over ``count`` tokens of a vocabulary of ``size``."""
    tokens, starts = zipf(count, size)
    documents = [tokens[a:b].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)]
    trie, held = _Trie(documents), Substrings.of(documents, DEEP).on(torch.from_numpy)
    rng = np.random.default_rng(2)
    found, whole, step = [], [], []
    gc.freeze()  # a million dictionaries would be gone through every so often, and either side blamed for it
    for repeat in range(REPEATS + 1):
        walk = _Walk(beams(rng, tokens, starts), size, trie, held)
        # Each side by itself: between the steps of the other neither finds its memory as it left it.
        theirs, their_cutting, ours, our_cutting = (
            seconds(lambda work=work: [work(depth) for depth in range(DEEP)], 1)[0]  # type: ignore[misc]
            for work in (walk.theirs, walk.their_cutting, walk.ours, walk.our_cutting)
        )
        assert walk.agree()
        if repeat:  # the first is slower on either side
            found.append((theirs - their_cutting) / ours)
            whole.append(theirs / (ours + our_cutting))
            step.append(1e3 * ours / DEEP)
    gc.unfreeze()
    of = f"{BEAMS} beams, vocabulary {size:,}, all n-grams of {count:,} tokens"
    yield told("vs_prefix_allowed_tokens_fn", found, "ratio", f"{of}; ours {np.median(step):.2f} ms a step")
    yield told("vs_prefix_allowed_tokens_fn_cut", whole, "ratio", "the same, with cutting the scores on both sides")
