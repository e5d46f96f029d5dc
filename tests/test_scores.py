"""Scores by law: what several tracks expect adds up, what rivals claim takes away, and nothing passes one."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generalist.sequence import claims
from generalist.sequence.claims import LEAST, Claims
from generalist.sequence.frame import Frame
from generalist.sequence.sample import Answer, Objects, Sample
from generalist.sequence.task import Task
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Step, Written

SIZE = (96, 96)
BOX = np.asarray([0.2, 0.2, 0.5, 0.5], np.float32)


def collected(vocabulary: Vocabulary, rows: list[tuple[str, np.ndarray]], there: list[float], pooled: bool) -> Answer:
    """Things of a grid whose places are certain: scores are the roots of their presence alone."""
    answer, frame = Answer("detect", SIZE), Frame(vocabulary, SIZE)
    records = [{"label": label, "box": box} for label, box in rows]
    claims.collect(answer, Claims(records, list(np.sqrt(there)), there if pooled else []), frame, {"label", "box"})
    return answer


@given(there=st.lists(st.floats(2**-7, 1, width=32), min_size=1, max_size=6))
def test_tracks_that_write_one_thing_add_up_to_one_at_most(vocabulary: Vocabulary, there: list[float]) -> None:
    rows = [("cube", BOX)] * len(there)
    (score,) = collected(vocabulary, rows, there, pooled=True).scores
    assert score == pytest.approx(np.sqrt(min(sum(there), 1)), rel=1e-5)
    listed = collected(vocabulary, rows, there, pooled=False).scores  # a list holds no repeats: each stands for itself
    np.testing.assert_allclose(listed, np.sqrt(sorted(there, reverse=True)), rtol=1e-5)


def test_other_names_and_other_places_add_nothing_and_sums_decide_the_order(vocabulary: Vocabulary) -> None:
    rows = [("cube", BOX), ("ball", BOX), ("cone", BOX), ("cone", BOX), ("cone", BOX + 0.4)]
    answer = collected(vocabulary, rows, [0.6, 0.5, 0.4, 0.3, 0.2], pooled=True)
    assert answer.labels == ("cone", "cube", "ball", "cone")
    np.testing.assert_allclose(answer.scores**2, [0.7, 0.6, 0.5, 0.2], rtol=1e-5)


def test_presence_is_of_the_label_or_of_anything_at_all(vocabulary: Vocabulary) -> None:
    none, label, loc = vocabulary.none, vocabulary["label"], vocabulary["loc"]
    columns = np.sort(np.asarray([none, label[0], label[1], loc[3], loc[4]]))
    chances = {none: 0.3, label[0]: 0.4, label[1]: 0.1, loc[3]: 0.15, loc[4]: 0.05}
    row = np.asarray([[chances[int(c)] for c in columns]], np.float32)
    tokens = np.asarray([[label[0]], [loc[3]], [none]])
    chosen = np.asarray([[chances[int(t)]] for t in tokens[:, 0]], np.float32)
    kept = Written(tokens, chosen, [Step(columns, np.repeat(row, 3, 0), np.arange(3))])
    np.testing.assert_allclose(kept.presence(vocabulary), [0.4, 0.7, 0.7], rtol=1e-6)
    np.testing.assert_allclose(Written(tokens, chosen).presence(vocabulary), [0.4, 0.15, 0.7], rtol=1e-6)


@pytest.mark.parametrize("rival", [0.1, 0.2, 0.6, 0.95])
def test_a_rival_takes_its_share_of_what_is_sole(tasks: dict[str, Task], rival: float) -> None:
    task = tasks["refer"]
    boxes = np.asarray([[4, 4, 28, 30], [60, 58, 90, 88]], np.float32)
    one, other = (Sample(size=SIZE, phrase="cup", objects=Objects(boxes[i : i + 1], ("cup",))) for i in (0, 1))
    tracks, claimed = task.encode(one).ids, task.encode(other).ids
    longest = max(map(len, tracks))
    tokens = np.full((len(tracks), longest), -1, np.int64)
    chosen = np.ones(tokens.shape, np.float32)
    for k, (mine, theirs) in enumerate(zip(tracks, claimed, strict=True)):
        ids = mine if len(mine) == longest else theirs
        tokens[k, : len(ids)] = ids
        if len(ids) == longest:
            chosen[k, 0] = 0.8 if ids is mine else rival
    answer = task.decode(Written(tokens, chosen), one)
    best = max(0.8, rival)
    np.testing.assert_allclose(answer.scores, [np.sqrt(best / max(0.8 + rival, 1))], rtol=1e-5)
    np.testing.assert_allclose(answer.boxes, boxes[[int(rival > 0.8)]], atol=1.5)


@given(share=st.lists(st.floats(0, 0.2), min_size=2, max_size=12))
def test_what_no_track_believes_in_is_not_there(tasks: dict[str, Task], share: list[float]) -> None:
    """The track that writes and those that do not: what they all hold for likely decides whether something is meant."""
    task, box = tasks["refer"], np.asarray([[4, 4, 28, 30]], np.float32)
    sample = Sample(size=SIZE, phrase="cup", objects=Objects(box, ("cup",)))
    tracks = task.encode(sample).ids
    tokens = np.full((len(tracks), max(map(len, tracks))), -1, np.int64)
    chosen = np.ones(tokens.shape, np.float32)
    rest = iter(share[1:])
    for k, ids in enumerate(tracks):
        tokens[k, : len(ids)] = ids
        chosen[k, 0] = share[0] if len(ids) > 1 else 1 - next(rest, 0.0)
    total = float(np.where(tokens[:, 0] == task.vocabulary.none, 1 - chosen[:, 0], chosen[:, 0]).sum())
    assume(abs(total - LEAST) > 1e-4)
    assert len(task.decode(Written(tokens, chosen), sample).boxes) == (total > LEAST)
