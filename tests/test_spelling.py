"""Prompts as task files write them: what they spell, what is drawn of them, and what is wrong with a bad one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.sequence.prompt import Input, Template
from generalist.sequence.sample import Sample
from generalist.sequence.spelling import count, draw, first, parse_prompt, spell
from generalist.sequence.vocabulary import Vocabulary

PIECES = st.recursive(
    st.sampled_from(["find ", "every ", "red ", "one "]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)}) "),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: f"[{'|'.join(parts)}] "),
    ),
    max_leaves=8,
)


@given(text=PIECES, seed=st.integers(0, 2**32 - 1))
def test_spellings_are_all_that_is_drawn(text: str, seed: int) -> None:
    pieces = parse_prompt("go " + text)
    spellings = spell(pieces)
    assert spellings[0] == first(pieces) and len(spellings) <= count(pieces)
    assert draw(pieces, np.random.default_rng(seed)) in spellings
    assert not any(mark in spelling for spelling in spellings for mark in "()[]|")


def test_a_prompt_draws_what_trains_and_speaks_in_its_first_words(vocabulary: Vocabulary) -> None:
    template = Template("[please] (find|locate|spot) (every|all) {labels}", ("image", "labels"))
    request = Sample(labels=("red cube", "ball"))
    assert template.render(request, vocabulary).text == "find every red cube, ball"
    rng = np.random.default_rng(0)
    assert {template.render(request, vocabulary, rng).text for _ in range(200)} == {
        spelling.replace("{labels}", "red cube, ball") for spelling in template.spellings
    }
    assert len(template.spellings) == 12


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("find (every {labels}", "not closed"),
        ("find every) {labels}", "stands alone"),
        ("find [all {labels})", "not closed"),
        ("[find]", "nothing at all"),
        ("find [{labels}]", "needs each field once"),
        ("{labels} and {labels}", "needs each field once"),
        ("(a|b|c|d|e|f|g|h)" * 4 + " {labels}", "spellings, more than"),
        ("find {phrase}", "not among the inputs"),
    ],
)
def test_a_prompt_at_fault_is_told_why(prompt: str, reason: str) -> None:
    with pytest.raises(Fault, match=reason):
        Template(prompt, ("image", "labels"))


def test_inputs_are_of_a_kind_and_optional() -> None:
    assert Input.parse("region:box?") == Input("region", "box", True)
    assert Input.parse("query?") == Input("query", None, True)
    for text in ("regoin", "region:square", "labels:box"):
        with pytest.raises(Fault, match="inputs"):
            Input.parse(text)
