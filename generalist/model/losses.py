"""The loss: cross-entropy under the grammar. Each target is scored against what could have stood in its place."""

from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["SPREAD", "grouped_loss", "shown_loss"]

SPREAD = 1.5
"""Standard deviation, in bins, of the soft targets of ordinal tokens."""


SHOWN = 5.0
"""Weight of each of the two losses of a mask that is shown, as Mask2Former has it (Cheng et al. 2022)."""


def grouped_loss(
    hidden: Tensor, table: Tensor, labels_out: Tensor, batch: dict[str, Any], shown: Tensor | None = None
) -> dict[str, Tensor]:
    """Mean loss by task, and their weighted sum.

    hidden (B*S, D); table (V, D) the tied embedding; labels_out (M, D). Targets come in groups that share what the
    grammar allows: only those columns of the table are multiplied. Every group is a dict of: ``columns`` (C,) ids;
    ``order`` (C + Mmax,) the place of each in its ordinal block (far from all others where it has none); ``named``
    whether labels follow the columns; ``ordinal``; ``at`` (n,) rows of hidden; ``target`` (n,) index among the columns;
    ``weight`` (n,); ``share`` (n,) what each adds to the divisor of the mean; ``task`` (n,); ``request`` (n,)
    row of ``batch["request_labels"]`` (Q, Mmax). shown (n,): the loss of every mask of ``batch["shown"]``, each of
    which stands for its tokens, that are scored as certain.
    """
    tasks = len(batch["task_weight"])
    total = torch.zeros(tasks, device=hidden.device)
    count = torch.zeros(tasks, device=hidden.device)
    groups = batch["groups"]
    # Taken once for all: the way back of each taking clears and adds a whole table.
    states, vectors = _taken(hidden, [g["at"] for g in groups]), _taken(table, [g["columns"] for g in groups])
    for group, h, columns in zip(groups, states, vectors, strict=True):
        loss = _group(h, columns, labels_out, group, batch["request_labels"])
        # Padding may ask for what its request cannot hold, at a loss that is infinite and a weight of nothing.
        total = total.index_add(0, group["task"], torch.where(group["weight"] > 0, loss * group["weight"], 0.0))
        count = count.index_add(0, group["task"], group["share"])
    if shown is not None:
        total = total.index_add(0, batch["shown"]["task"], shown * batch["shown"]["at"].shape[1])
    mean = total / count.clamp(min=1e-6)
    return {"loss": (mean * batch["task_weight"]).sum(), "by_task": mean.detach(), "count": count}


def _taken(table: Tensor, rows: list[Tensor]) -> tuple[Tensor, ...]:
    """The rows (n,) of a table, group by group."""
    return table.index_select(0, torch.cat(rows)).split([len(some) for some in rows]) if rows else ()


def _group(h: Tensor, columns: Tensor, labels_out: Tensor, group: dict[str, Any], request_labels: Tensor) -> Tensor:
    logits = (h @ columns.T).float()
    if group["named"]:
        slots = request_labels[group["request"]]
        named = (
            torch.einsum(
                "nd,nmd->nm",
                h.float(),
                labels_out.index_select(0, slots.clamp(min=0).flatten()).unflatten(0, slots.shape),
            )
            * h.shape[-1] ** -0.5
        )
        logits = torch.cat([logits, named.masked_fill(slots < 0, float("-inf"))], 1)
    if not group["ordinal"]:
        return F.cross_entropy(logits, group["target"], reduction="none")
    order = group["order"]
    soft = torch.exp(-((order[None] - order[group["target"]][:, None]) ** 2) / (2 * SPREAD**2))
    soft = soft / soft.sum(1, keepdim=True)
    return torch.logsumexp(logits, 1) - (soft * logits).sum(1)


def shown_loss(planes: Tensor, grid: tuple[int, int], cover: Tensor) -> Tensor:
    """The loss (n,) of masks shown as logits ``planes`` (n, P, N) of the P sub-cells of N patches, ``grid`` (down,
    across) of them, against ``cover`` (n, E, E) in [0, 1]: cross-entropy of every cell, and Dice (Milletari et al.
    2016)."""
    n = isqrt(planes.shape[1])
    cells = F.pixel_shuffle(planes.float().unflatten(2, grid), n).squeeze(1)
    wanted = F.interpolate(cover[:, None], cells.shape[1:], mode="area").squeeze(1)
    each = F.binary_cross_entropy_with_logits(cells, wanted, reduction="none").mean((1, 2))
    share = cells.sigmoid()
    overlap = (2 * (share * wanted).sum((1, 2)) + 1) / ((share + wanted).sum((1, 2)) + 1)
    return SHOWN * (each + 1 - overlap)
