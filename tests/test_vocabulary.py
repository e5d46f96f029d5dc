"""The vocabulary: blocks end to end, one spelling a token, and the same answers as ``transformers`` gives."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import strategies
from hypothesis import example, given
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.sequence.vocabulary import CONTROL, Vocabulary, blocks_of, spelling

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_blocks_are_contiguous_and_cover_the_vocabulary(vocabulary: Vocabulary) -> None:
    at = 0
    for name, block in vocabulary.blocks.items():
        assert (block.name, block.start, block.stop) == (name, at, at + len(block)) and name in vocabulary
        assert list(block) == list(range(at, block.stop)) and vocabulary.block_of(block[len(block) - 1]) is block
        at = block.stop
    assert at == len(vocabulary) == vocabulary.tokenizer.get_vocab_size()
    assert len(vocabulary["mask"]) == len(vocabulary.codebook)
    for outside in (-1, at):
        with pytest.raises(IndexError):
            vocabulary.block_of(outside)


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=6), index=st.integers(-5, 60))
def test_an_index_is_an_id_and_back_or_an_error(sizes: list[int], index: int) -> None:
    for block in blocks_of((str(i), size) for i, size in enumerate(sizes)).values():
        if 0 <= index < len(block):
            assert block[index] in block and block.index_of(np.int64(block[index])) == index
        else:
            assert block.start + index not in block
            with pytest.raises(IndexError):
                block[index]
            with pytest.raises(IndexError):
                block.index_of(block.start + index)


def test_every_token_of_a_block_has_its_own_spelling(vocabulary: Vocabulary) -> None:
    for block in list(vocabulary.blocks.values())[1:]:
        for index, token in enumerate(block):
            assert vocabulary.tokenizer.id_to_token(token) == spelling(block.name, index)
            assert vocabulary.tokenizer.token_to_id(spelling(block.name, index)) == token


def test_a_typed_token_is_that_token(vocabulary: Vocabulary) -> None:
    assert vocabulary.encode("<loc_0012>") == [vocabulary["loc"][12]]
    assert vocabulary["loc"][12] in vocabulary.encode("what is at <loc_0012> <loc_0200>?")
    assert [vocabulary.encode(text) for text in CONTROL] == [[token] for token in vocabulary["control"]]
    assert vocabulary.spell([vocabulary.none, vocabulary["loc"][12]]) == "<none> <loc_0012>"


@given(text=st.one_of(strategies.TEXTS, TEXT))
@example("<loc_0001>")
@example("a </s> <s> <none> b")
@example("nul \0 inside")
@example("<0x41>")
@example("👩‍👩‍👧 漢字 ﬁ ė̃")
def test_plain_text_stays_in_its_block_and_comes_back(vocabulary: Vocabulary, text: str) -> None:
    ids = vocabulary.encode_plain(text)
    assert all(token in vocabulary["text"] for token in ids)
    if strategies.plain(text):
        assert vocabulary.text(ids) == text


@given(ids=st.lists(st.integers(0, 4095), max_size=12))
def test_any_pieces_are_some_text(vocabulary: Vocabulary, ids: list[int]) -> None:
    assert isinstance(vocabulary.text(ids), str)


def test_transformers_loads_the_folder_and_agrees(vocabulary: Vocabulary) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(vocabulary.folder)
    assert len(theirs) == len(vocabulary)
    assert (theirs.pad_token_id, theirs.bos_token_id, theirs.eos_token_id) == (
        vocabulary.pad,
        vocabulary.bos,
        vocabulary.eos,
    )
    for text in ("detect red cube, 青い 箱", "<loc_0012> here", "a </s> b", "👩‍👧 \0 é", ""):
        assert theirs(text, add_special_tokens=False)["input_ids"] == vocabulary.encode(text)


def test_the_fingerprint_is_of_all_that_matters(tmp_path: Path, vocabulary: Vocabulary) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(vocabulary.folder, copy)
    assert Vocabulary.load(copy).fingerprint == vocabulary.fingerprint
    codebook = vocabulary.codebook.copy()
    codebook[3, 5] ^= 1
    np.save(copy / "mask_codebook.npy", codebook)
    assert Vocabulary.load(copy).fingerprint != vocabulary.fingerprint


@pytest.mark.parametrize("name", ["tokenizer.json", "vocabulary.json", "mask_codebook.npy"])
def test_a_folder_that_lacks_or_breaks_a_file_is_named(tmp_path: Path, vocabulary: Vocabulary, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(vocabulary.folder, copy)
    (copy / name).write_text("{")
    with pytest.raises(Fault, match=str(copy)):
        Vocabulary.load(copy)
    (copy / name).unlink()
    with pytest.raises(Fault, match=str(copy)):
        Vocabulary.load(copy)


def test_blocks_that_disagree_with_the_tokenizer_are_a_fault(tmp_path: Path, vocabulary: Vocabulary) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(vocabulary.folder, copy)
    (copy / "vocabulary.json").write_text('{"blocks": [{"name": "text", "size": 4096}]}')
    with pytest.raises(Fault, match=rf"{copy}: .* {len(vocabulary)} tokens, its blocks 4096"):
        Vocabulary.load(copy)
    (copy / "vocabulary.json").write_text(f'{{"blocks": [{{"name": "text", "size": {len(vocabulary)}}}]}}')
    with pytest.raises(Fault, match=rf"{copy}: .*'control' of 6 tokens"):
        Vocabulary.load(copy)
    with pytest.raises(Fault, match="no_such"):
        Vocabulary.load("no_such")
