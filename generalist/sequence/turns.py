"""Turns of phrase: requests that say the same in more words, or another way round."""

import re
from collections.abc import Set

from generalist.sequence.english import PICTURE, bared, stem

__all__ = ["ordered", "turned"]

_NP = r"[\w'-]+(?:\s[\w'-]+)?"
_CLASSES = r"(?:candidates|options|choices|classes|labels|categories)"
_THE_WHOLE = r"(?:the|this|my)\s+(?!pixel|whole)\w+(?:\s\w+)?"
_TURNS = [
    (re.compile(pattern, re.I), said)
    for pattern, said in (
        (r"\bw/\s*", "with "),
        (r"\s+(?:somewhere|anywhere)(?=\s+(?:in|on|here)\b|\s*[.?!,]|\s*$)", ""),
        (r"\b(this|that)\s+(?:thing|object|item|one)\s+(?=an?\s)", r"\1 "),
        (r"\bleave\s+(?:just|only)\b", "keep only"),
        (r"\bwhich\s+(?:one\s+)?of\s+(?:these|them|those)\s+is\b", "which one is"),
        (r"\b((?:every|all|each|any)(?:\s+the)?)\s+(?:visible|present|last)\s+", r"\1 "),
        (r"\s+of\s+(?:any|all|every|each)\s+(?:kind|type|sort|size)s?\b", ""),
        (
            r"^([\w']+(?:\s[\w']+){0,8}),\s+((?:with|as|using)\s[^,]+),\s+((?:the|all|every|each|any)\s[^,.?!]+)(?=[.?!]*$)",
            r"\1 \3 \2",
        ),
        (r"\bhow\s+many\s+of\s+(?:them|these|those)\s+are\s+(?=\w+\s+\w|\w+s\b)", "how many "),
        (r"\b(?:every|any)thing\s+(?:that|which)\s+looks?\s+like\s+(?:an?\s+)?", "every "),
        (r"\bwhere\s+(?:did|has|have)\s+(.+?)\s+(?:go|gone|went)\b", r"where is \1"),
        (
            r"\b(where\s+(?:is|are)\s+[^?.!]+?|where\s+[^?.!]+?\s(?:is|are))\s+(?:hiding|hidden|gone|exactly|right\s+now|sitting|standing|lying|parked|hanging)\b(?!\s+\w)",
            r"\1",
        ),
        (
            rf"\b(describe|caption|summari[sz]e|explain)\s+((?:the|this|my)\s+{PICTURE}|this|it)\s+for\s+(?!every|each|all).*$",
            r"\1 \2",
        ),
        (r"\b(?:if\s+(?:yes|so|any|there\s+(?:are|is)\s+any)|and\s+if\s+so)\b[\s,]*", ""),
        (r"\bpixel[\s-]+level\b", "pixel-wise"),
        (r"\bhuman\s+(?=(?:body\s+)?(?:pose|key\s?point|skeleton|joint)\w*\b.*(?:\bof\b|\bfor\b|\bon\b|:))", ""),
        (r"(?<=\w)\s(?:annotations?|predictions?|outputs?|results?)(?=\s+(?:of|for|on|around)\b)", ""),
        (
            r"\b(keypoint|landmark|joint|point|dot)s?\s"
            r"(?:detection|estimation|locali[sz]ation|coordinates|positions|locations)(?=\s+(?:of|for|on)\b)",
            r"\1s",
        ),
        (
            r"\b(dot|point|pin|marker|cross)(e?s)?\s+(?:in|at|on)\s+the\s+(?:very\s+)?(?:middle|cent(?:re|er)|tip)\s+of\b",
            r"\1\2 on",
        ),
        (r"^whereabouts\s+(?=in|on|at|is|are)", "where "),
        (r"^(?:would|do)\s+you\s+(?:say|think)\s+(?:that\s+)?(this|it|that)\s+is\b", r"is \1"),
        (r"^would\s+you\s+(?:call|consider)\s+(this|it|that)\b", r"is \1"),
        (r"^([^?.:]+?\sor\s[^?.:,]+?)\s*[-–:?,]+\s*(?:which|what)\b[^?,]*\?*$", r"is it \1?"),
        (
            rf"\b(classify|categori[sz]e|label|sort|assign)\s+(?:this|the|my)\s+(?!whole\b|pixel){_NP}\s+(?=(?:as|into|by|among)\s)",
            r"\1 this ",
        ),
        (
            r"\b(?:our|my|your)\s+(?=(?:library|archives?|index|collection|corpus|documents|database|records|files)\b)",
            "the ",
        ),
        (
            r"\b(search|scan|check|inspect|examine)\s+(?:this|the|my)\s+(?!librar|archiv|document|corpus|index|collection"
            rf"|database|article|paper|web|internet){_NP}\s+for\s+",
            "search the picture for ",
        ),
        (
            r"(?<!-)\b(?:exact|precise|accurate)\s+"
            r"(?=(?:location|position|coordinates|place|spot|whereabouts|bounding)\b)",
            "",
        ),
        (r"\s(?:(?:that|which)\s+)?(?:fit(?:s|ted|ting)?\s+)?(?:tightly|snugly|closely)\s+(?=around|on|over|to)", " "),
        # the masks of this slide into tumour and stroma: the slide is the picture
        (r"\bbinary\s+(?=masks?\b)", ""),
        (rf"\s(?:of|on|for|in)\s+(?:this|my)\s+{_NP},?\s+(?=(?:into|with|using)\s[^.?]*(?:,|\band\b))", " "),
        (rf"\bwhere\s+(?:in|on|at)\s+(?:the|this|my|that)\s+{_NP}\s+(?=(?:is|are)\b)", "where "),
        (
            r"\b(what|which)\s+(?!is\b|class\b)[\w\s]+?\s+(is\s+(?:this|it|that))(?:\s+[\w-]+)?\s*(?=[,:-])",
            r"\1 kind of thing \2",
        ),
        (rf"^is\s+the\s+\w+\s+(?:(?:in|on)\s+(?:the|this)\s+{PICTURE}\s+)?(?=an?\s[\w\s,]+\sor\s+an?\s)", "is this "),
        (r"^([^:?.]+):\s+((?:\w+\s+){1,3})(?:them(?:\s+all)?|each(?:\s+one)?|all\s+of\s+them)[.!]*$", r"\2\1"),
        (r"(?:^|(?<=[,.!]\s))(?:the|my|our|this)\s+(?:\w+\s+){1,3}?(?:only\s+)?(?:needs?|requires?|wants?)\s+", ""),
        (r"\b((?:every|each|all)\b[^,;:]*),\s*for\s+the\s+\w+[.!]*$", r"\1"),
        (r"\b(?:(?:everything|anything|all)\s+else|(?:all\s+)?the\s+rest)\s+(?:as|is|being)\s+(?=\S)", ""),
        (r"\bdetections\s+(?=of|for)", "boxes "),
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
        (r",\s+one\s+(?:for\s+)?(?:each|every)\s+\w+[.!]*$", " individually"),
        (
            r",\s+(?:with\s+)?one\s+(mask|box|outline|polygon|point|dot)\s+(?:per|for\s+(?:each|every))\s+\w+[.!]*$",
            r", one \1 for each",
        ),
        (r",?\s+(?:kept|keep\s+them)\s+(?:apart|separate)[.!]*$", " individually"),
        (r"^for\s+[\w-]+(?:\s[\w-]+){0,3}?,?\s+(?=(?:i|we)\s+(?:need|want|require|would\s+like)\b)", ""),
        (r"\buse\s+([\w-]+(?:\s[\w-]+){0,2})\s+to\s+(\w+\s+(?:all|every|each|the|any)\s[^.?!:]+)", r"\2 with \1"),
        (r"(?<=\w)\s(?:needed|wanted|required)(?=\s+(?:of|for|on|around)\b)", ""),
        (r"\s+\([^()]*\)(?=\s+(?:of|on|for)\s)", ""),  # the joints (knees, hips) of the horses
        (r"\s+(?:the|this|my|our)\s+\w+(?:\s\w+)?\s+\(([^()]*,[^()]*)\)[.!]*$", r" \1"),  # the yard (barn, cow)
        (r"^.+?,\s+so\s+(?=(?:i|we)\s+(?:need|want|require)\s+(?:the|its|an?|all|every|each)\b)", ""),
        # a whole that is taken apart is the picture: the kitchen into floor, wall and cupboard
        (
            rf"\b(segmentation|map|mask|labelling|parsing)\s+(?:of|for)\s+{_THE_WHOLE}\s+into\s+(?=\w[^.?!]*(?:,|\band\b))",
            r"\1 into ",
        ),
        (
            rf"\b((?:segmentation|semantic|panoptic|label|class)(?:\s+map)?|map)\s+(?:of|for)\s+{_THE_WHOLE}\s+"
            r"(?:showing|containing|with)\s+(?=\w[^.?!]*,)",
            r"\1 of ",
        ),
        (
            r"\b(is\s+(?:this|it|that))\s+(?:an?\s+)?(?:photo|picture|image|drawing|painting)\s+of\s+(?=[^?]*\bor\b)",
            r"\1 ",
        ),
        (
            r"^(?:would|do)\s+you\s+(?:say|think)\s+(?:that\s+)?(?:this|that|the)\s+[\w ]+?\s+(?:is|shows)\s+"
            r"((?!the\b)[\w ]+(?:,\s*[\w ]+)*,?\s+or\s+[\w ]+)[.?!]*$",
            r"is it \1?",
        ),
        (r"\b((?:decide|choose|pick)\s+(?:between|from|among)\s+[^.?!]+?)\s+for\s+(?:the|this)\s+[\w ]+[.!]*$", r"\1"),
        (
            r"^[^,:?]*\b(?:what|which)\b[^,:?]*,\s+out\s+of\s+([^.?!:]+?\s(?:and|or)\s[^.?!:]+)[.?!]*$",
            r"which is it: \1",
        ),
        # which of some it is, in whatever words: the list is what is asked
        (
            r"^(?:what|which)\s[^?.:,;–-]+?(?:\s+[-–]\s+|:\s+|,\s+)"
            r"((?!the\b)[\w' ]+(?:,\s*(?!the\b)[\w' ]+)*,?\s+or\s+(?!the\b)[\w' ]+)\?*$",
            r"which is it: \1",
        ),
        (
            r"^(?:(?:could|can|would)\s+you\s+)?(?:please\s+)?(?:say|tell\s+me|decide|determine|check)\s+(?:if|whether)"
            r"\s+(?:it|this|that|(?:the|this)\s[\w' ]+?)(?:'s|\s+(?:is|are|shows?|counts?\s+as|looks?\s+like))\s+"
            r"((?!the\b)[\w ]+(?:,\s*[\w ]+)*,?\s+or\s+[\w ]+)[.?!]*$",
            r"is it \1?",
        ),
        (r"^is\s+(?:this|that|the)\s+(?!an?\b)[\w-]+\s+(an?\s[^?,]+?\s+or\s+an?\s[^?,]+)\?*$", r"is it \1?"),
        (rf"[,.;]?\s*\b(?:the\s+)?{_CLASSES}\s+(?:are|being)\s*:?\s+(?=\w[^.?!]*(?:,|\band\b|\bor\b))", ": "),
        (rf",?\s(?:with|using)\s+([^.?!:]+?,[^.?!:]+?)\s+as\s+(?:the\s+)?{_CLASSES}\b", r": \1"),
        (
            r"[,.:;]?\s*(?:the\s+)?things\s+are\s+([^.:;]+?)[,;.]?\s+(?:and\s+)?(?:the\s+)?stuff\s+is\s+(.+?)[.]*$",
            r": \1 and \2",
        ),
        (r"\?\s+use\s+(?:the\s+classes\s+)?([^.?!:]+?,[^.?!:]+?)[.]*$", r": \1"),
        (r"\b(pixel)\s+should\s+(?:end\s+up\s+as|be|become)\b", r"\1 as"),
        (
            r"\b(segment|break|split|divide|cut|separate)\s+(?:this|the|my)\s+[\w ]+?\s+(?:down\s+|up\s+)?into\s+"
            r"(?=\w[^.?!]*(?:,|\band\b))",
            r"\1 the picture into ",
        ),
        (r",\s+(?:and\s+)?nothing\s+else(?=[.!]*$)", ""),
        (r"\banswers?\s+(?:this|the\s+following)(?:\s+question)?\s*:", "answers:"),
        # a list in brackets is what is to be named, wherever it stands
        (r"\s*=\s*(?=[\[{(])", ": "),
        (r"^([^\[\]{}]+?):?\s*[\[{]([^\[\]{}]*,[^\[\]{}]*)[\]}]([^\[\]{}]*?)[.!]*$", r"\1\3: \2"),
        (r"\s(?:needed|labels|wanted)\s+\(([^()]*,[^()]*)\)[.!]*$", r": \1"),
        (
            r"\s(?:with|using|for|from|by)\s+(?:(?:the|these|following|target)\s+)+(?:categories|classes|labels|options)\s*:?\s+(?=\w[^.?!]*(?:,|\band\b))",
            ": ",
        ),
        (r"\s(?:here)(?=\s+into\b)", ""),
        (r"^(an?\s+[\w-]+(?:,\s+an?\s+[\w-]+)*,?\s+or\s+an?\s+[\w-]+)\?\s+[^?:]*$", r"is it \1?"),
        (
            r"^(?:[^?:]*,\s*)?(?:what|which|how)\b[^?,:]*\?\s+"
            r"((?:an?\s+)?\w+(?:\s\w+)?(?:,\s*[\w ]+)*,?\s+or\s+[\w ]+)[.?!]*$",
            r"which is it: \1",
        ),
        (
            r"^(?:(?:out\s+)?of|from|among)\s+(?:the\s+(?:list|options|following|classes)\s*:?\s+)?"
            r"([^?]+?\s(?:and|or)\s[^?,]+),\s+(?:which|what)\b[^?]*\?*$",
            r"which of \1 is it",
        ),
        (r"^point\s+(?:me|us)\s+to\s+", "find "),
    )
]


def turned(text: str) -> str:
    """A text in plainer words: "what kind of tree is this: oak, elm" is "what kind of thing is this: oak, elm"."""
    for pattern, said in _TURNS:
        text = pattern.sub(said, text)
    return text


_DONE = re.compile(
    r"(?:i|we)(?:'d|\s+would)?\s+(?:want|need|like|love)\s+(?:to\s+(?:have|see|get)\s+)?(.+?),?\s+(\w+ed)\b"
    r"((?:\s+(?:as|with|by|in|into|individually|separately)\b.*)?[.!?]*)$",
    re.I | re.S,
)


_TO_DO = re.compile(
    r"(.+?)\s+(?:should|must|(?:needs?|has|have|is|are)\s+to)\s+(?:all\s+)?be\s+(\w+ed)\b(.*)$", re.I | re.S
)
"""The cups should be outlined."""


def ordered(text: str, known: Set[str]) -> str:
    """What somebody wants to have done as the order to do it: "I want each grape masked" is "mask each grape"."""
    found = _DONE.match(bared(text)) or _DONE.match(text) or _TO_DO.match(text)
    return f"{found[2]} {found[1]}{found[3]}" if found and stem(found[2].lower()) in known else text
