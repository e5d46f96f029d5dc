"""Unrolled: the decoding of one fixed request on a grid, as a graph. No loop; nothing but the picture goes in.

An answer is of fixed length if at every step all tracks that still write may write the same. Then what the grammar
allows is a constant of the step, the order of corners is one comparison, and the whole decoding can be traced,
compiled, and written down as ONNX. Instruction and grammar are constants in it; the steps are those of
``GeneralistModel.step``.

Legend: B pictures, K tracks, M labels, C columns, T words, D width.
"""

from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generalist.faults import Fault
from generalist.model.cache import ImageCache, Prefix
from generalist.model.decode import Choice
from generalist.model.layers import Block
from generalist.model.modeling import GeneralistModel
from generalist.model.rotary import rotation
from generalist.sequence.automaton import DEAD, START, Automaton, State
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task

__all__ = ["Spelled", "Unrolled", "Wording", "steps_of"]


class Wording(NamedTuple):
    """What may be written at one step: the ids ``columns`` (C,), how many steps back the token is that each must exceed
    (0 for none), and after which of them the answer is complete."""

    columns: NDArray[np.int64]
    beyond: NDArray[np.int64]
    ends: NDArray[np.bool_]


def steps_of(automaton: Automaton) -> list[Wording] | None:
    """The steps of an answer of fixed length, None if tracks that still write may differ in what comes next."""
    steps, going = [], {START}
    for columns in automaton.columns_at:
        kinds = automaton.class_of[columns]
        states = sorted(going)
        after, beyond = automaton.next[states][:, kinds], automaton.beyond[states][:, kinds]
        ends = automaton.done(State(after, 0))
        if (after == DEAD).any() or (ends != ends[:1]).any() or (beyond != beyond[:1]).any():
            return None
        steps.append(Wording(columns, beyond[0], ends[0]))
        going = set(after[~ends].tolist())
    return steps


class Spelled(NamedTuple):
    """One step of every track: ids (B, K), their probabilities (B, K), those of all columns (B, K, C), and which tracks
    had ended before (B, K)."""

    ids: Tensor
    chosen: Tensor
    probabilities: Tensor
    ended: Tensor


class Unrolled(nn.Module):
    """Pictures to the tokens that every track writes, for one request.

    request: the fields that the task asks for besides the picture.

    Raises:
        Fault: the answer is not of fixed length, or the request lacks what the task asks for.
    """

    ids: Tensor
    means: Tensor
    points: Tensor

    def __init__(self, model: GeneralistModel, task: Task, request: Sample):
        super().__init__()
        request = request.but(image="a picture")
        task.frame(request)
        steps = steps_of(task.constraint(request))
        points = task.points(request)
        if steps is None or points is None:
            raise Fault(f"task {task.name!r}: its answers are not of fixed length")
        self.model, self.vocabulary, self.steps = model, task.vocabulary, steps
        self.choice = Choice(present=None) if task.raster else Choice(best=task.file.keep == "best")
        prompt = task.render(request)
        labels = max(int(prompt.label.max(initial=-1)) + 1, 0)
        share = (np.arange(labels)[:, None] == prompt.label).astype(np.float32)
        self.register_buffer("ids", torch.as_tensor(prompt.ids)[None], persistent=False)
        self.register_buffer("means", torch.from_numpy(share / share.sum(1, keepdims=True)), persistent=False)
        self.register_buffer("points", torch.from_numpy(points)[None], persistent=False)
        for i, step in enumerate(steps):
            self.register_buffer(f"columns{i}", torch.from_numpy(step.columns), persistent=False)
            self.register_buffer(f"beyond{i}", torch.from_numpy(step.beyond), persistent=False)
            self.register_buffer(f"ends{i}", torch.from_numpy(step.ends), persistent=False)

    def forward(self, pixels: Tensor) -> list[Spelled]:
        """Pixels (B, 3, side, side), normalised, to the steps of all tracks."""
        images = self.model.encode_images(pixels)
        prefix = self._read(images)
        B, K = pixels.shape[0], self.points.shape[1]
        cache = self.model.begin(prefix, self.points.expand(B, -1, -1), K, len(self.steps))
        label = self.vocabulary["label"]
        ids = torch.full((B, K), self.vocabulary.bos, device=pixels.device)
        ended = torch.zeros((B, K), dtype=torch.bool, device=pixels.device)
        spelled: list[Spelled] = []
        for i in range(len(self.steps)):
            slot = torch.where((ids >= label.start) & (ids < label.stop), ids - label.start, -1)
            hidden = self.model.step(prefix, cache, ids, slot)
            columns, ends = getattr(self, f"columns{i}"), getattr(self, f"ends{i}")
            scores = self._ordered(i, self._scores(i, hidden, prefix.labels_out), spelled)
            probabilities = scores.softmax(-1)
            pick = probabilities.argmax(-1) if i else self._first(probabilities)
            chosen = probabilities.gather(2, pick[..., None]).squeeze(2)
            ids = torch.where(ended, self.vocabulary.pad, columns[pick])
            spelled.append(Spelled(ids, torch.where(ended, 1.0, chosen), probabilities, ended))
            ended = ended | ends[pick]
        return spelled

    def _read(self, images: ImageCache) -> Prefix:
        """``GeneralistModel.prefill`` of words that are the same for every picture and all there."""
        model, B, T = self.model, images.features[0].shape[0], self.ids.shape[1]
        words = model.token_embed(self.ids)
        x = (words + model.text_pos[:T]).expand(B, -1, -1)
        nowhere = torch.full((1, T, 2), float("nan"), device=x.device)
        turn = rotation(nowhere, model.config.width // model.config.heads) if model.config.rope else None
        past = []
        for block, held in zip(cast("list[Block]", model.blocks), images.past, strict=True):
            x, (k, v) = block(x, turn, held)
            past.append((torch.cat([held[0], k], 2), torch.cat([held[1], v], 2)))
        seen = torch.zeros((B, 1, 1, past[0][0].shape[2]), device=x.device)
        M = len(self.means)
        given, states = (self.means @ words).expand(B, -1, -1), model.norm(x)
        return Prefix(past, seen, images, states, given, self.means @ states, torch.zeros((B, M), device=x.device))

    def _scores(self, i: int, hidden: Tensor, labels_out: Tensor) -> Tensor:
        """Scores (B, K, C): labels by their words, all else by the table, in the order of the columns."""
        label = self.vocabulary["label"]
        columns = self.steps[i].columns
        named = (columns >= label.start) & (columns < label.stop)
        low, high = (int(n) for n in np.searchsorted(columns, (label.start, label.stop)))
        scores = hidden @ self.model.token_embed.weight[getattr(self, f"columns{i}")].T
        if not named.any():
            return scores
        words = hidden @ labels_out.transpose(1, 2) * self.model.config.width**-0.5
        return torch.cat([scores[..., :low], words[..., : high - low], scores[..., high:]], -1)

    def _ordered(self, i: int, scores: Tensor, spelled: list[Spelled]) -> Tensor:
        """Scores with what does not exceed the token that it must gone."""
        columns, beyond = getattr(self, f"columns{i}"), getattr(self, f"beyond{i}")
        for back in sorted(set(self.steps[i].beyond.tolist()) - {0}):
            low = (beyond == back) & (columns <= spelled[i - back].ids[..., None])
            # A track that has ended writes nothing more, but a softmax over nothing would spread its nan.
            scores = scores.masked_fill(low & ~spelled[-1].ended[..., None], -1e30)
        return scores

    def _first(self, probabilities: Tensor) -> Tensor:
        """Columns (B, K) of the first tokens: see ``Choice``. Whether anything is there is settled by a threshold."""
        none = np.flatnonzero(self.steps[0].columns == self.vocabulary.none)
        if self.choice.present is None or not len(none):
            return probabilities.argmax(-1)
        at = int(none[0])
        there = 1 - probabilities[..., at]
        strongest = there.topk(min(self.choice.most, there.shape[1]), 1).indices
        track = torch.arange(there.shape[1], device=there.device)
        writes = (strongest[..., None] == track).any(1) & (there >= self.choice.present)
        if self.choice.best:
            writes = writes | (strongest[:, :1] == track)
        other = torch.where(torch.arange(len(self.steps[0].columns), device=there.device) == at, -1.0, probabilities)
        return torch.where(writes, other.argmax(-1), at)
