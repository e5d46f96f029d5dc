"""Models made, saved and loaded: from a size, from a timm ViT, from a folder."""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoTokenizer

from generalist.assets import assets
from generalist.faults import Fault
from generalist.model.config import GeneralistConfig
from generalist.model.modeling import GeneralistModel
from generalist.model.processor import GeneralistProcessor
from generalist.sequence.vocabulary import FILES, ORDINAL, Vocabulary

__all__ = ["SHIPPED", "build_model", "load_model", "model_folder", "save_model"]

SHIPPED = "tiny"


def build_model(spec: dict[str, Any], vocabulary: Vocabulary, name: str = "tiny") -> GeneralistModel:
    """A model to train. spec: ``size``, or ``init`` (``timm/<name>`` or a model folder), and changes to the config. A
    model folder of another vocabulary is taken over token by token.

    Raises:
        Fault: no such size, timm model or folder.
    """
    spec = dict(spec)
    init, size = spec.pop("init", None), spec.pop("size", "tiny")
    about = {
        "vocab_size": len(vocabulary),
        "vocabulary": name,
        "fingerprint": vocabulary.fingerprint,
        "bos_token_id": vocabulary.bos,
        "eos_token_id": vocabulary.eos,
        "pad_token_id": vocabulary.pad,
    }
    if init is None:
        return _ordered(GeneralistModel(GeneralistConfig.preset(size, **about, **spec)), vocabulary)
    if init.startswith("timm/"):
        from generalist.model.timm import from_timm

        return _ordered(from_timm(init.removeprefix("timm/"), {**about, **spec}), vocabulary)
    model, held = load_model(init)
    model = _resized(model.float(), spec, init)
    if held.fingerprint == vocabulary.fingerprint:
        return model
    return _respelled(model, held, vocabulary, about)


@torch.no_grad()
def _resized(model: GeneralistModel, changes: dict[str, Any], name: str) -> GeneralistModel:
    """A trained model for pictures of another ``image_size``, its positions interpolated. Nothing else of a trained
    model can be changed: raises Fault for a field that says otherwise."""
    config = model.config
    for key, value in changes.items():
        if key != "image_size" and value != getattr(config, key):
            raise Fault(f"init: {name} has {key} {getattr(config, key)}: leave {key}: {value} out of the recipe")
    size = changes.get("image_size", config.image_size)
    if size == config.image_size:
        return model
    side, odd = divmod(size, config.patch_size)
    if odd or not side:
        raise Fault(f"init: {name}: image_size {size} is no multiple of its patch of {config.patch_size} pixels")
    positions = model.positions((side, side))
    config.image_size = size
    model.pos_embed = nn.Parameter(positions.clone())
    return model


@torch.no_grad()
def _respelled(
    model: GeneralistModel, held: Vocabulary, vocabulary: Vocabulary, about: dict[str, Any]
) -> GeneralistModel:
    """A trained model under another vocabulary: tokens that are spelled alike keep their rows, codes of mask patches
    take the row of the nearest old patch, bins of a block of another size the row at the same place along it, and what
    is new starts as in a new model."""
    out = _ordered(GeneralistModel(type(model.config)(**{**model.config.to_dict(), **about})), vocabulary)
    old, new = model.token_embed.weight, out.token_embed.weight
    state = {k: v for k, v in model.state_dict().items() if v.shape == out.state_dict()[k].shape}
    out.load_state_dict(state, strict=False)
    known = held.tokenizer.get_vocab()
    for token, row in vocabulary.tokenizer.get_vocab().items():
        if token in known:
            new[row] = old[known[token]]
    for name in ORDINAL & set(held.blocks) & set(vocabulary.blocks):
        a, b = held[name], vocabulary[name]
        if a.size != b.size:
            place = torch.linspace(0, a.size - 1, b.size).round().long()
            new[b.start : b.stop] = old[a.start : a.stop][place]
    patches, before = torch.from_numpy(vocabulary.patches), torch.from_numpy(held.patches)
    if patches.shape != before.shape or not torch.equal(patches, before):
        codes = vocabulary["mask"]
        new[codes.start : codes.stop] = old[held["mask"].start + torch.cdist(patches, before).argmin(1)]
    return out


@torch.no_grad()
def _ordered(model: GeneralistModel, vocabulary: Vocabulary) -> GeneralistModel:
    """Starts neighbouring bins of ordinal blocks close to one another: sums of waves along the block, same spread."""
    for name in sorted(ORDINAL & set(vocabulary.blocks)):
        block = vocabulary[name]
        place = torch.linspace(0, 1, block.size)[:, None]
        waves = torch.cat([f(torch.pi * k * place) for k in range(1, 17) for f in (torch.sin, torch.cos)], 1)
        generator = torch.Generator().manual_seed(block.start)
        rows = waves @ torch.randn(waves.shape[1], model.config.width, generator=generator)
        model.token_embed.weight[block.start : block.stop] = rows * (0.02 / rows.std())
    return model


def save_model(model: GeneralistModel, folder: Path, vocabulary: Vocabulary) -> None:
    """Writes a model folder (config, safetensors, the vocabulary's own files), beside and renamed. Where the vocabulary
    comes from a model folder, nothing else in there is carried over: it belongs to other weights."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(beside)
    for name in FILES:
        if (vocabulary.folder / name).is_file():
            shutil.copy(vocabulary.folder / name, beside / name)
    tokenizer = AutoTokenizer.from_pretrained(beside, local_files_only=True)
    GeneralistProcessor(tokenizer, model.config.image_size).to_json_file(beside / "processor_config.json")
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)


def copy_model(folder: Path, to: Path) -> None:
    """Copies a model folder, beside and renamed, over what may be there. Raises OSError if it cannot be written."""
    beside = to.with_name(to.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(folder, beside)
    shutil.rmtree(to, ignore_errors=True)
    beside.rename(to)


def model_folder(name: str | Path) -> Path:
    """The folder of a model, by the name of a shipped one or by its path. Raises Fault if it holds no model."""
    folder = Path(name)
    if not folder.is_dir():
        try:
            folder = assets("weights") / str(name)
        except FileNotFoundError as error:
            raise Fault(str(error)) from error
    if not (folder / "config.json").is_file():
        raise Fault(f"{name}: no such model folder, and no shipped model of that name")
    return folder


def load_model(name: str | Path = SHIPPED) -> tuple[GeneralistModel, Vocabulary]:
    """A model by the name of a shipped one or by its folder, in evaluation mode, and its vocabulary.

    Raises:
        Fault: the folder is not there, is no model, is cut short, or its vocabulary is not the one trained with.
    """
    folder = model_folder(name)
    model = _read(folder)
    vocabulary = Vocabulary.load(folder)
    if model.config.fingerprint != vocabulary.fingerprint:
        raise Fault(f"{folder}: the vocabulary is not the one that the model was trained with")
    return model.eval(), vocabulary


def _read(folder: Path) -> GeneralistModel:
    """The model of a folder. Only safetensors are read (a pickle could run code), and every parameter must be there."""
    model: GeneralistModel
    notes: dict[str, Any]
    try:
        model, notes = GeneralistModel.from_pretrained(  # type: ignore[misc]
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise Fault(f"{folder}: the weights cannot be read: {(str(error) or repr(error)).splitlines()[0]}") from error
    # Hugging Face fills a gap with random numbers and a warning: an answer from such a model would look like one.
    for state, keys in notes.items():
        if keys:
            what = f"{state.replace('_', ' ')} {sorted(map(str, keys))[0]}"
            raise Fault(f"{folder}: the weights are of another model: {what}")
    return model
