"""Indexes on disk: what is opened is what was built, and everything else is refused in one line."""

import json
import shutil

import numpy as np
import pytest
from embedder import built
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generalist.faults import Fault
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import KINDS, document_tokens, kinds_of, title_identifier
from generalist.sequence.sample import Document, Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()
TITLES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
WORDS = ["red cube", "a", "red cube", "red", "b\n"]
DOCUMENTS = [Document(str(i), title, f"text {i}") for i, title in enumerate(WORDS)]


@pytest.fixture
def folder(tmp_path):
    Index.build(DOCUMENTS, VOCABULARY, tmp_path / "index")
    return tmp_path / "index"


def refused(folder, *words, vocabulary=VOCABULARY):
    with pytest.raises(Fault) as error:
        Index.open(folder, vocabulary)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)
    assert "generalist index" in str(error.value)  # the cure
    for word in words:
        assert word in str(error.value)


# ---- the index -------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TITLES, st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=12))
def test_every_document_is_found_by_its_own_title_and_no_other_is(tmp_path, pairs):
    documents = [Document(f"d{i}", title, text) for i, (title, text) in enumerate(pairs)]
    index = Index.build(documents, VOCABULARY, tmp_path / "index")
    assert list(map(repr, index)) == list(map(repr, documents))
    assert index.different == len({tuple(title_identifier(d, VOCABULARY)) for d in documents})
    for document in documents:
        ids = title_identifier(document, VOCABULARY)
        found = [index[int(row)] for row in index.identifiers.documents(ids)]
        assert found == [d for d in documents if title_identifier(d, VOCABULARY) == ids]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TITLES, st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=12))
def test_every_document_is_found_by_what_it_holds(tmp_path, pairs):
    documents = [Document(f"d{i}", title, text) for i, (title, text) in enumerate(pairs)]
    index = Index.build(documents, VOCABULARY, tmp_path / "index", kind="ngram")
    assert list(map(repr, index)) == list(map(repr, documents))
    texts = [document_tokens(document, VOCABULARY) for document in documents]
    for ids in texts:
        key = ids[len(ids) // 2 :][: index.identifiers.bound]
        held = [i for i, other in enumerate(texts) if any(other[at:][: len(key)] == key for at in range(len(other)))]
        assert index.identifiers.documents(key).tolist() == held


def test_an_identifier_is_what_the_retrieve_task_writes():
    task = load_tasks(VOCABULARY)["retrieve"]
    for title in ("red cube", "<loc_0001>", "a rather long title " * 30):
        expected = task.encode(Sample(query="q", text=title)).ids[0].tolist()
        assert title_identifier(Document("1", title), VOCABULARY) == expected
        assert len(expected) <= KINDS["title"].longest + 1
        assert task.constraint(Sample(query="q")).accepts(expected)


def test_an_index_is_a_sequence_and_stays_on_disk(folder):
    index = Index.open(folder, VOCABULARY)
    assert len(index) == len(DOCUMENTS) and index[-1] == index[len(index) - 1] and index[1:3] == [index[1], index[2]]
    for array in (index.shards[0].orders["title"].matrix, index.shards[0].lines, index.shards[0].hashes):
        assert isinstance(array.base, np.memmap)
    with pytest.raises(IndexError):
        index[len(index)]


def test_progress_is_told_and_ends_at_the_end(tmp_path):
    told = []
    Index.build([Document(str(i), "t") for i in range(2500)], VOCABULARY, tmp_path / "i", lambda *at: told.append(at))
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]


def test_building_again_replaces_an_index_and_nothing_else(folder, tmp_path):
    assert len(Index.build(DOCUMENTS[:1], VOCABULARY, folder)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(Fault, match="name a new folder"):
        Index.build(DOCUMENTS, VOCABULARY, folder)
    with pytest.raises(Fault, match="name a new folder"):
        Index.build(DOCUMENTS, VOCABULARY, folder / "thesis.txt")
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_documents_are_read_one_by_one_and_their_number_need_not_be_known(tmp_path):
    read, told = [], []
    documents = (read.append(i) or Document(str(i), "t") for i in range(1500))
    assert len(Index.build(documents, VOCABULARY, tmp_path / "i", lambda *at: told.append((*at, len(read))))) == 1500
    assert told == [(1000, None, 1000), (1500, None, 1500)]


def test_nothing_to_index_is_refused(tmp_path):
    with pytest.raises(Fault, match="at least one document"):
        Index.build([], VOCABULARY, tmp_path / "index")
    with pytest.raises(Fault, match="'7' has no title"):
        Index.build([*DOCUMENTS, Document("7", "")], VOCABULARY, tmp_path / "index")
    with pytest.raises(Fault, match="'7' has neither"):
        Index.build([*DOCUMENTS, Document("7", "")], VOCABULARY, tmp_path / "index", kind="ngram")
    with pytest.raises(Fault, match="document '2' would be there twice"):
        Index.build([*DOCUMENTS, Document("2", "again")], VOCABULARY, tmp_path / "index")
    assert not list(tmp_path.iterdir())


def test_what_is_no_index_is_refused(folder, tmp_path):
    refused(tmp_path / "nowhere", "no such index folder")
    refused(tmp_path, "is no index")
    meta = json.loads((folder / "meta.json").read_text())
    for text in ("", "[]", "{}", '{"format": 99}', json.dumps(meta | {"longest": {}})):
        (folder / "meta.json").write_text(text)
        refused(folder)


FILES = ["offsets", "ids", "documents", "removed-1"]


@pytest.mark.parametrize("kind", ["title", "ngram", "code+title"])
@pytest.mark.parametrize("cut", [-1, 20, 0])
def test_a_file_cut_short_or_missing_is_refused(tmp_path, kind, cut):
    index = built(DOCUMENTS, VOCABULARY, tmp_path / "index", kind)
    index.remove(["1"])
    folder = index.folder / "shard-0001"
    files = sorted(path for path in folder.iterdir())
    arrays = {name for one in kinds_of(kind).values() for name in one.arrays}
    assert {path.stem for path in files} == {*arrays, *FILES, *(f"gone-{name}-1" for name in kinds_of(kind))}
    meta = (index.folder / "meta.json").read_text()
    for path in files:
        data = path.read_bytes()
        path.write_bytes(data[:cut])
        refused(index.folder, path.name, "cut short")
        # Even where meta.json agrees with the damage.
        forged = json.loads(meta)
        forged["shards"][0]["files"][path.name] = len(data[:cut])
        (index.folder / "meta.json").write_text(json.dumps(forged))
        refused(index.folder)
        (index.folder / "meta.json").write_text(meta)
        path.unlink()
        refused(index.folder, path.name)
        path.write_bytes(data)
    assert len(Index.open(index.folder, VOCABULARY)) == len(DOCUMENTS) - 1


@pytest.mark.parametrize("name", ["offsets.npy", "order.npy", "documents.jsonl"])
def test_files_of_another_index_are_refused(folder, tmp_path, name):
    Index.build(DOCUMENTS[:2], VOCABULARY, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "shard-0001" / name, folder / "shard-0001" / name)
    meta = json.loads((folder / "meta.json").read_text())
    meta["shards"][0]["files"][name] = (folder / "shard-0001" / name).stat().st_size
    (folder / "meta.json").write_text(json.dumps(meta))
    refused(folder, "do not fit")


def test_an_index_of_the_first_format_is_refused_and_replaced(tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("documents.jsonl", "offsets.npy", "tokens.npy", "starts.npy", "suffixes.npy"):
        (folder / name).write_bytes(b"")
    (folder / "meta.json").write_text('{"format": 1, "kind": "ngram"}')
    refused(folder, "format 1")
    Index.build(DOCUMENTS, VOCABULARY, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "shard-0001"]


def test_another_vocabulary_is_refused(folder):
    other = Vocabulary(VOCABULARY.tokenizer, VOCABULARY.blocks, VOCABULARY.codebook.copy() + 1, VOCABULARY.folder)
    refused(folder, "vocabulary", vocabulary=other)


def test_a_damaged_line_is_found_when_it_is_read(folder):
    path = folder / "shard-0001" / "documents.jsonl"
    data = bytearray(path.read_bytes())
    data[0] = ord("!")
    path.write_bytes(data)
    index = Index.open(folder, VOCABULARY)
    assert index[1]
    with pytest.raises(Fault, match=r"documents\.jsonl is damaged at line 1"):
        index[0]
