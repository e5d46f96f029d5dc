"""A small model of random weights that writes what names documents."""

import torch

from generalist.model.config import GeneralistConfig
from generalist.model.modeling import GeneralistModel


def speaker(vocabulary):
    torch.manual_seed(0)
    config = GeneralistConfig(width=32, depth=2, heads=2, image_size=32, patch_size=16, vocab_size=len(vocabulary),
                              max_text=32, max_track=16, bos_token_id=vocabulary.bos, eos_token_id=vocabulary.eos,
                              pad_token_id=vocabulary.pad, fingerprint=vocabulary.fingerprint)  # fmt: skip
    return GeneralistModel(config).eval()
