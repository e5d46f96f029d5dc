"""What an answer costs: a request of many tracks against ``generate``, blocks against tokens, and how it all grows.

The base preset with random weights in bfloat16, one picture of 384 x 384 pixels, unless a row says otherwise. Both
sides of a ratio are timed in turns; a row is the median of the ratios, with the distance of their quartiles.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from generalist.app.generalist import Generalist
from generalist.app.unshared import Unshared
from generalist.app.zipf import Row, told
from generalist.model.build import build_model
from generalist.model.cache import ImageCache, Prefix
from generalist.model.decode import Choice, decode, on_device
from generalist.model.modeling import GeneralistModel
from generalist.model.reading import read_images, read_requests
from generalist.sequence.automaton import Automaton
from generalist.sequence.geometry import lattice
from generalist.sequence.region import Kind, Region
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task, TaskFile, load_tasks
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["Bench", "decoding", "in_turns"]

REPEATS = 5
SIDE, GRID = 384, 25
PATCHES, TRACKS = (196, 784, 3136), (1, 100, 1764)
ALONE = 8
"""Rows that ``generate`` is timed on where it reads an image for each: the 625 would take minutes."""
EXPANDED = 64
"""Rows that it is timed on with an expanded cache: the 625 would take 14 GB."""


def in_turns(*works: Callable[[], Any]) -> list[list[float]]:
    """Seconds of each of ``works``, by the clock, taken in turns after one turn that is not counted."""
    times: list[list[float]] = [[] for _ in works]
    for repeat in range(REPEATS + 1):
        for work, taken in zip(works, times, strict=True):
            began = _now()
            work()
            if repeat:
                taken.append(_now() - began)
    return times


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def ratios(above: Sequence[float], below: Sequence[float], scale: float = 1.0) -> list[float]:
    return [scale * a / b for a, b in zip(above, below, strict=True)]


class Bench:
    """A model of a size with random weights in bfloat16, the shipped vocabulary and tasks, and a picture of noise."""

    def __init__(self, size: str = "base", side: int = SIDE, **changes: Any):
        torch.manual_seed(0)
        self.vocabulary = Vocabulary.load("tiny")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = build_model({"size": size, "image_size": side, **changes}, self.vocabulary).eval()
        self.model: GeneralistModel = model.bfloat16().to(self.device)  # type: ignore[arg-type]
        self.tasks = load_tasks(self.vocabulary)
        self.picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        self.of = f"{size}, {sum(p.numel() for p in model.parameters()) / 1e6:.0f}M, {side} px, bf16 on {self.where}"

    @property
    def where(self) -> str:
        return "cuda" if self.device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"

    def own(self, answer: str, grid: int) -> Task:
        """A task of detection with another answer or grid."""
        fields = self.tasks["detect"].file.model_dump() | {"answer": answer, "grid": grid}
        return Task(TaskFile.model_validate(fields), self.vocabulary)

    def request(self, task: Task) -> Sample:
        """A request that has all that a task may ask for."""
        seen = np.zeros(self.picture.shape[:2], bool)
        seen[5:20, 5:20] = True
        wanted = next((need.kind for need in task.inputs if need.name == "region"), None)
        regions = {"mask": seen, "oriented": np.asarray([12, 13, 10, 8, 20])}
        kind: Kind = "mask" if wanted == "mask" else "oriented" if wanted == "oriented" else "box"
        box = Region(kind, regions.get(kind, np.asarray([5, 5, 20, 20])))
        labels = ("red cube", "blue sphere")
        asked = Sample(self.picture, labels=labels, size=self.picture.shape[1::-1])
        return asked.but(phrase="the cube", question="how many?", query="a cube", document="a cube", region=box)

    def prefix(self, task: Task) -> Prefix:
        return read_requests(self.model, task, [self.request(task)], read_images(self.model, [self.picture]))

    def decode(self, prefix: Prefix, tables: Automaton, points: Tensor | None, **choice: Any) -> Any:
        return decode(self.model, prefix, tables, self.vocabulary, points, Choice(**choice))

    def points(self, grid: int) -> Tensor:
        return torch.from_numpy(lattice(grid))[None].to(self.device)


def decoding(bench: Bench | None = None) -> Iterator[Row]:
    """The rows, one by one: name, median, unit, distance of the quartiles, what of. bench: of another size."""
    bench = bench or Bench()
    with torch.inference_mode():
        yield from _against_generate(bench)
        yield from _blocks(bench)
        yield _many(bench)
        yield _overhead(bench)
        yield from _growth(bench)


def _against_generate(bench: Bench) -> Iterator[Row]:
    """All 625 tracks write all five tokens of a label and a box, whoever decodes."""
    task, points = bench.own("label box", GRID), bench.points(GRID)
    tracks = GRID**2
    request = bench.request(task)
    grammar = task.constraint(request)
    tables = on_device(grammar, bench.device)
    pixels = torch.randn(1, 3, *bench.picture.shape[:2], device=bench.device, dtype=torch.bfloat16)
    rows = Unshared.of(bench.model, bench.vocabulary, task.render(request))
    images = bench.model.encode_images(pixels)
    prefix = read_requests(bench.model, task, [request], images)
    found: dict[str, Tensor] = {}

    def whole() -> None:
        read = read_requests(bench.model, task, [request], bench.model.encode_images(pixels))
        bench.decode(read, tables, points, present=None)

    def shared() -> None:
        found["ours"] = torch.from_numpy(bench.decode(prefix, tables, points, present=None)[0].tokens)

    def alone() -> None:
        found["alone"] = rows.write(pixels.expand(ALONE, -1, -1, -1), points[0, :ALONE], grammar).cpu()

    def expanded() -> None:
        found["expanded"] = rows.go_on(copies.pop(), prefix, points[0, :EXPANDED], grammar).cpu()

    copies = [Unshared.expanded(prefix, EXPANDED) for _ in range(REPEATS + 1)]  # made before the clock runs
    times = in_turns(whole, alone, shared, expanded)
    ours, theirs, step, copied = times
    spent = f"ours {np.median(ours):.2f} s with the image, {np.median(step):.2f} without"
    of = f"{bench.of}; {tracks} tracks of 5 tokens; {spent}"
    same = [float((found[name] == found["ours"][: len(found[name])]).float().mean()) for name in ("alone", "expanded")]
    yield told(
        "tracks_625_vs_generate",
        ratios(theirs, ours, tracks / ALONE),
        "ratio",
        f"{of}; generate() timed on {ALONE} rows, each with its image, and scaled; {same[0]:.0%} of tokens alike",
    )
    yield told(
        "tracks_625_vs_expanded_cache",
        ratios(copied, step, tracks / EXPANDED),
        "ratio",
        f"{of}; generate() timed on {EXPANDED} rows and scaled, copying not counted; {same[1]:.0%} of tokens alike",
    )
    keys, _ = prefix.past[0]
    a_row = 2 * keys[0].nbytes + 2 * tables.bound * bench.model.config.width * keys.element_size()
    theirs_bytes = tracks * len(prefix.past) * a_row
    held = bench.model.begin(prefix, points, tracks, tables.bound)
    bytes_ = prefix.memory + held.memory
    shape = (
        f"{bench.of}; {theirs_bytes / 1e9:.2f} GB against {bytes_ / 1e9:.3f} GB, features that tracks ride on counted"
    )
    yield "kv_memory_vs_expanded_cache", theirs_bytes / bytes_, "ratio", None, shape


def _blocks(bench: Bench) -> Iterator[Row]:
    """Blocks that are believed against one token after another, in the same loop."""
    for name, grid, most in (("", GRID, GRID**2), ("_20_of_100", 10, 20)):
        task, points = bench.own("label box | none", grid), bench.points(grid)
        prefix, tables = bench.prefix(task), on_device(task.constraint(bench.request(task)), bench.device)
        write = partial(bench.decode, prefix, tables, points, present=0.0, most=most)
        one, fast = in_turns(partial(write, blocks="off"), partial(write, blocks="fast"))
        spent = f"a token at a time {1e3 * np.median(one):.0f} ms, a block {1e3 * np.median(fast):.0f} ms"
        of = f"{bench.of}; {grid**2} tracks, {most} write a box; {spent}; nobody asks whether blocks are right"
        yield told(f"box_atomic_vs_one_token{name}", ratios(one, fast), "ratio", of)


def _many(bench: Bench) -> Row:
    """Ten requests of detection about one image against one, and ten times what one costs without its image."""
    generalist = Generalist(bench.model, bench.vocabulary, bench.tasks)
    names = [f"detect cube {number}" for number in range(10)]

    def ask(instructions: list[str], forget: bool) -> None:
        if forget:
            generalist.album.clear()
        generalist.answers(instructions, bench.picture)

    ten, one, decode = in_turns(lambda: ask(names, True), lambda: ask(names[:1], True), lambda: ask(names[:1], False))
    shares = [t / (o + 10 * d) for t, o, d in zip(ten, one, decode, strict=True)]
    each = f"ten {np.median(ten):.2f} s, one {np.median(one):.2f} s of which decoding {np.median(decode):.2f}"
    return told("ask_many_10", shares, "ratio", f"{bench.of}; detect, 144 tracks; {each}")


def _overhead(bench: Bench) -> Row:
    """Seconds in the grammar over seconds of a step without it, of the task where that is most."""
    images = read_images(bench.model, [bench.picture])
    # What stands in an index is measured by the benchmark of indexes.
    found = {name: _grammar(bench, task, images) for name, task in bench.tasks.items() if task.identifies is None}
    worst = max(found, key=lambda name: float(np.median(found[name])))
    of = f"{bench.of}; {worst}, the costliest of {len(found)} tasks; those that search an index are left out"
    return told("constraint_overhead", found[worst], "fraction", of)


def _grammar(bench: Bench, task: Task, images: ImageCache | None) -> list[float]:
    """Seconds in the grammar over seconds of a first step that scores the same ids without it."""
    request, times = bench.request(task), 20
    at = task.points(request)
    points = None if at is None else torch.from_numpy(at)[None].to(bench.device)
    tracks = 1 if at is None else len(at)
    tables = on_device(task.constraint(request), bench.device)
    prefix = read_requests(bench.model, task, [request], images)
    cache = bench.model.begin(prefix, points, tracks, tables.bound)
    ids = torch.full((1, tracks), bench.vocabulary.bos, device=bench.device)
    state, label = tables.start(tracks), bench.vocabulary["label"]
    columns = tables.allowed(state).columns
    first = columns[:1].repeat(tracks)
    scores = torch.zeros(1, tracks, len(columns), device=bench.device)

    def free() -> None:
        cache.length = 0
        hidden = bench.model.step(prefix, cache, ids)
        bench.model.logits(prefix, hidden, columns, (label.start, label.stop)).softmax(-1).argmax(-1)

    def grammar() -> None:
        for _ in range(times):
            scores.masked_fill(~tables.allowed(state).mask.view_as(scores), -torch.inf)
            tables.done(tables.advance(state, first))

    without, within = in_turns(free, grammar)
    return ratios(within, without, 1 / times)


def _growth(bench: Bench) -> Iterator[Row]:
    """Time and memory over patches and over tracks, and the exponents that fit them."""
    task = bench.own("label box", 10)
    request = bench.request(task)
    tables = on_device(task.constraint(request), bench.device)
    seconds, steps, sizes = [], [], []
    for count in PATCHES:
        side = 16 * round(count**0.5)
        pixels = torch.randn(1, 3, side, side, device=bench.device, dtype=torch.bfloat16)
        prefix = read_requests(bench.model, task, [request], bench.model.encode_images(pixels))
        encode, decode = in_turns(
            partial(bench.model.encode_images, pixels),
            partial(bench.decode, prefix, tables, bench.points(10), present=None),
        )
        seconds.append(encode)
        steps.append(decode)
        sizes.append([prefix.memory / 1e6])
    yield from _fitted("encode_s", "patches", PATCHES, seconds, "s", bench.of)
    yield from _fitted("decode_100_s", "patches", PATCHES, steps, "s", f"{bench.of}; 100 tracks of 5 tokens")
    yield from _fitted("prefix_mb", "patches", PATCHES, sizes, "MB", bench.of)
    times, held = [], []
    prefix = bench.prefix(task)
    for count in TRACKS:
        points = bench.points(round(count**0.5))
        times += in_turns(partial(bench.decode, prefix, tables, points, present=None))
        held.append([bench.model.begin(prefix, points, count, tables.bound).memory / 1e6])
    yield from _fitted("decode_s", "tracks", TRACKS, times, "s", f"{bench.of}; 5 tokens a track")
    yield from _fitted("tracks_mb", "tracks", TRACKS, held, "MB", f"{bench.of}; 5 tokens a track")


def _fitted(name: str, by: str, at: Sequence[int], values: list[list[float]], unit: str, of: str) -> Iterator[Row]:
    for count, found in zip(at, values, strict=True):
        yield told(f"{name}_{by}_{count}", found, unit, of)
    middle = np.log([np.median(found) for found in values])
    slopes = np.diff(middle) / np.diff(np.log(at))
    told_of = f"{by} {at[0]} to {at[-1]}; from one to the next {', '.join(f'{slope:.2f}' for slope in slopes)}"
    yield f"{name}_{by}_exponent", float(np.polyfit(np.log(at), middle, 1)[0]), "exponent", None, told_of
