"""The text files and folders that readers find their items in; each refusal names the file and the line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from generalist.data.images import IMAGE_SUFFIXES
from generalist.faults import Fault

__all__ = [
    "images_by_stem",
    "read_json",
    "read_jsonl",
    "read_lines",
    "read_names",
    "read_object",
    "read_text",
    "read_yaml",
]


def read_text(path: Path) -> str:
    """A UTF-8 text file, with or without a byte-order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise Fault(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{path}: not readable as UTF-8 text ({error})") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, stripped."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise Fault(f"{path}: not JSON ({error})") from error


def read_yaml(path: Path) -> Any:
    """What a YAML file holds, plain values only."""
    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise Fault(f"{path}: not YAML ({' '.join(str(error).split())})") from error


def read_names(names: Any, path: Path) -> dict[int, str]:
    """Index to name, from a list or a mapping that ``path`` holds."""
    try:
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(index): str(name) for index, name in pairs}
    except (TypeError, ValueError) as error:
        raise Fault(f"{path}: class names are a list, or a mapping from index to name") from error


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one JSON object a line, read as they are asked for."""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        yield read_object(line, f"{path}: line {number}")


def read_object(line: str, where: str) -> dict[str, Any]:
    """The JSON object that a line is; ``where`` names the line."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Fault(f"{where} is not JSON ({error})") from error
    if not isinstance(record, dict):
        raise Fault(f"{where} is not a JSON object")
    return record


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file that may be larger than the memory."""
    try:
        # Not splitlines: it also breaks at U+2028 and the like, which JSON allows inside a string.
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield from file
    except FileNotFoundError as error:
        raise Fault(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{path}: not readable as UTF-8 text ({error})") from error


def images_by_stem(folder: Path) -> dict[str, Path]:
    """The images in a folder by name without suffix, in the order of their names; suffixes in any case."""
    if not folder.is_dir():
        raise Fault(f"{folder}: there is no such folder")
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}
