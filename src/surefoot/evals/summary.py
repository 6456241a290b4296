"""What a report is made of, and everything that it says: JSON-able records.

    Material(rows, steps, ended) --summarise--> Summary --> terminal | page | JSON

Every figure carries its interval, its counts and the floors beside it; the terminal and the page
only lay out what stands here, so no two of them can disagree. Not here: the counting
(`summarise.py`), reading a store (`report.py`), the sentences (`wording.py`).
"""

from collections.abc import Mapping

from surefoot.evals.statistics import Difference, Estimate
from surefoot.records import Judged, Record, StepMetrics
from surefoot.records.verdict import OutcomeKind

BEFORE, AFTER = "before", "after"


class Ended(Record):
    """How many episodes sent out for one training step ended in one way, and what they earned.
    `rewarded` have a reward; `solved` earned 1; `reward` is the sum."""

    step: int
    kind: OutcomeKind
    reason: str = ""
    episodes: int
    rewarded: int = 0
    solved: int = 0
    reward: float = 0.0


class Material(Record):
    """What a summary is made of. `title` names the run or the policy."""

    title: str
    rows: tuple[Judged, ...]
    steps: tuple[StepMetrics, ...] = ()
    ended: tuple[Ended, ...] = ()


class Line(Record):
    """Success of every policy under one choice of surroundings; None means all of them.

    `difference` is after minus before, None where there is no before.
    """

    cell: str | None = None
    family: str | None = None
    format: str | None = None
    perturbations: str | None = None
    success: Mapping[str, Estimate]
    difference: Difference | None = None


class Cost(Record):
    """What an evaluation of one policy took. Means are by episode that did not end in a fault."""

    policy: str
    episodes: int
    faults: int
    tokens: int
    tokens_mean: float
    calls_mean: float
    seconds_mean: float


class Training(Record):
    """What training took. `groups_with_signal` over `groups` is the yield; None where no step
    measured it."""

    steps: int
    episodes: int
    outcomes: Mapping[str, int]
    """Episodes by outcome, with the reason in brackets where there is one."""
    groups: int | None
    groups_with_signal: int | None
    tokens_sampled: int | None
    tokens_trained: int | None
    seconds: float | None

    @property
    def signal_share(self) -> float | None:
        """Share of groups whose rewards told their episodes apart (the yield)."""
        if not self.groups or self.groups_with_signal is None:
            return None
        return self.groups_with_signal / self.groups


class Summary(Record):
    """All that a report says. `before` and `after` name policies; None where there was none."""

    title: str
    suite: str
    before: str | None
    after: str
    controls: tuple[str, ...]
    floors: tuple[str, ...]
    headline_cell: str
    canonical_cell: str
    held_out_cell: str
    meanings: Mapping[str, str]
    """Cell -> the words that complete "success with ..."."""
    headline: str
    meaning: tuple[str, ...]
    limits: tuple[str, ...]
    cells: tuple[Line, ...]
    families: tuple[Line, ...]
    """Family x cell."""
    surroundings: tuple[Line, ...]
    """Format x perturbations, within each cell."""
    crossed: tuple[Line, ...]
    """Family x format x perturbations, within each cell."""
    rivals: Mapping[str, Difference]
    """Headline cell: after minus each control and floor."""
    gaps: Mapping[str, Difference]
    """Policy -> adaptation gap: success in the canonical cell minus in the held-out cell."""
    gap_change: Difference | None
    """Gap after minus gap before; negative is good."""
    costs: tuple[Cost, ...]
    training: Training | None
    steps: tuple[StepMetrics, ...]
    ended: tuple[Ended, ...]

    @property
    def policies(self) -> tuple[str, ...]:
        """All columns in the order in which they are shown: before, after, controls, floors."""
        first = (self.before,) if self.before else ()
        return (*first, self.after, *self.controls, *self.floors)

    @property
    def main(self) -> Line:
        """The line of the headline cell."""
        return next(line for line in self.cells if line.cell == self.headline_cell)

    def gap_measurable(self, policy: str) -> bool:
        """True where a policy that lost all its canonical success would be seen to have a gap: the
        gap cannot exceed that success, so an interval wider than it tells nothing."""
        canonical = self.canonical(policy)
        if canonical is None or canonical.value is None:
            return False
        return self.gaps[policy].half_width <= canonical.value

    def canonical(self, policy: str) -> Estimate | None:
        """Success in the canonical cell; None where it was not judged there."""
        lines = (line for line in self.cells if line.cell == self.canonical_cell)
        return next((line.success.get(policy) for line in lines), None)
