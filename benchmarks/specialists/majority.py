"""The most common answer of the training questions, to whatever is asked: what an answerer must beat.

    python benchmarks/specialists/majority.py --data DIR --set vqa_rad --json

Nothing is drawn by chance.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from typing import Any

from record import device, options, record, run
from sets import SETS

from generalist.data.readers import open_data
from generalist.metrics.text import plain_answer
from generalist.sequence.sample import Answer

__all__ = ["most_common"]


def most_common(texts: Iterable[str]) -> str:
    """The answer that is there most often, as the measure compares answers; of equals the first."""
    return Counter(map(plain_answer, texts)).most_common(1)[0][0]


def _work(given: argparse.Namespace) -> dict[str, Any]:
    kind = SETS[given.set]
    data = open_data(kind.data(given.data, kind.train))
    text = most_common(data.sample(i, kind.task).text for i in range(len(data)))
    told = {"model": f"always {text!r}", "parameters": 0, "minutes": 0.0, "device": device("cpu")}
    return record(kind, given, told, lambda sample: Answer(kind.task, sample.size, text=text))


if __name__ == "__main__":
    run(options(__doc__, ["vqa_rad"]), None, _work)
