"""Aside: what a request says beside what it asks: who asks, what it is for, what is not wanted. It names no thing."""

import re
from collections.abc import Iterator, Set

from generalist.sequence.english import KINDS_OF_PICTURE, LONG, PICTURE, bared, is_empty, is_question, words
from generalist.sequence.turns import turned

__all__ = ["passages", "plainly", "wanted"]

_THIS_PICTURE = re.compile(
    rf"\b(this|my|our)\s+(?:(?!of\b|in\b|on\b|with\b|is\b|as\b|an?\b|the\b)[\w-]+\s+){{0,2}}?(?:{PICTURE}|{KINDS_OF_PICTURE}|tiles?)\b(?:\s{KINDS_OF_PICTURE}\b)?",
    re.I,
)
_CONTEXT = re.compile(
    r"""\s*(?:for\s+(?:my|our|the|a)\s[^.!?:;,]*[:.;,]
      |(?:i|we|my|our)(?:'m|'re|'ve)?\s[^.!?:;,]*,(?=\s*(?:please|so|can|could|give|get|show|make|turn|find|mark|draw)\b))
      \s+(?=\S+\s+\S)""",
    re.IGNORECASE | re.VERBOSE,
)
"""For my inventory: - what a request is for, and no part of it."""
_WHO = r"(?:i|we|you|he|she|it|they|one|the|my|our|this|that|these|an?)"
_PURPOSE = re.compile(
    rf"""(?:
      [\s,;-]+(?:so(?:\s+that)?|because|'?cause|in\s+case)\s+{_WHO}(?:'\w+)?\s+\w[^:]*
    | [\s,;-]+(?:since|as)\s+(?:i|we)(?:'\w+)?\s+\w[^:]*
    | [\s,;-]+(?:in\s+order|so\s+as)\s+to\s[^:]*
    | \s+to\s+(?!the\b|a\b)\w+\s+(?:it|them|these|those|us)\b[^:]*
    | \s*[,;-]\s*(?:it'?s\s+|this\s+is\s+)?for\s+
      (?:(?:my|our|an?)\s[^,;:]*|[\w-]+(?:\s+[\w-]+)?\s+\w+(?:ance|ment|ing|ion|sis))
    | \s*[,;-]\s*(?:i|we)\s+(?:need|want|have|am|are|will)\s+(?:it|them|this|these|each|all|to)\b[^:]*
    )[\s.!?]*$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""So that the arm can grasp it; to count them; , for our tracker."""
_UNWANTED = re.compile(
    r"\s*(?:[,;(-]\s*(?:(?:and|but)\s+)?(?:no|not|without)|(?:[,;(-]\s*)?(?:rather\s+than|instead\s+of))\s+"
    r"(?:the\s+|an?\s+|any\s+)?(?P<what>\w+(?:\s+\w+)?)(?P<end>\)?\s*(?=[,;:.!?]|$))",
    re.I,
)
_SUBJECT = r"(?:it|this|that|they|these|those|i|we|he|she|you|(?:the|my|our)\s+\w+)"
_MARK = r"\s*[,;.!?-]+\s*"
_TAIL = re.compile(
    rf"""(?:
      \s*\((?P<apart>(?:{_SUBJECT}|for|so|because|as|see|from|taken|thanks|please|urgent|note|but|not|no|if)\b[^()]*)\)
    | {_MARK}(?P<clause>{_SUBJECT}(?:'(?:d|ve|ll)|\s+(?:has|have|do|can|could|will|would|must|need|want))\b[^,;:]*)
    | {_MARK}{_SUBJECT}(?:'s|'re|'m|\s+(?:\w+n't|is|are|was|were|does|did)|(?<=he|it)\s+\w+s)\b(?!\s+to\b)[^,;:]*
    | {_MARK}(?:(?:and|but)\s+)?(?:please\s+)?
      (?:don'?t|do\s+not|make\s+sure|be(?:\s+(?:as|very|really))?\s+\w+|ignore|skip|leave\s+out|include)\b[^:]*
    | \s*[\s,;-](?:even\s+(?:if|though|when|the)|although|though|regardless|no\s+matter|including|ignoring)\b[^:]*
    | \s+(?:and|then)\s+(?:then\s+)?(?:send|return|give|save|export|upload|print|email|share|report|post|write|show)\s+
      (?:(?:it|them|me|us|back|the|a|all|your|that|this)\s+)*
      (?:results?|outputs?|answers?|files?|json|csv|it|them|me|us)\b(?P<sent>[^:]*)
    | \s+for\s+(?:(?:my|our)\s[^,;:]*|[\w-]+\s+(?:purposes|reasons))
    | \s+to\s+(?:train|measure|check|estimate|test|compare|feed|build|create|plan|avoid|improve|verify|evaluate|prepare
        |publish|sell|document)
      \s+(?:an?|the|my|our|his|her|their|some|how|it|them)\b(?P<use>[^:]*)
    | \s+(?:before|by|until|till)\s+(?:tomorrow|tonight|noon|lunch|(?:mon|tues|wednes|thurs|fri|satur|sun)day
      |the\s+(?:meeting|deadline|end\s+of\s+\w+|weekend|morning|evening))
    )[\s.!?]*$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""What is said after the order: of the answer, of its use, of the picture. A clause is left if it tells of a task."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)|\s+--?\s+(?=\S)|(?<=\w):\s+(?=\S)|(?<=\w);\s+(?=\S)")
_CHOICE = re.compile(r":\s+[^.?!:]+\sor\s[^.?!:]+\?*$", re.I)
_PREFACE = re.compile(
    r"(?:for|as|since|because|to|in|on|i|we|my|our|this|these|if|when|while|given|there|it|sorry|excuse)(?:'\w+)?"
    r"\s[^,.!?:;]+,\s+(?:(?:so|but|and)\s+)?(?P<rest>\S+\s.*)",
    re.I | re.S,
)
"""For parking enforcement, ... I cannot see well, ..."""
MOST = 4
"""Sentences beyond which a text is a document."""


def wanted(text: str, known: Set[str]) -> str:
    """A request without what is said of an answer that is not wanted: "no boxes", "(not masks)"."""
    for found in reversed(list(_UNWANTED.finditer(text))):
        if all(word.stem in known for word in words(found["what"]) if not is_empty(word)):
            text = text[: found.start()] + text[found.start("end") :].removeprefix(")")
    while len(text) <= LONG and (tail := _TAIL.search(text)) and len(text[: tail.start()].split()) > 1:
        said = next(filter(None, tail.groupdict().values()), "")
        if any(word.stem in known for word in words(said) if not is_empty(word)):
            break
        text = text[: tail.start()]
    return text


def plainly(text: str) -> str:
    """A request without what is said around it of what it is for, and "this dental x-ray" as "this picture"."""
    text = turned(text)
    while found := _CONTEXT.match(text):
        text = text[found.end() :]
    if (found := _PURPOSE.search(text)) and found.start() and len(text[: found.start()].split()) > 1:
        text = text[: found.start()]
    return _THIS_PICTURE.sub(r"\1 picture", text)


def passages(text: str, known: Set[str]) -> Iterator[str]:
    """What of a text may be all of the request: without its preface; each sentence, and each with all that follow."""
    rest = found["rest"] if (found := _PREFACE.match(text)) else ""
    if is_question(rest) or any(
        word.stem in known for word in [word for word in words(bared(rest)) if not word.silent][:1]
    ):
        yield rest
    if _CHOICE.search(text) and is_question(text):
        return  # what sport is this: tennis or rugby? - asks no more than that
    starts = [0, *(found.end() for found in _SENTENCE.finditer(text))]
    stops = [*(found.start() for found in _SENTENCE.finditer(text)), len(text)]
    if not 1 < len(starts) <= MOST:
        return
    for i, start in enumerate(starts):
        for stop in dict.fromkeys((stops[i], stops[-1])):
            part = text[start:stop]
            if part != text and not all(map(is_empty, words(bared(part)))):
                yield part
