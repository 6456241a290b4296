# pyright: basic
"""What one step measured: sums over trained tokens, turned into numbers by name.

It measures and never decides. Names and meanings stand in docs/training.md. Ratio, parity and lag
are taken before the step's first update, where the weights still are those of `version`.
Shapes: M trained tokens of one micro-batch.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.training.batch import Batch
from surefoot.training.losses import Terms


class Seen(NamedTuple):
    """What one forward pass over a micro-batch gave; `tokens` counts context too."""

    terms: Terms
    versions_M: NDArray[np.int64]
    correct_M: Tensor
    tokens: int


def batch_metrics(batch: Batch) -> dict[str, float]:
    """What the batch itself says: groups, episodes and the conservation of tokens."""
    trained = [outcome for outcome in batch.outcomes.values() if outcome.kind == "trained"]
    found = {
        "groups": float(batch.groups),
        "groups_trained": float(len({row.group for row in batch.rows})),
        "episodes_trained": float(len(trained)),
        "rows": float(len(batch.rows)),
        "tokens_sampled": float(batch.ledger.sampled),
        "tokens_trained": float(batch.ledger.trained),
    }
    for reason, count in batch.ledger.given_up.items():
        found[f"tokens_given_up/{reason}"] = float(count)
    return found


class Tally:
    """Sums over the micro-batches of one step."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.losses: list[float] = []
        self.tokens = 0
        self.trained = 0
        self.clipped = 0.0
        self.correct = 0.0
        self.surprise = 0.0
        self.first = 0
        self.ratios = 0.0
        self.lags = 0.0
        self.fresh = 0
        self.parity = 0.0
        self.parity_max = 0.0

    def add(self, seen: Seen, clipped_M: Tensor) -> None:
        """Takes in one micro-batch."""
        terms = seen.terms
        count = terms.logprobs_M.numel()
        logprobs_M = terms.logprobs_M.detach()
        self.tokens += seen.tokens
        self.trained += count
        self.clipped += float(clipped_M.sum())
        self.correct += float(seen.correct_M.sum())
        self.surprise -= float(logprobs_M.sum())
        if self.losses or not count:
            return
        difference_M = logprobs_M - terms.old_logprobs_M
        self.first += count
        self.ratios += float(difference_M.exp().sum())
        self.lags += float((self.version - seen.versions_M).sum())
        fresh_M = torch.from_numpy(seen.versions_M == self.version).to(difference_M.device)
        apart_M = difference_M[fresh_M].abs()
        if apart_M.numel():
            self.fresh += apart_M.numel()
            self.parity += float(apart_M.sum())
            self.parity_max = max(self.parity_max, float(apart_M.max()))

    def updated(self, loss: float) -> None:
        """Notes that an update was taken on a minibatch of this loss."""
        self.losses.append(loss)

    def metrics(self, *, supervised: bool) -> dict[str, float]:
        """The numbers by name; those that compare with sampling only where there was sampling."""
        trained = max(1, self.trained)
        found = {
            "loss": sum(self.losses) / max(1, len(self.losses)),
            "tokens_forward": float(self.tokens),
            "entropy_estimate": self.surprise / trained,
        }
        if supervised:
            return {**found, "accuracy": self.correct / trained}
        first = max(1, self.first)
        return {
            **found,
            "clipped_share": self.clipped / trained,
            "ratio_mean": self.ratios / first,
            "lag_mean": self.lags / first,
            "parity_mean": self.parity / max(1, self.fresh),
            "parity_max": self.parity_max,
        }
