"""Vectors of documents: what a model makes of a text, a picture or both, as one vector.

A document is read as an instruction is: its title and its text as words, after its picture. The vector is the mean of
the model's last states over the words, and over the patches; of a document with both, the mean of the two.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generalist.data.images import load_image
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_images
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Vectors", "document_vectors"]


@torch.inference_mode()
def document_vectors(
    model: GeneralistModel, vocabulary: Vocabulary, documents: Sequence[Document], batch: int = 32
) -> NDArray[np.float32]:
    """(D, width) the vector of each document, of a text cut where the model has no more places for it.

    Raises:
        Fault: a picture cannot be read.
    """
    words = [_words(document, vocabulary, model.config.max_text) for document in documents]
    # Documents of like length are read together: what is padded costs as much as what is said.
    order = sorted(range(len(documents)), key=lambda i: len(words[i]))
    out = np.zeros((len(documents), model.config.width), np.float32)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        pictures = [load_image(documents[i].image) if documents[i].image else None for i in part]
        images = read_images(model, pictures)
        there = torch.tensor([[picture is not None] for picture in pictures], device=model.device)
        ids = np.full((len(part), max(1, len(words[part[-1]]))), -1, np.int64)
        for row, i in enumerate(part):
            ids[row, : len(words[i])] = words[i]
        said = torch.from_numpy(ids).to(model.device)
        slot = torch.full_like(said, -1)
        prefix = model.prefill(images, said, slot, None if images is None else there)
        told = (said >= 0)[..., None].to(prefix.states.dtype)
        total, parts = _share((prefix.states * told).sum(1), told.sum(1))
        if images is not None:
            seen = model.norm(images.features[-1]).mean(1)
            total, parts = total + seen * there, parts + there
        out[part] = (total / parts.clamp(min=1)).float().cpu().numpy()
    return out


def _share(total: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, zeros where there is nothing, and whether there is something."""
    return total / count.clamp(min=1), (count > 0).to(total.dtype)


def _words(document: Document, vocabulary: Vocabulary, most: int) -> list[int]:
    # Far more letters than there is room for need not be cut into pieces.
    return vocabulary.encode_plain(f"{document.title} {document.text[: 16 * most]}".strip())[:most]


class Vectors:
    """``document_vectors`` of one model; ``fingerprint`` tells them from those of another."""

    def __init__(self, model: GeneralistModel, vocabulary: Vocabulary, batch: int = 32):
        self.model, self.vocabulary, self.batch = model, vocabulary, batch

    def __call__(self, documents: Sequence[Document]) -> NDArray[np.float32]:
        return document_vectors(self.model, self.vocabulary, documents, self.batch)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits over the weights."""
        digest = blake2b(digest_size=8)
        for name, weight in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            # One number of each matrix would do for chance, but not for a model that was trained a little.
            digest.update(weight.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()
