"""Mirror: what words about a picture become when it is mirrored, and whether they say how it lies."""

import re

__all__ = ["mirrored", "sided"]

_SIDE = re.compile(
    r"""(?<![^\W_])
    (?:(?P<kept>
      (?:has|have|had|all)\ (?:right|left)(?=\ (?:the|a)\b|[.,?!]|$)
    | (?:right|left)[\ -]?(?:now|away|angles?|angled|triangles?|overs?|behind|alone|out|of\ way)(?![^\W_])
    )
    | (?P<word>left|right)(?=(?:-?most|-?hand(?:ed)?|wards?|ies|s)?(?![^\W_]))
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""A side, at the head of a word or alone; ``kept`` are the phrases in which the words mean none. They are kept in both
spellings, else mirroring twice would not give back what was there."""

_LYING = re.compile(
    r"""(?<![^\W_])(?:
      (?:left|right|top|bottom|up(?:per)?|down|lower)(?:-?most|-?hand|wards?)?
    | above|below|under(?:neath)?|beneath|over|north|south|east|west|vertical(?:ly)?|horizontal(?:ly)?|diagonal(?:ly)?
    | upright|rows?|columns?
    )(?![^\W_])""",
    re.IGNORECASE | re.VERBOSE,
)


def mirrored(text: str) -> str:
    """The text with left and right exchanged, as words and at the head of words (leftmost, right-hand, ``left_eye``),
    in the same letter case. Mirrored twice it is itself. English; "right now" and the like stay."""
    return _SIDE.sub(_exchanged, text)


def sided(text: str) -> bool:
    """Whether a text speaks of a side or of up and down, and may be untrue of the picture turned by a quarter."""
    return _LYING.search(text) is not None


def _exchanged(found: re.Match[str]) -> str:
    word = found["word"]
    if word is None or word not in (word.lower(), word.capitalize(), word.upper()):
        return found[0]
    other = "right" if word.lower() == "left" else "left"
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
