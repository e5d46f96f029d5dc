"""What every test shares: the shipped vocabulary and tasks, and one pace for hypothesis."""

import pytest
from hypothesis import HealthCheck, settings

from generalist.sequence.task import Task, load_tasks
from generalist.sequence.vocabulary import Vocabulary

settings.register_profile(
    "house",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary.load("tiny")


@pytest.fixture(scope="session")
def tasks(vocabulary: Vocabulary) -> dict[str, Task]:
    return load_tasks(vocabulary)
