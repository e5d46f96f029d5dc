"""Pseudo-queries: all are of their documents, those that are kept find them, and a reader trains on what is written."""

import json

import pytest
from typer.testing import CliRunner

from generalist.app.cli import app
from generalist.data.passages import ROOM, passage_of, passages
from generalist.data.readers import open_data
from generalist.faults import Fault
from generalist.model.build import save_model
from generalist.retrieval.index import Index
from generalist.retrieval.pseudo import Asked, Asker, write_queries
from generalist.retrieval.search import search
from generalist.sequence.sample import Document, Sample

DOCUMENTS = [
    Document("a 1", "Moon", "The Moon pulls the sea twice a day."),
    Document("b", "Tide", "A tide is the rise of the sea."),
    Document("c", "Star", "Far " * 150),
    Document("d", "Rock", ""),
]


@pytest.fixture(scope="module")
def index(vocabulary, tmp_path_factory):
    return Index.build(DOCUMENTS, vocabulary, tmp_path_factory.mktemp("pseudo") / "index")


def test_a_document_is_read_in_passages_under_its_title():
    assert passages(DOCUMENTS[3]) == ["rock"]
    parts = passages(DOCUMENTS[2])
    assert [len(part.split()) for part in parts] == [ROOM + 1, 51]
    assert all(part.startswith("star far") for part in parts)
    assert passages(Document("x", "", "")) == [""]
    told = passages(Document("x", "T", "sea " * ROOM + "moons and tides"))
    assert passage_of(told, "Moons!") == 1 and passage_of(told, "sea") == passage_of(told, "nothing") == 0


def test_what_is_kept_finds_its_document(small_model, index, tasks):
    asker = Asker(index, small_model, tasks, each=3, top=2, batch=3)
    told = list(asker(index))
    assert [document.id for document, _ in told] == [document.id for document in DOCUMENTS]
    every = [one for document, asked in told for one in asked]
    for document, asked in told:
        assert 1 <= len(asked) == len({one.query for one in asked}) <= 3
        assert {one.document for one in asked} == {document.id}
    for one in every:
        (answer,) = search(index, small_model, tasks["retrieve"], [Sample(query=one.query)], k=2)
        assert one.found == (one.document in [hit["id"] for hit in answer.documents])
    assert 0 < sum(one.found for one in every) < len(every)


def test_queries_are_drawn_again_alike_and_otherwise_by_another_seed(small_model, index, tasks):
    def queries(seed):
        return [one.query for _, asked in Asker(index, small_model, tasks, 2, seed=seed)(index[:2]) for one in asked]

    assert queries(0) == queries(0) != queries(1)


def test_what_is_kept_is_a_set_to_train_on(tmp_path, index):
    asked = [Asked("what pulls?", "a 1", True), Asked("junk", "b", False), Asked("the \u2018rise\u2019", "b", True)]
    assert write_queries(tmp_path / "out", index, iter(asked)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    data = open_data(f"beir:{tmp_path / 'out'}:train")
    assert [data.sample(i, "quote").query for i in range(len(data))] == ["what pulls?", "the \u2018rise\u2019"]
    assert [data.sample(i, "quote").documents for i in range(len(data))] == [("a 1",), ("b",)]
    with pytest.raises(Fault, match="is there already"):
        write_queries(tmp_path / "out", index, asked)
    with pytest.raises(Fault, match="none that was written finds"):
        write_queries(tmp_path / "none", index, asked[1:2])
    assert write_queries(tmp_path / "none", index, asked[1:2], some=False) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_the_command_writes_a_folder_and_says_how_many_it_kept(small_model, vocabulary, index, tmp_path):
    save_model(small_model, tmp_path / "model", vocabulary)
    words = ["queries", index.folder, "-m", tmp_path / "model", "--out", tmp_path / "q", "--each", 2, "--keep-top", 4]
    done = CliRunner().invoke(app, [str(word) for word in [*words, "--json"]])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["documents"] == 4 and told["kept"] == told["written"] == len(open_data(f"beir:{tmp_path / 'q'}:train"))
    again = CliRunner().invoke(app, [str(word) for word in words])
    assert again.exit_code == 2 and "is there already" in again.stderr
