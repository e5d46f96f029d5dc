"""Documents: found by the model in an index on disk."""

from pathlib import Path

from generalist.app.generalist import Generalist
from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import KINDS
from generalist.retrieval.search import search
from generalist.sequence.sample import Answer, Sample

__all__ = ["find"]


def find(generalist: Generalist, index: Path, query: str = "", image: Path | None = None, k: int = 10) -> Answer:
    """The ``k`` documents of an index that a query, a picture or both ask for, best first.

    Raises:
        Fault: no index there, one of another vocabulary, an unreadable image, nothing to ask.
    """
    opened = Index.open(index, generalist.vocabulary)
    task = KINDS[opened.meta.kind].task
    if task not in generalist.tasks:
        raise Fault(f"there is no task {task!r} to search with")
    request = Sample(query=query.strip())
    if image is not None:
        pixels = load_image(image)
        request = request.but(image=pixels, size=(pixels.shape[1], pixels.shape[0]))
    answer = search(opened, generalist.model, generalist.tasks[task], [request], k)[0]
    answer = generalist.scored(answer)
    answer.image = None if image is None else str(image)
    return answer
