"""Laws of the model: what is cached equals what is read at once, nothing sees what it must not, and the loss is the
log-probability that decoding gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from generalist.data.collate import Request, collate
from generalist.model import modeling
from generalist.model.cache import ImageCache
from generalist.model.config import PRESETS, GeneralistConfig
from generalist.model.losses import SPREAD
from generalist.model.modeling import GeneralistModel, visibility
from generalist.sequence.picture import letterbox, normalise
from generalist.sequence.sample import Objects, Sample
from generalist.sequence.task import Task, TaskFile, load_tasks
from generalist.sequence.vocabulary import ORDINAL, Vocabulary

VOCABULARY = Vocabulary.load("tiny")
CLOSE = {"atol": 1e-4, "rtol": 1e-4}

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"rope": False},
    "rope": {"rope": True},
    "rope, class token, registers": {"rope": True, "class_token": True, "registers": 3},
    "no rope, pre-norm, scaled": {"rope": False, "class_token": True, "pre_norm": True, "layer_scale": True},
    "no biases": {"rope": True, "qkv_bias": False, "patch_bias": False, "activation": "quick_gelu"},
}


def make(seed: int = 0, **changes: Any) -> GeneralistModel:
    """A small model with every parameter far from its initial value, so that nothing hides behind a zero."""
    sizes: dict[str, Any] = {
        "vocab_size": 64,
        "width": 32,
        "depth": 2,
        "heads": 2,
        "image_size": 32,
        "patch_size": 8,
        "max_text": 24,
        "max_track": 12,
    }
    model = GeneralistModel(GeneralistConfig(**{**sizes, **changes})).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 0.5 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread + (parameter.ndim < 2))
    return model


# ---- requests, and the row of tokens that packs them -----------------------------------------------------------------


@dataclass
class Asked:
    """A request of random tokens: an instruction, the label that each token is of, tracks, their slots and points."""

    ids: Tensor
    label: Tensor
    tracks: list[Tensor]
    slots: list[Tensor]
    points: Tensor | None
    seen: bool

    @property
    def labels(self) -> int:
        return int(self.label.max()) + 1


def ask(rng: np.random.Generator, labels: int, grid: bool, seen: bool) -> Asked:
    words = int(rng.integers(labels + 1, 9))
    label = np.sort(np.concatenate([np.arange(labels), rng.integers(-1, labels, words - labels)]))
    tracks = [torch.from_numpy(rng.integers(0, 64, int(rng.integers(1, 6)))) for _ in range(int(rng.integers(1, 5)))]
    slots = [torch.from_numpy(rng.integers(-1, labels, len(track))) for track in tracks]
    points = torch.from_numpy(rng.random((len(tracks), 2), np.float32)) if grid else None
    return Asked(torch.from_numpy(rng.integers(0, 64, words)), torch.from_numpy(label), tracks, slots, points, seen)


def ask_several(seed: int) -> list[Asked]:
    rng = np.random.default_rng(seed)
    return [ask(rng, 2, True, True), ask(rng, 0, False, True), ask(rng, 3, True, True), ask(rng, 0, False, False)]


def pack(rows: list[list[Asked]], pixels: Tensor, spare: int = 3) -> dict[str, Any]:
    """Rows of requests, row b about picture b, as ``collate`` lays them out, with ``spare`` places of padding."""
    length = spare + max(sum(len(a.ids) + sum(map(len, a.tracks)) for a in row) for row in rows)
    shape = (len(rows), length)
    out: dict[str, Any] = {
        "ids": torch.full(shape, 0),
        "request": torch.full(shape, -1),
        "track": torch.full(shape, 0),
        "position": torch.full(shape, 0),
        "slot": torch.full(shape, -1),
        "point": torch.full((*shape, 2), float("nan")),
        "has_image": torch.ones(shape, dtype=torch.bool),
    }
    first = 0
    for b, row in enumerate(rows):
        at = 0
        for number, asked in enumerate(row):
            pieces = [(asked.ids, asked.label)] + list(zip(asked.tracks, asked.slots, strict=True))
            for k, (ids, slot) in enumerate(pieces):
                here = slice(at, at + len(ids))
                out["ids"][b, here], out["request"][b, here], out["track"][b, here] = ids, number, k
                out["position"][b, here] = torch.arange(len(ids))
                out["slot"][b, here] = torch.where(slot >= 0, slot + first, -1)
                out["has_image"][b, here] = asked.seen
                if k and asked.points is not None:
                    out["point"][b, here] = asked.points[k - 1]
                at += len(ids)
            first += asked.labels
    return out | {"pixels": pixels, "image": torch.arange(len(rows)), "labels": first}


def packed(model: GeneralistModel, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Hidden states (B, S, D) and output vectors of labels (M, D), as the training forward hands them to the loss."""
    caught: list[Tensor] = []

    def catch(hidden: Tensor, table: Tensor, labels_out: Tensor, batch: dict[str, Any], *_: Any) -> dict[str, Tensor]:
        caught.extend([hidden.view(*batch["ids"].shape, -1), labels_out])
        return {}

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(modeling, "grouped_loss", catch)
        model(batch=batch)
    return caught[0], caught[1]


@torch.no_grad()
def stepped(model: GeneralistModel, asked: Asked, images: ImageCache | None, reorder: bool = False) -> list[Tensor]:
    """Hidden states (L, D) of each track of one request, read with ``prefill`` and written with ``step``."""
    prefix = model.prefill(images if asked.seen else None, asked.ids[None], asked.label[None])
    K, longest = len(asked.tracks), max(map(len, asked.tracks))
    cache = model.begin(prefix, None if asked.points is None else asked.points[None], K, longest)
    order = torch.arange(K)
    hidden = torch.full((K, longest, model.config.width), float("nan"))
    ids = torch.nn.utils.rnn.pad_sequence(asked.tracks, batch_first=True)
    slots = torch.nn.utils.rnn.pad_sequence(asked.slots, batch_first=True, padding_value=-1)
    for step in range(longest):
        hidden[order, step] = model.step(prefix, cache, ids[order, step][None], slots[order, step][None])[0]
        if reorder:
            alive = torch.tensor([len(track) > step + 1 for track in asked.tracks])[order]
            turned = alive.nonzero().flatten().flip(0)
            if len(turned) == 0:
                break
            cache.select(turned[None])
            order = order[turned]
    return [hidden[k, : len(track)] for k, track in enumerate(asked.tracks)]


def pictures(seed: int, count: int = 2) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


# ---- cached = uncached -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reorder", [False, True], ids=["in order", "reordered"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_packed_row_equals_each_request_stepped_alone(kind: str, seed: int, reorder: bool) -> None:
    model, pixels = make(seed, **KINDS[kind]), pictures(seed)
    rows = [ask_several(2 * seed), ask_several(2 * seed + 1)]
    hidden, _ = packed(model, pack(rows, pixels))
    with torch.no_grad():
        images = model.encode_images(pixels)
    for b, row in enumerate(rows):
        at = 0
        for asked in row:
            at += len(asked.ids)
            for track in stepped(model, asked, images.select(torch.tensor([b])), reorder):
                torch.testing.assert_close(track, hidden[b, at : at + len(track)], **CLOSE)
                at += len(track)


def test_labels_are_spoken_with_the_same_vectors() -> None:
    model, pixels, row = make(3), pictures(3, 1), ask_several(3)
    _, labels_out = packed(model, pack([row], pixels))
    images, first = model.encode_images(pixels), 0
    for asked in row:
        prefix = model.prefill(images if asked.seen else None, asked.ids[None], asked.label[None])
        torch.testing.assert_close(prefix.labels_out[0], labels_out[first : first + asked.labels], **CLOSE)
        first += asked.labels


@torch.no_grad()
def test_requests_prefilled_together_equal_each_alone() -> None:
    model, pixels = make(4), pictures(4)
    rng = np.random.default_rng(4)
    several = [ask(rng, labels, False, True) for labels in (0, 3, 1)]
    images = model.encode_images(pixels).select(torch.tensor([0, 1, 0]))
    ids = torch.nn.utils.rnn.pad_sequence([a.ids for a in several], batch_first=True, padding_value=-1)
    slot = torch.nn.utils.rnn.pad_sequence([a.label for a in several], batch_first=True, padding_value=-1)
    prefix = model.prefill(images, ids, slot)
    begin = torch.full((3, 1), 5)
    together = model.step(prefix, model.begin(prefix, None, 1, 1), begin)
    columns = torch.arange(64)
    scores = model.logits(prefix, together, columns, (60, 64))
    for r, asked in enumerate(several):
        alone = model.prefill(images.select(torch.tensor([r])), asked.ids[None], asked.label[None])
        hidden = model.step(alone, model.begin(alone, None, 1, 1), begin[:1])
        torch.testing.assert_close(hidden, together[r : r + 1], **CLOSE)
        own = model.logits(alone, hidden, columns, (60, 60 + asked.labels))[0, 0, : 60 + asked.labels]
        torch.testing.assert_close(scores[r, 0, : 60 + asked.labels], own, **CLOSE)
        assert scores[r, 0, 60 + asked.labels :].isneginf().all(), "a request cannot write another's labels"


# ---- who sees whom ---------------------------------------------------------------------------------------------------


def test_a_changed_token_changes_only_what_may_see_it() -> None:
    model, pixels = make(5), pictures(5, 1)
    batch = pack([ask_several(5)], pixels)
    # A label's words speak for its pointers too; this law is about attention, so no track points at a label here.
    batch["slot"] = torch.where(batch["track"] > 0, -1, batch["slot"])
    before, _ = packed(model, batch)
    sees = visibility(batch["request"], batch["track"], batch["position"])[0]
    for at in range(int((batch["request"] >= 0).sum())):
        changed = {**batch, "ids": batch["ids"].clone()}
        changed["ids"][0, at] = (changed["ids"][0, at] + 1) % 64
        after, _ = packed(model, changed)
        moved = (after - before)[0].abs().amax(-1) > 1e-6
        assert torch.equal(moved, sees[:, at]), f"token {at}"


def test_visibility_is_what_the_picture_at_the_head_of_the_module_says() -> None:
    request = torch.tensor([[0, 0, 0, 0, 0, 1, 1]])
    track = torch.tensor([[0, 0, 1, 1, 2, 0, 1]])
    position = torch.tensor([[0, 1, 0, 1, 0, 0, 0]])
    assert visibility(request, track, position)[0].int().tolist() == [
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 1],
    ]


@torch.no_grad()
def test_a_picture_is_read_the_same_whatever_is_asked() -> None:
    model, pixels = make(6), pictures(6, 1)
    images = model.encode_images(pixels)
    copies = [(k.clone(), v.clone()) for k, v in images.past]
    for asked in ask_several(6)[:2]:
        prefix = model.prefill(images, asked.ids[None], asked.label[None])
        for (k, v), (held_k, held_v) in zip(copies, prefix.past, strict=True):
            assert torch.equal(k, held_k[:, :, :16]) and torch.equal(v, held_v[:, :, :16])


def test_a_request_without_a_picture_does_not_feel_its_neighbours_picture() -> None:
    model, row = make(7), ask_several(7)
    one, _ = packed(model, pack([row], pictures(7, 1)))
    other, _ = packed(model, pack([row], pictures(8, 1)))
    blind = sum(len(a.ids) + sum(map(len, a.tracks)) for a in row[:-1])
    own = slice(blind, blind + len(row[-1].ids) + sum(map(len, row[-1].tracks)))
    torch.testing.assert_close(one[0, own], other[0, own], **CLOSE)
    assert ((one - other)[0, :blind].abs().amax(-1) > 1e-3).all()


def test_padding_changes_nothing() -> None:
    model, pixels, row = make(9), pictures(9, 1), ask_several(9)
    tight, _ = packed(model, pack([row], pixels, spare=0))
    loose, _ = packed(model, pack([row], pixels, spare=17))
    torch.testing.assert_close(tight, loose[:, : tight.shape[1]], **CLOSE)
    assert loose.isfinite().all(), "padding must not be NaN: its gradient would be"


@torch.no_grad()
def test_another_resolution_keeps_its_grid() -> None:
    model = make(10)
    images = model.encode_images(torch.randn(1, 3, 48, 24))
    assert images.grid == (6, 3) and images.features[-1].shape == (1, 18, 32)


# ---- the loss --------------------------------------------------------------------------------------------------------


def task(name: str, **changes: Any) -> Task:
    """A shipped task with one prompt, so that what is rendered does not hang on chance."""
    shipped = load_tasks(VOCABULARY)[name]
    settings = {**shipped.file.model_dump(), "prompts": shipped.templates[0].spellings[:1], **changes}
    return Task(TaskFile.model_validate(settings), VOCABULARY)


def scene(seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 20, (3, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 12, (3, 2))], 1).astype(np.float32)
    labels = ("red cube", "ball", "green cone")
    semantic = rng.integers(-1, 3, (32, 32)).astype(np.int16)
    return Sample(
        image=rng.integers(0, 256, (32, 32, 3), np.uint8),
        size=(32, 32),
        labels=labels,
        phrase="the ball",
        question="how many cubes?",
        objects=Objects(boxes, ("ball", "red cube", "green cone")),
        semantic=semantic,
        depth=rng.uniform(1, 9, (32, 32)).astype(np.float32),
        text="two red cubes",
    )


def naive(model: GeneralistModel, request: Task, sample: Sample) -> tuple[float, float]:
    """Weighted sum of the losses of a request's tokens, and of the weights, the slow way: by decoding its answer.

    Lattice points that write ``none`` add to the sum and not to the weights: it is a mean over what objects write.
    Each token's full logits, labels by their words; the softmax over what the automaton's state allows, whatever was
    written before; the cross-entropy against the token, or for a bin against a Gaussian around it over the bins of its
    block that are allowed.
    """
    label = VOCABULARY["label"]
    images = model.encode_images(torch.from_numpy(normalise(letterbox(sample.image, 32)[None])))
    prompt, tracks = request.render(sample), request.encode(sample)
    prefix = model.prefill(images, torch.from_numpy(prompt.ids)[None], torch.from_numpy(prompt.label)[None])
    points = None if tracks.points is None else torch.from_numpy(tracks.points)[None]
    longest = max(map(len, tracks.ids))
    cache = model.begin(prefix, points, len(tracks.ids), longest)
    automaton = request.constraint(sample)
    fed = torch.full((1, len(tracks.ids)), VOCABULARY.bos)
    state = [1] * len(tracks.ids)
    total = count = 0.0
    for step in range(longest):
        slot = torch.where((fed >= label.start) & (fed < label.stop), fed - label.start, -1)
        hidden = model.step(prefix, cache, fed, slot)
        full = model.logits(prefix, hidden, torch.arange(len(VOCABULARY)), (label.start, label.stop))[0]
        for k, ids in enumerate(tracks.ids):
            if step >= len(ids):
                continue
            token, given = int(ids[step]), tracks.weights[k]
            weight = 1.0 if given is None else float(given[step])
            allowed = torch.from_numpy(np.flatnonzero(automaton.next[state[k]][automaton.class_of] != 0))
            log = full[k].index_select(0, allowed).log_softmax(0)
            block = VOCABULARY.block_of(token)
            near = torch.exp(-((allowed - token).float() ** 2) / (2 * SPREAD**2))
            inside = (allowed >= block.start) & (allowed < block.stop)
            soft = near * inside if block.name in ORDINAL else (allowed == token).float()
            target = soft / soft.sum()
            total -= weight * float((target * log.masked_fill(target == 0, 0)).sum())
            count += weight if request.shape != "objects" or token != VOCABULARY.none else 0.0
            state[k] = int(automaton.next[state[k], automaton.class_of[token]])
        fed = torch.tensor([[int(ids[min(step, len(ids) - 1)]) for ids in tracks.ids]])
    return total, count


@torch.no_grad()
def test_the_loss_is_the_cross_entropy_of_decoding_under_the_grammar() -> None:
    model = make(11, vocab_size=len(VOCABULARY), patch_size=16)
    tasks = [
        task("detect", grid=4),
        task("segment", grid=2),
        task("depth", grid=2),
        task("refer", grid=3),
        task("caption"),
        task("ask"),
    ]
    weights = [1.0, 0.5, 2.0, 1.0, 0.25, 3.0]
    scenes = [scene(0), scene(1)]
    refer = [s.but(objects=s.objects.select([0])) if s.objects else s for s in scenes]
    rows = [
        [Request(t, i, refer[p] if t.name == "refer" else s) for i, t in enumerate(tasks)] for p, s in enumerate(scenes)
    ]
    batch = collate(rows, VOCABULARY, weights, 32, np.random.default_rng(0), empty=1000, cells=1000)
    out = model(batch=batch)
    for i, t in enumerate(tasks):
        sums = [naive(model, t, row[i].sample) for row in rows]
        expected = sum(s[0] for s in sums) / sum(s[1] for s in sums)
        assert float(out["by_task"][i]) == pytest.approx(expected, rel=1e-4), t.name
        assert float(out["count"][i]) == pytest.approx(sum(s[1] for s in sums), rel=1e-4), t.name
    assert float(out["loss"]) == pytest.approx(float((out["by_task"] * torch.tensor(weights)).sum()), rel=1e-5)


# ---- sizes -----------------------------------------------------------------------------------------------------------

MILLIONS = {"tiny": (4, 8), "small": (20, 30), "base": (85, 100), "large": (300, 325), "huge": (630, 660)}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_size_that_its_name_says(name: str) -> None:
    with torch.device("meta"):
        model = GeneralistModel(GeneralistConfig.preset(name))
    low, high = MILLIONS[name]
    assert low < sum(p.numel() for p in model.parameters()) / 1e6 < high
