"""The model: one stack of ViT blocks reads the picture, then the instruction, then writes the answer on K tracks.

    [image N] [instruction T] [tracks K x L]

Image sees image; an instruction sees the image and itself; a track sees the image, its instruction and its own past.
So a picture is read once and asked many times, tracks are independent of one another, and many requests about one
picture train in one row. A track with a lattice point rides on the picture's residual stream there: each block sees
the track's own stream plus the patches' stream at the point, sampled bilinearly (after GiT's start features, but at
every token).

Legend: B rows, N patches, S instruction and track tokens of a row, R requests, K tracks, D width, M labels.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from generalist.model.attending import Mask
from generalist.model.cache import ImageCache, PickedCache, Prefix
from generalist.model.config import GeneralistConfig
from generalist.model.layers import Block, PatchEmbed, bilinear
from generalist.model.losses import grouped_loss, shown_loss
from generalist.model.thinning import Thinning
from generalist.model.writing import Writing, branched

__all__ = ["GeneralistModel", "visibility"]


def visibility(request: Tensor, track: Tensor, position: Tensor, block: Tensor | None = None) -> Tensor:
    """Which token may look at which: (B, S, S) bool from (B, S) integer tensors.

    ``request`` numbers the requests of a row, ``track`` is 0 in an instruction and counts tracks from 1, ``position``
    counts within each. Two tokens of one request see each other if the second is of the instruction, or if it is of the
    same track and not later. ``block`` is the position that the token's block begins at, 0 for the tokens themselves: a
    block sees all of itself and the tokens that were read before it, and no token sees a block of its track.
    """
    same = request[:, :, None] == request[:, None, :]
    instruction = track[:, None, :] == 0
    if block is None:
        own = position[:, :, None] >= position[:, None, :]
    else:
        last = torch.where(block > 0, block - 1, position)
        one = (block[:, :, None] == block[:, None, :]) & (block[:, None, :] > 0)
        own = one | ((block[:, None, :] == 0) & (last[:, :, None] >= position[:, None, :]))
    return same & (instruction | (own & (track[:, :, None] == track[:, None, :])))


class GeneralistModel(Writing, PreTrainedModel, GenerationMixin):
    """The whole model. Tied: a token's embedding is also its output vector; a label's are made from its words. How it
    writes what it was asked is in ``Writing``."""

    config: GeneralistConfig
    config_class = GeneralistConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    _no_split_modules = ["Block"]

    def __init__(self, config: GeneralistConfig):
        super().__init__(config)
        D, N = config.width, (config.image_size // config.patch_size) ** 2
        self.patch_embed = PatchEmbed(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, N, D))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, D)) if config.class_token else None
        self.reg_token = nn.Parameter(torch.zeros(1, config.registers, D)) if config.registers else None
        self.norm_pre = nn.LayerNorm(D, config.norm_eps) if config.pre_norm else nn.Identity()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(D, config.norm_eps)
        self.token_embed = nn.Embedding(config.vocab_size, D)
        self.text_pos = nn.Parameter(torch.zeros(config.max_text, D))
        self.track_pos = nn.Parameter(torch.zeros(config.max_track, D))
        self.thinning: Thinning | None = None  # an option of use, no part of the weights
        self.checkpointing = False  # training computes blocks anew going backward
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.trunc_normal_(
                module.weight, std=0.02 if isinstance(module, nn.Conv2d) else module.in_features**-0.5 * 0.7
            )
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, GeneralistModel):
            for parameter in (module.pos_embed, module.text_pos, module.track_pos, module.cls_token, module.reg_token):
                if parameter is not None:
                    nn.init.normal_(parameter, std=0.02)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.token_embed

    # ---- reading -------------------------------------------------------------------------------------------------

    def encode_images(self, pixels: Tensor) -> ImageCache:
        """Pixels (B, 3, H, W), normalised, H and W multiples of the patch, to the keys, values and features of
        each layer."""
        size = self.config.patch_size
        grid = (pixels.shape[-2] // size, pixels.shape[-1] // size)
        x = self.patch_embed(pixels) + self.positions(grid)
        extra = [t.expand(x.shape[0], -1, -1) for t in (self.cls_token, self.reg_token) if t is not None]
        skip = sum(t.shape[1] for t in extra)
        x = self.norm_pre(torch.cat([*extra, x], 1) if extra else x)
        points = self._patch_points(grid, skip, x)
        turn = self._turn(points)
        if self.thinning is not None:
            return self.thinning.encode(cast("list[Block]", self.blocks), x, points, turn, grid)
        past, features = [], [x[:, skip:]]
        for block in self.blocks:
            x, kv = self._run(block, x, turn)
            past.append(kv)
            features.append(x[:, skip:])
        return ImageCache(past, features, grid)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embeddings (1, N, D) of a grid (down, across) of patches, interpolated from the model's own."""
        side = self.config.image_size // self.config.patch_size
        if grid == (side, side):
            return self.pos_embed
        square = self.pos_embed.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        # A CPU has no bicubic of bfloat16.
        at = F.interpolate(square.float(), grid, mode="bicubic", antialias=True)
        return at.flatten(2).transpose(1, 2).to(square.dtype)

    @staticmethod
    def _patch_points(grid: tuple[int, int], skip: int, like: Tensor) -> Tensor:
        down, across = grid
        y, x = torch.meshgrid(
            (torch.arange(down, device=like.device) + 0.5) / down,
            (torch.arange(across, device=like.device) + 0.5) / across,
            indexing="ij",
        )
        points = torch.stack([x, y], -1).flatten(0, 1)
        return F.pad(points, (0, 0, skip, 0), value=float("nan"))[None]

    def _stack(
        self,
        x: Tensor,
        points: Tensor,
        mask: Tensor | Mask,
        images: ImageCache | PickedCache | None,
        source: Tensor | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Tokens (B, S, D) through the stack, after the images. Returns the normed output and each layer's
        keys, values. source (B, S): for tokens of a block, the place of the token whose stream they branch off; else
        -1."""
        turn = self._turn(points)
        sample = None if images is None or not (~points.isnan()).any() else bilinear(points, images.grid)
        past, began = [], x
        for i, block in enumerate(self.blocks):
            if source is not None and i == self.branch:
                stream = x.gather(1, source.clamp(min=0)[..., None].expand_as(x))
                x = torch.where((source >= 0)[..., None], branched(stream, began), x)
            seen = 0.0 if sample is None else sample.to(x.dtype) @ images.features[i].to(x.dtype)  # type: ignore[union-attr]
            y, kv = self._run(block, x + seen, turn, None if images is None else images.past[i], mask)
            x = y - seen
            past.append(kv)
        if sample is not None:
            x = x + sample.to(x.dtype) @ images.features[-1].to(x.dtype)  # type: ignore[union-attr]
        return self.norm(x), past

    def _run(self, block: nn.Module, *given: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        anew = self.checkpointing and torch.is_grad_enabled()
        return checkpoint(block, *given, use_reentrant=False) if anew else block(*given)

    def _mask(self, visible: Tensor, images: ImageCache | None, has_image: Tensor | None) -> Tensor:
        """Additive mask (B, 1, S, N + S) from ``visible`` (B, S, S); a token whose ``has_image`` (B, S or 1) is false
        does not see the picture."""
        if images is not None:
            B, S, _ = visible.shape
            N = images.past[0][0].shape[2]
            there = torch.ones(B, 1, dtype=torch.bool, device=visible.device) if has_image is None else has_image
            visible = torch.cat([there[..., None].expand(B, S, N), visible], -1)
        return self._added(visible)

    def _added(self, visible: Tensor) -> Tensor:
        """What is added to scores (B, 1, S, P) of which ``visible`` (B, S, P) are to be seen."""
        kind = visible.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.dtype
        mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
        return mask.masked_fill_(~visible, float("-inf"))[:, None]

    def _embed(self, ids: Tensor, track: Tensor, position: Tensor, slot: Tensor, labels_in: Tensor) -> Tensor:
        """Embeddings (B, S, D): words and bins from the table, label tokens from the words of the name they
        point at."""
        x = self.token_embed(ids)
        if len(labels_in):
            pointer = (track > 0) & (slot >= 0)
            x = torch.where(pointer[..., None], labels_in[slot.clamp(min=0)].to(x.dtype), x)
        place = torch.where(
            (track == 0)[..., None],
            self.text_pos[position.clamp(max=len(self.text_pos) - 1)],
            self.track_pos[position.clamp(max=len(self.track_pos) - 1)],
        )
        return x + place

    @staticmethod
    def _label_means(x: Tensor, track: Tensor, slot: Tensor, count: int) -> Tensor:
        """Mean of x (B, S, D) over the instruction tokens of each label slot: (count, D)."""
        words = ((track == 0) & (slot >= 0)).flatten()
        index = slot.flatten()[words]
        total = torch.zeros(count, x.shape[-1], dtype=torch.float32, device=x.device)
        total = total.index_add(0, index, x.flatten(0, 1)[words].float())
        return total / torch.bincount(index, minlength=count).clamp(min=1)[:, None]

    # ---- training ------------------------------------------------------------------------------------------------

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        batch: dict[str, Any] | None = None,
        **_: Any,
    ) -> Any:
        """Training: ``batch`` from ``generalist.data.collate``; returns {"loss", "by_task" (tasks,), "count" (tasks,)}.

        Otherwise the Hugging Face way, for ``generate``: input_ids (B, S) are an instruction, the start token and what
        has been written; returns logits (B, S, V).
        """
        if batch is not None:
            return self._train_step(batch)
        assert input_ids is not None
        return self._score(input_ids, pixel_values, attention_mask)

    def _train_step(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        hidden, labels_out, images = self.read_rows(batch)
        hidden = hidden.flatten(0, 1)
        return grouped_loss(hidden, self.token_embed.weight, labels_out, batch, self._shown(hidden, images, batch))

    def read_rows(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, PickedCache | None]:
        """Rows of tokens as ``data.rows`` packs them, to normed states (B, S, D), output vectors of labels (M, D) and
        the images, a row each."""
        images = None if batch["pixels"] is None else self.encode_images(batch["pixels"]).picked(batch["image"])
        count = int(batch["labels"])
        labels_in = self._label_means(self.token_embed(batch["ids"]), batch["track"], batch["slot"], count)
        x = self._embed(batch["ids"], batch["track"], batch["position"], batch["slot"], labels_in)
        visible = visibility(batch["request"], batch["track"], batch["position"], batch.get("block"))
        mask = Mask(self._added(visible), None if images is None else ~batch["has_image"])
        before = 0 if images is None else images.past[0].keys.shape[2]
        seen = mask if x.is_cpu else mask.whole(before)  # the fused kernel keeps what it is given: one for all layers
        hidden, _ = self._stack(x, batch["point"], seen, images, batch.get("source"))
        return hidden, self._label_means(hidden, batch["track"], batch["slot"], count), images

    def _shown(self, hidden: Tensor, images: PickedCache | None, batch: dict[str, Any]) -> Tensor | None:
        """The loss of every mask that is shown, from states (B*S, D)."""
        shown = batch.get("shown")
        if shown is None or images is None:
            return None
        states = hidden.index_select(0, shown["at"].flatten()).unflatten(0, shown["at"].shape)
        patches = images.features[-1].index_select(0, shown["row"])
        return shown_loss(self.planes(states, patches), images.grid, shown["cover"])

    def _score(self, ids: Tensor, pixels: Tensor | None, attention_mask: Tensor | None) -> CausalLMOutputWithPast:
        images = None if pixels is None else self.encode_images(pixels)
        track = (ids.eq(cast(int, self.config.bos_token_id)).cumsum(1) > 0).long()
        begin = (track == 0).sum(1, keepdim=True)
        position = torch.arange(ids.shape[1], device=ids.device)[None] - begin * track
        padded = torch.zeros_like(ids) if attention_mask is None else 1 - attention_mask
        if attention_mask is not None:  # padding stands on the left, as generate() wants it
            position = position - padded.sum(1, keepdim=True) * (track == 0)
        visible = visibility(padded, track, position)
        nowhere = torch.full((*ids.shape, 2), float("nan"), device=ids.device)
        slot = torch.full_like(ids, -1)
        x = self._embed(ids, track, position.clamp(min=0), slot, torch.zeros(0, self.config.width, device=ids.device))
        hidden, _ = self._stack(x, nowhere, self._mask(visible, images, None), images)
        return CausalLMOutputWithPast(logits=hidden.float() @ self.token_embed.weight.float().T)

    def prepare_inputs_for_generation(
        self,
        input_ids: Any,
        next_sequence_length: Any = None,
        past_key_values: Any = None,
        attention_mask: Any = None,
        inputs_embeds: Any = None,
        is_first_iteration: Any = None,
        pixel_values: Any = None,
        **_: Any,
    ) -> dict[str, Any]:
        # generate() is here for compatibility: the whole sequence is read at each token. The fast way is model.decode.
        # It reads this signature to know what a model takes, so the names stand here in full.
        return {"input_ids": input_ids, "pixel_values": pixel_values, "attention_mask": attention_mask}

    # ---- use -----------------------------------------------------------------------------------------------------

    def prefill(
        self,
        images: ImageCache | None,
        ids: Tensor,
        slot: Tensor,
        has_image: Tensor | None = None,
        points: Tensor | None = None,
    ) -> Prefix:
        """Reads R instructions after their images.

        ids (R, T): tokens, -1 for padding on the right. slot (R, T): index of the label that a token is part of, else
        -1. images: R images, already selected to the rows of the requests, one that all requests are about, or None.
        points (R, T, 2): where in the unit square a token looks at its image, not a number for words; None for words
        alone.
        """
        R, T = ids.shape
        common = images is not None and R > 1 and len(images.features[0]) == 1
        there = ids >= 0
        M = max(int(slot.max()) + 1, 0)
        flat = torch.where(slot >= 0, slot + torch.arange(R, device=ids.device)[:, None] * M, -1)
        zeros = torch.zeros_like(ids)
        position = torch.arange(T, device=ids.device).expand(R, T)
        labels_in = self._label_means(self.token_embed(ids.clamp(min=0)), zeros, flat, R * M)
        x = self._embed(ids.clamp(min=0), zeros, position, flat, labels_in)
        if points is None:
            points = torch.full((R, T, 2), float("nan"), device=ids.device)
        # Requests about one picture are read as one row, so that its keys need not be there for each.
        rows = (1, R * T) if common else (R, T)
        who = torch.where(there, torch.arange(R, device=ids.device)[:, None], -1).view(rows)
        mask = self._mask(
            visibility(who, zeros.view(rows), position.reshape(rows)), images, None if common else has_image
        )
        hidden, past = self._stack(x.view(*rows, -1), points.view(*rows, 2), mask, images)
        hidden = hidden.view(R, T, -1)
        if common:
            past = [
                (k[0].unflatten(1, (R, T)).transpose(0, 1), v[0].unflatten(1, (R, T)).transpose(0, 1)) for k, v in past
            ]
        elif images is not None:
            past = [
                (torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)) for a, b in zip(images.past, past, strict=True)
            ]
        keys = self._mask(there[:, None], None if common else images, has_image)
        used = torch.zeros(R * M, dtype=torch.bool, device=ids.device)
        used[flat[flat >= 0]] = True
        labels_out = self._label_means(hidden, zeros, flat, R * M)
        label_mask = torch.zeros(R, M, device=ids.device).masked_fill_(~used.view(R, M), float("-inf"))
        D = x.shape[-1]
        given, named = labels_in.view(R, M, D), labels_out.view(R, M, D)
        return Prefix(past, keys, images, hidden, given, named, label_mask, common)
