"""What stands apart: a document or a query given with a request is found again to the letter, however it stands."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generalist.sequence.apart import apart
from generalist.sequence.instruction import understand
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

TASKS = load_tasks(Vocabulary.load("tiny"))
TEXTS = st.lists(
    st.sampled_from(
        [
            "The Danube flows through ten countries.",
            "Tenants must give sixty days' written notice.",
            "Copper conducts heat better than iron, but costs more.",
            "Construction of the library's new wing begins in May.",
            "It does not cover water damage.",
            'The captain said "never again" and left.',
        ]
    ),
    min_size=1,
    max_size=2,
    unique=True,
).map(" ".join)
ORDERS = st.sampled_from(
    [
        "Index this document: {}",
        "Please assign an identifier to the following text.\n{}",
        "Could you give this passage an identifier?\n\n{}",
        'Give an id for "{}"',
        "Store this doc so we can find it later: “{}”",
        "{}\n\nGenerate an index key for the passage above.",
        '"{}" - add this to the document index',
        "Document: {}\nIdentifier:",
        "docid for: {}",
        "Make this searchable: {}",
    ]
)


@given(TEXTS, ORDERS)
def test_a_document_is_found_again_to_the_letter(text: str, order: str) -> None:
    assume(order.count('"') * text.count('"') == 0)  # quoted within its own marks it could be anything
    found = understand(order.format(text), TASKS, False)
    assert (found.task, found.fields) == ("index_document", {"document": text})


@pytest.mark.parametrize(
    ("said", "query"),
    [
        ('Which passage in the collection answers "why is the sky blue"?', "why is the sky blue"),
        ("Who designed the Sydney Opera House? Look it up in the documents.", "Who designed the Sydney Opera House"),
        ("Get me the most relevant document for 'history of the printing press'.", "history of the printing press"),
        ("Fetch the document that describes how to replace a chain.", "how to replace a chain"),
        ("Retrieve the passage that answers this: who built it?", "who built it"),
    ],
)
def test_a_query_is_what_is_looked_up(said: str, query: str) -> None:
    found = understand(said, TASKS, False)
    assert (found.task, found.fields) == ("retrieve", {"query": query})


@given(st.text(max_size=80))
def test_any_text_is_taken_apart_or_left(text: str) -> None:
    for found in apart(text):
        assert found.given and found.said and found.given in text
