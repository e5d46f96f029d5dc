"""The loss: cross-entropy under the grammar. Each target is scored against what could have stood in its place."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["SPREAD", "grouped_loss"]

SPREAD = 1.5
"""Standard deviation, in bins, of the soft targets of ordinal tokens."""


def grouped_loss(hidden: Tensor, table: Tensor, labels_out: Tensor, batch: dict[str, Any]) -> dict[str, Tensor]:
    """Mean loss by task, and their weighted sum.

    hidden (B*S, D); table (V, D) the tied embedding; labels_out (M, D). Targets come in groups that share what the
    grammar allows: only those columns of the table are multiplied. Every group is a dict of: ``columns`` (C,) ids;
    ``order`` (C + Mmax,) the place of each in its ordinal block (far from all others where it has none); ``named``
    whether labels follow the columns; ``ordinal``; ``at`` (n,) rows of hidden; ``target`` (n,) index among the columns;
    ``weight`` (n,); ``share`` (n,) what each adds to the divisor of the mean; ``task`` (n,); ``request`` (n,)
    row of ``batch["request_labels"]`` (Q, Mmax).
    """
    tasks = len(batch["task_weight"])
    total = torch.zeros(tasks, device=hidden.device)
    count = torch.zeros(tasks, device=hidden.device)
    for group in batch["groups"]:
        loss = _group(hidden.index_select(0, group["at"]), table, labels_out, group, batch["request_labels"])
        # Padding may ask for what its request cannot hold, at a loss that is infinite and a weight of nothing.
        total = total.index_add(0, group["task"], torch.where(group["weight"] > 0, loss * group["weight"], 0.0))
        count = count.index_add(0, group["task"], group["share"])
    mean = total / count.clamp(min=1e-6)
    return {"loss": (mean * batch["task_weight"]).sum(), "by_task": mean.detach(), "count": count}


def _group(h: Tensor, table: Tensor, labels_out: Tensor, group: dict[str, Any], request_labels: Tensor) -> Tensor:
    logits = (h @ table.index_select(0, group["columns"]).T).float()
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
