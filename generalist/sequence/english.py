"""English as people type it: words and their stems, courtesies around a request, and whether it is a question.

Everything here is about the language and nothing about any task: tasks say themselves which words tell them.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

__all__ = [
    "ARTICLES", "ASKING", "AUXILIARIES", "EMPTY", "KINDS_OF_PICTURE", "LONG", "PICTURE", "QUANTIFIERS", "SHORTENED",
    "Word", "bared", "is_empty", "is_order", "is_question", "listed", "opened", "quiet", "readings", "stem", "trimmed",
    "words",
]  # fmt: skip


def listed(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())


ARTICLES = listed("a an the")
QUANTIFIERS = listed(
    "all every each any some both several many most either various multiple single individual different few numerous"
)
ASKING = listed("what where who whom whose which when why how")
AUXILIARIES = listed(
    "is are was were am be been do does did has have had can could will would shall should may might must"
)
# Words that stand between the telling ones in any request, whatever it is about.
EMPTY = (
    listed(
        """i you we me us my your our they them he him she her it its this that these those here there one ones someone
        something of in on at to for from with by as into onto about around over under out up down off and or
        but if so not no please kindly just now then also too only really exactly ok okay hey hi hello thank
        thanks well let lets want need like love wish give show get see tell know help try make put take use
        using go look able possible much more very other another again quick quickly task job sure think seem
        such per via briefly apiece"""
    )
    | AUXILIARIES
    | ARTICLES
)

LONG = 400
"""Letters beyond which a request is a document or a mistake, and nobody speaks of its manner."""

PICTURE = r"(?:picture|image|photo|photograph|pic|img|scene|frame|shot|snapshot|screenshot|view)s?"
KINDS_OF_PICTURE = (
    r"(?:scan|slide|slice|section|smear|mammogram|orthophoto|thermogram|x-?ray|radiograph|micrograph|footage|video"
    r"|frame|clip|painting|drawing|selfie)s?"
)
_WHICH = r"(?:this|the|that|my|your|our|a|an)\s+(?:(?:whole|entire|given|attached|above|following|same|input)\s+)?"

_OPENINGS = re.compile(
    r"""\s*(?:
      do\ you\ think\ (?=you\b)
    | (?:good\s+(?:morning|afternoon|evening|day)|(?:hello|hi|hey|dear)\s+[\w-]+(?=\s*[,!.]))[\s,!.]+
    | (?:please|pls|plz|kindly|hey|hi|hello|ok|okay|so|now|just|well|alright|then|also|go\ ahead\ and|quickly
      |u[hm]+|yeah|yes|for\ now|excuse\ me|sorry|but|first|next|yo)\b[\s,!.]*
    | (?:can|could|would|will|might|won't|can't|couldn't)\s+(?:you|u|we)\s+
      (?:(?:perhaps|maybe|possibly|please|kindly|just|also|quickly)\s+)*
      (?:be\s+able\s+to\s+|mind\s+|say\s+|try\s+(?:to|and)\s+)?
    | (?:(?:would|do)\s+you\s+)?mind\s+(?=\w+ing\b)
    | (?:i|it|that)(?:'d|\s+would)\s+(?:really\s+)?
      (?:be\s+(?:so\s+|very\s+)?\w+|(?:love|like|appreciate)(?:\s+it)?)\s+if\s+you\s+(?:(?:could|would|can)\s+)?
    | any\s+chance\s+(?:that\s+)?you\s+(?:(?:could|can|would)\s+)?
    | (?:can|could|may|might)\s+i\s+(?:ask|trouble|bother)\s+you\s+to\s+
    | i(?:'m|\s+am|\s+was)\s+(?:just\s+)?(?:wondering|hoping)\s+(?:(?:if|whether|that)\s+)?
      you\s+(?:could|can|would|might)\s+
    | i(?:'m|\s+am)\s+(?:trying|going|here)\s+to\s+
    | (?:do\s+me\s+a\s+favou?r|be\s+a\s+dear)\s+and\s+
    | (?:what|all)\s+(?:i|we)\s+(?:want|need)\s+is\s+
    | (?:are\s+you\s+able|is\s+it\s+possible(?:\s+for\s+you)?|is\s+there\s+(?:a|any)\s+way
      |your\s+task\s+is|try|be\s+so\s+kind\s+as)\s+to\s+
    | i\s*(?:'?d|\s+would)?\s*(?:(?:only|just|really|simply)\s+)?
      (?:want|like|love|need|wish)\s+(?:for\s+)?(?:you\s+)?to\s+
    | i\s*(?:'?d|\s+would)?\s*(?:(?:only|just|really|simply)\s+)?(?:want|like|love|need)\s+(?:you\s+to\s+|to\s+)?
      (?=(?:have|see|know|get|a|an|the|all|every|each)\b)
    | (?:help\s+me(?:\s+to)?|help\s+us|let's|let\s+us|lets|you\s+(?:should|must|may|can|could)
      |(?:i|you|we)\s+(?:need|have)\s+to|i\s+wonder\s+(?:if|whether)\s+you\s+(?:can|could|would|might))\s+
    | using\s+(?:this|the)\s+\w+\s*,\s*
    | (?:in|on|for|from|given|look\s+at|looking\s+at|take\s+a\s+look\s+at|consider|here\s+is|see)\s+"""
    + _WHICH.replace(" ", r"\ ")
    + PICTURE
    + r"""\b\s*(?:[,.:;-]+|and\b|then\b)?\s*
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKING = re.compile(
    r"""\s*(?:
      (?:show|tell|give|get|fetch|hand|find|draw|make|produce|generate|return|output|provide|let)
      \s+(?:me|us)\b[\s,:]*(?:with\s+)?(?:know\s+)?
    | tell\s+(?=(?:how|what|which|where|whether|if)\b)
    | (?:i|we)\s+(?:(?:only|just|really|simply)\s+)?(?:want|need|would\s+like)\s+(?:to\s+(?:know|see|have|get)\s+)?
    | (?:show|give|have|see|get|know|return|output|provide|gimme|produce|generate|compute|want|need)\s+
    | (?:tell|explain\s+to)\s+(?:my|our)\s+\w+\s+(?=(?:what|why|how|who|where|which|whether|about)\b)
    | (?:(?:run|perform|apply|execute|carry\s+out)\s+(?:an?\s+)?|do\s+an?\s+)
    | (?:make|create|build|prepare|calculate)\s+(?=(?:an?|the)\s)
    | (?:do|did)\s+you\s+know\s+
    | (?:estimate|calculate|determine|work\s+out|figure\s+out|find\s+out|check)\s+
      (?=(?:what|how|where|which|whether|if)\b)
    | (?:explain|say)\s+(?=(?:what|why|how|who|whether|which)\b)
    | (?:do\s+(?:you|we)\s+have|is\s+there|are\s+there)\s+(?:any|an?)\s+
      (?=(?:documents?|articles?|papers?|texts?|pages?|reports?|passages?)\b)
    | (?:do\s+(?:you|we)\s+have|have\s+(?:you|we)(?:\s+got)?|is\s+there)\s+(?=(?:anything|something)\s+(?:on|about)\b)
    | what(?:'s|\s+is|\s+are)\s+(?=(?:the|all)\b)
    | (?:i\s+wonder|i(?:'m|\s+am|\s+was)\s+(?:just\s+)?wondering|any\s+idea
      |(?:can|could|may|might)\s+(?:i|we)\s+(?:have|get|see))\s+
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_CLOSINGS = re.compile(
    r"""(?:[\s,.!;:-]+|(?<=\?)\s*)(?:
      please|pls|plz|thanks|thank\s+you|(?:please\s+)?and\s+thank\s+you|thanks\s+a\s+lot|thx|cheers|ta|ty|lol|haha|asap
    | much\s+appreciated|i'd\s+appreciate\s+it|for\s+me|for\s+us|to\s+me|now|right\s+now|too|as\s+well
    | (?:quite\s+|very\s+)?(?:quickly|fast|carefully|properly|ok|okay|alright|then|only|again|today|soon|immediately)
    | as\s+\w+\s+as\s+(?:possible|(?:you|u)\s+(?:can|could))
    | (?:and\s+)?(?:nothing|no\s+(?:one|thing))\s+(?:else|more|other) | (?:many\s+)?thanks(?:\s+in\s+advance)?
    | if\s+(?:you|u)\s+(?:can|could|please|will|would)|if\s+possible|will\s+you|would\s+you
    | (?:can|could)\s+you(?:\s+help(?:\s+me)?(?:\s+with\s+(?:that|it|this))?)?
    | (?:(?:that|which)\s+(?:are|is)\s+|(?:that\s+)?(?:(?:can|could|do)\s+)?(?:you|i|we)\s+)?
      (?:(?:can\s+)?(?:be\s+)?(?:visible|shown|present|depicted|seen|appear|appearing|found|see|find)\s*)?
      (?:in|on|from|within|inside|across|throughout|out\s+of|of(?=\s+this))\s+(?:"""
    + _WHICH.replace(" ", r"\ ")
    + ")?"
    + PICTURE
    + r"""
      |(?:in|on|from|within|across|out\s+of)\s+(?:(?:this|that|these|my|our|the|an?)\s+)?(?:(?!of\b|in\b|on\b)[\w-]+\s+){0,3}(?:"""
    + PICTURE
    + "|"
    + KINDS_OF_PICTURE
    + r""")
    | (?:that\s+|which\s+)?(?:(?:can|could|do)\s+)?(?:you|i|we)\s+(?:can\s+|could\s+)?
      (?:see|find|spot|have|count)(?:\s+here)?
    | (?:are|is)\s+there|there\s+(?:are|is)
    | (?:(?:that|which)\s+(?:are|is)\s+)?(?:visible|present|shown|here|in\s+here|in\s+view|in\s+sight)
    )(?=[\s.?!,]*$)""",
    re.IGNORECASE | re.VERBOSE,
)  # fmt: skip

_BOTH = re.compile(r"\s*([a-z]+)\s+(?:and|&)\s+([a-z]+)\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_FOR_ME = re.compile(r"\s*([a-z]+)\s+(?:me|us)\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_PARTICLE = re.compile(r"\s*([a-z]+)\s+(?:up|out|off|down|away)\s+(\S.*)", re.IGNORECASE | re.DOTALL)
"""Box up the eggs, carve out the teapot."""
_ORDERING = re.compile(
    r"\s*(?:do\s+(?:an?|me|some|full|\w+(?:ic|tion|ing|ance))\b|(?:can|could|will|would|do)\s+(?:you|we|i)|have|be)\b",
    re.IGNORECASE,
)
_SHOWING = re.compile(
    r"\s*(?:(?:are\s+you\s+able|is\s+it\s+possible|is\s+there\s+(?:a|any)\s+way)\b.*\bto\b|show\s+(?:me|us)\s+where\b)",
    re.I,
)
_SEEING = re.compile(
    r"\s*(?:can|could|do)\s+(?:you|we|i)\s+(?:see|tell|read|think|say|notice|recogni[sz]e|guess)\b(?!\s+(?:me|you\s+(?:can|could)))",
    re.IGNORECASE,
)

_SPELLED = {
    "whats": "what is", "wheres": "where is", "hows": "how is", "whos": "who is", "theres": "there is", "pls": "please",
    "plz": "please", "gimme": "give me", "lemme": "let me", "wanna": "want to", "won't": "will not", "u": "you",
    "can't": "can not", "cannot": "can not", "let's": "let us", "everyone": "every person", "everybody": "every person",
    "everything": "every thing", "anything": "any thing", "anyone": "any person", "pic": "picture", "img": "image",
    "&": "and", "seg": "segmentation", "segm": "segmentation", "sem": "semantic", "inst": "instance", "det": "detect",
    "bbox": "bounding box", "bboxes": "bounding boxes", "obb": "oriented bounding box", "depthmap": "depth map",
    "obbs": "oriented bounding boxes", "rbox": "rotated box", "rboxes": "rotated boxes", "kpt": "keypoint",
    "kpts": "keypoints", "kps": "keypoints", "pano": "panoptic", "desc": "description", "pts": "points",
    "semseg": "semantic segmentation", "nr": "number", "doc": "document", "docs": "documents",
    "delineate": "outline", "delineated": "outlined", "demarcate": "outline",
    "pixelwise": "pixel wise", "perpixel": "per pixel", "polys": "polygons", "segs": "segmentations",
}  # fmt: skip
SHORTENED = frozenset(_SPELLED)
_QUOTES = "\"“”‘' \n\t"
_SHORT = {"n't": "not", "'re": "are", "'d": "would", "'ll": "will", "'m": "am", "'ve": "have"}
_SUBJECTS = ASKING | listed("there here it that this he she")
_OF_PICTURES = listed("this that my your our following given attached")
_ROUND = re.compile(r"round\s+(?:the|an?|all|every|each|any|both|this|that|these|it|them|my)\b", re.I)
_TOKEN = re.compile(r"\{[a-z]+\}|<[^<>\s]+>|[\w][\w'-]*|&|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its place. start, stop: where it stands in the text. text: in small letters, contractions undone.

    silent: punctuation, articles and quantifiers, which tell how many are meant and never what is to be done.
    """

    text: str
    stem: str
    start: int
    stop: int
    silent: bool

    @property
    def leads(self) -> bool:
        """An article or a quantifier."""
        return self.text in ARTICLES or self.text in QUANTIFIERS


@lru_cache(maxsize=1024)
def words(text: str) -> tuple[Word, ...]:
    """The words of a text; punctuation is a word with an empty stem."""
    found: list[Word] = []
    for match in _TOKEN.finditer(text.replace("’", "'")):
        told = "around" if _ROUND.match(text, match.start()) else match[0].lower().strip("'-") or match[0]
        for part in _undone(told):
            quiet = not stem(part) or part in ARTICLES or part in QUANTIFIERS
            if found and stem(part) == "picture" and found[-1].text in _OF_PICTURES:
                found[-1] = replace(found[-1], silent=True)  # this picture is the picture
            found.append(Word(part, stem(part), match.start(), match.end(), quiet))
    return tuple(found)


@lru_cache(maxsize=4096)
def _undone(word: str) -> list[str]:
    """A contraction as its words."""
    if word in _SPELLED:
        return _SPELLED[word].split()
    for ending, full in _SHORT.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [word.removesuffix(ending), full]
    if word.endswith("'s") and word[:-2] in _SUBJECTS:
        return [word[:-2], "is"]
    return [part for piece in word.split("-") if piece for part in _SPELLED.get(piece, piece).split()] or [word]


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """What the forms of a word share: detect, detects, detecting, detection. Empty for punctuation."""
    if word.startswith("{"):
        return word
    if word.isascii() and not any(letter.isalnum() for letter in word):
        return ""
    if unicodedata.category(word[0]).startswith("P"):
        return ""
    if re.fullmatch(PICTURE, word):
        return "picture"
    if word in EMPTY or word in ASKING or len(word) < 4:
        return word
    word = re.sub(r"(?<=.{3})(?:our)(?=s?$|ed$|ing$)", "or", re.sub(r"tre(?=s?$)", "ter", word))
    word = re.sub(r"(?<=[^aeiou])ies$", "y", word)
    word = re.sub(r"(?<=[sxz])es$|(?<=[cs]h)es$|(?<=[^sui])s$|'s$", "", word)
    word = re.sub(r"(?<=.{3})(?:ification|ify|ified|ifying|ifies)$", "", word)
    word = re.sub(r"(?<=.{3})iz(?=(?:e|es|ed|er|ing|ation)$)", "is", word)
    cut = re.sub(r"(?<=.{3})(?:ing|ed)$", "", word)
    cut = re.sub(r"(?<=.{3})(?:ations?|ators?|ions?|at|ate|er|or)$|(?<=.{3})e$", "", cut)
    if cut != word and re.search(r"([bdgkmnprt])\1$", cut):
        cut = cut[:-1]  # cutting, spotted
    return cut if re.search(r"[aeiouy]", cut) else word


def is_empty(word: Word) -> bool:
    """Whether the word says nothing of what is asked, in any request."""
    return word.silent or word.text in EMPTY or word.text in ASKING


def readings(text: str) -> tuple[str, ...]:
    """A request as typed, and with ever more of the courtesies and asking words around it taken off.

    Of two verbs that open it ("locate and label every car"), each is a reading of its own; a verb is read with its
    particle and without ("box up").
    """
    heads = _heads(text)
    heads += [f"{found[i]} {found[3]}" for head in heads if (found := _BOTH.match(head)) for i in (1, 2)]
    heads += [f"{found[1]} {found[2]}" for head in heads if (found := _FOR_ME.match(head))]
    heads += [f"{found[1]} {found[2]}" for head in heads if (found := _PARTICLE.match(head))]
    return tuple(dict.fromkeys(short for head in heads for short in _shortened(head)))


def bared(text: str) -> str:
    """A request without any of the courtesies around it."""
    return list(_shortened(_heads(text)[-1]))[-1]


def _heads(text: str) -> list[str]:
    heads = [" ".join(text.replace("’", "'").split())]
    for opening in (_OPENINGS, _ASKING, _OPENINGS):
        while (found := opening.match(heads[-1])) and 0 < found.end() < len(heads[-1]):
            heads.append(heads[-1][found.end() :])
    return heads


def _shortened(text: str) -> Iterator[str]:
    yield text
    while found := _CLOSINGS.search(text):
        text = text[: found.start()].rstrip(" ,;:-")
        if text.strip(" .?!,"):
            yield text
        else:
            return


@lru_cache(maxsize=1024)
def trimmed(text: str) -> str:
    """A thing's name without what is said after it about the picture: "cubes in this image please" is "cubes"."""
    return _unquoted(list(_shortened(_unquoted(text).rstrip(".?!,;: ")))[-1]).rstrip(".?!,;: ")


def _unquoted(text: str) -> str:
    """Without the quotes around it; a quote that ends it and opens within is its own: the word "exit"."""
    text = text.strip()
    within = re.search(r"\s[\"“‘']\w", text) and not text.startswith(tuple(_QUOTES))
    return text if within else text.strip(_QUOTES)


def is_question(text: str) -> bool:
    """Whether it asks rather than orders: what, how many, is there, "can you see a dog", not "can you find a dog"."""
    if _SHOWING.match(bared(text)) or _SHOWING.match(text):
        return False
    for reading in readings(text):
        head = [word.text for word in words(reading)[:2]]
        if head and (head[0] in ASKING or head[0] in AUXILIARIES or head[0] == "whether") and not is_order(reading):
            return True
    return False


def is_order(text: str) -> bool:
    """Whether it is an order in the form of a question: "can you find a dog?"."""
    return bool(_ORDERING.match(text)) and not _SEEING.match(text) or bool(_SHOWING.match(text))


def quiet(text: str) -> str:
    """Capital letters made small, but for names without a vowel: WINE GLASS and TV are wine glass and TV."""
    return re.sub(r"\w+", lambda found: found[0].lower() if re.search("[AEIOUYaeiouy]", found[0]) else found[0], text)


def opened(text: str) -> str:
    """The start of a sentence within one: Traffic cones are traffic cones, and a TV or New York stays."""
    return text[:1].lower() + text[1:] if re.match(r"[A-Z][a-z'-]+(?:[\s,;.?!](?:[^A-Z].*)?)?$", text, re.S) else text
