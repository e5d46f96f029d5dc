"""English as people type it: names in a list, the singular of a plural, one or many, orders, the forms of a word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import LOOKS, NOUNS

from generalist.sequence.english import bared, is_question, readings, stem
from generalist.sequence.noun import number_of, phrase_of, singular, split_labels

SINGULARS = """cubes cube, boxes box, berries berry, buses bus, glass glass, bus bus, lens lens, grass grass, gas gas,
houses house, vases vase, watches watch, headaches headache, tomatoes tomato, shoes shoe, women woman, firemen fireman,
people person, children child, wolves wolf, gloves glove, dresses dress, keys key, scissors scissors, T-shirts T-shirt,
CARS CAR, TVs TV, Boxes Box, Men Man, geese goose, benches bench, horses horse, cookies cookie, series series"""


@pytest.mark.parametrize("pair", [pair.split() for pair in SINGULARS.split(",")])
def test_singulars(pair: list[str]) -> None:
    assert singular(pair[0]) == pair[1] == singular(pair[1])


@pytest.mark.parametrize(
    ("text", "names"),
    {
        "all the red cubes; a sphere and any cones": ("red cube", "sphere", "cone"),
        "cats, dogs, or cats": ("cat", "dog"),
        "each of the cars in this picture": ("car",),
        "people wearing hats": ("person wearing hats",),
        "Range Rovers & BMWs": ("Range Rover", "BMW"),
        "red and blue cubes": ("red cube", "blue cube"),
        "yellow, red and open boxes": ("yellow box", "red box", "open box"),
        "dogs cats and a red ball": ("dog", "cat", "red ball"),
        "sports cars and price tags": ("sports car", "price tag"),
        "a black and white cat": ("black and white cat",),
        "wine glasses": ("wine glass",),
        "glasses": ("glasses",),
        "black-and-tan hound and a bed-and-breakfast": ("black-and-tan hound", "bed-and-breakfast"),
        "everyone": ("person",),
        "the following classes: road, sky": ("road", "sky"),
        '"red cube", "ball"': ("red cube", "ball"),
        "the": (),
    }.items(),
)
def test_names_in_a_list(text: str, names: tuple[str, ...]) -> None:
    assert split_labels(text) == names


@given(names=st.lists(st.tuples(st.sampled_from(LOOKS), st.sampled_from(NOUNS)).map(" ".join), min_size=1, unique=True))
def test_names_of_one_come_back(names: list[str]) -> None:
    assert split_labels(", ".join(names)) == tuple(names)
    assert split_labels("; ".join(f"every {name}" for name in names) + " in the picture") == tuple(names)


@pytest.mark.parametrize(
    ("text", "number"),
    {
        "the red mug on the table": "one", "red mug on the table": "one", "the leftmost cube": "one",
        "the man with a hat and a bag": "one", "a man in a red shirt": "one", "a dog": "some", "dog": "kind",
        "the sky": "kind", "dogs": "many", "the dogs": "many", "the cup and the plate": "many", "two cups": "many",
        "every dog": "each", "all of the dogs": "each", "a cat or a dog": "either", "what the dog eats": None,
        "this": None, "wheels does the truck have": None,
    }.items(),
)  # fmt: skip
def test_how_many_are_meant(text: str, number: str | None) -> None:
    assert number_of(text) == number


def test_a_phrase_loses_its_article_alone() -> None:
    assert phrase_of("the man in the hat, please") == "man in the hat"
    assert phrase_of("my black backpack") == "my black backpack"


def test_readings_take_courtesies_off_and_keep_the_rest() -> None:
    found = readings("Could you please tell me how many cats there are in this picture?")
    assert found[0].startswith("Could") and "how many cats there are" in found and len(set(found)) == len(found)
    assert bared("show me the cup in the middle of the picture, thanks") == "the cup in the middle of the picture"
    assert "label every car" in readings("could you locate and label every car")


def test_orders_and_questions_are_told_apart() -> None:
    for text in ("what is this", "is there a dog?", "Can you see a dog?", "tell me what the man holds", "where's Bob"):
        assert is_question(text), text
    for text in ("find the dog", "can you find a dog?", "could you please count the cats?", "have a look at the dog"):
        assert not is_question(text), text


@pytest.mark.parametrize(
    "forms",
    [
        "detect detects detecting detected detection",
        "segment segmenting segmentation segments",
        "estimate estimating estimation",
        "classify classification classifying",
        "outline outlines outlining",
        "colour color colours colouring",
        "metre meters metres",
        "cut cutting cuts",
        "caption captions captioning captioned",
        "picture image photos pic",
    ],
)
def test_forms_of_a_word_share_their_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1
