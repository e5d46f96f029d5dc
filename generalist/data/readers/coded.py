"""Codes as answers: a set that asks for documents, whose answers are the codes that an index gives these."""

import json
from pathlib import Path

import numpy as np

from generalist.data.readers.dataset import Dataset, require
from generalist.data.readers.files import read_jsonl
from generalist.data.readers.skipped import skipped_by
from generalist.data.readers.window import reach
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Coded", "codes_in"]

PLAIN, CODED = "retrieve", "retrieve_code"

TRIES = 1000
"""Requests that are drawn before it is said that none of them can be answered."""


class Coded:
    """``...?codes=INDEX``: the set that the rest of the spec names, which also poses ``retrieve_code``.

    data: that set. index: the folder of an index whose kinds of identifier hold ``code``.
    """

    def __init__(self, data: Dataset, index: Path) -> None:
        self.data, self.index = data, index
        self.name, self.classes, self.skipped = data.name, data.classes, skipped_by(data)
        if PLAIN not in data.tasks:
            raise Fault(f"{data.name}: codes are of sets that can pose {PLAIN!r}; it can pose {', '.join(data.tasks)}")
        self.tasks: tuple[str, ...] = (*data.tasks, CODED)
        self.codes = codes_in(index)

    def __len__(self) -> int:
        return len(self.data)

    def reach(self, step: int, pace: float) -> None:
        """Moves on, where the set is a stream. See ``Window.reach``."""
        reach(self.data, step, pace)

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """A request for documents; of ``retrieve_code``, ``text`` is the code of the first that has one, or of a random
        one, ``texts`` those of all. Where none has one, another request is asked in its place in training."""
        require(self, task, index)
        if task != CODED:
            return self.data.sample(index, task, rng)
        for _ in range(TRIES):
            sample = self.data.sample(index, PLAIN, rng)
            codes = tuple(self.codes[name] for name in sample.documents if name in self.codes)
            if codes or rng is None:
                text = "" if not codes else codes[0 if rng is None else int(rng.integers(len(codes)))]
                return sample.but(text=text, texts=codes)
            index = int(rng.integers(len(self)))
        raise Fault(f"{self.name}: asks for documents that {self.index} does not hold")


def codes_in(index: Path) -> dict[str, str]:
    """The code of each document of an index, by its id.

    Raises:
        Fault: there is no index, or its documents have no codes.
    """
    try:
        shards = json.loads((index / "meta.json").read_text(encoding="utf-8"))["shards"]
        files = [index / shard["name"] / "documents.jsonl" for shard in shards]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Fault(f"{index}: is no index: build it with: generalist index CORPUS --identifiers code") from error
    # Of an id that was removed and came again the later line is right.
    codes = {str(line["id"]): str(line["code"]) for file in files for line in read_jsonl(file) if line.get("code")}
    if not codes:
        raise Fault(f"{index}: its documents have no codes: build it with: generalist index CORPUS --identifiers code")
    return codes
