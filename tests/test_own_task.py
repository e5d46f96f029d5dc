"""A task of one's own: docs/add-a-task.md, done as it says, with no Python of the task's."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from generalist.app.cli import app
from generalist.data.readers import open_data

PAGE = Path(__file__).parent.parent / "docs" / "add-a-task.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line.removeprefix("generalist ")) for line in lines]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures, half of them blurred, in the files and folders that the page names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "img").mkdir(parents=True)
    for split, numbers in (("train", range(1, 193)), ("val", range(193, 241))):
        world = open_data(f"scenes:{'train' if split == 'train' else 'validation'}")
        lines = []
        for i in numbers:
            picture = Image.fromarray(np.asarray(world.sample(i, "caption").image))
            blurred = i % 2 == 0
            path = tmp_path / "photos" / "img" / f"{i:04}.png"
            (picture.filter(ImageFilter.GaussianBlur(3)) if blurred else picture).save(path)
            lines.append(json.dumps({"image": f"img/{path.name}", "text": "blurred" if blurred else "sharp"}))
        (tmp_path / "photos" / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_page_does_what_it_says(photos: Path) -> None:
    task, recipe = blocks("yaml")
    assert len(task.splitlines()) <= 10 + 1  # ten lines, one of them the second prompt
    (photos / "tasks").mkdir()
    (photos / "tasks" / "sharpness.yaml").write_text(task, encoding="utf-8")
    (photos / "sharpness.recipe.yaml").write_text(recipe, encoding="utf-8")
    train, measure, ask = commands()
    run = CliRunner()
    assert run.invoke(app, [*train, "loaders=0"]).exit_code == 0
    measured = run.invoke(app, [*measure, "--json"])
    assert measured.exit_code == 0, measured.output
    figures = json.loads(measured.stdout)
    assert figures["n"] == 48 and figures["metrics"]["accuracy"] > 0.8
    asked = run.invoke(app, [*ask, "--json"])
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)["text"] in ("sharp", "blurred")
    assert "understood as sharpness" in asked.stderr


def test_lines_of_the_page_are_read(photos: Path) -> None:
    (photos / "img").mkdir()
    for name in ("0001.png", "0002.png"):
        (photos / "photos" / "img" / name).rename(photos / "img" / name)
    (photos / "page.jsonl").write_text(blocks("json")[0], encoding="utf-8")
    data = open_data("jsonl:page.jsonl")
    assert [data.sample(i, "sharpness").text for i in range(len(data))] == ["sharp", "blurred"]
