"""Gathering: the passages that were found, told as finer or coarser things (UGR, Chen et al. 2023).

sentence  of each passage its sentences, each with the weight of the runs that begin in it. What stands in no sentence,
          such as a run of the title, counts for the best of them: the sentences of a passage share its score.
document  the passages of one page as one: of ids ``Title §n``, or of one title where ids say nothing. The best counts
          whole, the next a half, the one after it a quarter.
entity    the same of all that bear one title, whatever their ids.
"""

from collections.abc import Callable, Iterable, Iterator

from generalist.faults import Fault
from generalist.retrieval.hits import Evidence, Hit
from generalist.sequence.granularity import GRANULARITIES, page_of, sentences
from generalist.sequence.sample import Document

__all__ = ["NEXT", "WIDER", "check", "gathered"]

NEXT = 0.5
"""What the next passage of a page counts, against the one before it."""

WIDER = 10
"""Passages that are found, for each thing that is listed."""


def check(granularity: str) -> None:
    """Raises Fault for a granularity that there is not."""
    if granularity and granularity not in GRANULARITIES:
        raise Fault(f"there is no granularity {granularity!r}; there are {', '.join(GRANULARITIES)}")


def gathered(found: Iterable[Hit], granularity: str, share: float = NEXT) -> list[Hit]:
    """What the passages ``found``, best first, are of, best first; they themselves where that is a passage, or nothing.

    share: 0 where the passages of a page have one score because they have one identifier, which then counts once.
    """
    if granularity == "sentence":
        parts = [part for hit in found for part in _sentences(*hit)]
        return sorted(parts, key=lambda hit: -hit.score)
    if granularity in ("document", "entity"):
        return _pages(found, _page if granularity == "document" else _title, share)
    return list(found)


def _sentences(document: Document, score: float, evidence: Evidence, more: dict[str, object]) -> Iterator[Hit]:
    spans = sentences(document.text)
    if not spans:
        yield Hit(document, score, evidence, {"sentence": document.title})
        return
    held: list[Evidence] = [[] for _ in spans]
    around: Evidence = []
    for run in evidence:
        inside = run["span"][0] if run.get("field") == "text" else -1
        at = next((i for i, (start, stop) in enumerate(spans) if start <= inside < stop), None)
        (around if at is None else held[at]).append(run)
    scores = [sum(run["weight"] for run in runs) for runs in held]
    best = max(range(len(spans)), key=lambda i: scores[i])
    scores[best] += score - sum(scores)
    held[best] = held[best] + around
    for (start, stop), part, runs in zip(spans, scores, held, strict=True):
        if part > 0:
            yield Hit(document, part, runs, {"sentence": document.text[start:stop], "span": [start, stop]})


def _page(document: Document) -> tuple[str, ...]:
    page = page_of(document.id)
    return (page,) if page != document.id else _title(document)


def _title(document: Document) -> tuple[str, ...]:
    return "title", document.title


def _pages(found: Iterable[Hit], of: Callable[[Document], tuple[str, ...]], share: float) -> list[Hit]:
    groups: dict[tuple[str, ...], list[Hit]] = {}
    for hit in found:
        groups.setdefault(of(hit.document), []).append(hit)
    pages = [_whole(group, of is _title, share) for group in groups.values()]
    return sorted(pages, key=lambda hit: -hit.score)


def _whole(group: list[Hit], entity: bool, share: float) -> Hit:
    best = group[0].document
    score = sum(hit.score * share**rank for rank, hit in enumerate(group))
    evidence = [{**run, "passage": hit.document.id} for hit in group for run in hit.evidence]
    identity = best.title if entity else page_of(best.id)
    more = {"passages": [hit.document.id for hit in group]}
    return Hit(Document(identity, best.title, "", best.image), score, evidence, more)
