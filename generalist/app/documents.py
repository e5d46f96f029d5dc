"""Documents: found by the model in an index on disk."""

from collections.abc import Mapping
from pathlib import Path

from generalist.app.generalist import Generalist
from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import Kind
from generalist.retrieval.views import search_views
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task

__all__ = ["find", "tasks_of"]


def find(generalist: Generalist, index: Path, query: str = "", image: Path | None = None, k: int = 10) -> Answer:
    """The ``k`` documents of an index that a query, a picture or both ask for, best first.

    Raises:
        Fault: no index there, one of another vocabulary, an unreadable image, nothing to ask.
    """
    opened = Index.open(index, generalist.vocabulary)
    request = Sample(query=query.strip())
    if image is not None:
        pixels = load_image(image)
        request = request.but(image=pixels, size=(pixels.shape[1], pixels.shape[0]))
    answer = search_views(opened, generalist.model, tasks_of(generalist, opened.kinds), [request], k)[0]
    answer = generalist.scored(answer)
    answer.image = None if image is None else str(image)
    return answer


def tasks_of(generalist: Generalist, kinds: Mapping[str, Kind]) -> dict[str, Task]:
    """The task that writes each kind of identifier. Raises Fault where there is none."""
    for kind in kinds.values():
        if kind.task not in generalist.tasks:
            raise Fault(f"there is no task {kind.task!r} to search with")
    return {name: generalist.tasks[kind.task] for name, kind in kinds.items()}
