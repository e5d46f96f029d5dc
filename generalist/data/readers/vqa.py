"""VQA: questions about images and what people answered (VQAv2, Goyal et al. 2017; VQA-RAD, Lau et al. 2018)."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generalist.data.readers.dataset import Spec, nearest, require
from generalist.data.readers.files import read_json
from generalist.data.readers.photo import photo
from generalist.data.readers.skipped import Skipped
from generalist.faults import Fault
from generalist.sequence.sample import Sample

__all__ = ["Vqa"]

_MANY, _ENOUGH = 10, 3
"""Where so many people were asked, an answer of so many of them is right (Antol et al. 2015)."""

_IMAGES = ("image_name", "image", "img_name", "file_name", "image_id")
_PAGE = re.compile(r"(.*)_(questions|annotations)")
_TAG = re.compile(r"(?:train|val|test(?:-dev)?)(?:20\d\d)?")
_SHORT = re.compile(r"20\d\d$")


@dataclass(frozen=True, slots=True)
class _Question:
    """One item. answers: each accepted one with how many gave it, the most common first."""

    id: str
    image: str
    text: str
    answers: tuple[tuple[str, int], ...]
    kind: str


class Vqa:
    """``vqa:PATH:SPLIT?type=closed``. PATH holds ``*SPLIT*_questions.json`` and ``*SPLIT*_annotations.json`` (VQAv2,
    whose ``train2014`` may be asked for as ``train``), or ``SPLIT.json``, a list of records with ``question``,
    ``answer`` or ``answers``, and ``image_name`` or the like (VQA-RAD). Images lie in ``images``, in a folder called
    like the split in either, or beside; the option ``images`` names the folder. Every question is an item, and those
    about one image follow one another.

    ``type`` keeps the questions of one ``answer_type`` (yes/no, number, other; open, closed). Where ten people or more
    answered, what three of them said is accepted, or else what most said; otherwise every answer is.

    Skipped: questions without an answer or an image, and a question whose id was there before.
    """

    tasks: tuple[str, ...] = ("ask",)
    classes: tuple[str, ...] = ()

    def __init__(self, spec: Spec) -> None:
        self.name, self.skipped = spec.text, Skipped()
        spec.allow("type", "images")
        root = spec.folder()
        pages = _pages(root, spec.split)
        files = pages[spec.choose(pages)]
        path, records = _records(files)
        about: defaultdict[str, list[_Question]] = defaultdict(list)
        for question in self._wanted(spec, list(self._read(path, records))):
            about[question.image].append(question)
        self._about, self._questions = about, [question for alike in about.values() for question in alike]
        self._tag = (_TAG.findall(path.stem) or [""])[-1]
        bases = [Path(spec.options["images"])] if "images" in spec.options else [root / "images", root, root.parent]
        self._folders = [base / name for base in bases for name in (self._tag, _SHORT.sub("", self._tag), "")]

    def __len__(self) -> int:
        return len(self._questions)

    def follows(self, index: int) -> bool:
        """See ``Dataset``."""
        return index > 0 and self._questions[index].image == self._questions[index - 1].image

    def sample(self, index: int, task: str, rng: np.random.Generator | None = None) -> Sample:
        """An image, a question, the accepted answers in ``texts`` and in ``text`` the most common.

        With ``rng`` it is any question about the image of that one, so that requests which share a picture ask
        different things, and in ``text`` an answer as often as people gave it."""
        require(self, task, index)
        question = self._questions[index]
        if rng is not None:
            alike = self._about[question.image]
            question = alike[int(rng.integers(len(alike)))]
        texts, counts = zip(*question.answers, strict=True)
        chosen = 0 if rng is None else int(rng.choice(len(texts), p=np.asarray(counts) / sum(counts)))
        sample = photo(self._file(question.image), question.id)
        return sample.but(question=question.text, text=texts[chosen], texts=texts)

    def _file(self, image: str) -> Path:
        names = [image]
        if image.isdecimal():  # COCO's images by their ids
            names = [
                f"COCO_{self._tag}_{int(image):012d}.jpg",
                f"{int(image):012d}.jpg",
                f"{image}.jpg",
                f"{image}.png",
            ]
        places = (folder / name for folder in self._folders for name in names)
        there = next((folder for folder in self._folders if folder.is_dir()), self._folders[0])
        return next((path for path in places if path.is_file()), there / names[0])

    def _read(self, path: Path, records: list[Any]) -> Iterator[_Question]:
        seen: set[str] = set()
        for number, record in enumerate(records):
            if not isinstance(record, dict) or not str(record.get("question") or "").strip():
                raise Fault(f"{path}: question {number} has no 'question'")
            identity = str(record.get("question_id", record.get("qid", number)))
            image = next((str(record[key]) for key in _IMAGES if record.get(key) not in (None, "")), "")
            answers = _accepted(record)
            if identity in seen:
                self.skipped.add("question whose id was there before", f"{path}: question {identity}")
            elif not image or not answers:
                kind = "question without an image" if answers else "question without an answer"
                self.skipped.add(kind, f"{path}: question {identity}")
            else:
                kind = str(record.get("answer_type") or "").strip().lower()
                yield _Question(identity, image, " ".join(str(record["question"]).split()), answers, kind)
            seen.add(identity)

    def _wanted(self, spec: Spec, questions: list[_Question]) -> list[_Question]:
        wanted = spec.option("type", "").lower()
        kinds = sorted({question.kind for question in questions})
        if wanted and wanted not in kinds:
            told = ", ".join(filter(None, kinds)) or "none"
            raise Fault(f"{spec.text}: there is no answer type {wanted!r}{nearest(wanted, kinds)} There are {told}")
        return [question for question in questions if not wanted or question.kind == wanted]


def _accepted(record: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """The answers of a record that count, the most common first; VQA's own choice before others as common."""
    given = record.get("answers", [record.get("answer")])
    given = given if isinstance(given, list) else [given]
    said = [answer.get("answer") if isinstance(answer, dict) else answer for answer in given]
    first = str(record.get("multiple_choice_answer") or "").strip()
    counts = Counter({first: 0} if first else {})
    counts.update(" ".join(str(answer).split()) for answer in said if answer is not None and str(answer).strip())
    ranked = [(answer, max(count, 1)) for answer, count in counts.most_common()]
    if sum(counts.values()) >= _MANY:
        ranked = [answer for answer in ranked if answer[1] >= _ENOUGH] or ranked[:1]
    return tuple(ranked)


def _pages(root: Path, asked: str | None) -> dict[str, dict[str, Path]]:
    """The files of each split by what they are: questions and annotations, or one list. VQAv2's splits have the year in
    their names, unless they are asked for without."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(root.glob("*.json")):
        page = _PAGE.fullmatch(path.stem)
        tags = _TAG.findall(page[1]) if page else [path.stem]
        if tags:
            tag = _SHORT.sub("", tags[-1]) if _SHORT.sub("", tags[-1]) == asked else tags[-1]
            found.setdefault(tag, {})[page[2] if page else "list"] = path
    found = {tag: files for tag, files in found.items() if "list" in files or len(files) == 2}
    if not found:
        raise Fault(f"{root}: neither *_questions.json with *_annotations.json, nor a SPLIT.json")
    return found


def _records(files: dict[str, Path]) -> tuple[Path, list[Any]]:
    """The questions of a split, each with its annotation; and the file that they are told by."""
    if "list" in files:
        path, records = files["list"], read_json(files["list"])
        if not isinstance(records, list):
            raise Fault(f"{path}: not a list of questions")
        return path, records
    path = files["questions"]
    pages = [read_json(files[name]) for name in ("questions", "annotations")]
    for file, page, part in zip(files.values(), pages[::-1], ("annotations", "questions"), strict=True):
        if not isinstance(page, dict) or not isinstance(page.get(part), list):
            raise Fault(f"{file}: not VQA {part}, there is no list {part!r}")
    try:
        answers = {note["question_id"]: note for note in pages[1]["annotations"]}
        return path, [{**answers.get(record["question_id"], {}), **record} for record in pages[0]["questions"]]
    except (KeyError, TypeError) as error:
        raise Fault(f"{path}: a question or an annotation has no question_id") from error
