"""Nouns as people type them: the names in a list, the singular of a plural, and whether one thing or many are meant."""

import re
from collections.abc import Callable
from typing import Literal

from generalist.sequence.english import ARTICLES, ASKING, AUXILIARIES, QUANTIFIERS, listed, trimmed
from generalist.sequence.place import unplaced

__all__ = ["MASS", "Number", "is_definite", "number_of", "phrase_of", "singular", "split_labels"]

Number = Literal["one", "some", "kind", "many", "each", "either"]
"""``one``: the red mug, the dog on the left. ``some``: a dog. ``kind``: dog; dog, cat. ``many``: dogs; the dogs.
``each``: every dog, all dogs. ``either``: a cat or a dog."""

_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "oxen": "ox", "mice": "mouse",
    "geese": "goose", "feet": "foot", "teeth": "tooth", "lice": "louse", "cacti": "cactus", "fungi": "fungus",
    "octopi": "octopus",
    "nuclei": "nucleus", "bacteria": "bacterium",
    "everyone": "person", "everybody": "person", "anyone": "person", "anybody": "person",
    "everything": "object", "anything": "object", "lenses": "lens", "gases": "gas", "canvases": "canvas",
    "irises": "iris", "atlases": "atlas", "biases": "bias", "aliases": "alias", "axes": "axe", "quizzes": "quiz",
    "fuses": "fuse", "shoes": "shoe", "horseshoes": "horseshoe", "toes": "toe", "canoes": "canoe", "oboes": "oboe",
    "hoes": "hoe", "movies": "movie", "cookies": "cookie", "zombies": "zombie", "ties": "tie", "pies": "pie",
    "hoodies": "hoodie", "brownies": "brownie", "selfies": "selfie", "smoothies": "smoothie", "genies": "genie",
    "birdies": "birdie", "magpies": "magpie", "caches": "cache", "moustaches": "moustache", "mustaches": "mustache",
    "quiches": "quiche", "niches": "niche", "wolves": "wolf", "knives": "knife", "leaves": "leaf", "shelves": "shelf",
    "bookshelves": "bookshelf", "loaves": "loaf", "calves": "calf", "halves": "half", "wives": "wife",
    "housewives": "housewife", "lives": "life", "thieves": "thief", "scarves": "scarf", "elves": "elf",
    "hooves": "hoof", "heroes": "hero", "passersby": "passerby",
}  # fmt: skip
_ENDINGS = {"people": "person", "children": "child", "men": "man", "teeth": "tooth", "feet": "foot", "geese": "goose"}
_ALREADY_ONE = listed(
    """forceps abdomen specimen omen ramen stamen regimen acumen semen series species chassis aircraft news glasses
    sunglasses eyeglasses goggles binoculars scissors shears pliers tweezers tongs pants trousers jeans shorts
    tights leggings overalls underpants pyjamas pajamas headphones earphones clothes stairs christmas atlas
    canvas alias bias pancreas gas bus lens yes biceps triceps mathematics gymnastics is this his its us thus
    las vegas texas paris indoors outdoors upstairs downstairs"""
)
MASS = listed(
    """sky grass road ground water sea ocean sand snow floor ceiling vegetation background foreground pavement
    asphalt land terrain"""
)

_NUMERALS = listed("two three four five six seven eight nine ten")
_POINTING = listed("these those my your our their this that its his her")
_POURED = listed("wine beer water champagne drinking shot cocktail martini whisky whiskey juice milk")
_ONE = {"are": "is", "have": "has", "do": "does", "were": "was", "aren't": "isn't"}
_TABLEWARE = listed("plate cup mug bowl fork knife spoon bottle jug saucer")
_NO_NOUN = listed("to if whether me us how out i we you he she they there there's here here's i'm we're it's that's")
_FINITE = listed("is are was were does do did has have had")
_PRONOUNS = listed("following this that these those it them they he she here there one ones something anything")
_RELATIONS = listed(
    """in on at of to from with without by near nearest next beside under below above over behind between inside
    outside left right wearing holding sitting standing riding carrying walking running lying hanging facing
    looking that which who whose where against across along around beneath closest parked made having has is are
    being playing eating"""
)
_NO_LIST = _RELATIONS | listed(
    "as it them he she they is are not all each every among amongst into onto throughout upon"
)
_SINGLING = listed(
    """left leftmost right rightmost top topmost bottom middle centre center nearest closest farthest furthest
    biggest largest smallest tallest shortest first second third last next other only upper lower front"""
)
_COLOURS = listed(
    """red orange yellow green blue purple violet pink brown black white grey gray cyan magenta beige golden silver
    turquoise teal big small large tiny little metal rubber wooden plastic glass"""
)
_ADJECTIVE = re.compile(
    rf"(?:{'|'.join(sorted(_COLOURS))}|open|empty|full|ripe|unripe|rotten|healthy|sick|dead|old|young|new|male|female|adult|wet|dry"
    r"|clean|dirty|light|dark|short|tall|long|thin|thick|round|square|oval|left|right|upper|lower|inner|outer|front|rear"
    r"|standing|sitting|intact|loose|fresh|\w{3,}(?:ed|ous|ful|less|able|ible))$"
)
"""Words that two kinds of one thing are told apart by: open and closed doors."""
_SPLIT = re.compile(
    r"\s*(?:(?:,|\band\b|,\s*and\b)\s*(?:which\s+(?:ones\s+)?(?:is|are)|how\s+many)\b|,\s*(?:and|or)\b|;|,|\s[/|+]\s|\band\s*/\s*or\b|(?<!-)\band(?:\s+(?:also|then|maybe|perhaps|even))?\b(?!-)|(?<!-)\bor\b(?!-)|&"
    r"|\s\(?\b[b-h2-9]\)\s|\bas well as\b|\bplus\b|\bversus\b|\bvs\b)\s*",
    re.I,
)
_LEADING = ARTICLES | QUANTIFIERS | _POINTING
_IS_THERE = re.compile(rf"(?<!that)(?<!which)(?<!who)\s(?:is|are)\s+(?=(?:{'|'.join(sorted(_RELATIONS))})\b)", re.I)
"""Cats are on the sofa: cats on the sofa."""
_LEADS = re.compile(
    r"^(?:\d+\s*[=:.)]|\(?[a-z0-9]\)|(?:what|where|which)(?:'s|\s+(?:is|are))|=|per|containing|of|on|for|around|in|to|at|with|as|over|into)\s+(?=\S)",
    re.I,
)
_JUST = re.compile(r"^(?:just|only|exactly)\s+(?=(?:the|a|an|all|every|each)\b)", re.I)
_INSTANCES = re.compile(r"(?:instances?|occurrences?|examples?|kinds?|types?|members?)\s+of\s+(?=\S)", re.I)


_SWITCHED = re.compile(r"\s(?:is|are)\s+(on|off)$", re.I)
"""Lights are on: lights that are on, and on nothing."""
_ITS = re.compile(
    r"'s?(?:\s+(?:exact\s+)?(?:position|location|place|whereabouts|cent(?:re|er)|middle|shape|outline))?$", re.I
)
"""Each person's position: each person."""


def singular(word: str) -> str:
    """A regular or common plural made singular, its case kept: cubes, boxes, berries, people; glass and bus stay."""
    low = word.lower()
    made = _singular(low)
    if made == low:
        return word
    same = next((i for i, (a, b) in enumerate(zip(low, made, strict=False)) if a != b), min(len(low), len(made)))
    tail = made[same:]
    return word[:same] + (tail.upper() if len(word) > 1 and word.isupper() else tail)


def _singular(word: str) -> str:
    if word in _ALREADY_ONE or len(word) < 3:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if "-" in word:  # T-shirts
        head, dash, tail = word.rpartition("-")
        return head + dash + _singular(tail)
    for many, one in _ENDINGS.items():
        if word.endswith(many):
            return word.removesuffix(many) + one
    if not word.endswith("s") or re.search(r"(?:ss|[^aeiou]us|ous|ius|eus|is|'s)$", word):
        return word
    if not re.search(r"[aeiouy]", word[:-1]) and len(word) > 4:
        return word
    for ending, cut, add in (
        (r"[^aeiou]ies", 3, "y"), (r"(?:ss|sh|x|zz|tz)es", 2, ""), (r"[^aeo]ches|[aeo][aeiou]ches|tches", 2, ""),
        (r"(?<![aeo])uses", 2, ""), (r"[^aeiou]oes", 2, ""),
    ):  # fmt: skip
        if re.search(rf"(?:{ending})$", word):
            return word[: len(word) - cut] + add
    return word[:-1]


_DONE = re.compile(r"\w{3}(?:ed|ing)$")


def _head(tokens: list[str]) -> int:
    """Which word of a noun phrase is the thing itself: the last before what tells where it is or what it wears."""
    for i, token in enumerate(tokens):
        # "left" in "left shoe" is no relation, and in "car left of the tree" it is
        relates = token.lower() not in ("left", "right") or tokens[i + 1 :][:1] == ["of"]
        doing = i and token.endswith("ing") and singular(tokens[i - 1]) != tokens[i - 1]  # people doing yoga
        if i and (token.lower() in _RELATIONS or doing) and relates and i + 1 < len(tokens):
            if _DONE.search(token) and tokens[i - 1].endswith("ly"):
                continue  # illegally parked cars
            done = i > 1 and _DONE.search(tokens[i - 1]) and singular(tokens[i - 2]) != tokens[i - 2]
            return i - 1 - bool(done)  # boxes stacked in the corner
    return len(tokens) - 1


def _bared(text: str, leading: frozenset[str] = _LEADING) -> str:
    """Without the articles and quantifiers before it; never nothing."""
    tokens = _JUST.sub("", trimmed(text)).split()
    while len(tokens) > 1 and (
        tokens[0].lower() in leading
        or tokens[0].lower() == "of"
        or (tokens[0].lower() in _NUMERALS and singular(tokens[-1]) != tokens[-1] and leading is _LEADING)
    ):
        tokens = tokens[1:]
    return " ".join(tokens)


def _label(text: str) -> str:
    text = _SWITCHED.sub(r" that is \1", text)
    text = _ITS.sub("", unplaced(text))
    name = _bared(_INSTANCES.sub("", _bared(_IS_THERE.sub(" ", text))))
    name = _bared(_LEADS.sub("", name))
    tokens = name.split()
    if len(tokens) > 1 and tokens[0].lower() in ("anything", "everything", "something"):
        tokens = [*tokens[1:], "object"]  # anything red
    if not tokens or name.lower() in _LEADING:
        return ""
    head = _head(tokens)
    poured = head > 0 and tokens[head].lower() == "glasses" and tokens[head - 1].lower() in _POURED
    tokens[head] = "glass" if poured else singular(tokens[head])
    if tokens[head + 1 : head + 2] and tokens[head + 1].lower() in ("that", "which", "who"):
        tokens[head + 2 : head + 3] = [_ONE.get(verb, verb) for verb in tokens[head + 2 : head + 3]]
    return " ".join(tokens)


_PLURAL = re.compile(
    r"^(?!(?:sports|goods|arms|sales|customs|savings|systems|games|parts|kids|mens|womens|ladies|records)$)"
    r".*(?:s|people|children|men|teeth|feet)$"
)
"""A plural that is no adjective: sports cars are no sports."""


SINGLE = 4
"""Names in a row, each one word and of one thing, from which they are a list: knife fork spoon plate."""
_NO_NAME = re.compile(
    r".*[^a-z]|(?!(?:ceil|build|paint|rail|cloth|awn|str|spr|sw|w|r|k)ing).*(?:ing|ed|ly|ic|al|ous|ful|less|able|ible|'s)$|^(?:"
    + "|".join(sorted(_COLOURS))
    + ")$"
)


def _run_together(part: str) -> list[str]:
    """The names of a list without commas: dogs cats birds; sports cars are one."""
    tokens = _bared(part).split()
    low = [token.lower() for token in tokens]
    many = [i for i, word in enumerate(low) if _PLURAL.search(word) and singular(word) != word]
    if len(low) >= SINGLE and not many and not any(_NO_NAME.search(word) or word in _NO_LIST for word in low):
        return tokens
    if len(many) < 2 or not (many[-1] == len(low) - 1 or low[-1] in MASS) or _NO_LIST.intersection(low):
        return [part]
    stops = [i + 1 for i in many if i + 1 < len(low)]
    return [" ".join(tokens[start:stop]) for start, stop in zip([0, *stops], [*stops, len(low)], strict=True)]


def _names(text: str) -> list[str]:
    names = [part for part in _SPLIT.split(text) if part.strip(" .?!,:")]
    last = names[-1:] if len(names) > 1 and re.search(r"\b(?:and|or)\b", text, re.I) else []
    names = [name for part in names[: len(names) - len(last)] for name in _run_together(part)] + last
    last = names[-1].split() if names else []
    if len(names) > 1 and len(last) > 1 and _ADJECTIVE.match(last[0].lower()):
        # "red and blue cubes" are red cubes and blue cubes; "a black and white cat" is one cat.
        told = [_bared(name).lower().split() for name in names[:-1]]
        if all(len(name) == 1 and _ADJECTIVE.match(name[0]) for name in told):
            if singular(last[-1]) == last[-1]:
                return [text]
            return [f"{_bared(name)} {' '.join(last[1:])}" for name in names[:-1]] + names[-1:]
    return names


_ANNOUNCED = re.compile(
    r"^\s*(?:(?:the|these|following|object|target|semantic)\s+)*(?:(?:classes|categories|labels|names|options|objects|items|following)\b\s*(?::|,|of\b)?\s+)"
    r"(?=.*(?:,|;|\band\b|\bor\b))",
    re.I,
)


def _unquoted(text: str) -> str:
    text = text.strip(" \"'“”[]{}")
    return text.strip("()") if text.count("(") != text.count(")") else text


def split_labels(text: str, name: Callable[[str], str] = _label) -> tuple[str, ...]:
    """``"all red cubes, the blue sphere and cones"`` to its names, in the singular, repeats dropped."""
    text = text.rpartition(":")[2].strip() or text
    text = re.sub(r"^\s*(?:both|either)\b", "", _ANNOUNCED.sub("", text), flags=re.I)
    names = [name(_unquoted(part)) for part in _names(trimmed(text))]
    if _TABLEWARE.intersection(names):
        names = ["glass" if part == "glasses" else part for part in names]
    return tuple(dict.fromkeys(part for part in names if part))


def phrase_of(text: str) -> str:
    """What a phrase refers to, without the article that leads it."""
    return _bared(text, ARTICLES)


def number_of(text: str) -> Number | None:
    """How many things a noun phrase means; None for what cannot be a noun phrase at all."""
    text = re.sub(r"^\s*(?:just|only|exactly)\s|\s+(?:one by one|individually|separately)\b", "", text, flags=re.I)
    tokens = trimmed(_IS_THERE.sub(" ", text.rpartition(":")[2].strip() or text)).split()
    low = [token.lower().strip(",.;:") for token in tokens]
    if not low or low[0] in ASKING or low[0] in AUXILIARIES or low[0] in _NO_NOUN:
        return None
    clause = next((i for i in range(1, len(low)) if _opens_clause(low, i)), len(low))
    if any(word in _FINITE for word in low[:clause]):
        return None  # wheels does the truck have
    if all(word in _NUMERALS or word.isdecimal() for word in low):
        return None
    if low[-1] in _PRONOUNS and (len(low) == 1 or low[0] in QUANTIFIERS or (len(low) == 2 and low[0] == "the")):
        return None
    if low[0] in QUANTIFIERS or low[0] in ("everyone", "everybody", "everything"):
        return "each"
    listed = [part for part in _SPLIT.split(text) if part.strip()]
    if len(listed) > 1 and ("," in text or ";" in text or _coordinates(listed)):
        return "either" if re.search(r"\bor\b", text, re.I) else "many"
    lead = 0
    while lead < len(low) - 1 and low[lead] in _LEADING | _NUMERALS | {"of"}:
        lead += 1
    bare = tokens[lead:]
    head = bare[_head(bare)].lower()
    modified = _head(bare) < len(bare) - 1 or bool(_SINGLING & set(low[lead:]))
    poured = head == "glasses" and bare[_head(bare) - 1].lower() in _POURED
    if low[0] in _NUMERALS or singular(head) != head or poured or low[0] in ("these", "those"):
        return "many"
    if low[0] in ARTICLES - {"the"}:
        return "one" if modified else "some"
    if low[0] == "the" or low[0] in _POINTING:
        return "kind" if head in MASS and len(bare) == 1 else "one"
    return "one" if modified else "kind"


def _opens_clause(low: list[str], i: int) -> bool:
    """The flag that he holds, the flag the man is holding; not the flag on the roof."""
    bare = low[i] in ARTICLES and i > 1 and low[i - 1] not in _RELATIONS | QUANTIFIERS
    return low[i] in ("that", "which", "who", "where") or bare


def is_definite(text: str, number: Number) -> bool:
    """Whether a bare noun phrase says which thing is meant, or all of them: the cat, leftmost cat, every cat."""
    first, *others = trimmed(text).lower().split()
    if number == "one":
        return bool(others) and (first == "the" or first in _SINGLING)
    return number == "each" and bool(others) and first in ("every", "each", "all")


def _coordinates(listed: list[str]) -> bool:
    """Whether "x and y" are two things, and not one with two attributes: "the man with a hat and a bag"."""
    first = listed[0].lower().split()
    joined = _RELATIONS & set(first[1:])
    described = set(first) <= _COLOURS | _LEADING and len(first) > 0 and listed[-1].lower().split()[0] in _COLOURS
    if described:  # "black and white cat" is one, "red and blue cubes" are many
        return singular(listed[-1].split()[-1]) != listed[-1].split()[-1]
    return not joined
