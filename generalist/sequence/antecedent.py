"""Antecedent: what a pronoun of an order stands for: "there are two dogs, give me one mask for each" of the dogs."""

import re

from generalist.sequence.noun import number_of
from generalist.sequence.place import here

__all__ = ["resolved"]

_DOING = (
    r"(?:give|draw|put|place|mark|find|show|box|mask|outline|segment|cut|count|detect|locate|point|click|tap|trace"
    r"|highlight|get|make|return|describe|please|(?:can|could|would|will)\s+you|(?:i|we)\s+(?:want|need|would)|i'd"
    r"|how\s+many|where)"
)
_ABOUT = r"(?:(?:exactly|around|about|roughly|at\s+least|maybe|probably|also|only|just|quite)\s+)*"
_INTRODUCED = re.compile(
    rf"""(?:^|[.!?;:,]\s+|\b(?:and|but|so|hey|hi|ok|okay|well|also|um|that|think|believe|like)\s+)(?:
        there(?:'s|'re|\s+(?:is|are|was|were|(?:should|must|might|may|could|will|seem|seems|appear|appears)\s+(?:to\s+)?be))
      | (?:is|are)\s+there
      | (?:i|we|you)(?:'ve)?\s+(?:(?:can|could|do|have|just|also)\s+)*(?:see|saw|have|got|spot|notice|found|want|need|took|like)
      | (?:can|do|could)\s+you\s+see
      | (?:this|here|that)(?:'s|\s+is) | (?:these|those|here)\s+are
      | (?:the|this|that|my|our|an?)\s+[\w-]+(?:\s+(?!that\b|which\b|who\b)[\w-]+)?\s+
        (?:holds?|contains?|shows?|has|have|is\s+full\s+of|(?:is|are)\s+covered\s+(?:in|with|by))
    )\s+{_ABOUT}
    (?P<many>(?:an?\s+)?(?:few|couple|number|bunch|pair|group|dozen|lot|handful|row)s?(?:\s+of)?(?:\s+the)?\s+
      |(?:some|many|several|any|all|lots\s+of|plenty\s+of|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty
      |various|multiple|\d+)\s+(?:of\s+)?(?:the\s+|my\s+|our\s+)?)?
    (?!to\b)(?P<thing>(?:(?!\b(?:them|it|him|each)\b)[^.!?;:,])+?)
    (?:\s+(?:here|there))?
    (?:\s*[.!?;:,]+\s+|\s+-+\s+|(?<!\bthe)(?<!\ba)(?<!\ban)(?<!\bmy)(?<!\bour)(?<!\bthis)\s+(?=(?:(?:so|yeah|yes|ok|okay|and|then|now)\s+)*{_DOING}\b))
    (?P<rest>\S.*)$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_MANY = re.compile(
    r"\b(?:(?P<each>(?:each|every)(?:\s+(?:single\s+)?one)?(?:\s+of\s+(?:them|these|those))?)(?=\s*(?:[.!?,;]|$|(?:with|in|by|as|on|and|please|for|separately|individually)\b))"
    r"|(?P<all>(?:all|both)\s+of\s+(?:them|these|those)|(?:them|these|those|they)(?:\s+all)?)(?!\s+\w+s\b)|their\s+(?P<its>[\w-]+))\b",
    re.I,
)
_ONE = re.compile(
    r"\b(?:(?:it|him|her)(?=\s*(?:[.!?,;]|$|(?:with|in|by|as|on|for|please|out|from)\b))|(?:its|his)\s+(?P<its>[\w-]+))",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")


def resolved(text: str) -> str:
    """The order of a text with the thing that was spoken of before in the place of its pronoun; empty if it has none."""
    found = _INTRODUCED.search(text)
    while found is not None:
        further = _INTRODUCED.search(text, found.start() + 1)
        order = next((part for part in _SENTENCE.split(found["rest"]) if _MANY.search(part) or _ONE.search(part)), "")
        if order and (made := _with(order, found["thing"], bool(found["many"]))):
            return made
        found = further
    return ""


def _with(order: str, thing: str, several: bool) -> str:
    """An order with a thing for its pronoun, if they agree in number."""
    thing = here(re.sub(r"^(?:an?|the)\s+", "", thing.strip(), flags=re.I))
    many = several or number_of(thing) in ("many", "each")
    found = (_MANY if many else _ONE).search(order)
    if found is None:
        return ""
    told = {"each": f"every {thing}", "all": f"all {thing}"} if many else {}
    said = (
        f"the {found['its']} of {'all' if many else 'the'} {thing}"
        if found["its"]
        else told.get(found.lastgroup or "", f"the {thing}")
    )
    return order[: found.start()] + said + order[found.end() :]
