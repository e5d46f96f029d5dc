"""Vectors of documents that no model is needed for: how often each letter stands in them."""

import numpy as np

from generalist.retrieval.index import Index


class Letters:
    fingerprint = "letters"

    def __call__(self, documents):
        texts = [f"{document.title} {document.text}".encode() for document in documents]
        counts = [np.bincount(np.frombuffer(text, np.uint8) % 32, minlength=32) for text in texts]
        return np.asarray(counts, np.float32).reshape(-1, 32)


def built(documents, vocabulary, folder, kind, **options):
    """An index of any kind."""
    return Index.build(documents, vocabulary, folder, kind=kind, vectors=Letters(), **options)
