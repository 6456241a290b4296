"""How sure a figure is: intervals clustered by goal, paired differences, an exact paired test.

    units (goal, value) --> rate        share of successes, Wilson interval, effective sample size
                        --> mean        mean of signed units (differences, changes of a gap)
                        --> sign_flip   two-sided p of "no difference", exact

Attempts at one goal resemble each other, so goals are the clusters: they are what was drawn at
random. Every interval holds its estimate, stays inside the possible range, has a width above zero
where all attempts agree, and is the whole range where there is but one goal. Episodes that ended
in a fault carry no value: they are left out, and counted by the caller. Pure functions of numbers;
not here: which rows are compared with which (`evals/compare.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from surefoot.records import Record

LEVEL = 0.95
"""Confidence level of every interval."""

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_ZERO = 1e-12


class Unit(NamedTuple):
    """One attempt (or one pair of attempts) at a goal, and what it counts."""

    goal: str
    value: int


class Estimate(Record):
    """A figure with its 95 % interval. `value`, `low` and `high` are None where nothing was
    measured. `units` counts attempts (or pairs), `goals` the clusters, `faults` what was left out.
    """

    value: float | None
    low: float | None
    high: float | None
    goals: int
    units: int
    faults: int = 0

    @property
    def half_width(self) -> float:
        """Half the interval's width; 1 where nothing was measured."""
        return 1.0 if self.low is None or self.high is None else (self.high - self.low) / 2


class Difference(Estimate):
    """A paired difference. `p` is two-sided, of the hypothesis that the sign of each goal's
    difference is a coin's; None where nothing was measured."""

    p: float | None


def rate(units: Sequence[Unit], faults: int = 0) -> Estimate:
    """Success rate of `units` (values 0 or 1) with a Wilson interval at the effective sample size.

    The effective size divides the number of units by the design effect (Kish 1965), estimated with
    the linearised between-goal variance, and is corrected for the degrees of freedom of few goals
    (Korn and Graubard 1998, Survey Methodology 24). It never exceeds the number of units. At 0 and
    100 %, where the design effect cannot be estimated, each goal counts once.
    """
    if not units:
        return Estimate(value=None, low=None, high=None, goals=0, units=0, faults=faults)
    sums, sizes = _clusters(units)
    n, goals = len(units), len(sizes)
    p = float(sums.sum()) / n
    if goals == 1:
        low, high = 0.0, 1.0
    else:
        low, high = _wilson(p, _effective(sums, sizes, p * (1 - p)))
    return Estimate(
        value=p, low=min(low, p), high=max(high, p), goals=goals, units=n, faults=faults
    )


def mean(units: Sequence[Unit], *, span: int = 1, faults: int = 0) -> Difference:
    """Mean of `units` in [-span, span] with an interval clustered by goal, and its sign-flip p.

    The interval of Agresti and Min (2005, Statistics in Medicine 24) for paired proportions, which
    adds half an observation to each cell of the two-by-two table, at the effective sample size as
    in `rate`; where all units agree, each goal counts once.
    `span` 2 is for differences of differences, whose added observations vary twice as much.
    """
    if not units:
        return Difference(value=None, low=None, high=None, goals=0, units=0, faults=faults, p=None)
    sums, sizes = _clusters(units)
    n, goals = len(units), len(sizes)
    value = float(sums.sum()) / n
    low, high = -float(span), float(span)
    if goals > 1:
        square = sum(unit.value**2 for unit in units) / n
        size = _effective(sums, sizes, square - value**2)
        low, high = _agresti_min(value, square, size, span)
    return Difference(
        value=value,
        low=max(-span, min(low, value)),
        high=min(span, max(high, value)),
        goals=goals,
        units=n,
        faults=faults,
        p=sign_flip(units),
    )


def sign_flip(units: Iterable[Unit]) -> float:
    """Two-sided p of the sign-flip permutation test on the sums by goal; exact, so without a seed.

    Under the null the sign of each goal's sum is a fair coin's. As sums are whole numbers, the
    distribution of their total follows by convolution, for any number of goals. Never 0: at least
    the two assignments as extreme as a unanimous one count. With one pair a goal this is the exact
    McNemar test.
    """
    sums: Counter[str] = Counter()
    for unit in units:
        sums[unit.goal] += unit.value
    steps = [abs(total) for total in sums.values() if total]
    observed = abs(sum(sums.values()))
    law = np.ones(1)
    for step in steps:
        law = np.convolve(law, _coin(step))
    reach = sum(steps)
    tail = np.abs(np.arange(-reach, reach + 1)) >= observed
    return min(1.0, max(float(law[tail].sum()), np.finfo(float).tiny))


def goals_needed(estimate: Estimate, target: float) -> int:
    """How many goals would narrow an interval like this one to plus or minus `target`."""
    return int(np.ceil(estimate.goals * (estimate.half_width / target) ** 2))


def _coin(step: int) -> "_Numbers":
    law = np.zeros(2 * step + 1)
    law[0] = law[-1] = 0.5
    return law


_Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]


def _clusters(units: Sequence[Unit]) -> tuple[_Numbers, _Numbers]:
    """Sum of values and number of units of each goal."""
    values: dict[str, list[int]] = defaultdict(list)
    for unit in units:
        values[unit.goal].append(unit.value)
    return (
        np.array([sum(each) for each in values.values()], dtype=float),
        np.array([len(each) for each in values.values()], dtype=float),
    )


def _quantile(freedom: float) -> float:
    """Two-sided Student quantile at `LEVEL`."""
    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def _effective(sums: _Numbers, sizes: _Numbers, variance: float) -> float:
    """Effective number of independent units, at most the number of units.

    `variance` is that of one unit about the mean of all.
    """
    n, goals = float(sizes.sum()), len(sizes)
    if variance <= _ZERO:
        return float(goals)
    scatter = float(((sums - sizes * sums.sum() / n) ** 2).sum())
    between = goals / (goals - 1) * scatter / n**2
    size = min(n, variance / between) if between > 0 else n
    if n == goals:
        return size
    return size * (_quantile(n - 1) / _quantile(goals - 1)) ** 2


def _wilson(p: float, n: float) -> tuple[float, float]:
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _agresti_min(value: float, square: float, n: float, span: int) -> tuple[float, float]:
    """`value` and `square` are the means of the units and of their squares."""
    centre = n * value / (n + 2)
    error = sqrt(n * square + span - n * value * centre) / (n + 2)
    return centre - _Z * error, centre + _Z * error
