"""Skipped: what a reader passes over by its policy, counted by kind and named."""

from collections.abc import Iterator
from typing import Any

__all__ = ["Skipped", "skipped_by"]


class Skipped:
    """Broken annotations that are left out rather than refused. Whoever reads the set goes on without them; whoever
    describes it is told. The same thing met again, as in the next epoch, counts once."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, int]] = {}

    def add(self, kind: str, name: object, count: int = 1) -> None:
        """``count`` things of a kind, such as "box of no area", in what ``name`` says: a file, a line, an id."""
        self._kinds.setdefault(kind, {})[str(name)] = count

    def __iter__(self) -> Iterator[tuple[str, int, list[str]]]:
        """Each kind with how many there are and where, in the order met."""
        for kind, names in self._kinds.items():
            yield kind, sum(names.values()), list(names)


def skipped_by(data: Any) -> Skipped:
    """What a set has passed over up to now; nothing of a reader that passes nothing over."""
    found = getattr(data, "skipped", None)
    return found if isinstance(found, Skipped) else Skipped()
