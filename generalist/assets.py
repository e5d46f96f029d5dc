"""Finds the files that travel with the code: task files, vocabularies, recipes and the shipped weights.

One path works in a bare clone, in an editable install and in a wheel: a wheel carries the folders as
``generalist/_assets/<kind>``; elsewhere they stand at the root of the repository.
"""

from pathlib import Path

__all__ = ["assets"]

_PACKAGE = Path(__file__).resolve().parent


def assets(kind: str) -> Path:
    """The folder of one kind of asset: ``tasks``, ``tokenizers``, ``recipes`` or ``weights``.

    Raises:
        FileNotFoundError: the installation carries no such folder.
    """
    for root in (_PACKAGE / "_assets", _PACKAGE.parent):
        if (root / kind).is_dir():
            return root / kind
    raise FileNotFoundError(f"no {kind!r} folder in this installation of generalist: reinstall the package")
