"""Documents: found by the model in an index on disk."""

from pathlib import Path

from generalist.app.generalist import Generalist
from generalist.data.images import load_image
from generalist.faults import Fault
from generalist.retrieval.index import Index
from generalist.retrieval.search import search
from generalist.sequence.sample import Answer, Sample

__all__ = ["find"]


def find(generalist: Generalist, index: Path, query: str = "", image: Path | None = None, k: int = 10) -> Answer:
    """The ``k`` documents of an index that a query, a picture or both ask for, best first.

    Raises:
        Fault: no index there, one of another vocabulary, an unreadable image, nothing to ask.
    """
    if "retrieve" not in generalist.tasks:
        raise Fault("there is no task 'retrieve' to search with")
    opened = Index.open(index, generalist.vocabulary)
    request = Sample(query=query.strip())
    if image is not None:
        pixels = load_image(image)
        request = request.but(image=pixels, size=(pixels.shape[1], pixels.shape[0]))
    answer = search(opened, generalist.model, generalist.tasks["retrieve"], [request], k)[0]
    answer.image = None if image is None else str(image)
    return answer
