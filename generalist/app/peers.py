"""Peers: twenty boxes of one picture, written by others' architectures as they write them and by ours as we do.

All with random weights in bfloat16, so that speed alone is compared: the architecture from transformers with its own
``generate``, greedy and held to the length that twenty boxes take, against the base preset with a hundred tracks of
which twenty write a box. Both sides read the picture anew each time, and are timed in turns. Ours is told as fast as it
goes, with boxes written in blocks that are believed, and (``_plain``) a token at a time.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    Florence2Config,
    Florence2ForConditionalGeneration,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
)

from generalist.app.decoding import SIDE, Bench, in_turns, ratios
from generalist.app.zipf import Row, told
from generalist.model.decode import on_device
from generalist.model.reading import read_requests

__all__ = ["peers"]

BOXES, GRID = 20, 10
WORDS = 8  # tokens of a peer's instruction


def peers() -> Iterator[Row]:
    """The rows, one by one: name, median, unit, distance of the quartiles, what of."""
    bench = Bench()
    with torch.inference_mode():
        for name, side in (("boxes_per_s_vs_florence2_base", SIDE), ("boxes_per_s_vs_florence2_base_native", 768)):
            # A box is one word and four places: as short as its format can be.
            peer = florence2_base().to(bench.device)
            yield from _against(bench, name, peer, side, (side // 32) ** 2 + 1, 5 * BOXES + 2)
        # A box is four places, one word and a semicolon.
        peer = paligemma().to(bench.device)
        yield from _against(bench, "boxes_per_s_vs_paligemma", peer, SIDE, (SIDE // 16) ** 2, 6 * BOXES)


def _against(bench: Bench, name: str, peer: Any, side: int, patches: int, length: int) -> Iterator[Row]:
    task, points = bench.own("label box | none", GRID), bench.points(GRID)
    request = bench.request(task)
    tables = on_device(task.constraint(request), bench.device)
    pixels = torch.randn(1, 3, SIDE, SIDE, device=bench.device, dtype=torch.bfloat16)
    theirs = torch.randn(1, 3, side, side, device=bench.device, dtype=torch.bfloat16)
    words = torch.arange(10, 10 + WORDS, device=bench.device)
    ids = torch.cat([words.new_full((patches,), peer.config.image_token_id), words])[None]

    def ours(blocks: str) -> None:
        prefix = read_requests(bench.model, task, [request], bench.model.encode_images(pixels))
        bench.decode(prefix, tables, points, present=0.0, most=BOXES, blocks=blocks)

    def other() -> Tensor:
        return peer.generate(  # type: ignore[no-any-return]
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=theirs,
            do_sample=False,
            num_beams=1,
            min_new_tokens=length,
            max_new_tokens=length,
        )

    others, one, fast = in_turns(other, partial(ours, "off"), partial(ours, "fast"))
    size = sum(p.numel() for p in peer.parameters()) / 1e6
    peer_of = f"peer {size:.0f}M, {side} px, {length} tokens in {np.median(others):.2f} s"
    of = f"{bench.of}, {GRID**2} tracks, {BOXES} boxes in {{:.2f}} s; {peer_of}"
    yield told(name, ratios(others, fast), "ratio", of.format(np.median(fast)))
    yield told(f"{name}_plain", ratios(others, one), "ratio", of.format(np.median(one)))


def florence2_base() -> Any:
    """The architecture of Florence-2-base (Xiao et al. 2024): its published sizes, which are not transformers'
    defaults."""
    torch.manual_seed(0)
    vision = {"embed_dim": [128, 256, 512, 1024], "num_heads": [4, 8, 16, 32], "depths": [1, 1, 9, 1]}
    text = {
        "d_model": 768,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "encoder_ffn_dim": 3072,
        "decoder_ffn_dim": 3072,
        "encoder_attention_heads": 12,
        "decoder_attention_heads": 12,
        "vocab_size": 51290,
    }
    config = Florence2Config(vision_config={**vision, "projection_dim": 768}, text_config=text)
    return Florence2ForConditionalGeneration(config).eval().bfloat16()


def paligemma() -> Any:
    """PaliGemma (Beyer et al. 2024) at our size: a SigLIP of the base size before a Gemma with the width, the depth
    and, in its three matrices, the weights a layer of our base preset, and our vocabulary's size."""
    torch.manual_seed(0)
    vision = {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": SIDE,
        "patch_size": 16,
        "projection_dim": 768,
        "vision_use_head": False,
        "model_type": "siglip_vision_model",
    }
    text = {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 12,
        "head_dim": 64,
        "vocab_size": 6000,
        "model_type": "gemma",
    }
    config = PaliGemmaConfig(vision_config=vision, text_config=text, projection_dim=768, image_token_index=5999)
    return PaliGemmaForConditionalGeneration(config).eval().bfloat16()
