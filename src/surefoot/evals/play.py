"""Plays a suite: every planned attempt once for a policy, or for a floor.

    Suite.plan --> Dispatch --play--> Episode --> Judged --> store

Attempts that the store has a row for are not played again, so an evaluation that was stopped goes
on where it stopped. Episodes are sent out for a step that never trains: 0 before training, the one
behind the last after it. Not here: which attempts there are (`suites.py`), and what their rows mean
(`summarise.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from surefoot.evals.suites import Planned
from surefoot.joints import Store
from surefoot.records import Dispatch, Episode, Judged
from surefoot.rollout.agents import FLOORS


class EvalConfig(BaseModel):
    """What is evaluated before and after training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str = "quick"
    """Name of the suite; `none` leaves evaluation out."""
    seed: int = 0
    """Draws the surroundings of every attempt; the same for all policies that are compared."""
    temperature: float = Field(default=0.0, ge=0)
    """Of sampling in evaluation; 0 takes the likeliest token."""
    concurrency: int = Field(default=128, ge=1)
    """Episodes in flight at once."""


Play = Callable[[Dispatch], Awaitable[Episode]]


class Contestant(NamedTuple):
    """Who is evaluated: the name of its rows, its policy version, and the step that its episodes
    are sent out for."""

    name: str
    version: int = 0
    step: int = 0


async def evaluate(
    contestant: Contestant,
    planned: Sequence[Planned],
    play: Play,
    store: Store,
    concurrency: int,
    done: Callable[[Judged], None],
) -> list[Judged]:
    """Plays what is not played yet under the contestant's name; returns all of its rows.

    Each attempt waits for a free place and then for its own deadline, so the whole is bounded.

    Raises:
        UserError, StoppedError: what the play or the store raised first; the rows written so far
            are kept.
    """
    rows = {_attempt(row): row for row in store.stream(Judged) if row.policy == contestant.name}
    numbers = _numbers(store, contestant.step)
    free = asyncio.Semaphore(concurrency)
    waiting: list[tuple[Dispatch, Planned]] = []
    for index, each in enumerate(planned):
        if (each.goal.key, each.variation.name, each.sample) in rows:
            done(rows[each.goal.key, each.variation.name, each.sample])
        else:
            waiting.append((_dispatch(contestant, index, each, numbers), each))
    store.write(*(dispatch for dispatch, _ in waiting))

    async def attempt(dispatch: Dispatch, each: Planned) -> Judged:
        async with free:
            episode = await play(dispatch)
        row = judged(contestant.name, each, episode)
        store.write(episode, row)
        done(row)
        return row

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attempt(*each)) for each in waiting]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [*rows.values(), *(task.result() for task in tasks)]


def judged(policy: str, planned: Planned, episode: Episode) -> Judged:
    """One row of an evaluation."""
    trace = episode.trace
    nodes = trace.nodes if trace is not None else ()
    return Judged(
        policy=policy,
        goal=planned.goal.key,
        family=planned.goal.family,
        variation=planned.variation.name,
        format=planned.variation.format,
        perturbations=planned.variation.perturbations,
        sample=planned.sample,
        reward=episode.reward.value if episode.reward is not None else None,
        outcome=episode.outcome.kind,
        tokens=sum(len(node.tokens) for node in nodes if node.sampled),
        calls=trace.calls if trace is not None else 0,
        seconds=episode.seconds,
    )


def _attempt(row: Judged) -> tuple[str, str, int]:
    return row.goal, row.variation, row.sample


def _numbers(store: Store, step: int) -> dict[tuple[int, int], int]:
    """The next dispatch number of every evaluation attempt."""
    found = store.query(
        "SELECT group_index, attempt, max(number) + 1 FROM dispatches WHERE step = ? GROUP BY 1, 2",
        step,
    )
    return {(group, attempt): number for group, attempt, number in found}


def _dispatch(
    contestant: Contestant, index: int, each: Planned, numbers: dict[tuple[int, int], int]
) -> Dispatch:
    variation = each.variation
    if contestant.name in FLOORS:
        variation = variation.model_copy(update={"agent": contestant.name})
    return Dispatch(
        step=contestant.step,
        group=index,
        attempt=each.sample,
        number=numbers.get((index, each.sample), 0),
        goal=each.goal,
        variation=variation,
        version=contestant.version,
    )
