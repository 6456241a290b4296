"""Which rows are counted, and which are compared with which.

    Judged rows --> units (goal, value) --> statistics --> Estimate, Difference

An attempt succeeded where its reward is 1; partial rewards are no success. Two policies are paired
attempt by attempt: same goal, same variation, same sample. Two cells are paired within one policy:
same goal, same sample. Where either half ended in a fault the pair is left out and counted. Not
here: the formulas (`statistics.py`), and what is shown (`summary.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from surefoot.evals.statistics import Difference, Estimate, Unit, mean, rate
from surefoot.records import Judged

SOLVED = 1.0 - 1e-9
"""Least reward that counts as success."""

K = TypeVar("K")


class Attempt(NamedTuple):
    """What two attempts at the same goal share."""

    goal: str
    sample: int


def success(rows: Iterable[Judged]) -> Estimate:
    """Share of attempts that succeeded; faults are left out and counted."""
    units: list[Unit] = []
    faults = 0
    for row in rows:
        if row.reward is None:
            faults += 1
        else:
            units.append(Unit(row.goal, _solved(row.reward)))
    return rate(units, faults)


def paired(before: Iterable[Judged], after: Iterable[Judged]) -> Difference:
    """Success of `after` minus `before` over pairs of the same goal, variation and sample."""

    def key(row: Judged) -> tuple[str, str, int]:
        return row.goal, row.variation, row.sample

    return _difference([(_index(after, key), 1), (_index(before, key), -1)], lambda at: at[0])


def gap(easy: Iterable[Judged], hard: Iterable[Judged]) -> Difference:
    """Success in the cell `easy` minus success in the cell `hard`, of one policy."""
    return _difference([(_attempts(easy), 1), (_attempts(hard), -1)], lambda at: at.goal)


def gap_change(
    before: tuple[Sequence[Judged], Sequence[Judged]],
    after: tuple[Sequence[Judged], Sequence[Judged]],
) -> Difference:
    """The gap after minus the gap before; each pair is the rows of (easy, hard). Negative is
    good: what is held out costs less than it did."""
    halves = [
        (_attempts(after[0]), 1),
        (_attempts(after[1]), -1),
        (_attempts(before[0]), -1),
        (_attempts(before[1]), 1),
    ]
    return _difference(halves, lambda at: at.goal, span=2)


def _solved(reward: float) -> int:
    return int(reward >= SOLVED)


def _attempts(rows: Iterable[Judged]) -> Mapping[Attempt, Judged]:
    return _index(rows, lambda row: Attempt(row.goal, row.sample))


def _index(rows: Iterable[Judged], key: Callable[[Judged], K]) -> Mapping[K, Judged]:
    found: dict[K, Judged] = {}
    for row in rows:
        at = key(row)
        if at in found:
            raise ValueError(
                f"two judged rows of {row.policy} share {at}; pass the rows of one evaluation"
            )
        found[at] = row
    return found


def _difference(
    halves: Sequence[tuple[Mapping[K, Judged], int]], goal: Callable[[K], str], span: int = 1
) -> Difference:
    """Mean of the signed sum over `halves`, where each has the attempt and none is a fault."""
    units: list[Unit] = []
    faults = 0
    for at in halves[0][0]:
        if any(at not in rows for rows, _ in halves):
            continue
        rewards = [(rows[at].reward, sign) for rows, sign in halves]
        known = [sign * _solved(reward) for reward, sign in rewards if reward is not None]
        if len(known) < len(halves):
            faults += 1
        else:
            units.append(Unit(goal(at), sum(known)))
    return mean(units, span=span, faults=faults)
