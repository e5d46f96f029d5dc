"""Memory that is kept: while it lasts a large tensor is not asked for anew; afterwards it is given back."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import torch
from generalist.train.memory import kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(32 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return resource.getpagesize() * int(file.read().split()[1])

outside = min(faults() for _ in range(4))
with kept():
    inside = min(faults() for _ in range(12))  # pieces fit one another after a few
    held = resident()
print(outside, inside, held, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_large_tensors_are_asked_for_once_while_it_lasts():
    # A process of its own: what malloc does depends on what went before.
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    outside, inside, held, left = map(int, told.split())
    assert outside > 1000, "a tensor of 128 MiB is a mapping of its own"
    assert inside < 100
    assert left < held - (64 << 20), "what was kept is given back"
