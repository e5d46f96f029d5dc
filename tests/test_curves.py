"""Learning curves of duels: points by the minute, means over seeds, a table and a picture."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks" / "specialists"))
import curves  # noqa: E402
from sets import SETS  # noqa: E402


def line(seed: int, *figures: float, kind: str = "bccd") -> dict:
    """Measured every 2.5 minutes or thereabouts, the last at the end."""
    watched = [(2.5 * (i + 1) + 0.02 * seed, figure) for i, figure in enumerate(figures[:-1])]
    name, about = SETS[kind].figures[0], {"task": SETS[kind].task, "data": SETS[kind].data("x", "test"), "model": "m"}
    return {
        **about,
        "n": 1,
        "set": kind,
        "seed": seed,
        "curve": watched,
        "minutes": 2.5 * len(figures),
        "metrics": {name: figures[-1]},
    }


def test_points_of_several_seeds_meet_at_their_minute():
    found = [line(0, 0.1, 0.2, 0.4), line(1, 0.3, 0.4, 0.6), line(0, 0.9, kind="cards")]
    assert curves.points(found, SETS["bccd"]) == {2.5: [0.1, 0.3], 5.0: [0.2, 0.4], 7.5: [0.4, 0.6]}
    assert curves.points(found, SETS["camvid"]) == {}


def test_the_table_has_a_row_for_each_set_and_start_and_the_picture_is_one(tmp_path, capsys, monkeypatch):
    for side, found in (("ours", [line(0, 0.5, 0.7), line(1, 0.5, 0.8)]), ("scratch", [line(0, 0.1, 0.2)])):
        (tmp_path / f"{side}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in found))
    words = ["curves.py", "--ours", tmp_path / "ours.jsonl", "--scratch", tmp_path / "scratch.jsonl"]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--out", str(tmp_path / "more" / "curves.png")])
    curves.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        "| bccd | AP50 | tiny | 2.5: 0.500, 5: 0.750 |",
        "| bccd | AP50 | random weights | 2.5: 0.100, 5: 0.200 |",
    ]
    assert Image.open(tmp_path / "more" / "curves.png").size[0] > 1000


def test_less_is_said_to_be_better_where_it_is():
    (panel,) = curves.drawn({"ours": [line(0, 0.3, 0.1, kind="7scenes")], "scratch": []}).axes
    assert panel.get_title() == "7scenes: AbsRel, less is better"
    assert [one.get_ydata().tolist() for one in panel.lines] == [pytest.approx([0.3, 0.1])]
