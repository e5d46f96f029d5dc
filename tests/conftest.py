"""What every test shares: the shipped vocabulary and tasks, the small model, and how hard hypothesis tries."""

import os

# Tests that run side by side (``pytest -n``) share the cores; what a test starts as a process of its own does too.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    threads = max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))

import pytest
import torch
from hypothesis import HealthCheck, settings

from generalist.model.build import build_model
from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary

settings.register_profile(
    "generalist",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("generalist")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of minutes come first, so that at the end nobody waits for one that another has begun."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def small_model():
    """The model at its smallest, with random weights, in float32."""
    torch.manual_seed(0)
    size = {"size": "tiny", "width": 32, "depth": 2, "heads": 2, "image_size": 32}
    return build_model(size, Vocabulary.load("tiny")).eval()


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary.load("tiny")


@pytest.fixture(scope="session")
def tasks(vocabulary: Vocabulary) -> dict[str, Task]:
    return load_tasks(vocabulary)
