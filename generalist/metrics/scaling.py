"""Scaling: the map that makes scores mean what they say, fitted to right and wrong answers of one task.

``logit(p') = scale * logit(p) + shift`` (Platt 1999); with a shift of 0 it is temperature scaling (Guo et al. 2017).
Where right and wrong do not part along such a curve, a line through points that never falls: isotonic regression
(Zadrozny and Elkan 2002) of groups of answers. Either way answers keep their order, and average precision its value.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from generalist.faults import Fault

__all__ = ["FILE", "Scaling", "fit", "fit_best", "fit_line", "read_scalings", "write_scalings"]

Array = NDArray[Any]

FILE = "calibration.json"
"""In a model folder, beside the weights that it was measured on."""

PRIOR = 0.25
"""Precision of the Gaussian prior around the identity: what one answer of an even score would add. It keeps the fit
finite where scores part right from wrong perfectly, or nothing is wrong."""

LEAST = 0.01
"""The smallest scale. Scores that say nothing of what is right would otherwise be turned around."""

CLOSEST = float(np.finfo(np.float32).eps) / 2
"""How near a score comes to 0 and 1, where logits would be infinite: the float32 below 1 is as far from it."""


class Scaling(BaseModel):
    """The map of one task's scores, and how many answers of which data it was fitted to. line: points (score, mapped)
    to be joined, in place of ``scale`` and ``shift``; none if it has these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    shift: float = Field(default=0.0, allow_inf_nan=False)
    line: tuple[tuple[float, float], ...] = ()
    n: int = Field(default=0, ge=0)
    data: str = ""

    @field_validator("line")
    @classmethod
    def _rises(cls, line: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        table = np.asarray(line, np.float64).reshape(-1, 2)
        if not ((table >= 0) & (table <= 1)).all() or (np.diff(table, axis=0) <= 0).any():
            raise ValueError("the points of a line lie in [0, 1] and rise")
        return line

    def __call__(self, scores: Any) -> NDArray[np.float32]:
        """Scores in [0, 1] of any shape: the same, calibrated."""
        if self.line:
            return np.asarray(np.interp(scores, *np.asarray(self.line).T), np.float32)
        if (self.scale, self.shift) == (1.0, 0.0):
            return np.asarray(scores, np.float32)
        return np.asarray(_squash(self.scale * _logit(scores) + self.shift), np.float32)


def fit(scores: Any, right: Any, shifted: bool = True) -> Scaling:
    """The map of least log-loss for scores (n,) in [0, 1] and whether each was right (n,) bool; with a shift of 0
    unless ``shifted``."""
    x, y = _logit(scores), np.asarray(right, np.float64)
    columns = np.stack([x, np.ones_like(x)], 1)[:, : 2 if shifted else 1]
    solution = _newton(columns, y, np.zeros_like(x), np.asarray([1.0, 0.0])[: columns.shape[1]])
    if solution[0] < LEAST:
        solution = np.append(LEAST, _newton(columns[:, 1:], y, LEAST * x, np.zeros(columns.shape[1] - 1)))
    return Scaling(scale=float(solution[0]), shift=float(solution[1]) if shifted else 0.0, n=len(x))


def fit_line(scores: Any, right: Any) -> Scaling:
    """The line of isotonic regression through groups of about sqrt(n) answers of like score, (0, 0) and (1, 1)."""
    if not len(scores):
        return Scaling()
    order = np.argsort(scores, kind="stable")
    x, y = np.asarray(scores, np.float64)[order], np.asarray(right, np.float64)[order]
    blocks: list[Array] = []  # sums of scores and of right answers, and their number
    for group in np.array_split(np.stack([x, y, np.ones_like(x)], 1), max(int(np.sqrt(len(x))), 1)):
        blocks.append(group.sum(0))
        # Pool adjacent violators (Ayer et al. 1955): two groups that fall are one.
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    sums = np.asarray(blocks).reshape(-1, 3)
    # Half an answer more of either kind: no group is ever so sure as to be infinitely wrong.
    points = np.stack([sums[:, 0] / sums[:, 2], (sums[:, 1] + 0.5) / (sums[:, 2] + 1)], 1)
    rising = [np.zeros(2)]
    for point in [*points, np.ones(2)]:
        if (point > rising[-1]).all() and (point < 1).all():
            rising.append(point)
    return Scaling(line=tuple((float(a), float(b)) for a, b in [*rising, np.ones(2)]), n=len(x))


def fit_best(parts: Sequence[tuple[Any, Any]]) -> tuple[Scaling, list[NDArray[np.float32]]]:
    """The kind of map that does best on answers it was not fitted to: none, one without a shift, one with, a line.

    parts: two or more of (scores, right), of different pictures. Each part is mapped by a fit to the others.

    Returns:
        The best kind, fitted to all the parts; and the scores of each part as the others' fit maps them.
    """
    kinds = (lambda s, r: Scaling(n=len(s)), lambda s, r: fit(s, r, shifted=False), fit, fit_line)
    best: tuple[float, Scaling, list[NDArray[np.float32]]] | None = None
    for kind in kinds:
        others = [_joined([p for j, p in enumerate(parts) if j != i]) for i in range(len(parts))]
        mapped = [kind(*other)(scores) for other, (scores, _) in zip(others, parts, strict=True)]
        loss = sum(_loss(_logit(m), np.asarray(right, np.float64)) for m, (_, right) in zip(mapped, parts, strict=True))
        if best is None or loss < best[0]:
            best = loss, kind(*_joined(parts)), mapped
    assert best is not None
    return best[1], best[2]


def _joined(parts: Sequence[tuple[Any, Any]]) -> tuple[Array, Array]:
    return np.concatenate([scores for scores, _ in parts]), np.concatenate([right for _, right in parts])


def _newton(columns: Array, y: Array, offset: Array, prior: Array) -> Array:
    """Logistic regression of y on columns (n, d), with a Gaussian prior around ``prior`` (d,): Newton's method, steps
    halved until the loss falls. The loss is convex, and strictly so by the prior."""

    def loss(at: Array) -> float:
        return _loss(columns @ at + offset, y) + PRIOR / 2 * float(((at - prior) ** 2).sum())

    at = prior.copy()
    for _ in range(100):
        p = _squash(columns @ at + offset)
        slope = columns.T @ (p - y) + PRIOR * (at - prior)
        curve = columns.T @ (columns * (p * (1 - p))[:, None]) + PRIOR * np.eye(len(at))
        step = np.linalg.solve(curve, slope)
        before = loss(at)
        while loss(at - step) > before and np.abs(step).max() > 1e-12:
            step = step / 2
        at = at - step
        if not len(step) or np.abs(step).max() < 1e-9:
            break
    return at


def _loss(z: Array, y: Array) -> float:
    """The log-loss of logits, summed."""
    return float((np.logaddexp(0, z) - y * z).sum())


def _logit(p: Any) -> Array:
    p = np.clip(np.asarray(p, np.float64), CLOSEST, 1 - CLOSEST)
    return np.log(p) - np.log1p(-p)


def _squash(z: Array) -> Array:
    return np.exp(-np.logaddexp(0, -z))


# ---- the file --------------------------------------------------------------------------------------------------------

_TABLE = TypeAdapter(dict[str, Scaling])


def read_scalings(folder: Path) -> dict[str, Scaling]:
    """The maps of a model folder by task, none where it has no file of them.

    Raises:
        Fault: the file cannot be read, or says what it may not.
    """
    path = folder / FILE
    try:
        return _TABLE.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fault(f"{path}: {where or 'the file'}: {first['msg']}; delete it, or run generalist calibrate") from error
    except (OSError, ValueError) as error:
        raise Fault(f"{path}: cannot be read: {error}; delete it, or run generalist calibrate") from error


def write_scalings(folder: Path, scalings: Mapping[str, Scaling]) -> Path:
    """Writes the maps into a model folder, beside and renamed. Raises Fault if it cannot be written."""
    path = folder / FILE
    beside = path.with_name(path.name + ".part")
    table = {task: scaling.model_dump(exclude_defaults=True) for task, scaling in sorted(scalings.items())}
    try:
        beside.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise Fault(
            f"{path}: cannot be written ({error.strerror or error}); copy the model folder, and name the copy: --model"
        ) from error
    return path
