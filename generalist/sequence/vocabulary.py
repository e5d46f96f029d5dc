"""The vocabulary: named, contiguous blocks of ids over a Hugging Face tokenizer. Nothing else knows a number.

A folder holds ``tokenizer.json`` (loads with ``AutoTokenizer`` too), ``vocabulary.json`` (the blocks, in order) and
``mask_codebook.npy`` (the patches behind the ``mask`` block). Every token of a block has a spelling, so a person can
type ``<loc_0512>`` in a prompt.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from generalist.assets import assets
from generalist.faults import Fault

__all__ = ["CONTROL", "FILES", "ORDINAL", "Block", "Vocabulary", "blocks_of", "spelling"]

FILES = ("tokenizer.json", "tokenizer_config.json", "vocabulary.json", "mask_codebook.npy")
"""What a vocabulary's folder holds; a model folder holds them beside the weights."""

CONTROL = ("<pad>", "<s>", "</s>", "<none>", "<p>", "</p>")
"""pad; start of a track; end of an answer that ends itself; nothing here; phrase delimiters."""

ORDINAL = frozenset({"angle", "depth", "loc", "number"})
"""Blocks whose neighbours mean nearly the same: soft targets in training, expectation in decoding."""


@dataclass(frozen=True, slots=True)
class Block:
    """A named run of ids: ``block[3]`` is an id, ``id in block``, ``block.index_of(id)`` is 3."""

    name: str
    start: int
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise IndexError(f"block {self.name!r} has {self.size} tokens, not a token {index}")
        return self.start + index

    def __contains__(self, token: object) -> bool:
        return isinstance(token, int | np.integer) and self.start <= int(token) < self.stop

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def index_of(self, token: int) -> int:
        if token not in self:
            raise IndexError(f"token {token} is not of block {self.name!r}")
        return int(token) - self.start


def spelling(block: str, index: int) -> str:
    """How token ``index`` of a block is written: ``<loc_0512>``."""
    return CONTROL[index] if block == "control" else f"<{block}_{index:04d}>"


def blocks_of(sizes: Iterable[tuple[str, int]]) -> dict[str, Block]:
    """Blocks laid end to end from id 0."""
    out: dict[str, Block] = {}
    start = 0
    for name, size in sizes:
        out[name] = Block(name, start, size)
        start += size
    return out


class Vocabulary:
    """One vocabulary for words, places, shapes, distances and documents."""

    def __init__(self, tokenizer: Tokenizer, blocks: dict[str, Block], codebook: NDArray[np.uint8], folder: Path):
        self.tokenizer, self.blocks, self.codebook, self.folder = tokenizer, blocks, codebook, folder
        self.pad, self.bos, self.eos, self.none, self.phrase, self.end_phrase = blocks["control"]

    @classmethod
    def load(cls, name: str | Path = "tiny") -> "Vocabulary":
        """A shipped vocabulary by name, or one from a folder.

        Raises:
            Fault: the folder is missing, incomplete, or its tokenizer and its blocks disagree.
        """
        folder = Path(name) if Path(name).is_dir() else assets("tokenizers") / str(name)
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            table = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
            codebook = np.load(folder / "mask_codebook.npy", allow_pickle=False)
            blocks = blocks_of((row["name"], row["size"]) for row in table["blocks"])
        except Exception as error:  # tokenizers raises a bare Exception for a missing or broken file
            raise Fault(f"{folder}: not a vocabulary folder ({error})") from error
        found, total = tokenizer.get_vocab_size(), sum(map(len, blocks.values()))
        if found != total:
            raise Fault(f"{folder}: tokenizer.json has {found} tokens, its blocks {total}")
        if "control" not in blocks or len(blocks["control"]) != len(CONTROL):
            raise Fault(f"{folder}: vocabulary.json needs a block 'control' of {len(CONTROL)} tokens")
        return cls(tokenizer, blocks, codebook, folder)

    def __getitem__(self, block: str) -> Block:
        if block not in self.blocks:
            raise Fault(f"the vocabulary has no tokens {block!r}: it has {', '.join(self.blocks)}")
        return self.blocks[block]

    def __contains__(self, block: str) -> bool:
        return block in self.blocks

    def __len__(self) -> int:
        return sum(len(block) for block in self.blocks.values())

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits over the tokenizer, the blocks and the codebook; saved in checkpoints and indexes."""
        digest = hashlib.sha256(json.dumps([(b.name, b.size) for b in self.blocks.values()]).encode())
        digest.update(json.dumps(self.tokenizer.get_vocab(), sort_keys=True).encode())
        digest.update(np.ascontiguousarray(self.codebook).tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def patches(self) -> NDArray[np.float32]:
        """The codebook (codes, 64) as shares of cover in [0, 1]."""
        return np.asarray(self.codebook, np.float32) / np.float32(255)

    def block_of(self, token: int) -> Block:
        """The block that a token belongs to."""
        for block in self.blocks.values():
            if token in block:
                return block
        raise IndexError(f"token {token} is outside the vocabulary")

    def encode(self, text: str) -> list[int]:
        """Ids of a text; typed tokens such as ``<loc_0512>`` become themselves, and bytes that are no text ``?``."""
        # A shell hands bytes that are not UTF-8 over as halves of surrogate pairs, which no tokenizer takes.
        text = text.encode("utf-8", "replace").decode("utf-8")
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_plain(self, text: str) -> list[int]:
        """Ids of a text in the ``text`` block alone, whatever it spells: what an answer of text may hold."""
        ids = self.encode(text)
        if "<0x" not in text and all(token in self["text"] for token in ids):
            return ids
        # A typed special token or byte piece inside an answer is spelled out byte by byte, which decodes to the text.
        return [self._bytes[byte] for byte in text.encode("utf-8", "replace")]

    def places(self, text: str) -> list[tuple[int, int]]:
        """Which letters of a text, from and to, each token of ``encode_plain`` spells."""
        found = self.tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8"), add_special_tokens=False)
        if list(found.ids) == self.encode_plain(text):
            return list(found.offsets)
        return [(i, i + 1) for i, letter in enumerate(text) for _ in letter.encode("utf-8", "replace")]

    @cached_property
    def _bytes(self) -> tuple[int, ...]:
        """The piece of each of the 256 bytes."""
        known = self.tokenizer.get_vocab()
        return tuple(known[f"<0x{byte:02X}>"] for byte in range(256))

    def text(self, ids: Iterable[int]) -> str:
        """The text of ids of the ``text`` block; bytes that are not UTF-8 come out as the replacement character."""
        return str(self.tokenizer.decode([int(i) for i in ids], skip_special_tokens=False)).strip()

    def spell(self, ids: Iterable[int]) -> str:
        """The tokens as written, for people who read sequences."""
        return " ".join(str(self.tokenizer.id_to_token(int(i))) for i in ids)
