"""Targets: what is to be predicted at which tokens of a batch, in groups that share what the grammar allows."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generalist.data.answers import Request
from generalist.data.rows import flat, row_of
from generalist.sequence.automaton import START
from generalist.sequence.vocabulary import ORDINAL, Vocabulary

__all__ = ["Shown", "Targets"]

FAR_APART = 1e4
"""Distance between columns that are not neighbours in an ordinal block: the soft target never reaches across it."""

Allowed = tuple[tuple[tuple[int, int], ...], bool]
"""Ranges of ids that the grammar allows besides names, and whether it allows names."""


@dataclass(slots=True)
class Group:
    """Growing columns of the targets of one group."""

    at: list[NDArray[Any]] = field(default_factory=list)
    target: list[NDArray[Any]] = field(default_factory=list)
    weight: list[NDArray[Any]] = field(default_factory=list)
    share: list[NDArray[Any]] = field(default_factory=list)
    task: list[NDArray[Any]] = field(default_factory=list)
    request: list[NDArray[Any]] = field(default_factory=list)


class Targets:
    """The tokens of answers, each scored against what could have stood in its place."""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self._groups: dict[Allowed, Group] = defaultdict(Group)

    def add(
        self,
        request: Request,
        number: int,
        ids: NDArray[np.int64],
        weight: NDArray[np.float32],
        at: NDArray[np.int64],
        counts: float = 1.0,
    ) -> None:
        """Sorts tokens of an answer, ids (K, L) padded with -1 with weights (K, L), by what the automaton allows.

        number: of the request in its batch. at (K, L): the places that they are predicted from (see ``flat``), -1 where
        nothing is. counts: 0 if they come on top of what the mean is over, so that blocks take nothing from the answer
        that they repeat.
        """
        automaton, label = request.task.constraint(request.sample), self.vocabulary["label"]
        states = np.full(ids.shape, START, np.int64)
        for step in range(1, ids.shape[1]):
            states[:, step] = automaton.next[states[:, step - 1], automaton.class_of[np.maximum(ids[:, step - 1], 0)]]
        there = at >= 0
        for state in np.unique(states[there]):
            here = there & (states == state) & (weight > 0)
            allowed = self._allowed(automaton.ranges[state])
            columns = _columns(allowed[0])
            token = ids[here]
            pointer = (token >= label.start) & (token < label.stop)
            # The loss of objects is a mean over what they write: dividing by every silent lattice point would drown it.
            silent = request.task.shape == "objects" and state == START
            group = self._groups[allowed]
            group.at.append(at[here])
            group.target.append(np.where(pointer, len(columns) + token - label.start, np.searchsorted(columns, token)))
            group.weight.append(weight[here])
            group.share.append(counts * weight[here] * (token != self.vocabulary.none if silent else 1))
            group.task.append(np.full(len(token), request.index))
            group.request.append(np.full(len(token), number))

    def _allowed(self, ranges: Any) -> Allowed:
        label = self.vocabulary["label"]
        named = any(a < label.stop and b > label.start for a, b in ranges)
        plain = tuple((a, min(b, label.start)) for a, b in ranges if a < label.start)
        plain += tuple((max(a, label.stop), b) for a, b in ranges if b > label.stop)
        return plain, named

    def tensors(self, longest: int, widest: int) -> list[dict[str, Any]]:
        """The groups as ``generalist.model.losses.grouped_loss`` has them, in rows of ``longest`` tokens, of requests
        with at most ``widest`` names."""
        return [self._tensors(allowed, group, longest, widest) for allowed, group in self._groups.items()]

    def _tensors(self, allowed: Allowed, group: Group, longest: int, widest: int) -> dict[str, Any]:
        ranges, named = allowed
        columns = _columns(ranges)
        order, ordinal = _order(columns, widest if named else 0, self.vocabulary)
        weight, share = (np.concatenate(x).astype(np.float32) for x in (group.weight, group.share))
        return {
            "columns": torch.from_numpy(columns),
            "named": named,
            "ordinal": ordinal,
            "order": torch.from_numpy(order),
            "at": _even(flat(np.concatenate(group.at), longest)),
            "target": _even(np.concatenate(group.target)),
            "weight": _even(weight),
            "share": _even(share),
            "task": _even(np.concatenate(group.task)),
            "request": _even(np.concatenate(group.request)),
        }


@dataclass(slots=True)
class Shown:
    """The masks that ``pixels`` tokens show: where their states stand, what they should cover."""

    vocabulary: Vocabulary
    at: list[NDArray[np.int64]] = field(default_factory=list)
    cover: list[NDArray[np.float32]] = field(default_factory=list)
    task: list[int] = field(default_factory=list)

    def add(self, task: int, ids: NDArray[np.int64], at: NDArray[np.int64], covers: list[NDArray[np.float32]]) -> None:
        """The masks that a track of tokens ids (L,) shows, in their order; at (L,) as in ``Targets.add``."""
        block = self.vocabulary["pixels"]
        for first, cover in zip(np.flatnonzero(ids == block.start), covers, strict=True):
            self.at.append(at[first : first + len(block)])
            self.cover.append(cover)
            self.task.append(task)

    def tensors(self, longest: int) -> dict[str, torch.Tensor] | None:
        """What ``generalist.model.losses.shown_loss`` wants of them; None if there are none."""
        if not self.at:
            return None
        at = np.stack(self.at)
        return {
            "at": torch.from_numpy(flat(at, longest)),
            "row": torch.from_numpy(row_of(at[:, 0])),
            "cover": torch.from_numpy(np.stack(self.cover)),
            "task": torch.tensor(self.task),
        }


def _even(values: NDArray[Any]) -> torch.Tensor:
    """Up to a round number: matrix products of few shapes, which a CPU's kernels are compiled for once. What is added
    has weight 0."""
    return torch.from_numpy(np.pad(values, (0, -len(values) % 64)))


def _columns(ranges: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    return np.concatenate([np.arange(a, b) for a, b in ranges] or [np.zeros(0, np.int64)]).astype(np.int64)


def _order(columns: NDArray[np.int64], named: int, vocabulary: Vocabulary) -> tuple[NDArray[np.float32], bool]:
    """Places of the columns such that neighbours in an ordinal block are 1 apart and all else is far."""
    order = (np.arange(len(columns) + named) + 1) * FAR_APART
    ordinal = False
    for k, name in enumerate(sorted(ORDINAL & set(vocabulary.blocks))):
        block = vocabulary[name]
        inside = np.flatnonzero((columns >= block.start) & (columns < block.stop))
        if len(inside):
            ordinal = True
            order[inside] = columns[inside] - block.start - FAR_APART * (1 + k)
    return order.astype(np.float32), ordinal
