"""Withheld: an index as it is without some of its documents, which itself stays as it is."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from generalist.retrieval.index import Index

__all__ = ["without"]


@contextmanager
def without(index: Index, ids: Iterable[str]) -> Iterator[Index]:
    """The index without the documents of these ids, for as long as the context lasts.

    Files of a shard never change, so a copy of an index is links to them: what it costs is the removal.

    Raises:
        Fault: there is no such document, or none would be left.
    """
    with tempfile.TemporaryDirectory(dir=index.folder.parent, prefix=".withheld-") as folder:
        beside = Path(folder) / index.folder.name
        shutil.copytree(index.folder, beside, copy_function=_linked)
        copy = Index.open(beside, index.vocabulary)
        copy.remove(ids)
        yield copy.only(index.kinds)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)
