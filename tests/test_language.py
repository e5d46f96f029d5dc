"""What is said of a scene is true of it, and names what it means, by a second reader that only has the words."""

import re

import numpy as np
import pytest
import witness

from generalist.data.language import (
    ATTRIBUTES,
    Noun,
    a,
    caption,
    captions,
    document,
    listed,
    nouns,
    order,
    parts,
    phrase,
    title,
)
from generalist.data.scenes import Scene, Scenes
from generalist.sequence.sample import joined


@pytest.fixture(scope="module")
def world() -> list[Scene]:
    return [Scenes("train", 48)[i] for i in range(60)] + [Scenes("test", 48, (1, 8))[i] for i in range(20)]


@pytest.mark.parametrize("without", ["", *ATTRIBUTES])
def test_a_phrase_names_one_solid(world, without):
    rng = np.random.default_rng(1)
    for scene in world:
        for row in range(len(scene.solids)):
            said = phrase(scene, row, rng, without)
            if said is None:
                assert without, "size, colour and shape together always name one solid"
                continue
            assert witness.meant(scene, said.text) == [row] == said.rows(scene), said.text
            if without:
                assert getattr(said.noun, without) == ""


def test_phrases_are_of_every_kind(world):
    rng = np.random.default_rng(2)
    rows = [(scene, int(rng.integers(len(scene.solids)))) for scene in world for _ in range(4)]
    said = [phrase(scene, row, rng) for scene, row in rows]
    text = " | ".join(one.text for one in said)
    for words in (*witness.EXTREME, "left of", "right of", "in front of", "behind", "object", "metal", "rubber"):
        assert words in text
    assert 0.25 < np.mean([one.anchor is None and not one.extreme for one in said]) < 0.75


def test_relations_hold_by_a_margin(world):
    """Nobody should need a ruler: what a phrase is decided by is 5% of the picture or 0.45 m at least."""
    rng = np.random.default_rng(3)
    for scene in world:
        for row in range(len(scene.solids)):
            said = phrase(scene, row, rng)
            if said.anchor is None:
                continue
            axis, sign = witness.SIDE[said.relation]
            (other,) = witness.suiting(scene, said.anchor.text)
            gap = sign * (witness.place(scene, row, axis) - witness.place(scene, other, axis))
            assert gap > (0.05 * 48 if axis == "x" else 0.45) - 1e-4


def test_nouns_are_every_true_description_once(world):
    for solid in world[0].solids:
        found = nouns(solid)
        assert len(set(found)) == len(found) == 2**4 - 1 and all(noun.suits(solid) for noun in found)
        assert [len(noun.text.split()) - (not noun.shape) for noun in found] == sorted(
            len(noun.text.split()) - (not noun.shape) for noun in found
        )
    assert Noun().text == "object" and Noun(colour="red", shape="cube").plural == "red cubes"


def test_a_caption_tells_every_solid_from_left_to_right(world):
    for scene in world:
        parts = re.split(r", | and ", caption(scene))
        assert [row for part in parts for row in witness.suiting(scene, part.removeprefix("a "))] == order(scene)
        middles = [witness.place(scene, row, "x") for row in order(scene)]
        assert middles == sorted(middles)
        for other in captions(scene):
            assert sorted(re.split(r", | and ", other)) == sorted(parts)
        assert captions(scene)[0] == caption(scene) and len(set(captions(scene))) == len(captions(scene)) <= 2


def test_the_pieces_of_a_caption_make_the_caption_and_are_true_of_what_they_name(world):
    for scene in world:
        told = parts(scene)
        assert joined([words for words, _ in told])[0] == caption(scene)
        named = [row for _, rows in told for row in rows]
        assert named == list(range(len(scene.solids)))
        for words, rows in told:
            assert words == words.strip() and (rows or words in (",", "and"))
            for row in rows:
                assert order(scene)[row] in witness.suiting(scene, words.removeprefix("a ").removeprefix("an "))


def test_a_title_names_every_solid_without_its_material(world):
    for scene in world:
        words = title(scene)
        assert words.startswith("A ") and "metal" not in words and "rubber" not in words
        parts = re.split(r", | and ", words[2:])
        assert [witness.meant(scene, part.removeprefix("a ")) for part in parts] == [[row] for row in order(scene)]


def test_every_sentence_of_a_document_is_true(world):
    for scene in world:
        made = document(scene, "train-0")
        assert made.id == "train-0" and made.title == title(scene) and made.text.endswith(".")
        told = set()
        for sentence in made.text.rstrip(".").split(". "):
            if found := re.fullmatch(r"The (.+) is (left of|right of|in front of|behind) the (.+)", sentence):
                row, *_ = witness.meant(scene, f"{found[1]} {found[2]} the {found[3]}")
                assert witness.meant(scene, found[1]) == [row]
            elif found := re.fullmatch(r"Made of (shiny metal|matt rubber): (.+)", sentence):
                for part in re.split(r", | and ", found[2]):
                    (row,) = witness.meant(scene, part)
                    assert scene.solids[row].material == found[1].split()[1]
                    told.add(row)
            elif found := re.fullmatch(r"Nearest of all is the (.+)", sentence):
                assert witness.meant(scene, found[1]) == witness.meant(scene, "nearest object")
            else:
                numbers = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
                said = re.findall(r"(\w+) (\w+?)s?(?=,| and|$| on)", sentence.split(": ")[-1].split("there is ")[-1])
                for number, shape in said:
                    assert len(witness.suiting(scene, shape)) == numbers[number]
                assert sum(numbers[number] for number, _ in said) == len(scene.solids)
        assert told == set(range(len(scene.solids)))


def test_english():
    assert (a("orange cube"), a("red cube"), a("object")) == ("an orange cube", "a red cube", "an object")
    assert [listed(list("xyz"[:n])) for n in (1, 2, 3)] == ["x", "x and y", "x, y and z"]
