"""Granularity: what is to be found, as fine as a sentence or as coarse as an entity (UGR, Chen et al. 2023)."""

import re

__all__ = ["GRANULARITIES", "page_of", "sentences"]

GRANULARITIES = ("sentence", "passage", "document", "entity")
"""From the finest on. A document as it is stored is a passage: of a page where its id says so, or a title is shared."""

_GAP = re.compile(r"(?<=[.!?])\s+")
_PASSAGE = re.compile(r"\s*§\s*\d+$")


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end, without the space around them."""
    ends = [(gap.start(), gap.end()) for gap in _GAP.finditer(text)]
    spans = zip([0, *(end for _, end in ends)], [*(start for start, _ in ends), len(text)], strict=True)
    return [trimmed for start, stop in spans if (trimmed := _trimmed(text, start, stop))]


def page_of(identity: str) -> str:
    """The page of a passage called ``Title §3``; any other document is a page by itself."""
    return _PASSAGE.sub("", identity) or identity


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int] | None:
    part = text[start:stop]
    begin = start + len(part) - len(part.lstrip())
    return (begin, start + len(part.rstrip())) if part.strip() else None
