"""What naming documents costs: building, disk, memory, and a step of constrained decoding.

On a generated collection (``zipf``) of 32,000 different tokens and 10 million in all, or as many as
``GENERALIST_BENCH_TOKENS`` says. Where the model takes part, the tokens are of the shipped vocabulary instead. Times of
changing an index are by the clock, for it is written to disk; all others are of one processor.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalist.app.zipf import BEAMS, DEEP, LENGTH, REPEATS, Row, now, one_thread, seconds, told, walks, zipf
from generalist.retrieval.index import Index
from generalist.retrieval.kinds import kinds_of
from generalist.retrieval.meta import Meta
from generalist.retrieval.order import Ids
from generalist.retrieval.shard import Item, item, write_shard
from generalist.retrieval.substrings import Substrings
from generalist.retrieval.suffixes import Suffixes, marked, suffix_arrays, suffix_order
from generalist.sequence.automaton import Allowed, State
from generalist.sequence.sample import Document, Sample
from generalist.sequence.units.text import fold
from generalist.sequence.vocabulary import Vocabulary

__all__ = ["indexing"]

SIZE = 32_000


def indexing() -> Iterator[Row]:
    """The rows, one by one: name, median, unit, distance of the quartiles, what of."""
    from generalist.app.tries import beside_a_trie  # loads torch and transformers

    tokens = int(float(os.environ.get("GENERALIST_BENCH_TOKENS", "1e7")))
    yield from _building(tokens)
    yield from _stepping(tokens)
    with one_thread():
        yield from beside_a_trie(SIZE)
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Vocabulary.load("tiny")
        index = _index(Path(folder) / "index", vocabulary, tokens)
        with one_thread():
            yield _overhead(index)
        yield _resident(index)
        yield from _changing(index)


def _building(count: int) -> Iterator[Row]:
    tokens, starts = marked(*zipf(count, SIZE))
    of, scale = f"{count / 1e6:g}M tokens, in memory", 1e7 / count
    repeats = REPEATS if count <= 2e7 else 1
    whole = [scale * s for s in seconds(lambda: suffix_arrays(tokens, starts), repeats)]
    yield told("build_s_per_10M", whole, "s", f"{of}, {repeats} times")
    sort = [scale * s for s in seconds(lambda: suffix_order(tokens), repeats)]
    yield told("sort_s_per_10M", sort, "s", "of which sorting")
    held = sum(array.nbytes for array in suffix_arrays(tokens, starts).values())
    yield "bytes_per_token", held / count, "bytes", None, f"{of[:-11]}, documents of {LENGTH}"


# ---- steps -----------------------------------------------------------------------------------------------------------


def _stepping(count: int) -> Iterator[Row]:
    """The figures are those of the costliest depth; a step is one of ten, from the start to the bound."""
    sizes = sorted({min(10**6, count), min(10**7, count), count})
    means = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            held, tokens, starts = _mapped(Path(folder), size)
            taken = walks(held, tokens, starts)
            mean = [float(sum(map(sum, walk))) / DEEP for walk in taken]
            means.append(told(f"step_{size / 1e6:g}M_ms", mean, "ms", "continuations and narrowing, mean of 10 depths"))
    of = f"{BEAMS} beams, {count / 1e6:g}M tokens, memory-mapped, "
    at = [[[walk[depth][part] for walk in taken] for part in (0, 1)] for depth in range(DEEP)]
    narrow = max((at[depth][1] for depth in range(DEEP)), key=np.median)
    deeper = max((at[depth][0] for depth in range(2, DEEP)), key=np.median)
    yield told("narrow_60_beams_ms", narrow, "ms", of + "the costliest depth")
    yield told("continuations_60_beams_ms", deeper, "ms", of + "the costliest depth beyond 1")
    yield told("continuations_depth1_ms", at[1][0], "ms", of + "depth 1")
    yield from means
    yield (
        "step_growth",
        means[-1][1] / means[0][1],
        "ratio",
        None,
        f"from {sizes[0] / 1e6:g}M to {count / 1e6:g}M tokens",
    )


def _mapped(folder: Path, size: int) -> tuple[Substrings, NDArray[Any], Ids]:
    tokens, starts = zipf(size, SIZE)
    arrays = suffix_arrays(*marked(tokens, starts))
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    names = list(arrays)
    del arrays
    shard = Suffixes(**{name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names})
    return Substrings([shard], [len(starts) - 1], [np.zeros(0, np.int64)], DEEP), tokens, starts


# ---- an index on disk ------------------------------------------------------------------------------------------------


def _index(folder: Path, vocabulary: Vocabulary, count: int) -> Index:
    """An index of n-grams of documents d0, d1, ... The tokens are drawn, and not read from the texts."""
    text = vocabulary["text"]
    tokens, starts = zipf(count, len(text))
    tokens += text.start

    def items() -> Iterator[Item]:
        for i, (a, b) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
            yield item(Document(f"d{i}", f"document {i}"), [tokens[a:b]])

    shard = write_shard(folder / "shard-0001", items(), kinds_of("ngram"), vocabulary)
    assert shard is not None
    meta = Meta(kind="ngram", vocabulary=vocabulary.folder.name, fingerprint=vocabulary.fingerprint,
                longest={"ngram": DEEP}, shards=(shard,))  # fmt: skip
    (folder / "meta.json").write_text(meta.model_dump_json())
    return Index.open(folder, vocabulary)


class _Timed:
    """A constraint, and the seconds spent in it."""

    def __init__(self, constraint: Substrings):
        self._constraint, self.bound, self.seconds = constraint, constraint.bound, 0.0

    def _timed(self, name: str, *values: Any) -> Any:
        began = now()
        out = getattr(self._constraint, name)(*values)
        self.seconds += now() - began
        return out

    def start(self, rows: int) -> State:
        return self._timed("start", rows)

    def allowed(self, state: State) -> Allowed:
        return self._timed("allowed", state)

    def advance(self, state: State, ids: Any) -> State:
        return self._timed("advance", state, ids)

    def reorder(self, state: State, rows: Any) -> State:
        return self._timed("reorder", state, rows)

    def done(self, state: State) -> Any:
        return self._timed("done", state)


def _overhead(index: Index) -> Row:
    """Seconds in the constraint over all other seconds of a beam search by the shipped model."""
    import torch

    from generalist.app.generalist import Generalist
    from generalist.assets import assets
    from generalist.model.decode import beam_search
    from generalist.model.reading import read_requests

    generalist = Generalist.from_pretrained(assets("weights") / "tiny")
    model, task = generalist.model, generalist.tasks["retrieve"]
    prefix = read_requests(model, task, [Sample(query="a small red cube and a blue ball")], None)
    shares, steps = [], []
    for repeat in range(REPEATS + 1):
        timed = _Timed(index.identifiers.on(torch.from_numpy))  # type: ignore[arg-type]
        began = now()
        beam_search(model, prefix, timed, index.vocabulary, BEAMS)
        rest = now() - began - timed.seconds
        if repeat:  # the first compiles kernels
            shares.append(timed.seconds / rest)
            steps.append(1e3 * rest / DEEP)
    of = f"{BEAMS} beams of tiny, whose own step takes {np.median(steps):.1f} ms; {len(index):,} documents"
    return told("step_overhead", shares, "fraction", of)


_SEARCHER = """
import re, sys
import numpy as np
from generalist.app.zipf import walks
from generalist.retrieval.index import Index
from generalist.sequence.vocabulary import Vocabulary

def mapped():
    own, files, name = 0, 0, ""
    for line in open("/proc/self/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            name = line.split(maxsplit=5)[5:]
        elif line.startswith("Rss:"):
            size = 1024 * int(line.split()[1])
            files += size if name and sys.argv[1] in name[0] else 0
            own += 0 if name and name[0].startswith("/") else size
    return own, files

index = Index.open(sys.argv[1], Vocabulary.load("tiny"))
held = index.identifiers
tokens, starts = held.shards[0].tokens, held.shards[0].starts.astype(np.int64)
before, _ = mapped()
for _ in range(8):
    walks(held, tokens, starts)
own, files = mapped()
print(own - before, files)
"""


def _resident(index: Index) -> Row:
    """A process of its own opens the index and writes n-grams: what it takes over the pages of the index it touched."""
    run = subprocess.run(
        [sys.executable, "-c", _SEARCHER, str(index.folder)], capture_output=True, text=True, check=True
    )
    own, touched = map(int, run.stdout.split())
    of = f"{own / 1e6:.1f} MB of its own beside {touched / 1e6:.1f} MB of the index"
    return "resident_vs_touched", (own + touched) / touched, "ratio", None, of


def _changing(index: Index) -> Iterator[Row]:
    """1,000 documents of about 100 tokens put in and 1,000 taken out, each searched for at once."""
    rng = np.random.default_rng(3)
    words = [word for word in map(index.vocabulary.text, ([i] for i in index.vocabulary["text"])) if word.isalpha()]
    adding: list[tuple[float, float]] = []
    removing: list[tuple[float, float]] = []
    size = len(index)
    for repeat in range(REPEATS):
        texts = [" ".join(rng.choice(words, 80)) for _ in range(1000)]
        new = [Document(f"new {repeat}-{i}", f"title {i}", text) for i, text in enumerate(texts)]
        key = index.vocabulary.encode_plain(fold(texts[7]))[:DEEP]

        def add(new: list[Document] = new, key: list[int] = key) -> None:
            index.add(new)
            assert new[7].id in [index[i].id for i in index.identifiers.documents(key)]

        old = [f"d{i}" for i in range(1000 * repeat, 1000 * repeat + 1000)]
        gone = index.identifiers.text(0).tolist()  # type: ignore[attr-defined]
        assert index[0].id == old[0]

        def remove(old: list[str] = old, gone: list[int] = gone) -> None:
            index.remove(old)
            assert old[0] not in [index[i].id for i in index.identifiers.documents(gone)]

        for work, times in ((add, adding), (remove, removing)):
            began, busy = time.perf_counter(), now()
            work()
            times.append((time.perf_counter() - began, now() - busy))
        assert len(index) == size
    of = f"an index of {size:,} documents, {sum(map(len, index.identifiers.shards)) / 1e6:.1f}M tokens"
    for name, way, times in (("add", "to", adding), ("remove", "from", removing)):
        clocks, processor = zip(*times, strict=True)
        yield told(f"{name}_1000_s", clocks, "s", f"{way} {of}; {np.median(processor):.2f} s of a processor")
    shards = len(index.shards)
    yield told("merge_s", seconds(index.merge, 1), "s", f"{shards} shards to 1, once, of a processor")
