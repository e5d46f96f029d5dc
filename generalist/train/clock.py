"""Clock: the seconds of a run, over all of its interruptions."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Clock"]


class Clock:
    """Counts from ``before``, the seconds that earlier parts of the run took; not while ``paused``."""

    def __init__(self, before: float = 0.0):
        self._began = time.monotonic() - before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done here takes no time of the run."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._began += time.monotonic() - began
