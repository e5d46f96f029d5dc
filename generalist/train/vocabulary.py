"""Builds a vocabulary folder: SentencePiece pieces with byte fallback, the blocks, and the codebook of mask patches."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from generalist.sequence.centres import k_means
from generalist.sequence.geometry import boxes_of_masks
from generalist.sequence.units.mask import crop_patches
from generalist.sequence.vocabulary import CONTROL, blocks_of, spelling

__all__ = ["build_vocabulary", "learn_codebook", "learn_pieces", "mask_patches", "pieces_of"]


Pieces = list[tuple[str, float]]
"""Words and parts of words, each with its log-probability."""


def build_vocabulary(
    folder: Path, pieces: Pieces, masks: Iterable[NDArray[np.bool_]], sizes: Mapping[str, int], rounds: int = 12
) -> None:
    """Writes ``folder``. ``sizes`` gives every block but ``text`` and ``control``; ``mask`` sizes what is learnt."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(pieces)
    blocks = blocks_of([("text", len(pieces)), ("control", len(CONTROL)), *sizes.items()])
    for block in list(blocks.values())[1:]:
        tokenizer.add_special_tokens([AddedToken(spelling(block.name, i), normalized=False) for i in range(block.size)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)
    table = {"blocks": [{"name": b.name, "size": b.size} for b in blocks.values()]}
    (folder / "vocabulary.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    patches = np.concatenate([mask_patches(mask) for mask in masks])
    np.save(folder / "mask_codebook.npy", learn_codebook(patches, sizes["mask"], rounds))


def pieces_of(folder: Path) -> Pieces:
    """The pieces of a vocabulary that is there already: another can be built on them, with other blocks."""
    table = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return [(piece, float(score)) for piece, score in table["model"]["vocab"]]


def learn_pieces(sentences: Iterable[str], size: int) -> Pieces:
    """``size`` SentencePiece unigram pieces with byte fallback (Kudo 2018)."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        vocab_size=size,
        model_type="unigram",
        byte_fallback=True,
        character_coverage=0.9995,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        unk_id=0,
        normalization_rule_name="identity",
        num_threads=2,
        minloglevel=2,
        hard_vocab_limit=True,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]


def _tokenizer(pieces: Pieces) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    return tokenizer


def mask_patches(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The patches (16, 64) of one mask's tight crop, area-averaged, as the ``mask`` unit sees them."""
    return crop_patches(mask, boxes_of_masks(mask[None])[0])


def learn_codebook(patches: NDArray[np.float32], size: int, rounds: int = 12, seed: int = 0) -> NDArray[np.uint8]:
    """k-means centres of patches (n, 64) in [0, 1] as (size, 64) uint8, ordered so that close codes are close ids."""
    # Patches that differ by less than an eighth are one to begin with: most masks have the same few corners.
    seen = np.unique(np.round(patches * 8) / np.float32(8), axis=0)
    centres = k_means(patches, size, rounds, np.random.default_rng(seed), seen if len(seen) >= size else patches)
    order = np.argsort(centres.mean(1), kind="stable")
    return np.asarray((centres[order] * 255).round(), np.uint8)
