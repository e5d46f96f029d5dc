"""A task of one's own: the lines that docs/add-a-task.md shows are read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from generalist.data.readers import open_data

PAGE = Path(__file__).parent.parent / "docs" / "add-a-task.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures, half of them blurred, in the files and folders that the page names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "img").mkdir(parents=True)
    for split, numbers in (("train", range(1, 65)), ("val", range(65, 89))):
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


def test_lines_of_the_page_are_read(photos: Path) -> None:
    (photos / "img").mkdir()
    for name in ("0001.png", "0002.png"):
        (photos / "photos" / "img" / name).rename(photos / "img" / name)
    (photos / "page.jsonl").write_text(blocks("json")[0], encoding="utf-8")
    data = open_data("jsonl:page.jsonl")
    assert [data.sample(i, "sharpness").text for i in range(len(data))] == ["sharp", "blurred"]
