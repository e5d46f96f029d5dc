"""Scalings by law: a known map is found again, order stays, errors fall, files come back, and broken ones are named."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.metrics.calibration import expected_error
from generalist.metrics.scaling import FILE, Scaling, fit, fit_best, fit_line, read_scalings, write_scalings
from generalist.model.build import build_model, load_model, save_model


def drawn(seed: int, n: int, scale: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and answers that are right as often as the map of their scores says."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(1.5, 1.5, n)
    chance = 1 / (1 + ((1 - scores) / scores) ** scale * np.exp(-shift))
    return scores, rng.random(n) < chance


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.4, 0.0), (2.5, 0.0), (1.0, 1.5), (0.6, -1.0), (2.0, 0.7)])
def test_a_known_map_is_found_again(scale: float, shift: float) -> None:
    scores, right = drawn(0, 40_000, scale, shift)
    found = fit(scores, right)
    assert (found.scale, found.shift) == pytest.approx((scale, shift), abs=0.06) and found.n == 40_000
    even = fit(scores, right, shifted=False)
    assert even.shift == 0 and (shift != 0 or even.scale == pytest.approx(scale, abs=0.06))


@given(seed=st.integers(0, 1000), scale=st.floats(0.3, 3), shift=st.floats(-2, 2))
def test_the_fit_makes_the_error_no_worse_where_it_was_fitted(seed: int, scale: float, shift: float) -> None:
    scores, right = drawn(seed, 3000, scale, shift)
    before, after = expected_error(scores, right), expected_error(fit(scores, right)(scores), right)
    # What remains of sampling: about sqrt(bins / n / 2 pi) however good the scores are.
    assert after <= before + 0.005 and after < 0.04


rows = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), max_size=40)


@given(rows=rows, shifted=st.booleans())
def test_whatever_is_fitted_is_finite_never_decreases_and_stays_in_bounds(
    rows: list[tuple[float, bool]], shifted: bool
) -> None:
    scores, right = np.asarray([s for s, _ in rows]), np.asarray([r for _, r in rows], bool)
    found = fit(scores, right, shifted)
    assert 0 < found.scale < 100 and abs(found.shift) < 100
    mapped = found(np.linspace(0, 1, 200))
    assert mapped.dtype == np.float32 and (np.diff(mapped) >= 0).all() and mapped[0] >= 0 and mapped[-1] <= 1


@given(rows=rows)
def test_a_line_is_finite_rises_and_stays_in_bounds(rows: list[tuple[float, bool]]) -> None:
    found = fit_line([s for s, _ in rows], [r for _, r in rows])
    assert Scaling.model_validate(found.model_dump()) == found
    mapped = found(np.linspace(0, 1, 200, dtype=np.float32)).astype(np.float64)
    assert (np.diff(mapped) >= 0).all() and mapped[0] == 0 and mapped[-1] == 1


def test_what_no_curve_fits_a_line_does_and_is_chosen() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(6000)
    right = rng.random(6000) < np.where(scores < 0.6, 0.7, 0.97)  # two kinds of answers, and nothing between
    parts = [(scores[::2], right[::2]), (scores[1::2], right[1::2])]
    found, mapped = fit_best(parts)
    assert found.line and not fit(scores, right).line
    assert expected_error(np.concatenate(mapped).astype(float), np.concatenate([right[::2], right[1::2]])) < 0.03
    assert expected_error(fit(scores, right)(scores).astype(float), right) > 0.04


@pytest.mark.parametrize(
    "line", [((0.0, 0.0), (0.5, 0.5), (0.4, 0.6)), ((0.0, 0.2), (1.0, 0.1)), ((0.0, 0.0), (1.0, 2.0))]
)
def test_a_line_that_falls_or_leaves_its_bounds_is_refused(line) -> None:
    with pytest.raises(ValidationError, match="rise"):
        Scaling(line=line)


def test_perfect_separation_and_scores_that_mislead() -> None:
    apart = fit([0.9] * 50 + [0.1] * 50, [True] * 50 + [False] * 50)
    assert 1 < apart.scale < 10
    misled = fit([0.9] * 60 + [0.1] * 60, [True] * 20 + [False] * 40 + [True] * 40 + [False] * 20)
    assert misled.scale == pytest.approx(0.01)  # not turned around: only flattened to what is right on the whole
    assert misled(np.asarray([0.1, 0.9])) == pytest.approx(0.5, abs=0.02)


def test_the_kind_of_map_is_the_one_that_does_best_on_the_other_half() -> None:
    for scale, shift, seed in ((2.0, 1.0, 1), (2.0, 0.0, 2)):
        scores, right = drawn(seed, 8000, scale, shift)
        parts = [(scores[::2], right[::2]), (scores[1::2], right[1::2])]
        found, mapped = fit_best(parts)
        assert found.scale == pytest.approx(scale, abs=0.2) and found.shift == pytest.approx(shift, abs=0.15)
        for (mine, _), (theirs, known), out in zip(parts, parts[::-1], mapped, strict=True):
            np.testing.assert_allclose(out, fit(theirs, known, shifted=found.shift != 0)(mine))
    few = [(np.asarray([0.7, 0.2]), np.asarray([True, False])), (np.asarray([0.8, 0.7]), np.asarray([False, True]))]
    assert (fit_best(few)[0].scale, fit_best(few)[0].shift) == (1, 0)  # too little to say anything


@given(scores=st.lists(st.floats(0, 1, width=32), max_size=9))
def test_without_a_map_scores_stay_as_they_are(scores: list[float]) -> None:
    assert (Scaling()(scores) == np.asarray(scores, np.float32)).all()


TABLE = {"detect": Scaling(scale=1.5, shift=-0.25, n=90, data="scenes:validation"), "ask": Scaling(scale=0.5)}


def test_the_file_comes_back(tmp_path) -> None:
    assert read_scalings(tmp_path) == {}
    assert write_scalings(tmp_path, TABLE) == tmp_path / FILE
    assert read_scalings(tmp_path) == TABLE and [path.name for path in tmp_path.iterdir()] == [FILE]
    written = json.loads((tmp_path / FILE).read_text())
    assert written["detect"] == {"scale": 1.5, "shift": -0.25, "n": 90, "data": "scenes:validation"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "dictionary"),
        ('{"detect": {"scale": 0}}', "detect.scale"),
        ('{"detect": {"scale": -1}}', "greater than 0"),
        ('{"detect": {"shift": Infinity}}', "detect.shift"),
        ('{"detect": {"slope": 1}}', "detect.slope"),
        ("\xff", "calibrate"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text: str, said: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(Fault, match=FILE) as fault:
        read_scalings(tmp_path)
    assert said in str(fault.value) and "generalist calibrate" in str(fault.value)


def test_a_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    with pytest.raises(Fault, match="cannot be written"):
        write_scalings(tmp_path / "nowhere", TABLE)
    (tmp_path / FILE).mkdir()
    with pytest.raises(Fault, match=FILE):
        write_scalings(tmp_path, TABLE)


def test_a_map_is_saved_with_its_weights_and_not_with_others(small_model, vocabulary, tasks, tmp_path) -> None:
    Generalist(small_model, vocabulary, tasks, scalings=TABLE).save(tmp_path / "one")
    assert Generalist.from_pretrained(tmp_path / "one").scalings == TABLE
    model, held = load_model(tmp_path / "one")
    assert held.folder == tmp_path / "one"
    other = build_model({"width": 64, "depth": 1, "heads": 1, "image_size": 32}, held)
    save_model(other, tmp_path / "two", held)
    assert Generalist.from_pretrained(tmp_path / "two").scalings == {}
    assert load_model(tmp_path / "two")[0].config.width == 64  # and its weights are its own


def test_scores_are_mapped_and_nothing_else(small_model, vocabulary, tasks) -> None:
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    for instruction in ("detect cube, ball", "is there a cube?", "depth"):
        plain = Generalist(small_model, vocabulary, tasks)(instruction, image)
        mapped = Generalist(small_model, vocabulary, tasks, scalings={plain.task: TABLE["detect"]})(instruction, image)
        np.testing.assert_array_equal(mapped.scores, TABLE["detect"](plain.scores))
        assert mapped.text == plain.text and mapped.labels == plain.labels
        if plain.boxes is not None:
            np.testing.assert_array_equal(mapped.boxes, plain.boxes)
