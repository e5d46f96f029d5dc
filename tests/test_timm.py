"""A timm ViT and the model started from it read a picture alike; what cannot be copied is refused by name."""

from typing import Any

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from generalist.faults import Fault
from generalist.model.modeling import GeneralistModel
from generalist.model.timm import adopt, from_timm

CHANGES: dict[str, Any] = {"vocab_size": 32, "max_text": 8, "max_track": 8}

FAMILIES: dict[str, dict[str, Any]] = {
    "vit_tiny_patch16_224": {},
    "deit_tiny_patch16_224": {},
    "deit3_small_patch16_224": {},
    "vit_small_patch14_dinov2": {"img_size": 112},
    "vit_small_patch14_reg4_dinov2": {"img_size": 112},
    "vit_base_patch16_siglip_224": {"img_size": 64, "act_layer": "gelu_tanh"},
    "vit_base_patch16_clip_quickgelu_224": {"img_size": 64},
}


def random_vit(name: str, **settings: Any) -> VisionTransformer:
    """Two blocks of a family, every parameter far from its initial zeros and ones."""
    vit = timm.create_model(name, pretrained=False, depth=2, **settings).eval()
    generator = torch.Generator().manual_seed(len(name))
    with torch.no_grad():
        for parameter in vit.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise * (parameter[0].numel() ** -0.5 if parameter.ndim in (2, 4) else 0.5))
    return vit


def theirs(vit: VisionTransformer, unit: Tensor) -> Tensor:
    """timm's patch tokens of pictures (B, 3, H, W) in [0, 1], normalised as its weights want."""
    mean, std = (torch.tensor(vit.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    return vit.forward_features((unit - mean) / std)[:, vit.num_prefix_tokens :]


def ours(model: GeneralistModel, unit: Tensor) -> Tensor:
    return model.norm(model.encode_images(unit * 2 - 1).features[-1])


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_a_family_is_read_as_timm_reads_it(name: str) -> None:
    vit = random_vit(name, **FAMILIES[name])
    model = adopt(vit, CHANGES, name).eval()
    unit = torch.rand(2, 3, *vit.patch_embed.img_size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(model, unit), theirs(vit, unit), atol=1e-4, rtol=1e-4)
    assert not model.config.rope, "weights that know no rotation must not be rotated unasked"


@torch.no_grad()
def test_positions_are_interpolated_to_another_size() -> None:
    vit = random_vit("vit_tiny_patch16_224", dynamic_img_size=True)
    model = adopt(vit, {**CHANGES, "image_size": 160}, "vit").eval()
    assert model.pos_embed.shape[1] == 100
    unit = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(model, unit), theirs(vit, unit), atol=1e-4, rtol=1e-4)


def test_families_settle_what_they_differ_in() -> None:
    config = adopt(random_vit("vit_small_patch14_reg4_dinov2", img_size=28), CHANGES, "dino").config
    assert (config.patch_size, config.registers, config.class_token, config.layer_scale) == (14, 4, True, True)
    siglip = random_vit("vit_base_patch16_siglip_224", img_size=32, act_layer="gelu_tanh")
    config = adopt(siglip, CHANGES, "siglip").config
    assert (config.class_token, config.pre_norm, config.activation) == (False, False, "gelu_tanh")
    config = adopt(random_vit("vit_base_patch16_clip_quickgelu_224", img_size=32), CHANGES, "clip").config
    assert (config.pre_norm, config.activation, config.norm_eps) == (True, "quick_gelu", 1e-5)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"qk_norm": True}, "norms of queries and keys"),
        ({"block_fn": timm.models.vision_transformer.ParallelScalingBlock}, "ParallelScalingBlock"),
        ({"mlp_layer": timm.layers.SwiGLU}, "SwiGLU"),
        ({"global_pool": "avg"}, "fc_norm"),
        ({"scale_mlp_norm": True}, "norm inside its MLP"),
        ({"scale_attn_norm": True}, "norm inside its attention"),
        ({"act_layer": nn.SiLU}, "SiLU"),
        ({"norm_layer": timm.layers.RmsNorm}, "RmsNorm"),
        ({"in_chans": 1}, "1 input channels"),
        ({"img_size": (32, 64)}, "instead of squares"),
    ],
)
def test_a_structure_that_ours_has_not_is_refused_by_name(settings: dict[str, Any], part: str) -> None:
    vit = VisionTransformer(**{"img_size": 32, "embed_dim": 32, "depth": 1, "num_heads": 2, **settings})
    with pytest.raises(Fault, match=part):
        adopt(vit, CHANGES)


def test_what_is_no_plain_vit_is_refused() -> None:
    with pytest.raises(Fault, match="only a VisionTransformer"):
        adopt(nn.Linear(2, 2), CHANGES)
    with pytest.raises(Fault, match="did you mean.*vit_tiny_patch16_224"):
        from_timm("vit_tiny_patch16_225", {}, pretrained=False)


def test_a_recipe_cannot_contradict_the_weights() -> None:
    vit = random_vit("vit_tiny_patch16_224")
    with pytest.raises(Fault, match="depth"):
        adopt(vit, {**CHANGES, "depth": 3})
    with pytest.raises(Fault, match="multiple"):
        adopt(vit, {**CHANGES, "image_size": 100})


def test_weights_that_cannot_be_fetched_are_a_fault_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> nn.Module:
        raise ConnectionError("the hub cannot be reached")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(Fault, match="cannot be reached.*HF_HOME"):
        from_timm("vit_tiny_patch16_224", {})


def test_by_name() -> None:
    model = from_timm("vit_tiny_patch16_224", {**CHANGES, "image_size": 64, "rope": True}, pretrained=False)
    assert (model.config.width, model.config.depth, model.config.heads) == (192, 12, 3)
    assert model.config.rope and model.pos_embed.shape == (1, 16, 192)
