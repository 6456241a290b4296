"""One judged attempt, as the statistics and the report read it."""

from collections.abc import Mapping

from surefoot.records.base import Record
from surefoot.records.verdict import OutcomeKind


class Judged(Record):
    """One evaluation episode. `policy` names the column that it belongs to: `before`, `after`, a
    control, or a floor (`nothing`, `random`). `variation` is the variation's name. `sample` numbers
    the attempts at the same goal under the same variation: rows of two policies that share goal,
    variation and sample are paired. `reward` is None where the episode ended in a fault.
    """

    policy: str
    goal: str
    family: str
    variation: str
    format: str
    perturbations: tuple[str, ...]
    sample: int
    reward: float | None
    outcome: OutcomeKind
    tokens: int = 0
    calls: int = 0
    seconds: float = 0.0


class StepMetrics(Record):
    """What one training step measured: numbers by name (documented in docs/training.md)."""

    step: int
    version: int
    values: Mapping[str, float]
