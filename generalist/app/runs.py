"""Runs: what was found for many queries, as a file: for trec_eval and its like, or with everything, as JSON lines."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from generalist.faults import Fault

__all__ = ["Run"]

TREC = {".trec", ".run", ".txt"}

TAG = "generalist"
"""What a run of ours is called; with ``fused`` where the lists are."""


class Run:
    """A file that is written beside and renamed when all is well; after an error there is none.

    path: .trec, .run or .txt for lines ``qid Q0 docid rank score tag``; .jsonl for the records.

    Raises:
        Fault: a suffix that says neither, or the file cannot be written.
    """

    def __init__(self, path: Path):
        self.path, self.trec = path, path.suffix.lower() in TREC
        if not self.trec and path.suffix.lower() != ".jsonl":
            raise Fault(f"{path}: a run is named .trec (or .run, .txt), or .jsonl for everything that is known of it")
        self._part = path.with_name(path.name + ".part")
        self._file: IO[str] | None = None

    def __enter__(self) -> "Run":
        try:
            self._file = self._part.open("w", encoding="utf-8")
        except OSError as error:
            raise Fault(f"{self.path}: cannot be written ({error.strerror or error})") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()
        if kind is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)

    def add(self, record: Mapping[str, Any]) -> None:
        """What was found for one query: ``{"id", "documents", ...}``; of a record with ``fused`` that is the list. A
        TREC run has a document once, where the best of its sentences stands.

        Raises:
            Fault: an id has a space in it, which the lines of a TREC run cannot hold.
        """
        assert self._file is not None
        if not self.trec:
            self._file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            return
        tag = f"{TAG}-fused" if "fused" in record else TAG
        best: dict[str, Mapping[str, Any]] = {}
        for hit in record.get("fused", record["documents"]):
            best.setdefault(hit["id"], hit)
        for rank, hit in enumerate(best.values(), 1):
            # Nine digits: scores that differ do so in float32, which trec_eval keeps them in.
            columns = [record["id"], "Q0", hit["id"], str(rank), f"{hit['score']:.9g}", tag]
            if any(len(column.split()) != 1 for column in columns):
                named = next(column for column in columns if len(column.split()) != 1)
                raise Fault(f"{self.path}: a TREC run cannot hold the id {named!r}, for its space; name a .jsonl file")
            self._file.write(" ".join(columns) + "\n")
