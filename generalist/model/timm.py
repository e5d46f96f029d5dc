"""Starting from a timm VisionTransformer: its structure becomes a configuration, its parameters are copied by name.

Plain, DeiT, DeiT-3 and DINO (LayerScale, registers), SigLIP (no class token) and CLIP (norm before the blocks, quick
GELU) fit our stack as they are. Anything that our stack does not have is a Fault that names it: a start that silently
drops a part of the network is no start at all.
"""

import difflib
from collections.abc import Iterator
from typing import Any

import timm
import torch
from timm.layers.attention import Attention
from timm.layers.layer_scale import LayerScale
from timm.layers.mlp import Mlp
from timm.layers.patch_embed import PatchEmbed as TimmPatchEmbed
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import Block as TimmBlock
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from generalist.faults import Fault
from generalist.model.config import GeneralistConfig
from generalist.model.modeling import GeneralistModel

__all__ = ["adopt", "from_timm"]

NEW = {"token_embed.weight", "text_pos", "track_pos"}
"""Parameters that no image model has: they start at random."""

ACTIVATION_NAMES = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu"}


def from_timm(name: str, changes: dict[str, Any], pretrained: bool = True) -> GeneralistModel:
    """A model that reads pictures as a timm ViT does and knows nothing else yet.

    Args:
        name: of the timm model, with or without a tag of its weights, e.g. ``vit_small_patch14_dinov2.lvd142m``.
        changes: to the configuration (``image_size``, ``rope``, ``vocab_size``, ...). Positions are interpolated to
            another ``image_size``; ``rope`` is off unless asked for, as the weights know no rotation.
        pretrained: fetch timm's weights; otherwise only the structure is timm's.

    Raises:
        Fault: no such timm model, its weights cannot be fetched, its structure has a part that ours lacks, or
            ``changes`` contradict it.
    """
    known = timm.list_models()
    if not name.startswith(("hf-hub:", "hf_hub:", "local-dir:")) and name.split(".")[0] not in known:
        near = difflib.get_close_matches(name.split(".")[0], known, 3)
        raise Fault(f"init: timm has no model {name!r}" + (f" (did you mean {', '.join(near)}?)" if near else ""))
    try:
        vit = timm.create_model(name, pretrained=pretrained)
    except Exception as error:  # every hub client and every HTTP library raises errors of its own
        raise Fault(
            f"init: timm/{name}: cannot be made: {str(error).splitlines()[0] if str(error) else error!r}. "
            "Weights are fetched once from the Hugging Face hub: check the name and the network, or fill the "
            "cache (HF_HOME) on a machine that has one"
        ) from error
    return adopt(vit, changes, name)


@torch.no_grad()
def adopt(vit: nn.Module, changes: dict[str, Any], name: str = "model") -> GeneralistModel:
    """A GeneralistModel with the structure and the parameters of ``vit``; raises Fault as ``from_timm`` does.

    Our pixels are in [-1, 1]; the mean and deviation that ``vit`` wants instead are folded into its first convolution,
    which is exact because patches are not padded.
    """
    if not isinstance(vit, VisionTransformer):
        raise Fault(f"init: timm/{name} is a {type(vit).__name__}: only a VisionTransformer has our layout")
    for lacking in _lacking(vit):
        raise Fault(f"init: timm/{name} has {lacking}, which our blocks do not: start from another timm model")
    read = _structure(vit)
    for key in sorted(changes.keys() & read.keys() - {"image_size", "patch_bias"}):
        if changes[key] != read[key]:
            raise Fault(f"init: timm/{name} has {key} {read[key]}: leave {key}: {changes[key]} out of the recipe")
    config = GeneralistConfig(**{"rope": False, **read, **changes})
    if config.image_size % config.patch_size:
        raise Fault(f"init: timm/{name}: image_size {config.image_size} is no multiple of patch {config.patch_size}")
    model = GeneralistModel(config)
    missing, unexpected = model.load_state_dict(_parameters(vit, config), strict=False)
    assert set(missing) == NEW and not unexpected, (missing, unexpected)
    return model


# ---- structure -------------------------------------------------------------------------------------------------------


def _structure(vit: VisionTransformer) -> dict[str, Any]:
    """The fields of GeneralistConfig that a timm ViT, found to have nothing else, settles."""
    block: Any = vit.blocks[0]
    shift = _normalisation(vit)[1]
    return {
        "width": vit.embed_dim,
        "depth": len(vit.blocks),
        "heads": block.attn.num_heads,
        "mlp_ratio": block.mlp.fc1.out_features / vit.embed_dim,
        "image_size": vit.patch_embed.img_size[0],
        "patch_size": vit.patch_embed.patch_size[0],
        "class_token": vit.cls_token is not None,
        "registers": 0 if vit.reg_token is None else vit.reg_token.shape[1],
        "pre_norm": isinstance(vit.norm_pre, nn.LayerNorm),
        "layer_scale": isinstance(block.ls1, LayerScale),
        "qkv_bias": block.attn.qkv.bias is not None,
        "patch_bias": vit.patch_embed.proj.bias is not None or bool(shift.any()),
        "activation": _activation(block.mlp.act),
        "norm_eps": vit.norm.eps,
    }


def _activation(act: nn.Module) -> str | None:
    if isinstance(act, nn.GELU) and act.approximate == "tanh":
        return "gelu_tanh"
    return ACTIVATION_NAMES.get(type(act).__name__)


def _lacking(vit: VisionTransformer) -> Iterator[str]:
    """What a timm ViT has and our stack has not, in words."""
    patch = vit.patch_embed
    if type(patch) is not TimmPatchEmbed or not isinstance(patch.norm, nn.Identity):
        yield f"patches made by {type(patch).__name__}" + (" with a norm" if hasattr(patch, "norm") else "")
        return
    if patch.proj.in_channels != 3:
        yield f"{patch.proj.in_channels} input channels"
    if len(set(patch.img_size)) > 1 or len(set(patch.patch_size)) > 1:
        yield f"pictures of {patch.img_size} in patches of {patch.patch_size} instead of squares"
    if not isinstance(vit.norm, nn.LayerNorm):
        yield (
            "its last norm after pooling (fc_norm)"
            if isinstance(vit.fc_norm, nn.LayerNorm)
            else f"{type(vit.norm).__name__} as its last norm"
        )
        return
    for i, block in enumerate(vit.blocks):
        for part in _lacking_of_block(block):
            yield f"{part} in block {i}"
            return
    if len({norm.eps for norm in vit.modules() if isinstance(norm, nn.LayerNorm) and _of_stack(vit, norm)}) > 1:
        yield "norms with more than one epsilon"


def _lacking_of_block(block: Any) -> Iterator[str]:
    if type(block) is not TimmBlock:
        yield type(block).__name__
        return
    attn, mlp = block.attn, block.mlp
    if type(attn) is not Attention:
        yield type(attn).__name__
        return
    if not all(isinstance(norm, nn.LayerNorm) for norm in (block.norm1, block.norm2)):
        yield type(block.norm1).__name__
    if not all(isinstance(norm, nn.Identity) for norm in (attn.q_norm, attn.k_norm)):
        yield "norms of queries and keys"
    if not isinstance(attn.norm, nn.Identity):
        yield "a norm inside its attention"
    if attn.proj.bias is None:
        yield "an attention output without a bias"
    if type(mlp) is not Mlp:
        yield f"{type(mlp).__name__} as its MLP"
        return
    if not isinstance(mlp.norm, nn.Identity):
        yield "a norm inside its MLP"
    if mlp.fc1.bias is None or mlp.fc2.bias is None:
        yield "an MLP without biases"
    if _activation(mlp.act) is None:
        yield f"{type(mlp.act).__name__} as its activation"


def _of_stack(vit: VisionTransformer, norm: nn.LayerNorm) -> bool:
    return any(norm is other for part in (vit.blocks, vit.norm, vit.norm_pre) for other in part.modules())


# ---- parameters ------------------------------------------------------------------------------------------------------


def _parameters(vit: VisionTransformer, config: GeneralistConfig) -> dict[str, Tensor]:
    """Ours by our names: blocks and norms as they are, patches and positions made to fit."""
    state = {
        key: value
        for key, value in vit.state_dict().items()
        if key.startswith(("blocks.", "norm.", "norm_pre.", "cls_token", "reg_token"))
    }
    scale, shift = _normalisation(vit)
    weight = vit.patch_embed.proj.weight
    state["patch_embed.proj.weight"] = weight * scale[:, None, None]
    if config.patch_bias:
        bias = vit.patch_embed.proj.bias
        state["patch_embed.proj.bias"] = (weight * shift[:, None, None]).sum((1, 2, 3)) + (0 if bias is None else bias)
    return state | _positions(vit, config)


def _normalisation(vit: VisionTransformer) -> tuple[Tensor, Tensor]:
    """Scale and shift (3,) from pixels in [-1, 1] to those that the weights know: ((x + 1) / 2 - mean) / std."""
    settings = getattr(vit, "pretrained_cfg", None) or {}
    mean, std = (torch.tensor(settings.get(key) or (0.5,) * 3) for key in ("mean", "std"))
    return 0.5 / std, (0.5 - mean) / std


def _positions(vit: VisionTransformer, config: GeneralistConfig) -> dict[str, Tensor]:
    """Positions of the patches (1, N, D) at the size asked for; those of class token and registers join the tokens."""
    side = config.image_size // config.patch_size
    if vit.pos_embed is None:
        return {"pos_embed": torch.zeros(1, side * side, config.width)}
    extra = 0 if vit.no_embed_class else vit.num_prefix_tokens
    before, patches = vit.pos_embed[:, :extra], vit.pos_embed[:, extra:]
    out = {"pos_embed": resample_abs_pos_embed(patches, [side, side], list(vit.patch_embed.grid_size), 0)}
    for name in ("cls_token", "reg_token"):
        token = getattr(vit, name)
        if token is not None and extra:
            out[name] = token + before[:, : token.shape[1]]
            before = before[:, token.shape[1] :]
    return out
