"""One plain transformer that answers every visual and retrieval request by writing tokens of one vocabulary.

Names are found when they are used: importing the package costs milliseconds, and no torch.
"""

from importlib import import_module
from typing import Any

__all__ = ["Answer", "Fault", "Generalist", "GeneralistConfig", "GeneralistModel", "Sample", "Task", "Vocabulary",
           "load_tasks"]  # fmt: skip

__version__ = "0.6.0"

_HOME = {
    "Answer": "generalist.sequence.sample",
    "Fault": "generalist.faults",
    "Generalist": "generalist.app.generalist",
    "GeneralistConfig": "generalist.model.config",
    "GeneralistModel": "generalist.model.modeling",
    "Sample": "generalist.sequence.sample",
    "Task": "generalist.sequence.task",
    "Vocabulary": "generalist.sequence.vocabulary",
    "load_tasks": "generalist.sequence.task",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'generalist' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
