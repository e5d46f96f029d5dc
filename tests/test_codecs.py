"""Codec ceilings: what annotations lose by being spelled stays within what is published, on whatever sets are at hand."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from generalist.app import outlines
from generalist.app.cli import app

LEAST = {"box_1024_iou": 0.99, "box_256_iou": 0.96, "mask_16_iou": 0.945, "mask_64_iou": 0.97, "obb_iou": 0.97}
MOST = {"depth_256_absrel": 0.01, "normal_deg": 4.0}
RIVALS = {"polygon_24_iou", "polar_24_iou", "runs_32_iou"}


@pytest.mark.slow
def test_ceilings_are_where_they_were_published() -> None:
    run = CliRunner().invoke(app, ["bench", "codecs", "--json"])
    assert run.exit_code == 0, run.output
    rows = {row["name"]: row for row in map(json.loads, run.stdout.splitlines())}
    assert set(rows) >= {*LEAST, *MOST, *RIVALS}
    for name, bound in LEAST.items():
        assert rows[name]["value"] >= bound, rows[name]
    for name, bound in MOST.items():
        assert rows[name]["value"] <= bound, rows[name]
    assert all(row["bench"] == "codecs" and row["versions"] and row["shape"] for row in rows.values())


def disc(size: int = 60, radius: int = 25) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5
    return np.hypot(x - size / 2, y - size / 2) <= radius


@pytest.mark.parametrize("name", sorted(outlines.RIVALS))
def test_a_rival_spells_a_disc_well_and_two_discs_as_it_can(name: str) -> None:
    mask = disc()
    back, tokens = outlines.RIVALS[name](mask)
    assert (back & mask).sum() / (back | mask).sum() > 0.95 and tokens > 24
    two = np.concatenate([mask, mask], 1)
    back, _ = outlines.RIVALS[name](two)
    whole = (back & two).sum() / (back | two).sum()
    assert whole > 0.9 if name == "runs_32" else whole < 0.9  # one outline cannot hold two pieces


def test_the_border_has_the_hull_of_the_mask() -> None:
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    points = outlines.border(mask)
    assert points.min(0).tolist() == [3, 2] and points.max(0).tolist() == [9, 5]


def test_a_benchmark_that_is_not_there_is_named() -> None:
    run = CliRunner().invoke(app, ["bench", "codec"])
    assert run.exit_code == 2 and "codecs" in run.stderr
