"""Prediction: one instruction about many images. A bad image is told and passed over; a bad instruction ends it all."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from generalist.app.generalist import Generalist
from generalist.app.pictures import of_depth, of_normals, save_picture
from generalist.app.report import print_answer, print_json, tell
from generalist.data.images import IMAGE_SUFFIXES
from generalist.data.regions import open_region
from generalist.faults import Fault
from generalist.sequence.sample import Answer, Sample
from generalist.sequence.task import Task

__all__ = ["Prediction", "find_images", "understood"]


def find_images(words: Iterable[str]) -> tuple[list[Path], list[Fault]]:
    """The images that words name: paths, folders (their images, by name) and globs; and a Fault for each word that
    names none."""
    paths: list[Path] = []
    faults: list[Fault] = []
    for word in words:
        path = Path(word)
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        elif not path.exists() and any(mark in word for mark in "*?["):
            root = Path(path.anchor)
            found = sorted(p for p in root.glob(str(path.relative_to(root))) if p.is_file())
        else:
            found = [path]  # a missing file is told when it is read
        if not found:
            faults.append(Fault(f"{word}: no image there"))
        paths += found
    return list(dict.fromkeys(paths)), faults


class Prediction:
    """An instruction understood, to be run over images.

    region: the place pointed at, see ``open_region``. draw: folder for pictures of the answers; out: folder for maps of
    depth and normals; least: score below which boxes are not shown. rivals: the probability from which other names of
    a thing are told too, see ``Task.decode``; they are not drawn.

    Raises:
        Fault: nothing fits the instruction, or it lacks what its task needs.
    """

    def __init__(
        self,
        generalist: Generalist,
        instruction: str,
        task: str | None = None,
        draw: Path | None = None,
        out: Path | None = None,
        least: float = 0.3,
        json: bool = False,
        region: str | None = None,
        rivals: float | None = None,
    ):
        self.generalist, self.instruction, self.name, self.rivals = generalist, instruction, task, rivals
        self.region = None if region is None else open_region(region)
        self.draw, self.least, self.json = draw, least, json
        self.out = out or draw or (Path("out") if json else None)
        self.task = self._understand()
        self._taken: set[str] = set()

    def _understand(self) -> Task:
        task, request = self.generalist.route(self.instruction, True, self.name, {"region": self.region})
        if task.identifies:
            raise Fault(
                f"task {task.name!r} finds documents: build an index and ask generalist search DIR --image FILE"
            )
        # Told now rather than once an image: labels missing, or too many.
        task.render(request.but(image="an image"))
        task.frame(request)
        tell(f"understood as {understood(task, request)}")
        return task

    def run(self, paths: Iterable[Path]) -> Iterator[Fault]:
        """Answers about each image in turn are printed and drawn; yields a Fault for each that cannot be read."""
        for path in paths:
            try:
                picture = self.generalist.read(path)
            except Fault as fault:
                yield fault
                continue
            answer = self.generalist(self.instruction, picture, task=self.name, region=self.region, rivals=self.rivals)
            self._write(answer, picture.pixels, self._stem(path))
            if self.json:
                print_json(answer.json())
            else:
                print_answer(answer, self.least)

    def _stem(self, path: Path) -> str:
        """A name for what is written about an image, its own within this run: a/1.png and b/1.png do not clash."""
        name, n = path.stem, 1
        while name in self._taken:
            n += 1
            name = f"{path.stem}-{n}"
        self._taken.add(name)
        return name

    def _write(self, answer: Answer, pixels: np.ndarray, stem: str) -> None:
        if answer.depth is not None and self.out is not None:
            answer.files["depth"] = str(save_picture(of_depth(answer.depth), self.out / f"{stem}.depth_mm.png"))
        if answer.normals is not None and self.out is not None:
            answer.files["normals"] = str(save_picture(of_normals(answer.normals), self.out / f"{stem}.normals.png"))
        if self.draw is not None:
            from generalist.app.viz import draw

            picture = draw(pixels, answer.named(), self.instruction, self.least, region=self.region)
            answer.files["picture"] = str(save_picture(picture, self.draw / f"{stem}.{answer.task}.png"))


def understood(task: Task, request: Sample) -> str:
    """What a request was taken for, in words: the task, and what was read out of it."""
    said = {
        "labels": ", ".join(request.labels),
        "phrase": request.phrase,
        "question": request.question,
        "region": "" if request.region is None else request.region.kind,
    }
    taken = {need.name for need in task.inputs}
    told = "; ".join(f"{name} {value}" for name, value in said.items() if value and name in taken)
    return f"{task.name}: {told}" if told else task.name
