"""Corpora of every layout: each document once, in its order, and every bad line named."""

import gzip
import json

import pytest

from generalist.data.readers import corpus, open_data
from generalist.data.readers.corpora import FIRST_WORDS, Corpus, read_corpus
from generalist.faults import Fault
from generalist.retrieval.index import Index
from generalist.sequence.sample import Document
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()


def written(path, *records):
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_beir_folder_is_read_as_its_reader_reads_it(tmp_path):
    records = {"_id": "1", "title": "one", "text": "x"}, "", {"_id": 2, "title": "é\u2028", "text": ""}
    written(tmp_path / "corpus.jsonl", *records)
    assert read_corpus(tmp_path) == read_corpus(f"beir:{tmp_path}") == corpus(tmp_path)
    assert read_corpus(tmp_path / "corpus.jsonl") == corpus(tmp_path)


def test_a_title_is_made_up_from_the_first_words(tmp_path):
    words = [f"w{i}" for i in range(2 * FIRST_WORDS)]
    path = written(tmp_path / "c.jsonl", {"id": "a", "title": " ", "text": "  ".join(words)}, {"id": "b", "text": "x"})
    assert [document.title for document in read_corpus(path)] == [" ".join(words[:FIRST_WORDS]), "x"]


def test_empty_documents_are_left_out_and_counted(tmp_path):
    records = (
        {"id": "a", "title": " ", "text": "\n"},
        {"id": "b", "text": "x"},
        {"id": "c"},
        {"id": "d", "image": "d.png"},
    )
    found = Corpus(written(tmp_path / "c.jsonl", *records))
    for _ in range(2):
        assert [document.id for document in found] == ["b", "d"] and found.skipped == 2
    with pytest.raises(Fault, match=r"c\.jsonl: holds no document that is not empty"):
        read_corpus(written(tmp_path / "c.jsonl", records[0]))


def test_a_picture_belongs_to_its_document_and_is_kept_by_an_index(tmp_path):
    records = (
        {"id": "a", "title": "t", "image": "pictures/a.png"},
        {"id": "b", "image": "/far/b.png"},
        {"id": "c", "text": "x"},
    )
    documents = read_corpus(written(tmp_path / "c.jsonl", *records))
    assert documents[0] == Document("a", "t", "", str(tmp_path / "pictures" / "a.png"))
    assert documents[1] == Document("b", "b", "", "/far/b.png") and documents[2].image == ""
    index = Index.build(documents, VOCABULARY, tmp_path / "index", kind="ngram")
    index.merge()
    assert list(index) == documents


def test_half_a_surrogate_pair_can_be_indexed(tmp_path):
    path = written(tmp_path / "c.jsonl", {"id": "a", "title": "\ud800 x", "text": "\udfff"})
    index = Index.build(Corpus(path), VOCABULARY, tmp_path / "index")
    assert index[0] == Document("a", "? x", "?")


def test_the_knowledge_source_of_kilt_is_read(tmp_path):
    record = {
        "_id": "12", "wikipedia_id": "12", "wikipedia_title": "Red cube",
        "text": ["Red cube\n", "A cube.\n", "Section::::Use.\n", "BULLET::::- It stands.\n"], "anchors": [{}],
    }  # fmt: skip
    expected = [Document("12", "Red cube", "A cube.\nUse.\nIt stands.")]
    path = written(tmp_path / "kilt_knowledgesource.json", record)
    assert read_corpus(path) == read_corpus(f"kilt:{path}") == expected
    with pytest.raises(Fault, match="line 1.*paragraphs"):
        read_corpus(written(path, {**record, "text": "one text"}))


def test_columns_with_tabs_are_read(tmp_path):
    plain = written(tmp_path / "collection.tsv", '7\tWhat a "cube" is', '8\t"so ""it"" is"\tA title')
    assert read_corpus(plain) == [
        Document("7", 'What a "cube" is', 'What a "cube" is'),
        Document("8", "A title", 'so "it" is'),
    ]
    named = written(tmp_path / "named.tsv", "title\tID\tpassage", "T\t7\tx y")
    assert read_corpus(named) == [Document("7", "T", "x y")]
    data = written(tmp_path / "psgs.tsv", "id\ttext\ttitle", "1\tx y\tT").read_bytes()
    (tmp_path / "psgs.tsv.gz").write_bytes(gzip.compress(data))
    assert read_corpus(tmp_path / "psgs.tsv.gz") == [Document("1", "T", "x y")]
    for line in ("7", "7\ta\tb\tc", "\ttext"):
        with pytest.raises(Fault, match=r"named\.tsv: line 2"):
            read_corpus(written(tmp_path / "named.tsv", "id\ttext\ttitle", line))
    (tmp_path / "psgs.tsv.gz").write_bytes(gzip.compress(data)[:-9])
    with pytest.raises(Fault, match="psgs.tsv.gz"):
        read_corpus(tmp_path / "psgs.tsv.gz")


def test_a_folder_of_texts_is_read(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text("before\n## A cube ##\nafter\n# Another\n")
    (tmp_path / "b.txt").write_text("# no heading in a plain text\n")
    (tmp_path / "c.MD").write_text("words")
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "d.pdf").write_bytes(b"\xff")
    (tmp_path / "c.JPG").write_bytes(b"")
    found = Corpus(tmp_path)
    assert list(found) == [
        Document("b.txt", "b", "# no heading in a plain text"),
        Document("c.MD", "c", "words", str(tmp_path / "c.JPG")),
        Document("more/a.md", "A cube", "before\n\nafter\n# Another"),
    ]
    assert found.skipped == 1
    (tmp_path / "more" / "a.md").write_bytes(b"one\ntwo \xe9\n")
    with pytest.raises(Fault, match=r"a\.md: line 2 is not UTF-8"):
        list(found)


BAD_LINES = [
    "{",
    "[]",
    "{}",
    '{"id": ""}',
    '{"id": ["x"]}',
    '{"id": "b", "text": {}}',
    '{"id": "a"}',
    '{"id": "\udce9"}',
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "a", "title": "t"}\n\n' + line, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(Fault) as error:
        read_corpus(path)
    assert str(path) in str(error.value) and "line 3" in str(error.value)


def test_an_id_that_comes_twice_is_named_with_both_its_lines(tmp_path):
    path = written(tmp_path / "c.jsonl", *({"id": i, "text": "x"} for i in "abcbc"))
    with pytest.raises(Fault, match=r"c\.jsonl: line 4: document 'b' was already on line 2"):
        Index.build(Corpus(path), VOCABULARY, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_corpus_that_is_not_there_is_named(tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n\n")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    for name in ("missing.jsonl", "empty.jsonl", "latin.jsonl", "."):
        with pytest.raises(Fault, match=str(tmp_path)):
            read_corpus(tmp_path / name)
    with pytest.raises(Fault, match="nowhere/corpus.jsonl"):
        read_corpus("beir:nowhere")


def test_scenes_are_a_corpus():
    found = read_corpus("scenes:test:3?size=64")
    assert found == read_corpus("scenes:test?size=64&length=3")
    assert [document.id for document in found] == ["test-0", "test-1", "test-2"]
    for bad in ("scenes:test:0", "scenes:test:x", "scenes:nowhere:3", "scenes:test:3?colour=red", "scenes:test:999999"):
        with pytest.raises(Fault, match="scenes"):
            read_corpus(bad)


LAYOUTS = {
    "a BEIR folder": ("beir/corpus.jsonl", '{"_id": "1", "title": "", "text": "the red cube stands."}'),
    "json lines": ("c.jsonl", '{"id": "1", "text": "the red cube stands.", "image": "a.png"}'),
    "KILT": ("k.json", '{"wikipedia_id": "1", "wikipedia_title": "A cube", "text": ["A cube", "it is red."]}'),
    "columns": ("c.tsv", "1\tthe red cube stands.\tA cube"),
    "a folder of texts": ("texts/a.md", "# A cube\nthe red cube stands."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_learns_from_every_layout_what_an_index_of_it_holds(tmp_path, layout):
    name, text = LAYOUTS[layout]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    source = path if path.parent == tmp_path else path.parent
    data = open_data(f"corpus:{source}?kinds=inner")
    assert data.documents == list(Index.build(Corpus(source), VOCABULARY, tmp_path / "index"))
    sample = data.sample(0, "retrieve")
    assert sample.text == data.documents[0].title and sample.documents == (data.documents[0].id,)
    assert data.sample(0, "quote").texts[0] in f"{sample.text} {data.documents[0].text}"


def test_a_model_learns_from_corpora_with_a_prefix_and_never_from_a_picture_alone(tmp_path):
    written(tmp_path / "corpus.jsonl", {"_id": "1", "text": "red"}, {"_id": "2", "image": "a.png"}, {"_id": "3"})
    assert [document.id for document in open_data(f"corpus:beir:{tmp_path}").documents] == ["1"]
    assert open_data("corpus:scenes:test:3").documents == read_corpus("scenes:test:3")
    with pytest.raises(Fault, match="no splits"):
        open_data(f"corpus:{tmp_path}:train")
