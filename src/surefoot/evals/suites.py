"""Suites: under which surroundings a policy is evaluated, on which goals, how often.

    goals, seed --> Suite.plan --> (goal, variation, sample), (goal, variation, sample) ...

A cell is one column of the results: a distribution over surroundings. The variation of an attempt
depends on the seed, the goal's key, the cell and the sample alone. So two policies, or the same
policy before and after training, meet identical surroundings attempt by attempt, whatever the
order in which goals come. Not here: running episodes, and what is seen in training
(`perturbations/draw.py`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from surefoot.perturbations.draw import TOOL_PERTURBATIONS, TRAINING_FORMATS, stable_seed
from surefoot.records import Goal, Record, Variation
from surefoot.records.errors import ConfigError, GoalError


class Cell(Record):
    """One column of the results. `formats` names each format with its share."""

    name: str
    meaning: str
    """What the cell asks, in words that complete the sentence "success with ..."."""
    formats: dict[str, float]
    perturbations: tuple[str, ...] = ()
    held_out_names: bool = False
    held_out_format: bool = False

    def variation(self, seed: int, goal: str, sample: int) -> Variation:
        """The surroundings of one attempt: a function of its arguments alone."""
        drawn = stable_seed("cell", self.name, seed, goal, sample)
        return Variation(
            name=self.name,
            format=_pick(self.formats, drawn),
            perturbations=self.perturbations,
            held_out_names=self.held_out_names,
            held_out_format=self.held_out_format,
            seed=drawn,
        )


class Planned(NamedTuple):
    """One attempt to be made. `sample` numbers attempts at one goal in one cell from 0."""

    goal: Goal
    variation: Variation
    sample: int


class Suite(Record):
    """A named list of cells, with how many goals of each family and attempts a goal.

    `headline` names the cell of the report's first sentence, `canonical` and `held_out` the two
    whose difference is the adaptation gap.
    """

    name: str
    cells: tuple[Cell, ...]
    goals: int
    samples: int = 1
    headline: str = "both"
    canonical: str = "lists"
    held_out: str = "both"

    def plan(self, goals: Iterable[Goal], seed: int = 0) -> Iterator[Planned]:
        """Yields the attempts, goal by goal: the first `self.goals` of each family in stream order.

        Reads `goals` to its end, so it must be finite.

        Raises:
            GoalError: there are no goals at all.
        """
        taken: Counter[str] = Counter()
        for goal in goals:
            if taken[goal.family] >= self.goals:
                continue
            taken[goal.family] += 1
            for cell in self.cells:
                for sample in range(self.samples):
                    yield Planned(goal, cell.variation(seed, goal.key, sample), sample)
        if not taken:
            raise GoalError(
                f"the suite {self.name} got no goals; check the split and the families asked for"
            )


CELLS = (
    Cell(
        name="canonical",
        meaning="the tools' own names in one fixed list",
        formats={"hermes": 1.0},
    ),
    Cell(
        name="lists",
        meaning="the tools' own names in many orders",
        formats={"hermes": 1.0},
        perturbations=("order",),
    ),
    Cell(
        name="seen",
        meaning="names and formats of the kinds seen in training",
        formats=TRAINING_FORMATS,
        perturbations=TOOL_PERTURBATIONS,
    ),
    Cell(
        name="names",
        meaning="held-out names",
        formats={"grammar": 1.0},
        perturbations=TOOL_PERTURBATIONS,
        held_out_names=True,
    ),
    Cell(
        name="grammar",
        meaning="held-out grammar combinations",
        formats={"grammar": 1.0},
        perturbations=TOOL_PERTURBATIONS,
        held_out_format=True,
    ),
    Cell(
        name="both",
        meaning="held-out names and held-out grammar combinations together",
        formats={"grammar": 1.0},
        perturbations=TOOL_PERTURBATIONS,
        held_out_names=True,
        held_out_format=True,
    ),
    Cell(
        name="react",
        meaning="a hand-written format that was never seen",
        formats={"react": 1.0},
        perturbations=TOOL_PERTURBATIONS,
        held_out_format=True,
    ),
)
"""The cells of the suites that ship, from what is most to what is least familiar."""

SUITES = {
    suite.name: suite
    for suite in (
        Suite(name="quick", cells=CELLS, goals=12),
        Suite(
            name="headline",
            cells=tuple(cell for cell in CELLS if cell.name in ("lists", "both", "react")),
            goals=24,
        ),
        Suite(name="full", cells=CELLS, goals=50, samples=2),
    )
}


def suite(name: str) -> Suite:
    """The suite called `name`.

    Raises:
        ConfigError: no suite has this name; the nearest one is offered.
    """
    if name in SUITES:
        return SUITES[name]
    near = get_close_matches(name, SUITES, n=1) or sorted(SUITES)
    raise ConfigError(f"there is no suite called {name}; did you mean {' or '.join(near)}?")


def _pick(shares: dict[str, float], seed: int) -> str:
    """One key of `shares`, with its share as probability."""
    at = stable_seed("format", seed) / 2**31 * sum(shares.values())
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return next(reversed(shares))
