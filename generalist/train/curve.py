"""Curve: what a run has measured, a JSON line each, as it goes."""

import json
from pathlib import Path
from typing import Any

__all__ = ["Curve"]


class Curve:
    """The file of a run that stands at ``step``. Lines of later steps, from before an interruption, are taken off: they
    are about to be written again."""

    def __init__(self, path: Path, step: int = 0):
        self.path = path
        kept = [line for line in _lines(path) if json.loads(line)["step"] <= step] if step else []
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".part")
        beside.write_text("".join(kept), encoding="utf-8")
        beside.rename(path)

    def add(self, step: int, seconds: float, **figures: Any) -> None:
        """One line: the step, the seconds of the run so far, and figures by name."""
        record = {"step": step, "seconds": round(seconds, 1), **figures}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def _lines(path: Path) -> list[str]:
    """The whole lines of a file; the last may have been cut short."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
