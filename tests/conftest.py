"""What every test shares: the shipped vocabulary and tasks, the small model, and how hard hypothesis tries."""

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
