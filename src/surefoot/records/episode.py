"""One attempt at a goal under a variation, and the group that shares its baseline."""

from surefoot.records.base import Record
from surefoot.records.goal import Goal
from surefoot.records.trace import Trace
from surefoot.records.variation import Variation
from surefoot.records.verdict import Outcome, Reward


class Dispatch(Record):
    """An episode as it is sent out. `number` counts dispatches of the same attempt (a resumed run
    dispatches a cancelled attempt again under the next number)."""

    step: int
    group: int
    attempt: int
    number: int = 0
    goal: Goal
    variation: Variation
    version: int
    """Newest policy version at dispatch."""

    @property
    def id(self) -> str:
        """Unique within a run: step, group, attempt and dispatch number."""
        return f"{self.step}.{self.group}.{self.attempt}.{self.number}"


class Episode(Record):
    """A finished episode: what was sent out, what was said, what it earned, how it ended.

    `reward` is None where the episode ended in a fault; `trace` is None where it never opened.
    """

    dispatch: Dispatch
    trace: Trace | None
    reward: Reward | None
    outcome: Outcome
    seconds: float = 0.0


class Group(Record):
    """The episodes of one goal that share a baseline."""

    index: int
    episodes: tuple[Episode, ...]
