"""Sizes of the model, as a Hugging Face configuration."""

from typing import Any

from transformers import PretrainedConfig

from generalist.faults import Fault

__all__ = ["PRESETS", "GeneralistConfig"]

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"width": 256, "depth": 6, "heads": 4, "image_size": 128},
    "small": {"width": 384, "depth": 12, "heads": 6, "image_size": 224},
    "base": {"width": 768, "depth": 12, "heads": 12, "image_size": 384},
    "large": {"width": 1024, "depth": 24, "heads": 16, "image_size": 512},
    "huge": {"width": 1280, "depth": 32, "heads": 16, "image_size": 512},
}


class GeneralistConfig(PretrainedConfig):
    """One stack of ViT blocks for image, instruction and answers.

    Args:
        vocab_size: tokens of the vocabulary.
        width, depth, heads, mlp_ratio: of the blocks. image_size: edge of the square input in pixels.
        patch_size: edge of a patch in pixels.
        max_text, max_track: most tokens of an instruction, and of one track.
        block_layers: last blocks of the stack that tokens pass which are written at once; None for a quarter of them.
        rope: rotate queries and keys by their place in the picture (axial, two-dimensional), beside ``pos_embed``.
        class_token, registers, pre_norm, layer_scale, qkv_bias, activation, norm_eps, patch_bias: what the timm
            families differ in; ``init: timm/<name>`` sets them from the timm model.
        vocabulary: name or folder of the vocabulary; fingerprint: the one that the weights were trained with.
    """

    model_type = "generalist"

    def __init__(
        self,
        vocab_size: int = 5958,
        width: int = 256,
        depth: int = 6,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        image_size: int = 128,
        patch_size: int = 16,
        max_text: int = 256,
        max_track: int = 128,
        block_layers: int | None = None,
        rope: bool = True,
        class_token: bool = False,
        registers: int = 0,
        pre_norm: bool = False,
        layer_scale: bool = False,
        qkv_bias: bool = True,
        patch_bias: bool = True,
        activation: str = "gelu",
        norm_eps: float = 1e-6,
        vocabulary: str = "tiny",
        fingerprint: str = "",
        bos_token_id: int | None = None,
        eos_token_id: int | None = None,
        pad_token_id: int | None = None,
        **kwargs: Any,
    ):
        self.vocab_size, self.width, self.depth, self.heads, self.mlp_ratio = vocab_size, width, depth, heads, mlp_ratio
        self.image_size, self.patch_size, self.max_text, self.max_track = image_size, patch_size, max_text, max_track
        self.block_layers = max(1, round(depth / 4)) if block_layers is None else block_layers
        self.rope, self.class_token, self.registers, self.pre_norm = rope, class_token, registers, pre_norm
        self.layer_scale, self.qkv_bias, self.patch_bias = layer_scale, qkv_bias, patch_bias
        self.activation, self.norm_eps = activation, norm_eps
        self.vocabulary, self.fingerprint = vocabulary, fingerprint
        kwargs.setdefault("tie_word_embeddings", True)
        super().__init__(**kwargs)
        self.bos_token_id, self.eos_token_id, self.pad_token_id = bos_token_id, eos_token_id, pad_token_id

    @property
    def hidden_size(self) -> int:
        return self.width

    @property
    def num_hidden_layers(self) -> int:
        return self.depth

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "GeneralistConfig":
        """A configuration by the name of its size; raises Fault for a name that is none of them."""
        if name not in PRESETS:
            raise Fault(f"model size {name!r} is none of {', '.join(PRESETS)}")
        return cls(**{**PRESETS[name], **changes})
