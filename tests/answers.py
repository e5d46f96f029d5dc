"""What tests ask of answers: tokens that a perfect or an untrained model would write, and what any answer must keep to.

The laws here are read off the tree of the answer and off the tokens, without the automaton that they check.
"""

from itertools import pairwise

import numpy as np

from generalist.sequence.frame import Frame
from generalist.sequence.geometry import box_iou
from generalist.sequence.grammar import PLACES, Literal
from generalist.sequence.matching import Part, match
from generalist.sequence.region import Region
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task, TaskFile
from generalist.sequence.units.pixels import CELLS, apart
from generalist.sequence.vocabulary import Vocabulary
from generalist.sequence.written import Step, Tracks, Written

OWN = {
    "boxes": {"answer": "number box{#}"},
    "few": {"answer": "number (box label){#4}", "inputs": ["image", "labels"]},
    "points": {"answer": "number point{#} | none"},
    "listed": {"answer": "(box label){0,8}", "inputs": ["image", "labels"]},
    "turned": {"answer": "(oriented number){2,5}"},
    "around": {"answer": "number box{#5} | none", "inputs": ["image", "region"], "at": "region"},
    "labelled": {"answer": "label box mask{4} | none", "inputs": ["image", "labels"]},
    "either": {"answer": "label box oriented | label box keypoints{2} | label 'at' box | none", "grid": 3,
               "inputs": ["image", "labels"]},
    "phrases": {"answer": "number box{#2} ('<p>' text{4} '</p>' box{1,3} text{4}){0,3}"},
    "outline": {"answer": "polygon{6}"},
    "steps": {"answer": "(label box){0,4}", "inputs": ["image", "labels"]},
}  # fmt: skip
"""Answers that a user may write and that no shipped file has."""


def own_task(vocabulary: Vocabulary, name: str) -> Task:
    fields = {"name": name, "version": 1, "summary": "One's own.", "inputs": ["image"], "prompts": ["look"]}
    return Task(TaskFile.model_validate(fields | OWN[name]), vocabulary)


class First(np.random.Generator):
    """Takes the first of everything: the same prompt, whatever else is drawn in the batch."""

    def integers(self, *_, **__):
        return 0

    def random(self, *_, **__):
        return 0.0


# ---- requests --------------------------------------------------------------------------------------------------------


def region_of(kind: str, size: tuple[int, int], rng: np.random.Generator) -> Region:
    """A region of a kind, somewhere in a picture of a size."""
    low, high = np.sort(rng.random((2, 2)), 0) * size
    low = np.minimum(low, np.asarray(size) - 0.5)
    high = np.maximum(high, low + 0.5)
    value = {
        "point": low,
        "box": np.concatenate([low, high]),
        "oriented": np.append(np.concatenate([(low + high) / 2, np.sort(high - low)[::-1]]), rng.uniform(-90, 90)),
        "scribble": rng.random((int(rng.integers(1, 12)), 2)) * size,
    }
    if kind != "mask":
        return Region(kind, value[kind])
    mask = np.zeros(size[::-1], bool)
    (x0, y0), (x1, y1) = np.floor(low).astype(int), np.ceil(high).astype(int)
    mask[min(y0, size[1] - 1) : y1, min(x0, size[0] - 1) : x1] = True
    return Region("mask", mask)


def request_for(task: Task, size: tuple[int, int], labels: int, rng: np.random.Generator) -> Sample:
    """A request with everything that a task may be asked with, and a picture of noise."""
    words = rng.permutation(["red cube", "the left one", "how many?", "№ 5", "a cat on the mat", "tides"])
    found = {"phrase": str(words[0]), "question": str(words[1]), "query": str(words[2]), "document": str(words[3])}
    region = next((need for need in task.inputs if need.name == "region"), None)
    kinds = ["point", "box", "oriented", "scribble", "mask"]
    return Sample(
        image=rng.integers(0, 256, (size[1], size[0], 3), np.uint8),
        size=size,
        labels=tuple(f"thing {i}" for i in range(labels)),
        region=None if region is None else region_of(region.kind or str(rng.choice(kinds)), size, rng),
        **found,
    )


# ---- tokens ----------------------------------------------------------------------------------------------------------


def as_written(tracks: Tracks) -> Written:
    """The tokens of an annotation, as a decoder that is sure of them would have written them."""
    longest = max(len(ids) for ids in tracks.ids)
    tokens = np.full((len(tracks.ids), longest), -1, np.int64)
    for row, ids in zip(tokens, tracks.ids, strict=True):
        row[: len(ids)] = ids
    return Written(tokens, np.ones(tokens.shape, np.float32), showing(tracks, tokens))


def showing(tracks: Tracks, tokens: np.ndarray) -> list[Step]:
    """The steps of tokens, with the planes of the masks that the tracks show; none where they show none."""
    planes = np.zeros((*tokens.shape, CELLS // 4, CELLS // 4), np.float32)
    for track, covers in enumerate(tracks.shown or ()):
        for mask, cover in enumerate(covers):  # the last tokens of an answer are those of its masks
            first = len(tracks.ids[track]) - 16 * (len(covers) - mask)
            planes[track, first : first + 16] = apart(cover, 4)
    if not tracks.shown:
        return []
    rows = np.arange(len(tokens))
    columns = [np.unique(tokens[:, step][tokens[:, step] >= 0]) for step in range(tokens.shape[1])]
    sure = [(tokens[:, step, None] == ids).astype(np.float32) for step, ids in enumerate(columns)]
    return [Step(ids, sure[step], rows, planes[:, step]) for step, ids in enumerate(columns)]


def round_trip(task: Task, sample: Sample) -> tuple[Tracks, Answer]:
    """Encodes, holds every track to the grammar, and decodes."""
    tracks = task.encode(sample)
    automaton = task.constraint(sample)
    assert all(automaton.accepts(ids) and len(ids) <= automaton.bound for ids in tracks.ids)
    for ids in {tuple(ids.tolist()) for ids in tracks.ids}:
        assert_lawful(task, sample, list(ids))
    answer = task.decode(as_written(tracks), sample)
    assert_valid(task, sample, answer)
    return tracks, answer


def random_walk(task: Task, request: Sample, rng: np.random.Generator, keep: bool) -> Written:
    """What a model without any training writes under the grammar."""
    automaton = task.constraint(request)
    points = task.points(request)
    rows = 1 if points is None else len(points)
    state, tokens, chosen, steps = automaton.start(rows), [], [], []
    spread = rng.choice([0.1, 3.0, 30.0])
    while not automaton.done(state).all():
        assert state.step < automaton.bound
        live = ~automaton.done(state)
        allowed = automaton.allowed(state)
        assert allowed.mask[live].any(1).all(), "a track that has not ended can always go on"
        logits = np.where(allowed.mask, rng.normal(0, spread, allowed.mask.shape), -np.inf)
        logits[~live] = 0
        share = np.exp(logits - logits.max(1, keepdims=True)).astype(np.float32)
        share /= share.sum(1, keepdims=True)
        at = (share.cumsum(1) >= rng.random((rows, 1)) * share.sum(1, keepdims=True) * 0.999 + 1e-9).argmax(1)
        ids = allowed.columns[at]
        assert allowed.mask[np.arange(rows), at][live].all()
        tokens.append(np.where(live, ids, -1))
        chosen.append(share[np.arange(rows), at])
        steps.append(Step(allowed.columns, share[live], np.where(live, live.cumsum() - 1, -1)) if keep else None)
        state = automaton.advance(state, ids)
    return Written(np.stack(tokens, 1), np.stack(chosen, 1), steps)


def place_bound(pixels: np.ndarray, point: np.ndarray | None, side: int, last: int) -> np.ndarray:
    """How far coordinates (..., 2k) xyxy... in pixels may come back from where they were."""
    if point is None:
        return np.full(pixels.shape, side * 0.5 / last + 1e-3)
    offset = np.abs(pixels / side - np.resize(point, pixels.shape[-1]))
    return side * (2 * np.sqrt(offset) + 1 / last) / last + 1e-3


def assert_mask(found: np.ndarray, true: np.ndarray) -> None:
    """A smooth shape that fills its box has come back: IoU 0.8, and 0.9 of boxes from 40 pixels."""
    ys, xs = np.nonzero(true)
    least = 0.9 if min(np.ptp(xs), np.ptp(ys)) >= 40 else 0.8
    assert (found & true).sum() >= least * (found | true).sum()


# ---- laws ------------------------------------------------------------------------------------------------------------


def assert_lawful(task: Task, request: Sample, ids: list[int]) -> None:
    """The tokens of one track are an answer; second corners lie beyond the first, the far end of a range beyond the
    near one; a list goes strictly from left to right, and has as many things as were announced."""
    frame = Frame(task.vocabulary, request.size, request.labels)
    whole = match(task.tree, ids, frame)
    parts = match(task.tree, ids[:-1], frame) if whole is None and ids[-1] == task.vocabulary.eos else whole
    assert parts is not None
    for part in parts:
        tokens = ids[part.start : part.stop]
        if part.unit.__class__ is not Literal and part.unit.name == "box":
            assert tokens[2] > tokens[0] and tokens[3] > tokens[1]
        if part.unit.__class__ is not Literal and part.unit.name == "range":
            assert tokens[1] > tokens[0]
    if task.shape in ("list", "grounded"):
        assert_runs(task, ids, parts)


def assert_runs(task: Task, ids: list[int], parts: list[Part]) -> None:
    """Every list among the parts, with the number before it where it is announced."""
    counted = "#" in task.file.answer
    runs: list[tuple[int | None, list[int]]] = [(None, [])]
    opening = None
    for part in parts:
        name = None if isinstance(part.unit, Literal) else part.unit.name
        if name in PLACES:
            runs[-1][1].append(ids[part.start])
        elif counted and name == "number":
            opening = task.vocabulary["number"].index_of(ids[part.start])
            runs.append((opening, []))
        elif name in (None, "text"):
            runs.append((None, []))
    for announced, run in runs:
        assert all(b > a for a, b in pairwise(run)), "a list goes strictly from left to right"
        assert announced is None or announced == len(run), "a counted list has its count"


def assert_valid(task: Task, request: Sample, answer: Answer) -> None:
    """An answer is whole, inside the picture, without things said twice, and can be printed."""
    width, height = request.size
    assert np.isfinite(answer.scores).all() and ((answer.scores >= 0) & (answer.scores <= 1.001)).all()
    assert set(answer.labels or ()) <= set(request.labels)
    if answer.boxes is not None:
        boxes = answer.boxes
        assert boxes.shape == (len(answer.scores), 4) and (boxes[:, :2] < boxes[:, 2:]).all()
        assert (boxes >= 0).all() and (boxes <= [width, height, width, height]).all()
    if answer.points is not None:
        assert answer.points.shape == (len(answer.scores), 2)
        assert ((answer.points >= 0) & (answer.points <= [width, height])).all()
    if answer.masks is not None:
        assert answer.masks.shape == (len(answer.scores), height, width)
        assert not task.file.disjoint or (answer.masks.sum(0) <= 1).all()
    if answer.oriented is not None:
        long, short, angle = answer.oriented[:, 2:].T
        assert len(long) == len(answer.scores) and (long >= short).all() and (short >= 0).all()
        assert ((angle >= -90) & (angle < 90)).all()
    if answer.keypoints is not None:
        assert len(answer.keypoints) == len(answer.scores) and np.isin(answer.keypoints[..., 2], [0, 1, 2]).all()
        assert ((answer.keypoints[..., :2] >= 0) & (answer.keypoints[..., :2] <= [width, height])).all()
    {"objects": _objects, "raster": _raster, "list": _list, "grounded": _grounded, "single": _single}[task.shape](
        task, request, answer
    )
    assert isinstance(answer.json(), dict)


def _objects(task: Task, request: Sample, answer: Answer) -> None:
    assert (np.diff(answer.scores) <= 0).all()
    if task.file.keep == "best":
        assert len(answer.scores) <= 1
    labels = np.asarray(answer.labels or [""] * len(answer.scores), object)
    same = np.triu(labels[:, None] == labels[None], 1)
    if answer.boxes is not None:
        assert not (box_iou(answer.boxes, answer.boxes)[same] > 0.6).any()
    else:
        apart = np.abs(answer.points[:, None] - answer.points[None]).max(-1)
        assert (apart[same] >= 0.0199 * max(request.size)).all()


def _raster(task: Task, request: Sample, answer: Answer) -> None:
    shape = request.size[::-1]
    assert answer.scores.shape == (1,)
    if task.raster.unit == "label":
        assert answer.semantic.shape == shape
        assert ((answer.semantic >= -1) & (answer.semantic < len(request.labels))).all()
    elif task.raster.unit == "normal":
        assert answer.normals.shape == (*shape, 3)
        length = np.linalg.norm(answer.normals, axis=-1)
        assert (length <= 1.001).all() and (length > 0.99).mean() > 0.9  # two that are opposed may meet in nothing
    else:
        assert answer.depth.shape == shape
        assert ((answer.depth >= 0.0999) & (answer.depth <= 100.01)).all()


def _list(task: Task, request: Sample, answer: Answer) -> None:
    assert task.repeat.low <= len(answer.scores) or task.tree != task.repeat
    assert len(answer.scores) <= task.repeat.high
    if "#" in task.file.answer:
        assert answer.number == len(answer.scores)


def _grounded(task: Task, request: Sample, answer: Answer) -> None:
    assert isinstance(answer.text, str)
    rows = [row for _, _, named in answer.phrases for row in named]
    assert rows == list(range(len(answer.boxes)))
    edges = [edge for start, stop, _ in answer.phrases for edge in (start, stop)]
    assert edges == sorted(edges) and all(0 <= edge <= len(answer.text) for edge in edges)


def _single(task: Task, request: Sample, answer: Answer) -> None:
    if task.units & {"text", "docid", "label", "number"}:
        assert isinstance(answer.text, str)
    if task.units == {"number"}:
        assert str(answer.number) == answer.text
