"""Quantised: a model whose matrices are int8, for use on a CPU."""

import copy
import warnings

import torch
from torch import nn

from generalist.model.modeling import GeneralistModel

__all__ = ["quantised"]


def quantised(model: GeneralistModel) -> GeneralistModel:
    """A copy whose blocks multiply in int8 (torch's dynamic quantisation: weights by their largest entry, a scale an
    output; activations by their range at each call). The table of tokens, the first layer and what is between products
    stay as they are. It answers and is asked as the model is; it cannot be trained or saved."""
    out = copy.deepcopy(model).cpu().float().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out.blocks = torch.ao.quantization.quantize_dynamic(
            out.blocks, {nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}, torch.qint8
        )
    return out
