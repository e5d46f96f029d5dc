"""Memory: what a training step has asked for once stays with the process for the next."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept"]

# Of malloc.h, and what glibc begins with.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_TRIM, _MMAPS = 128 << 10, 65536
_NEVER = -1


@contextmanager
def kept() -> Iterator[None]:
    """While it lasts, freed memory is not given back to the system but used again; at the end it is given back.

    A large tensor is otherwise a mapping of its own, new at each step: the system has to find and clear every page of
    it when it is first written, which takes longer than the arithmetic (`docs/decisions.md`). Only glibc can be told
    so; elsewhere nothing happens. What is on a GPU has torch's own allocator, which does the same.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _MMAPS)
        libc.mallopt(_TRIM_THRESHOLD, _TRIM)
        libc.malloc_trim(0)
