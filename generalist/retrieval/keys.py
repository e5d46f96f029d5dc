"""Keys: the runs of words that a model writes for a request, with their log-probabilities (SEAL's history)."""

import torch
from torch import Tensor

from generalist.model.cache import Prefix
from generalist.model.decode import beam_search
from generalist.model.modeling import GeneralistModel
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import KINDS
from generalist.sequence.automaton import Constraint

__all__ = ["RUNS", "WIDE", "Keys", "written_keys"]

Keys = dict[tuple[int, ...], float]
"""Runs of tokens, different from one another, and the log-probability of each."""

RUNS = 15
"""Runs kept while writing, a beam each: SEAL's number. How many documents are asked for does not matter, each run names
many."""

WIDE = 4
"""Beginnings of each length that are keys, a beam: those that were weighed, not only those that were kept."""


def written_keys(
    index: Index, model: GeneralistModel, prefix: Prefix, constraint: Constraint, beams: int = RUNS
) -> list[Keys]:
    """Every beginning that was weighed while a model wrote, for each of the R requests that ``prefix`` has read.

    constraint: of the index, or of the task alone; on the model's device.
    """
    columns: Tensor = torch.tensor(KINDS["ngram"].among(index.vocabulary), device=prefix.mask.device)
    history: list[list[tuple[list[int], float]]] = [[] for _ in range(len(prefix.mask))]
    beam_search(model, prefix, constraint, index.vocabulary, beams, history, WIDE * beams, columns)
    return [{tuple(ids): log_probability for ids, log_probability in written} for written in history]
