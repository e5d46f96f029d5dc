"""How many free requests reach the right task with the right fields.

    python benchmarks/requests.py [tests/requests_held_out.jsonl] [--model tiny]

The held-out list was written by somebody who had seen neither the task files nor the matcher; nothing was fitted to it.
With ``--model`` what no prompt fits is put to the model, as in use. Prints two JSON lines, and with ``--wrong`` every
request that went wrong (which spends the list: write another then).
"""

import argparse
import json
from pathlib import Path

from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.sequence.instruction import understand
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

FIELDS = ("labels", "phrase", "query", "document")
LIST = Path(__file__).parent.parent / "tests" / "requests_held_out.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list", nargs="?", type=Path, default=LIST)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--model", help="asked about requests that no prompt fits; nobody is, if not said")
    given = parser.parse_args()
    generalist = Generalist.from_pretrained(given.model) if given.model else None
    tasks = load_tasks(Vocabulary.load())
    requests = [json.loads(line) for line in given.list.read_text(encoding="utf-8").splitlines()]
    right_task = right = 0
    for request in requests:
        try:
            asked = request["text"], request.get("image", True), request.get("region")
            found = understand(asked[0], tasks, *asked[1:]) if generalist is None else generalist._understood(*asked)
        except Fault:
            found = None
        fields = {} if found is None else found.fields
        same = all(_plain(fields.get(name)) == _plain(request[name]) for name in FIELDS if name in request)
        task = found is not None and found.task == request["task"]
        right_task += task
        right += task and same
        if given.wrong and not (task and same):
            print(json.dumps({"text": request["text"], "wanted": request, "found": found and found.task, **fields}))
    for name, count in (("right task", right_task), ("right task and fields", right)):
        row = {"bench": "requests", "name": name, "value": round(count / len(requests), 4), "shape": len(requests)}
        print(json.dumps(row))


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    main()
