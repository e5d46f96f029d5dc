"""Unshared: our weights as Hugging Face's ``generate`` wants a model, a row of keys and values for every track.

It is what a user has who calls ``generate`` on one row a track, written as well as that way allows: each image is read
once and each token once, into the library's own cache. The model holds the cache itself, for ``generate`` calls it by
another name in every version. Only the benchmarks use it.
"""

from dataclasses import replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache
from transformers.modeling_outputs import CausalLMOutputWithPast

from generalist.model.cache import ImageCache, Prefix
from generalist.model.chances import slots
from generalist.model.generation import GrammarLogitsProcessor
from generalist.model.layers import Block, bilinear, merged
from generalist.model.modeling import GeneralistModel
from generalist.model.rotary import rotation
from generalist.sequence.automaton import Automaton
from generalist.sequence.prompt import Prompt
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Unshared"]


class Unshared(GeneralistModel):
    """``generate`` for one request on many lattice points: every row has its own image, instruction and track."""

    vocabulary: Vocabulary
    prompt: Prompt
    cache: DynamicCache
    prefix: Prefix
    points: Tensor
    seen: list[Tensor]

    @classmethod
    def of(cls, model: GeneralistModel, vocabulary: Vocabulary, prompt: Prompt) -> "Unshared":
        """The weights of ``model``, which are not copied, for one instruction."""
        with torch.device("meta"):
            made = cls(model.config)
        made.load_state_dict(model.state_dict(), assign=True)
        made.vocabulary, made.prompt = vocabulary, prompt
        return made.eval()

    def write(self, pixels: Tensor, points: Tensor, automaton: Automaton) -> Tensor:
        """Reads an image a row (R, 3, side, side), and writes the tokens (R, L) of tracks at ``points`` (R, 2)."""
        rows = len(points)
        words, names = (
            torch.from_numpy(table).to(points.device).expand(rows, -1) for table in (self.prompt.ids, self.prompt.label)
        )
        prefix = self.prefill(self.encode_images(pixels), words, names)
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(prefix.past):
            cache.update(keys, values, layer)
        return self.go_on(cache, prefix, points, automaton)

    def go_on(self, cache: DynamicCache, prefix: Prefix, points: Tensor, automaton: Automaton) -> Tensor:
        """The same from a cache that holds image and instruction for each row: see ``expanded``."""
        rows, images = len(points), cast(ImageCache, prefix.images)
        names = ("labels_in", "labels_out", "label_mask")
        each = {name: getattr(prefix, name).expand(rows, *getattr(prefix, name).shape[1:]) for name in names}
        self.cache, self.points, self.prefix = cache, points[:, None], replace(prefix, **each)
        sample = bilinear(self.points, images.grid)
        self.seen = [sample.to(features.dtype) @ features for features in images.features]
        begin = torch.full((rows, 1), self.vocabulary.bos, device=points.device)
        found = self.generate(
            input_ids=begin,
            logits_processor=[GrammarLogitsProcessor(automaton, 1, self.vocabulary.eos)],
            max_new_tokens=automaton.bound,
            do_sample=False,
            use_cache=False,
            eos_token_id=None,
            pad_token_id=self.vocabulary.pad,
        )
        return cast(Tensor, found)[:, 1:]

    @staticmethod
    def expanded(prefix: Prefix, rows: int) -> DynamicCache:
        """Keys and values of one request, copied for every row."""
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(prefix.past):
            cache.update(keys.repeat(rows, 1, 1, 1), values.repeat(rows, 1, 1, 1), layer)
        return cache

    def prepare_inputs_for_generation(self, input_ids: Any, *_: Any, **__: Any) -> dict[str, Any]:  # type: ignore[override]
        return {"input_ids": input_ids}

    def forward(self, input_ids: Any = None, **_: Any) -> Any:  # type: ignore[override]
        ids = input_ids[:, -1:]
        x = self._embedded(self.prefix, ids, slots(ids, self.vocabulary)) + self.track_pos[input_ids.shape[1] - 1]
        turn = rotation(self.points, self.config.width // self.config.heads) if self.config.rope else None
        for layer, block in enumerate(cast("list[Block]", self.blocks)):
            h = x + self.seen[layer]
            q, k, v = block.attn.project(block.norm1(h), turn)
            keys, values = self.cache.update(k, v, layer)
            x = block.after(h, merged(F.scaled_dot_product_attention(q, keys, values))) - self.seen[layer]
        hidden = self.norm(x + self.seen[-1])
        label = self.vocabulary["label"]
        everything = torch.arange(len(self.vocabulary), device=ids.device)
        return CausalLMOutputWithPast(logits=self.logits(self.prefix, hidden, everything, (label.start, label.stop)))
