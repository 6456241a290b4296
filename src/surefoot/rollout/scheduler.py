"""Which episodes are in flight, and when a step's groups are whole.

    plan(step, group) --dispatch--> store      steps  s     s+1   ... s+bound
                      --play--> Episode               |     |          in flight together
    step(s) waits for all groups of s <---------------'

Groups are sent out for the step in which they will train, up to `staleness` steps ahead of the one
in training. With a bound of 0 nothing runs ahead: that is the synchronous case, not another loop.
`step` waits for episodes; each of them stands under its own deadline (episode.py), so the wait is
bounded. Invariant: every episode is written to the store before it starts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from surefoot.joints import Store
from surefoot.records import Dispatch, Episode, Goal, Group, Variation
from surefoot.records.errors import StoppedError

Attempt = tuple[int, int, int]


class RolloutConfig(BaseModel):
    """How episodes are sent out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: int = Field(default=16, ge=1)
    """Groups a step: goals that are attempted."""
    group_size: int = Field(default=8, ge=2)
    """Attempts at each of them, which share a baseline."""
    staleness: int = Field(default=0, ge=0)
    """Steps that rollouts may run ahead of training; 0 is synchronous."""
    concurrency: int = Field(default=128, ge=1)
    """Episodes in flight at once."""
    temperature: float = Field(default=1.0, gt=0)
    """Of sampling in training."""


class Planned(NamedTuple):
    """What one group attempts."""

    goal: Goal
    variation: Variation


class Scheduler:
    """Sends out groups and hands them over step by step.

    Args:
        plan: (step, group) -> goal and variation; the same whenever it is asked.
        play: plays one episode; raises only what must end the run.
        number: the next dispatch number of an attempt (0 unless a resumed run repeats it).
        last: no groups are sent out for later steps.
    """

    def __init__(
        self,
        config: RolloutConfig,
        plan: Callable[[int, int], Planned],
        play: Callable[[Dispatch], Awaitable[Episode]],
        store: Store,
        number: Callable[[int, int, int], int],
    ) -> None:
        self._config = config
        self._plan = plan
        self._play = play
        self._store = store
        self._number = number
        self._free = asyncio.Semaphore(config.concurrency)
        self._flying: dict[int, list[asyncio.Task[Episode]]] = {}

    async def step(self, step: int, version: int, last: int) -> list[Group]:
        """Returns the groups of `step`, once all of their episodes have ended.

        Raises:
            StoppedError: every one of them ended in a fault, so there is nothing to train on and
                the next step would fare no better.
        """
        self.send(step, version, last)
        episodes = await asyncio.gather(*self._flying[step])
        del self._flying[step]
        faults = {episode.outcome.reason for episode in episodes if episode.outcome.kind == "fault"}
        if all(episode.outcome.kind == "fault" for episode in episodes):
            raise StoppedError(
                f"all {len(episodes)} episodes of step {step} ended in a fault "
                f"({', '.join(sorted(faults))}); log.txt in the run's folder tells more: mend the "
                "cause, then resume the run"
            )
        size = self._config.group_size
        return [
            Group(index=index, episodes=tuple(episodes[index * size : (index + 1) * size]))
            for index in range(self._config.groups)
        ]

    def send(self, step: int, version: int, last: int) -> None:
        """Sends out what is allowed to be in flight while `step` is the next to train."""
        for ahead in range(step, min(step + self._config.staleness, last) + 1):
            if ahead not in self._flying:
                dispatches = self._dispatches(ahead, version)
                self._store.write(*dispatches)
                self._flying[ahead] = [
                    asyncio.create_task(self._fly(dispatch)) for dispatch in dispatches
                ]

    async def close(self) -> None:
        """Ends what is in flight; the store will call it cancelled when the run is resumed."""
        tasks = [task for flying in self._flying.values() for task in flying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._flying.clear()

    def _dispatches(self, step: int, version: int) -> Sequence[Dispatch]:
        made: list[Dispatch] = []
        for group in range(self._config.groups):
            planned = self._plan(step, group)
            for attempt in range(self._config.group_size):
                made.append(
                    Dispatch(
                        step=step,
                        group=group,
                        attempt=attempt,
                        number=self._number(step, group, attempt),
                        goal=planned.goal,
                        variation=planned.variation,
                        version=version,
                    )
                )
        return made

    async def _fly(self, dispatch: Dispatch) -> Episode:
        async with self._free:
            return await self._play(dispatch)
