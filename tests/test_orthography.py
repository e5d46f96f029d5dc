"""Orthography and correction: slips are put right and words of a trade are not; what is taken back is not asked for."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generalist.sequence.correction import meant_at_last
from generalist.sequence.instruction import understand
from generalist.sequence.lexicon import lexicon
from generalist.sequence.orthography import respelled
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[1]
TASKS = load_tasks(Vocabulary.load("tiny"))
WORDS = lexicon(tuple(TASKS.values()))
NAMES = sorted(
    {
        word
        for line in (ROOT / "tests" / "requests_dev.jsonl").read_text("utf-8").splitlines()
        for name in json.loads(line).get("labels", ())
        for word in name.split()
        if word.isalpha() and word.islower() and len(word) > 6
    }
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("find the bicyles", "find the bicycles"),
        ("detct teh yelow taxi", "detect the yellow taxi"),
        ("umbrelas, candels and bottels", "umbrellas, candles and bottles"),
        ("Desribe this", "Describe this"),
    ],
)
def test_a_slip_of_the_fingers_is_put_right(typed: str, meant: str) -> None:
    assert respelled(typed, WORDS.right).text == meant


@pytest.mark.parametrize(
    "text",
    [
        "find the pitot tube, the canid and the chiasm",  # of a trade
        "segment tumour, grey matter and aluminium",  # from elsewhere
        "detect lifejackets and hardhats",  # of two words
        "where is Karman? what does the sign of ACME say",  # names
        "mask the bbox, obb and kpts",
        'find "bicyles"',  # as its author will have it
        "see http://exmaple.org/teh or data/teh.png",
    ],
)
def test_what_may_be_meant_is_left_alone(text: str) -> None:
    assert respelled(text, WORDS.right).text == text


@given(st.lists(st.sampled_from(["find", "teh", "bicyles", "and", "yelow", "dogs", "Umbrelas.", "detct"]), max_size=8))
def test_every_passage_is_found_again_as_it_was_typed(typed: list[str]) -> None:
    put_right = respelled(" ".join(typed), WORDS.right)
    meant = put_right.text.split()
    assert len(meant) == len(typed)
    assert put_right.as_typed(put_right.text) == put_right.typed
    for i in range(len(meant)):
        tail = " ".join(meant[i:])
        if put_right.text.find(tail) == len(put_right.text) - len(tail):
            assert put_right.as_typed(tail) == " ".join(typed[i:])


@given(st.sampled_from(NAMES), st.data())
def test_two_letters_in_each_others_places_come_to_the_word_or_stay(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(word) - 2))
    typed = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    assert respelled(typed, WORDS.right).text in (word, typed)


def test_a_question_is_passed_on_as_it_was_typed() -> None:
    found = understand("what is the yelow dog doing?", TASKS, True)
    assert found.fields["question"] == "what is the yelow dog doing?"
    assert understand("find every yelow dog", TASKS, True).fields["labels"] == ("yellow dog",)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("find the buses - no wait, I meant trams", "find trams"),
        ("find the cat on the left, no wait, the cat on the right", "find the cat on the right"),
        ("Would you mind detecting the chairs, no sorry, the stools?", "Would you mind detecting the stools?"),
        ("detect cars... no, trucks", "detect trucks"),
        ("find all the counts on the sheet, no, sorry: find all the stickers", "find all the stickers"),
        ("normals... no, sorry, the depth map is what I'm after", "the depth map"),
        ("boxes for the eggs... actually no, masks", "masks for the eggs"),
        ("touch every mistake, I mean mark each with a dot", "mark every mistake with a dot"),
        ("find the cakes. Oh, and the pies as well.", "find the cakes and the pies"),
    ],
)
def test_what_is_meant_in_the_end_is_what_is_asked(said: str, meant: str) -> None:
    assert meant_at_last(said, WORDS.known) == meant


@pytest.mark.parametrize(
    "text",
    [
        "detect dogs, no masks",
        "segment road, sky and no entry sign",
        "is it a dog? no, really, is it?",
        "find the cups. And then count them.",
        "detect cars, and make it quick",
        "find the wait staff, please",
    ],
)
def test_what_is_no_correction_is_left_alone(text: str) -> None:
    assert meant_at_last(text, WORDS.known) == text
