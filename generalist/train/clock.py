"""Clock: the seconds of a run, over all of its interruptions."""

import time

__all__ = ["Clock"]


class Clock:
    """Counts from ``before``, the seconds that earlier parts of the run took."""

    def __init__(self, before: float = 0.0):
        self._began = time.monotonic() - before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
