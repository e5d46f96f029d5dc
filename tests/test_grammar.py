"""Answer expressions: the trees they become, and what a written answer is found to hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.sequence.frame import Frame
from generalist.sequence.grammar import (
    NONE,
    Alternatives,
    Announced,
    Literal,
    Node,
    Series,
    Times,
    UnitNode,
    options,
    parse_answer,
    pattern_of,
    writes,
)
from generalist.sequence.matching import extents, match
from generalist.sequence.units import UNITS
from generalist.sequence.vocabulary import Vocabulary

SIZED = ["mask", "text", "docid", "polygon", "keypoints"]
LEAVES = st.one_of(
    st.builds(UnitNode, st.sampled_from(sorted(UNITS))),
    st.builds(UnitNode, st.sampled_from(SIZED), st.integers(1, 99)),
    st.builds(Literal, st.sampled_from(["<none>", "<p>", "of the", "("])),
)


def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    counts = st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda pair: (min(pair), max(pair)))
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Series(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Alternatives(tuple(parts))),
        st.builds(lambda part, count: Times(part, *count), inner, counts),
        st.builds(lambda part, high: Announced(part, high=high), inner, st.integers(1, 9)),
    )


TREES = st.recursive(LEAVES, grown, max_leaves=8)


def printed(node: Node) -> str:
    """A tree as a task file would have it."""
    match node:
        case UnitNode(name, size):
            return name if size is None else f"{name}{{{size}}}"
        case Literal(text):
            return "none" if node == NONE else f"'{text}'"
        case Series(parts):
            return " ".join(f"({printed(part)})" for part in parts)
        case Alternatives(parts):
            return " | ".join(f"({printed(part)})" for part in parts)
        case Announced(part, _, high):
            return f"number ({printed(part)}){{#{high}}}"
        case Times(part, low, high):
            return f"({printed(part)})" + ("?" if (low, high) == (0, 1) else f"{{{low},{high}}}")


@given(tree=TREES)
def test_what_is_printed_parses_to_itself(tree: Node) -> None:
    assert parse_answer(printed(tree)) == tree


@given(text=st.text("labexnomkur (){}|*?'0,3#&", max_size=16))
def test_any_text_is_a_tree_or_a_fault_that_quotes_it(text: str) -> None:
    try:
        tree = parse_answer(text)
    except Fault as fault:
        assert repr(text) in str(fault)
    else:
        assert parse_answer(printed(tree)) == tree


def test_marks_bind_as_they_are_read() -> None:
    label, box, mask = UnitNode("label"), UnitNode("box"), UnitNode("mask", 16)
    assert parse_answer("label box mask{16} | none") == Alternatives((Series((label, box, mask)), NONE))
    assert parse_answer("(label | none){4}") == Times(Alternatives((label, NONE)), 4, 4)
    assert parse_answer("mask{16}{2}") == Times(mask, 2, 2)
    assert parse_answer("text{2,3}") == Times(UnitNode("text"), 2, 3)
    assert parse_answer("label*") == Times(label, 0, 32)


def test_a_tree_is_asked_what_it_surely_writes() -> None:
    for answer, sure in {
        "label box": True, "box?": False, "box{2}": True, "box | label": False, "box | label box": True,
        "'box'": False, "(label box?){3}": False,
    }.items():  # fmt: skip
        assert writes(parse_answer(answer), "box") is sure
    assert options(parse_answer("none | box | label")) == (UnitNode("box"), UnitNode("label"))
    assert options(parse_answer("none")) == ()


def test_the_parts_of_an_answer_are_found(vocabulary: Vocabulary) -> None:
    frame = Frame(vocabulary, labels=("cup", "jug"))
    label, loc = vocabulary["label"], vocabulary["loc"]
    piece = vocabulary["text"][300]
    tree = parse_answer("(text? '<p>' text '</p>' box{1,3})*")
    ids = [piece, vocabulary.phrase, piece, piece, vocabulary.end_phrase, *list(loc)[:8]]
    found = match(tree, ids, frame)
    assert [(part.unit, part.start, part.stop) for part in found] == [
        (UnitNode("text"), 0, 1),
        (Literal("<p>"), 1, 2),
        (UnitNode("text"), 2, 4),
        (Literal("</p>"), 4, 5),
        (UnitNode("box"), 5, 9),
        (UnitNode("box"), 9, 13),
    ]
    assert match(tree, ids[:-1], frame) is None
    assert match(tree, [*ids, vocabulary.eos], frame) is None  # what ends an answer is the automaton's
    assert match(tree, [], frame) == []
    assert match(parse_answer("label box | none"), [label[1], *list(loc)[:4]], frame) is not None
    assert match(parse_answer("label box | none"), [label[2], *list(loc)[:4]], frame) is None  # no third name


@pytest.mark.parametrize("answer", ["(label?){2}", "(label?){2,3}", "(label{0,2} box?){3}", "((label?){2}){2} | box"])
def test_a_repeat_of_what_may_be_nothing_may_be_nothing(vocabulary: Vocabulary, answer: str) -> None:
    frame = Frame(vocabulary, labels=("cup",))
    assert match(parse_answer(answer), [], frame) == []
    assert len(match(parse_answer(answer), [vocabulary["label"][0]], frame)) == 1


@given(count=st.integers(0, 8), low=st.integers(0, 3), more=st.integers(0, 4), at=st.integers(0, 3))
def test_extents_are_every_length_longest_first(
    vocabulary: Vocabulary, count: int, low: int, more: int, at: int
) -> None:
    frame = Frame(vocabulary, labels=("cup",))
    pattern = pattern_of(Times(UnitNode("label"), low, low + more), frame)
    ids = [vocabulary.none] * at + [vocabulary["label"][0]] * count + [vocabulary.none]
    assert extents(pattern, ids, at) == [at + n for n in range(min(count, low + more), low - 1, -1)]
