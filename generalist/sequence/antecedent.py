"""Antecedent: what a pronoun of an order stands for: "there are two dogs, give me one mask for each" of the dogs."""

import re
from collections.abc import Iterator

from generalist.sequence.english import LONG, opened
from generalist.sequence.noun import number_of
from generalist.sequence.place import here

__all__ = ["resolved"]

_DOING = (
    r"(?:give|draw|put|place|mark|find|show|box|mask|outline|segment|cut|count|detect|locate|point|click|tap|trace"
    r"|highlight|get|make|return|describe|please|(?:can|could|would|will)\s+you|(?:i|we)\s+(?:want|need|would)|i'd"
    r"|how\s+many|where)"
)
_ABOUT = r"(?:(?:exactly|around|about|roughly|at\s+least|maybe|probably|also|only|just|quite)\s+)*"
_BE = r"(?:is|are|was|were|(?:should|must|might|may|could|will|seem|seems|appear|appears)\s+(?:to\s+)?be)"
_CAN = r"(?:(?:can|could|do|have|just|also)\s+)*"
_SO = r"(?:(?:so|yeah|yes|ok|okay|and|then|now)\s+)*"
_NO_ARTICLE = r"(?<!\bthe)(?<!\ba)(?<!\ban)(?<!\bmy)(?<!\bour)(?<!\bthis)"
_INTRODUCED = re.compile(
    rf"""(?:^|[.!?;:,]\s+|\b(?:and|but|so|hey|hi|ok|okay|well|also|um|that|think|believe|like)\s+)(?:
        there(?:'s|'re|\s+{_BE}) | (?:is|are)\s+there
      | (?:i|we|you)(?:'ve)?\s+{_CAN}(?:see|saw|have|got|spot|notice|found|want|need|took|like)
      | (?:i|we)(?:'d|\s+would|'m|\s+am)?\s+(?:want|need|have|like|try|trying|plan|going)\s+to\s+\w+(?:\s+out)?
      | (?:can|do|could)\s+you\s+see | look\s+at | (?:i|we)\s+(?:can't|cannot|can\s+not)\s+(?:find|see)
      | (?:this|here|that)(?:'s|\s+is) | (?:these|those|here)\s+are
      | (?:the|this|that|my|our|an?)\s+[\w-]+(?:\s+(?!that\b|which\b|who\b)[\w-]+)?\s+
        (?:holds?|contains?|shows?|has|have|is\s+full\s+of|(?:is|are)\s+covered\s+(?:in|with|by))
    )\s+{_ABOUT}
    (?P<many>(?:an?\s+)?(?:few|couple|number|bunch|pair|group|dozen|lot|handful|row)s?(?:\s+of)?(?:\s+the)?\s+
      |(?:some|many|several|any|all|lots\s+of|plenty\s+of|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty
      |various|multiple|\d+)\s+(?:of\s+)?(?:the\s+|my\s+|our\s+)?)?
    (?!to\b)(?P<thing>(?:(?!\b(?:them|it|him|each)\b)[^.!?;:])+?)
    (?:\s+(?:here|there))?
    (?:\s*[.!?;:]+\s+|\s+-+\s+|(?:,\s+|{_NO_ARTICLE}\s+)(?={_SO}{_DOING}\b))
    (?P<rest>\S.*)$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""There are some boats; I see a dog; the tray holds screws - and what follows."""
_SUBJECT = re.compile(
    r"""(?:^|[.!?;]\s+)(?:(?P<many>(?:some|several|many|two|three|four|five)\s+)|(?=(?:the|my|our|his|her|these|those)\s))
    (?P<thing>[^.!?;:,]+?)\s+(?:is|are|was|were)\s+[^.!?;:]*[.!?;]+\s+(?P<rest>\S.*)$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""My dog is in this picture; the cups are dirty."""
_WHICH = re.compile(
    r"""\bwhich\s+(?!one\b|of\b)(?P<thing>[\w-]+(?:\s[\w-]+)?)\s+(?P<said>(?:is|has|does)\s+[^?.!]+)\?\s+
    (?P<rest>\S.*)$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""Which mug is red? Box it: the mug that is red."""
_THEM = r"(?:them|these|those)"
_MANY = re.compile(
    rf"""\b(?:
      (?P<each>(?:each|every)(?:\s+(?:single\s+)?one)?(?:\s+of\s+{_THEM})?)
        (?=\s*(?:[.!?,;]|$|(?:with|in|by|as|on|and|please|for|separately|individually)\b))
      | (?P<all>(?:all|both)\s+of\s+{_THEM}|(?:{_THEM}|they)(?:\s+all)?)(?!\s+\w+s\b)
      | their\s+(?P<its>[\w-]+)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ONE = re.compile(
    r"""\b(?:(?:it|him|her)(?=\s*(?:[.!?,;]|$|(?:with|in|by|as|on|for|please|out|from)\b))
      |(?:its|his)\s+(?P<its>[\w-]+))""",
    re.IGNORECASE | re.VERBOSE,
)
_LED = {"each": "every", "all": "all", None: "the"}
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")


def resolved(text: str) -> str:
    """The order of a text, with the thing spoken of before in the place of its pronoun; empty if there is none."""
    if len(text) > LONG:
        return ""
    for found in (found for pattern in (_INTRODUCED, _WHICH, _SUBJECT) for found in _each(pattern, text)):
        order = next((part for part in _SENTENCE.split(found["rest"]) if _MANY.search(part) or _ONE.search(part)), "")
        if order and (made := _with(order, _thing(found), bool(found.groupdict().get("many")))):
            return made
    return ""


def _thing(found: re.Match[str]) -> str:
    said = found.groupdict().get("said")
    return f"{found['thing']} that {said}" if said else opened(found["thing"])


def _each(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Its matches from every place on, those within others among them."""
    found = pattern.search(text)
    while found is not None:
        yield found
        found = pattern.search(text, found.start() + 1)


def _with(order: str, thing: str, several: bool) -> str:
    """An order with a thing for its pronoun, if they agree in number."""
    thing = here(re.sub(r"^(?:an?|the)\s+", "", thing.strip(), flags=re.I))
    many = several or number_of(thing) in ("many", "each")
    found = (_MANY if many else _ONE).search(order)
    if found is None:
        return ""
    if found["its"]:
        said = f"the {found['its']} of {'all' if many else 'the'} {thing}"
    else:
        said = f"{_LED[found.lastgroup]} {thing}"
    return order[: found.start()] + said + order[found.end() :]
