"""An evaluation plays each attempt once, however often it is stopped and started."""

import asyncio
from collections.abc import Iterator

import pytest

from surefoot.evals.play import Contestant, evaluate
from surefoot.evals.suites import Planned
from surefoot.joints import Store
from surefoot.records import Dispatch, Episode, Goal, Judged, Outcome, Reward, Variation
from surefoot.records.errors import StoppedError
from surefoot.rollout.agents import FLOORS
from surefoot.store import balance, memory_store, resume

PLANNED = [
    Planned(
        Goal(family="f", split="test", index=index, prompt=f"go {index}", horizon=1),
        Variation(name=name, format="hermes", seed=index),
        sample,
    )
    for index in range(3)
    for name in ("lists", "both")
    for sample in range(2)
]


@pytest.fixture
def store() -> Iterator[Store]:
    made = memory_store()
    yield made
    made.close()


class Stagehand:
    """Plays until it has played `most` episodes, then the disk is full."""

    def __init__(self, most: int = 1000) -> None:
        self.played: list[Dispatch] = []
        self._most = most

    async def play(self, dispatch: Dispatch) -> Episode:
        await asyncio.sleep(0)
        if len(self.played) == self._most:
            raise StoppedError("the disk is full")
        self.played.append(dispatch)
        return Episode(dispatch=dispatch, trace=None, reward=Reward(value=1.0),
                       outcome=Outcome(kind="judged"))  # fmt: skip


def heard(row: Judged) -> None: ...


async def test_an_evaluation_that_stopped_goes_on_without_playing_anything_again(
    store: Store,
) -> None:
    first, second = Stagehand(5), Stagehand()
    with pytest.raises(StoppedError):
        await evaluate(Contestant("before"), PLANNED, first.play, store, 2, heard)
    assert resume(store).cancelled == len(PLANNED) - 5
    told: list[Judged] = []
    rows = await evaluate(Contestant("before"), PLANNED, second.play, store, 2, told.append)
    assert len(first.played) + len(second.played) == len(PLANNED) == len(rows) == len(told)
    attempts = {(sent.group, sent.attempt) for sent in (*first.played, *second.played)}
    assert len(attempts) == len(PLANNED)
    assert {sent.number for sent in second.played} == {1}
    assert balance(store).balanced
    third = Stagehand()
    again = await evaluate(Contestant("before"), PLANNED, third.play, store, 2, heard)
    assert third.played == []
    assert {row.goal for row in again} == {each.goal.key for each in PLANNED}


async def test_rows_of_two_contestants_stand_apart_and_pair(store: Store) -> None:
    for name in (*FLOORS, "before"):
        await evaluate(Contestant(name), PLANNED, Stagehand().play, store, 4, heard)
    await evaluate(Contestant("after", 3, 9), PLANNED, Stagehand().play, store, 4, heard)
    rows = list(store.stream(Judged))
    pairs = {name: sorted((r.goal, r.variation, r.sample) for r in rows if r.policy == name)
             for name in (*FLOORS, "before", "after")}  # fmt: skip
    assert len({tuple(keys) for keys in pairs.values()}) == 1
    agents = {sent.variation.agent for sent in store.stream(Dispatch)}
    assert agents == {*FLOORS, "loop"}
    assert {sent.version for sent in store.stream(Dispatch, step=9)} == {3}


async def test_a_fault_has_a_row_without_a_reward(store: Store) -> None:
    async def play(dispatch: Dispatch) -> Episode:
        outcome = Outcome(kind="fault", reason="sandbox")
        return Episode(dispatch=dispatch, trace=None, reward=None, outcome=outcome)

    (row, *_) = await evaluate(Contestant("before"), PLANNED, play, store, 4, heard)
    assert (row.reward, row.outcome) == (None, "fault")
