"""Aside: what a request says beside what it asks: who asks, what it is for, what is not wanted. It names no thing."""

import re
from collections.abc import Iterator, Set

from generalist.sequence.english import KINDS_OF_PICTURE, PICTURE, bared, is_empty, is_question, stem, words

__all__ = ["ordered", "passages", "plainly", "wanted"]

_THIS_PICTURE = re.compile(
    rf"\b(this|my|our)\s+(?:(?!of\b|in\b|on\b|with\b|is\b|as\b|an?\b|the\b)[\w-]+\s+){{0,2}}?(?:{PICTURE}|{KINDS_OF_PICTURE}|tiles?)\b",
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
    | \s*[,;-]\s*(?:it'?s\s+|this\s+is\s+)?for\s+(?:(?:my|our|an?)\s[^,;:]*|[\w-]+(?:\s+[\w-]+)?\s+\w+(?:ance|ment|ing|ion|sis))
    | \s*[,;-]\s*(?:i|we)\s+(?:need|want|have|am|are|will)\s+(?:it|them|this|these|to)\b[^:]*
    )[\s.!?]*$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""So that the arm can grasp it; to count them; , for our tracker."""
_UNWANTED = re.compile(
    r"\s*(?:[,;(-]\s*|\s)(?:(?:and|but)\s+)?(?:no|not|without|rather\s+than|instead\s+of)\s+(?:the\s+|an?\s+|any\s+)?"
    r"(?P<what>\w+(?:\s+\w+)?)(?P<end>\)?\s*(?=[,;.!?]|$))",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)|\s+--?\s+(?=\S)|(?<=\w):\s+(?=\S)|(?<=\w);\s+(?=\S)")
_PREFACE = re.compile(
    r"(?:for|as|since|because|to|in|on|i|we|my|our|this|these|if|when|while|given|there|it)(?:'\w+)?\s[^,.!?:;]+,\s+(?:so\s+)?(?P<rest>\S+\s.*)",
    re.I | re.S,
)
"""For parking enforcement, ... I cannot see well, ..."""
MOST = 4
"""Sentences beyond which a text is a document."""


_NP = r"[\w'-]+(?:\s[\w'-]+)?"
_TURNS = [
    (re.compile(pattern, re.I), said)
    for pattern, said in (
        (r"\bw/\s*", "with "),
        (r"\b(?:if\s+(?:yes|so|any|there\s+(?:are|is)\s+any)|and\s+if\s+so)\b[\s,]*", ""),
        (r"\bpixel[\s-]+level\b", "pixel-wise"),
        (r"\bhuman\s+(?=(?:body\s+)?(?:pose|key\s?point|skeleton|joint)\w*\b.*(?:\bof\b|\bfor\b|:))", ""),
        (r"(?<=\w)\s(?:annotations?|predictions?|outputs?|results?)(?=\s+(?:of|for|on|around)\b)", ""),
        (
            r"\b(keypoint|landmark|joint|point|dot)s?\s(?:detection|estimation|locali[sz]ation|coordinates|positions|locations)"
            r"(?=\s+(?:of|for|on)\b)",
            r"\1s",
        ),
        (
            r"\b(dot|point|pin|marker|cross)(e?s)?\s+(?:in|at|on)\s+the\s+(?:very\s+)?(?:middle|cent(?:re|er)|tip)\s+of\b",
            r"\1\2 on",
        ),
        (r"^whereabouts\s+(?=in|on|at|is|are)", "where "),
        (r"^(?:would|do)\s+you\s+(?:say|think)\s+(?:that\s+)?(this|it|that)\s+is\b", r"is \1"),
        (
            r"\b(search|scan|check|inspect|examine)\s+(?:this|the|my)\s+(?!librar|archiv|document|corpus|index|collection"
            rf"|database|article|paper|web|internet){_NP}\s+for\s+",
            "search the picture for ",
        ),
        (
            r"(?<!-)\b(?:exact|precise|accurate)\s+(?=(?:location|position|coordinates|place|spot|whereabouts|bounding)\b)",
            "",
        ),
        (r"\s(?:(?:that|which)\s+)?(?:fit(?:s|ted|ting)?\s+)?(?:tightly|snugly|closely)\s+(?=around|on|over|to)", " "),
        # the masks of this slide into tumour and stroma: the slide is the picture
        (rf"\s(?:of|on|for|in)\s+(?:this|my)\s+{_NP}\s+(?=(?:into|with|using)\s[^.?]*(?:,|\band\b))", " "),
        (rf"\bwhere\s+(?:in|on|at)\s+(?:the|this|my|that)\s+{_NP}\s+(?=(?:is|are)\b)", "where "),
        (
            rf"\b((?:what|which)\s+(?:kind|type|sort|class|category|species|breed))\s+of\s+{_NP}\s+(is\s+(?:this|it|that)\s*[,:-])",
            r"\1 of thing \2",
        ),
        (r"\b(is\s+this)\s+(?!picture|image|photo)[a-z]+\s+(\w+(?:,\s*\w+)*,?\s+or\s+\w+)\s*\?*$", r"\1 \2"),
        (r"\bbody\s+(?=(?:key\s?point|skeleton|joint|landmark)s?\s+(?:of|for|on)\b)", ""),
        (r"\b(?:objects?|things?|items?|ones)\s+(?:that|which)\s+are\s+", ""),
        (r"\bas\s+(?:its|their|an?)\s+(?:own|separate|individual)\s+\w+", "individually"),
        (rf"\b(caption|description|summary)\s+(?:of|for)\s+(?:this|my|our)\s+{_NP}", r"\1 of this picture"),
        (r"\?\s*(?:options|choices|classes|(?:choose|pick)\s+(?:between|from|among|one\s+of))\s*:?\s+", ": "),
        (
            r"^(?!is\b|are\b|do\b|does\b|did\b|was\b)([\w-]+(?:\s[\w-]+)?(?:,\s*[\w-]+)*,?\s+or\s+[\w-]+)\s*\?$",
            r"is it \1?",
        ),
        (r"\b(?:squares?)(?=\s+(?:around|on|over)\b)", "boxes"),
    )
]
"""Turns of phrase that say the same in more words. What kind of tree is this: what kind of thing is this."""


def wanted(text: str, known: Set[str]) -> str:
    """A request without what is said of an answer that is not wanted: "no boxes", "(not masks)"."""
    for found in reversed(list(_UNWANTED.finditer(text))):
        if all(word.stem in known for word in words(found["what"]) if not is_empty(word)):
            text = text[: found.start()] + text[found.start("end") :].removeprefix(")")
    return text


_DONE = re.compile(
    r"(?:i|we)(?:'d|\s+would)?\s+(?:want|need|like|love)\s+(?:to\s+(?:have|see|get)\s+)?(.+?),?\s+(\w+ed)\b"
    r"((?:\s+(?:as|with|by|in|into|individually|separately)\b.*)?[.!?]*)$",
    re.I | re.S,
)


def ordered(text: str, known: Set[str]) -> str:
    """What somebody wants to have done as the order to do it: "I want each grape masked" is "mask each grape"."""
    found = _DONE.match(bared(text)) or _DONE.match(text)
    return f"{found[2]} {found[1]}{found[3]}" if found and stem(found[2].lower()) in known else text


def plainly(text: str) -> str:
    """A request without what is said around it of what it is for, and "this dental x-ray" as "this picture"."""
    for pattern, said in _TURNS:
        text = pattern.sub(said, text)
    while found := _CONTEXT.match(text):
        text = text[found.end() :]
    if (found := _PURPOSE.search(text)) and found.start() and len(text[: found.start()].split()) > 1:
        text = text[: found.start()]
    return _THIS_PICTURE.sub(r"\1 picture", text)


def passages(text: str, known: Set[str]) -> Iterator[str]:
    """What of a text may be all of the request: without its preface; each sentence, and each with all that follow."""
    if found := _PREFACE.match(text):
        if is_question(found["rest"]) or any(word.stem in known for word in words(bared(found["rest"]))[:1]):
            yield found["rest"]
    starts = [0, *(found.end() for found in _SENTENCE.finditer(text))]
    stops = [*(found.start() for found in _SENTENCE.finditer(text)), len(text)]
    if not 1 < len(starts) <= MOST:
        return
    for i, start in enumerate(starts):
        for stop in dict.fromkeys((stops[i], stops[-1])):
            part = text[start:stop]
            if part != text and not all(map(is_empty, words(bared(part)))):
                yield part
