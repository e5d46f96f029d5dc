"""Place: where a thing is said to be, which is no part of its name: cups on the tray, ships that are in the harbour.

A name keeps what tells its things from others of their kind: a person in a blue coat, the cup on the left, a car behind
the truck. What it does not keep is where all of them are: a place that everybody knows of, led by "the" or "this".
"""

import re
from collections.abc import Iterator

__all__ = ["counted", "elsewhere", "here", "unplaced"]

_IN = (
    r"(?:in(?!\s+front\b)|on|onto|at|inside|within|into|across|from|under|around|among|amongst|between|along|near"
    r"|throughout|over|atop|upon|on\s+top\s+of)"
)
_MANY = "all|each|any|some|both|many|several|most|ones?|none|number|kind|type|sort|rest|pair|half"
_THE = r"(?:the|this|that|these|those|my|our|your|his|her|their|its)"
_SIDE = (
    r"(?:(?:far|very|upper|lower)\s+)?"
    r"(?:left|right|middle|cent(?:er|re)|top|bottom|front|back|back\s?ground|foreground)"
)
_POSED = (
    r"(?:lying|laying|standing|sitting|parked|located|placed|situated|waiting|hanging|growing|grazing|swimming|floating"
    r"|flying|scattered|stacked|stored|mounted|walking|playing|working|resting|sleeping|driving|moving|stuck|left|found"
    r"|crossing|arranged|displayed|positioned|installed|planted|anchored|moored|docked|queueing|queuing|gathered|seen)"
)
_POSES = (
    r"(?:lie|stand|sit|hang|grow|graze|swim|float|fly|live|wait|appear|rest|play|work|walk|grew|stood|sat|lay|hung)"
)
_BY = r"(?:in\s+front\s+of|behind|next\s+to|beside|above|below|beneath)"
_THERE = r"(?:(?:that|which|who)\s+)?(?:there\s+)?(?:(?:is|are|was|were)\s+)?(?:currently\s+|still\s+)?"
_PLACE = rf"{_IN}\s+{_THE}\s+(?!{_SIDE}\b)[\w'-]+(?:\s+(?!{_IN}\b)[\w'-]+){{0,4}}"
_UNPLACED = re.compile(
    rf"\s+{_THERE}(?:{_POSED}\s+)?(?:{_PLACE}|{_IN}\s+(?:it|them|here|there))(?:\s+{_PLACE})*\s*$", re.I
)
_REMAINING = re.compile(
    rf"\s+{_THERE}(?:{_POSED}|{_POSES}|there|left|remain(?:s|ing)?|available|missing|around|outside|inside)"
    r"(?:\s+(?:are|is|in\s+total))?\s*$",
    re.I,
)
_SOMEWHERE = re.compile(
    rf"\s+{_THERE}(?:(?:{_POSED}|{_POSES})\s+)?(?:{_IN}|{_BY})\s+(?:{_THE}|an?|each|every)\s+"
    r"(?!(?:left|right|middle|top|bottom)\b).*$",
    re.I,
)


_HERE = re.compile(
    rf"\s+(?:in|on|at|inside|within|of)\s+this\s+(?!{_SIDE}\b)[\w-]+(?:\s(?!{_IN}\b)[\w-]+)?\s*[.?!]*$", re.I
)


_OF_ALL = re.compile(rf"(.*\b(?!(?:{_MANY})\b)\w+)\s+of\s+{_THE}\s+[\w-]+(?:\s+[\w-]+)?", re.I)
"""The windows of the building: all of its windows; not all of the windows."""
_DONE = re.compile(
    r"\s+(?:have|has|had|do|does|did|can|could|will)\s+(?:we|you|i|they|he|she|it|there|(?:the|this|that|each|my)\s+\w+)\b"
    r"(?!.*\b(?:costs?|weighs?|lasts?|takes?|says?|means?)\b).*$"
    r"|\s+(?:the|this|that|each|my)\s+[\w-]+\s+(?:has|have|shows?|contains?|holds?)$",
    re.I,
)
"""How many wheels does the truck have; floors this building has. How many euros does it cost is no count."""


_THAT_ARE = re.compile(
    r"(how\s+many)\s+(?:of\s+(?:the|these|those)\s+)?([^,]+?)\s+are\s+"
    r"(?!on\b|off\b|in\b|out\b|up\b|down\b|there\b|here\b)(\w+)",
    re.I,
)
"""Of the seats are empty: empty seats."""


_OURS = re.compile(r"(?<=\w)\s+for\s+(?:my|our)\s[^,:;]*$", re.I)


def here(phrase: str) -> str:
    """A phrase without the place that the picture is: "the kidney in this scan"; the cup on the table keeps its own."""
    return _HERE.sub("", _OURS.sub("", phrase)) or phrase


def unplaced(name: str) -> str:
    """A name without the place of all that it names; never nothing."""
    short = _UNPLACED.sub("", name).strip()
    if whole := _OF_ALL.fullmatch(short or name):
        short = whole[1]
    return short or name


def elsewhere(text: str) -> Iterator[str]:
    """A request without the place that ends it, and with the verb before it: "where the cups are on the tray"."""
    found = _UNPLACED.search(text)
    if found and found.start():
        yield text[: found.start()]
        if verb := re.match(r"\s+(?:is|are)\b", found[0]):
            yield text[: found.start()] + verb[0]


def counted(name: str) -> str:
    """A name without where or that it is counted: "candles are on a cake" and "candles are left" are candles."""
    short = _REMAINING.sub("", _SOMEWHERE.sub("", _DONE.sub("", name))).strip() or name
    found = _THAT_ARE.fullmatch(short)
    return f"{found[1]} {found[3]} {found[2]}" if found else short
