"""Clock: how much of its time a run has spent. The learning rate follows it, so that a run ends where it should."""

import time
from math import cos, pi

__all__ = ["Clock"]

WARMUP = 0.05
"""Of the time, over which the rate rises."""


class Clock:
    """Runs from the moment it is made. ``minutes`` is the limit; ``spent`` and ``busy`` are the seconds of the wall and
    of the processor that an earlier part of the run has had. Raises nothing; time past the limit counts as the end."""

    def __init__(self, minutes: float, spent: float = 0.0, busy: float = 0.0):
        self.limit = 60 * minutes
        self._wall, self._busy = time.monotonic() - spent, time.process_time() - busy

    @property
    def spent(self) -> float:
        """Seconds of the wall clock so far."""
        return time.monotonic() - self._wall

    @property
    def busy(self) -> float:
        """Seconds of the processor so far, of all threads but not of loaders. Far less than the wall's time the
        number of threads tells of a machine that was not free."""
        return time.process_time() - self._busy

    @property
    def share(self) -> float:
        """Of the limit, in [0, 1]."""
        return min(self.spent / self.limit, 1.0)

    @property
    def over(self) -> bool:
        return self.spent >= self.limit

    def rate(self) -> float:
        """Factor on the learning rate: a linear rise, under a cosine that reaches 0 at the limit."""
        return schedule(self.share)


def schedule(share: float) -> float:
    """The factor at a share of the time."""
    return min(share / WARMUP, 1.0) * 0.5 * (1 + cos(pi * share))
