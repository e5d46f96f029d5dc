"""Codes of documents against naive readings: centres, paths of a tree and of residuals, numbers, vectors of a model."""

import numpy as np
import pytest
import torch
from embedder import Letters, built
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from generalist.faults import Fault
from generalist.model.config import GeneralistConfig
from generalist.model.modeling import GeneralistModel
from generalist.retrieval.codebook import BOOKS, LEVELS, Residual, Tree, number_digits, number_of
from generalist.retrieval.coding import Coder
from generalist.retrieval.index import Index
from generalist.retrieval.vectors import Vectors, document_vectors
from generalist.sequence.centres import k_means, nearest
from generalist.sequence.frame import Frame
from generalist.sequence.sample import Document
from generalist.sequence.units import UNITS
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()
POINTS = arrays(
    np.float32, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.integers(-8, 8).map(float)
)  # whole numbers: distances are exact, so that ties are ties
SEEDS = st.integers(0, 99)


def closest(point, centres):
    return int(np.argmin([((point - centre) ** 2).sum() for centre in centres]))


# ---- centres ---------------------------------------------------------------------------------------------------------


@given(POINTS, SEEDS)
def test_the_nearest_is_that_of_looking_at_all(points, seed):
    centres = np.random.default_rng(seed).permutation(points)[:5]
    assert nearest(points, centres).tolist() == [closest(point, centres) for point in points]


@given(POINTS, st.integers(1, 8), SEEDS)
def test_centres_come_nearer_and_settle_in_the_middle_of_what_is_theirs(points, count, seed):
    def cost(centres):
        return float(((points - centres[nearest(points, centres)]) ** 2).sum())

    costs = [cost(k_means(points, count, rounds, np.random.default_rng(seed))) for rounds in (0, 1, 2, 100)]
    assert all(later <= earlier + 1e-3 for earlier, later in zip(costs, costs[1:], strict=False))
    centres = k_means(points, count, 100, np.random.default_rng(seed))
    assert len(centres) == min(count, len(np.unique(points, axis=0)))
    owner = nearest(points, centres)
    for one in range(len(centres)):
        if (owner == one).any():
            assert centres[one] == pytest.approx(points[owner == one].mean(0), abs=1e-4)


# ---- paths -----------------------------------------------------------------------------------------------------------


def among_the_nearest(point, centres, code):
    """Centres are means, so that rounding settles what is all but a tie."""
    distances = ((point - centres) ** 2).sum(1)
    return distances[code] <= distances.min() + 1e-3


@given(POINTS, st.integers(2, 5), SEEDS)
def test_a_path_of_a_tree_goes_from_nearest_to_nearest(points, codes, seed):
    tree = Tree.learn(points, codes, seed)
    centres, first = tree.arrays["centres"], tree.arrays["first"]
    paths = [[code for code in path if code >= 0] for path in tree.paths(points).tolist()]
    for point, path in zip(points, paths, strict=True):
        node = 0
        for code in path:
            low, high = int(first[node]), int(first[node + 1])
            assert code < high - low <= codes and among_the_nearest(point, centres[low:high], code)
            node = low + code + 1
        assert first[node] == first[node + 1]
    assert tree.width == points.shape[1]
    for path in paths:  # cut further wherever one token could not number what is there
        assert len(path) == LEVELS or paths.count(path) < codes
    assert len(paths[0]) == 0 or len(points) >= codes


@given(POINTS, st.integers(2, 5), SEEDS)
def test_a_path_of_residuals_takes_the_nearest_of_what_is_left(points, codes, seed):
    book = Residual.learn(points, codes, seed)
    assert book.arrays["centres"].shape == (LEVELS, codes, points.shape[1]) and book.width == points.shape[1]
    for point, path in zip(points, book.paths(points), strict=True):
        rest = point
        for centres, code in zip(book.arrays["centres"], path, strict=True):
            assert among_the_nearest(rest, centres, code)
            rest = rest - centres[code]


@given(POINTS, st.sampled_from(sorted(BOOKS)))
def test_a_book_read_back_gives_the_same_paths(tmp_path_factory, points, method):
    folder = tmp_path_factory.mktemp("book") / "codebook-0001"
    book = BOOKS[method].learn(points, 4)
    book.save(folder)
    assert (BOOKS[method].load(folder).paths(points) == book.paths(points)).all()


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=2, unique=True), st.integers(2, 8))
def test_numbers_are_read_back_keep_their_order_and_none_begins_another(numbers, codes):
    low, high = (number_digits(number, codes) for number in sorted(numbers))
    assert [number_of(low, codes), number_of(high, codes)] == sorted(numbers)
    assert low < high and high[: len(low)] != low and max(low + high) < codes


@given(POINTS, POINTS, st.sampled_from(sorted(BOOKS)))
def test_no_code_is_given_twice(points, more, method):
    more = more[:, np.zeros(points.shape[1], int)]
    book = BOOKS[method].learn(points, 64)
    coder = Coder(book, VOCABULARY)
    codes = [*coder(points), *coder(np.concatenate([more, points]))]
    assert len(set(codes)) == len(codes)
    ids = [UNITS["code"].encode(code, Frame(VOCABULARY), 10) for code in codes]
    assert [UNITS["code"].decode(one, Frame(VOCABULARY)) for one in ids] == codes


@pytest.mark.parametrize("code", ["", "red", "256", "-1", "1,2"])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(ValueError, match="is no code"):
        UNITS["code"].encode(code, Frame(VOCABULARY), None)


# ---- an index of codes -----------------------------------------------------------------------------------------------

DOCUMENTS = [Document(str(i), f"{w} {i % 7}", w * (i % 5)) for i, w in enumerate(["red", "blue", "ball", "cube"] * 40)]


@pytest.mark.parametrize("method", sorted(BOOKS))
def test_later_documents_take_the_path_of_the_nearest_and_a_number_that_is_free(tmp_path, method):
    index = built(DOCUMENTS[:100], VOCABULARY, tmp_path / "index", "code", codes=method)
    index.remove(["3"])
    index.add(DOCUMENTS[100:], vectors=Letters())
    index.add([Document(f"again {d.id}", d.title, d.text) for d in DOCUMENTS[:100]], vectors=Letters())
    codes = {document.id: document.code.split() for document in index}
    assert len(set(map(tuple, codes.values()))) == len(index)
    below = [code for code in codes["4"] if int(code) < 192]
    for document in DOCUMENTS:  # all that are alike are on one path
        if (document.title, document.text) == (DOCUMENTS[4].title, DOCUMENTS[4].text):
            assert [code for code in codes[document.id] if int(code) < 192] == below
    for document in DOCUMENTS[:100]:
        if document.id != "3":
            assert codes[f"again {document.id}"] > codes[document.id]


def test_codes_need_the_model_that_they_were_made_by(tmp_path):
    with pytest.raises(Fault, match="no model is there"):
        Index.build(DOCUMENTS, VOCABULARY, tmp_path / "index", kind="code")
    with pytest.raises(Fault, match="'hash' is no way to make codes; there are tree, residual"):
        built(DOCUMENTS, VOCABULARY, tmp_path / "index", "code", codes="hash")
    index = built(iter(DOCUMENTS), VOCABULARY, tmp_path / "index", "code")
    with pytest.raises(Fault, match="no model is there"):
        index.add([Document("new", "t")])
    other = Letters()
    other.fingerprint = "others"
    with pytest.raises(Fault, match="another model"):
        index.add([Document("new", "t")], vectors=other)
    path = index.folder / "codebook-0001" / "centres.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Fault, match=r"centres\.npy is missing, cut short"):
        index.add([Document("new", "t")], vectors=Letters())
    assert len(index) == len(DOCUMENTS)


# ---- vectors ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = GeneralistConfig(width=32, depth=2, heads=2, image_size=32, patch_size=16, vocab_size=len(VOCABULARY),
                              max_text=12, max_track=16, bos_token_id=VOCABULARY.bos, eos_token_id=VOCABULARY.eos,
                              pad_token_id=VOCABULARY.pad, fingerprint=VOCABULARY.fingerprint)  # fmt: skip
    return GeneralistModel(config).eval()


@torch.inference_mode()
def read(model, document):
    """The mean state of a text, read by itself and not from a batch."""
    ids = torch.tensor([VOCABULARY.encode_plain(f"{document.title} {document.text}".strip())[:12]])
    return model.prefill(None, ids, torch.full_like(ids, -1)).states[0].mean(0).numpy()


def test_a_vector_is_the_mean_of_the_states_whatever_is_read_beside_it(model, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in "ab":
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / f"{name}.png")
    documents = [
        Document("0", "red"),
        Document("1", "a longer title", "and a text that is cut where there is no more room for it " * 50),
        Document("2", "red", image=str(tmp_path / "a.png")),
        Document("3", "", "", image=str(tmp_path / "b.png")),
        Document("4", "blue", "ball"),
    ]
    vectors = document_vectors(model, VOCABULARY, documents, batch=2)
    assert vectors.shape == (5, 32) and vectors.dtype == np.float32 and np.isfinite(vectors).all()
    for i in (0, 1, 4):
        assert vectors[i] == pytest.approx(read(model, documents[i]), abs=1e-5)
    alone = [document_vectors(model, VOCABULARY, [document])[0] for document in documents]
    assert vectors == pytest.approx(np.stack(alone), abs=1e-5)
    assert np.abs(vectors[2] - vectors[0]).max() > 0.01 and np.abs(vectors[3] - vectors[2]).max() > 0.01


def test_vectors_are_told_apart_by_the_weights(model):
    before = Vectors(model, VOCABULARY).fingerprint
    assert before == Vectors(model, VOCABULARY, 7).fingerprint
    with torch.no_grad():
        model.norm.bias[0] += 1
        assert Vectors(model, VOCABULARY).fingerprint != before
        model.norm.bias[0] -= 1


@settings(max_examples=5)
@given(st.sampled_from(sorted(BOOKS)))
def test_codes_of_what_a_model_makes_of_documents(tmp_path_factory, model, method):
    index = Index.build(DOCUMENTS, VOCABULARY, tmp_path_factory.mktemp("coded") / "index", kind="code+title",
                        vectors=Vectors(model, VOCABULARY), codes=method)  # fmt: skip
    for i, document in enumerate(index):
        ids = [*UNITS["code"].encode(document.code, Frame(VOCABULARY), None), VOCABULARY.eos]
        assert index.identifiers.documents(ids).tolist() == [i]
