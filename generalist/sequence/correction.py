"""Correction: what a person takes back and says anew, and what comes to mind after the full stop.

"Find the buses - no wait, I meant trams" is "Find trams"; "find the cakes. Oh, and the pies too" names both.
"""

import re
from collections.abc import Set

from generalist.sequence.english import ARTICLES, QUANTIFIERS, bared, is_question, words
from generalist.sequence.noun import number_of

__all__ = ["meant_at_last"]

_SORRY = (
    r"(?:no\s*,|no(?:pe)?\s+(?:wait|sorry|actually|i\s+mean(?:t)?)"
    r"|(?:sorry|wait|oops|actually|correction)\b(?!\s+(?:to|for|about)\b)"
    r"|or\s+rather|scratch\s+that|make\s+that|not\s+that|i\s+mean(?:t)?\b)"
)
_MORE = (
    r"(?:no(?:pe)?|wait|sorry|oops|actually|i\s+mean(?:t)?|i\s+want(?:ed)?|make\s+(?:it|that)|not\s+that|rather|just|oh"
    r"|u[hm]+)"
)
_TAKEN_BACK = re.compile(
    rf"(?P<before>\w.*?)(?:\s+-+\s+|\s*(?:\.\.\.|[,.;?!…–-])\s*)"
    rf"(?:(?:oh|hm+|u[hm]+|ah|er+m?|hang\s+on|hold\s+on|but|or)\b[\s,]*)*"
    rf"{_SORRY}[\s,.:;!-]*(?:{_MORE}\b[\s,.:;!-]+)*(?P<after>\w.*)",
    re.I | re.S,
)
_NO_JUST = re.compile(r"(?P<before>\w.*?)\s*(?:\.\.+|…|,)\s*no\s+(?=just\b|only\b)(?P<after>\w.*)", re.I | re.S)
_AFTER_ALL = re.compile(
    r"\s+(?:is|are)\s+what\s+(?:i|we)(?:'m|\s+am|\s+are)?\s+(?:after|want|need|mean|meant)[\s.!]*$", re.I
)
_AFTERTHOUGHT = re.compile(
    r"(?P<before>\w.*?)\s*(?:[.!?]+|\s-+)\s+(?:oh\b[\s,]*)?(?:and|also|plus)\b[\s,]*(?:also\s+)?(?P<more>[^,.:;?!]+?)"
    r"(?:,?\s+(?:too|as\s+well|also))?[\s.!]*$",
    re.I | re.S,
)
_PRONOUN = re.compile(r"\b(?:each(?:\s+one)?|them|these|those|it)(?=\s+(?:with|as|in|by|separately)\b|[\s.!]*$)", re.I)
_OF = ("of ", "for ", "on ", "around ")
LONG = 300
"""Letters beyond which a text is a document, in which people speak of other things."""
MORE = 6
"""Words of what is added."""


def meant_at_last(text: str, known: Set[str]) -> str:
    """A request as its author meant it in the end. known: stems of the words that tell tasks."""
    if len(text) > LONG:
        return text
    asks = is_question(text)
    found = _TAKEN_BACK.fullmatch(text) or _NO_JUST.fullmatch(text)
    if found and (not asks or _does(found["after"], known)):
        text, asks = _anew(found["before"], _AFTER_ALL.sub("", found["after"]), known), False
    found = _AFTERTHOUGHT.fullmatch(text)
    more = found["more"] if found and not asks else ""
    if found and more and len(more.split()) <= MORE and not _does(more, known) and number_of(more):
        text = f"{found['before']} and {more}"
    return text


def _anew(before: str, after: str, known: Set[str]) -> str:
    """What is said again, with as much of what was said before as it needs to be a request."""
    found = words(before)
    noun = next((word.start for word in found if word.text in ARTICLES or word.text in QUANTIFIERS), None)
    if _does(after, known) or is_question(after):
        if noun is not None and (pronoun := _PRONOUN.search(after)):
            return f"{after[: pronoun.start()]}{before[noun:].rstrip(' .,')}{after[pronoun.end() :]}"
        answer = re.match(r"\w+", after)
        head = re.match(r"\w+(?=\s+(?:of|for|on|around)\b)", bared(before))
        if answer and head and not after[answer.end() :].strip(" .!").startswith(_OF) and _is_answer(after, known):
            return f"{answer[0]}{bared(before)[head.end() :]}{after[answer.end() :]}"
        return after
    if noun is None:
        rest = bared(before)
        verb = re.match(r"\w+(?:\s+(?:of|for|on|around|to))?", rest)
        told = verb and _does(rest, known) and len(rest.split()) > 1
        return f"{verb[0]} {after}" if verb and told else after
    return f"{before[:noun]}{after}"


def _is_answer(text: str, known: Set[str]) -> bool:
    """Whether what is said first is a kind of answer alone: masks, boxes."""
    first = [word for word in words(text.partition(",")[0]) if word.stem]
    return len(first) == 1 and first[0].stem in known and first[0].text.endswith("s")


def _does(text: str, known: Set[str]) -> bool:
    """Whether a text begins with what is to be done: a word of the tasks, led by no article."""
    first = next((word for word in words(bared(text)) if word.stem), None)
    return first is not None and not first.leads and first.stem in known
