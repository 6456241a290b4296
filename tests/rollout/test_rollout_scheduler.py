"""Who is in flight, for which step, under which version; and the same plan whenever asked."""

import asyncio
from collections.abc import Iterator

import pytest

from rollout.stages import GOAL, SOURCE
from surefoot.joints import Store
from surefoot.records import Dispatch, Episode, Outcome, Reward, StepMetrics, Variation
from surefoot.records import PolicyVersion as Version
from surefoot.records.errors import StoppedError
from surefoot.rollout import Curriculum, Planned, RolloutConfig, Scheduler
from surefoot.rollout.metrics import ended, left_out, rollout_metrics
from surefoot.store import memory_store, resume


@pytest.fixture
def store() -> Iterator[Store]:
    made = memory_store()
    yield made
    made.close()


def plan(step: int, group: int) -> Planned:
    return Planned(GOAL, Variation(name=f"{step}.{group}", format="hermes"))


def finished(dispatch: Dispatch, reward: float | None = 1.0) -> Episode:
    kind = Outcome(kind="judged") if reward is not None else Outcome(kind="fault", reason="engine")
    value = None if reward is None else Reward(value=reward)
    return Episode(dispatch=dispatch, trace=None, reward=value, outcome=kind)


class Stagehand:
    """Plays episodes that end in any order, and counts those in flight."""

    def __init__(self, reward: float | None = 1.0) -> None:
        self.flying = self.most = 0
        self.sent: list[Dispatch] = []
        self._reward = reward

    async def play(self, dispatch: Dispatch) -> Episode:
        self.sent.append(dispatch)
        self.flying += 1
        self.most = max(self.most, self.flying)
        await asyncio.sleep(0.001 * ((dispatch.attempt * 7 + dispatch.group * 3) % 5))
        self.flying -= 1
        return finished(dispatch, self._reward)


def scheduler(store: Store, hand: Stagehand, **settings: int) -> Scheduler:
    config = RolloutConfig.model_validate({"groups": 2, "group_size": 3, **settings})
    return Scheduler(config, plan, hand.play, store, resume(store).number)


async def test_groups_hold_their_attempts_in_order_whatever_ends_first(store: Store) -> None:
    groups = await scheduler(store, Stagehand()).step(1, 0, last=9)
    assert [[episode.dispatch.id for episode in group.episodes] for group in groups] == [
        ["1.0.0.0", "1.0.1.0", "1.0.2.0"],
        ["1.1.0.0", "1.1.1.0", "1.1.2.0"],
    ]
    assert [group.index for group in groups] == [0, 1]


async def test_no_more_are_in_flight_than_allowed(store: Store) -> None:
    hand = Stagehand()
    await scheduler(store, hand, concurrency=2).step(1, 0, last=9)
    assert hand.most == 2


@pytest.mark.parametrize("bound", [0, 1, 3])
async def test_rollouts_run_ahead_by_the_bound_and_not_past_the_last_step(
    store: Store, bound: int
) -> None:
    hand = Stagehand()
    schedule = scheduler(store, hand, staleness=bound)
    ahead = []
    for step in range(1, 6):
        groups = await schedule.step(step, step - 1, last=5)
        ahead.append(max(sent.step for sent in store.stream(Dispatch)) - step)
        lags = {step - 1 - episode.dispatch.version for g in groups for episode in g.episodes}
        assert lags == {min(bound, step - 1)}
        episodes = ended(groups, {e.dispatch.id: Outcome(kind="trained")
                                  for g in groups for e in g.episodes})  # fmt: skip
        store.commit(StepMetrics(step=step, version=step, values={}),
                     Version(number=step, directory="d"), episodes)  # fmt: skip
    await schedule.close()
    assert ahead == [min(bound, 5 - step) for step in range(1, 6)]
    assert len(hand.sent) == 5 * 6


async def test_every_episode_is_in_the_store_before_it_starts(store: Store) -> None:
    class Watching(Stagehand):
        async def play(self, dispatch: Dispatch) -> Episode:
            assert next(store.stream(Dispatch, episode=dispatch.id)) == dispatch
            return await super().play(dispatch)

    await scheduler(store, Watching()).step(1, 0, last=1)


async def test_a_resumed_run_attempts_again_under_the_next_number(store: Store) -> None:
    await scheduler(store, Stagehand()).step(1, 0, last=1)
    (group, _) = await scheduler(store, Stagehand()).step(1, 0, last=1)
    assert [episode.dispatch.id for episode in group.episodes] == ["1.0.0.1", "1.0.1.1", "1.0.2.1"]


async def test_a_step_of_faults_alone_is_a_stall_and_one_verdict_is_none(store: Store) -> None:
    with pytest.raises(StoppedError, match=r"all 6 episodes of step 1 ended in a fault \(engine\)"):
        await scheduler(store, Stagehand(None)).step(1, 0, last=1)

    class Once(Stagehand):
        async def play(self, dispatch: Dispatch) -> Episode:
            return finished(dispatch, 1.0 if dispatch.attempt + dispatch.group == 0 else None)

    assert len(await scheduler(store, Once()).step(1, 0, last=1)) == 2


async def test_what_ends_the_run_rises_and_close_ends_the_rest(store: Store) -> None:
    class Ending(Stagehand):
        async def play(self, dispatch: Dispatch) -> Episode:
            if dispatch.attempt == 0:
                raise StoppedError("the disk is full")
            await asyncio.sleep(60)
            return finished(dispatch)

    schedule = scheduler(store, Ending())
    with pytest.raises(StoppedError):
        await schedule.step(1, 0, last=1)
    async with asyncio.timeout(2):
        await schedule.close()


def test_the_curriculum_is_the_same_in_whatever_order_it_is_asked() -> None:
    def made() -> Curriculum:
        return Curriculum(SOURCE, seed=3, groups=2)

    places = [(step, group) for step in (1, 2, 3) for group in (0, 1)]
    one, other = made(), made()
    forth = {place: one.plan(*place) for place in places}
    back = {place: other.plan(*place) for place in reversed(places)}
    assert forth == back
    assert len({planned.goal.key for planned in forth.values()}) == len(places)
    assert {planned.goal.split for planned in forth.values()} == {"train"}
    assert Curriculum(SOURCE, seed=4, groups=2).plan(1, 0).variation != forth[1, 0].variation


async def test_metrics_count_what_ended_and_events_name_what_was_left_out(store: Store) -> None:
    class Mixed(Stagehand):
        async def play(self, dispatch: Dispatch) -> Episode:
            rewards = {0: 1.0, 1: 0.0 if dispatch.group else 1.0, 2: None}
            return finished(dispatch, rewards[dispatch.attempt])

    groups = await scheduler(store, Mixed()).step(1, 0, last=1)
    outcomes = {e.dispatch.id: e.outcome if e.reward is None else Outcome(kind="trained")
                for g in groups for e in g.episodes}  # fmt: skip
    metrics = rollout_metrics(groups, outcomes)
    assert metrics["reward"] == 0.75  # four verdicts; the two faults are no zeros
    assert metrics["signal"] == 0.5
    assert (metrics["outcome_fault"], metrics["outcome_trained"]) == (2, 4)
    (event,) = left_out(1, outcomes)
    assert event.text == "2 episodes: fault(engine)."
    assert {e.outcome.kind for e in ended(groups, outcomes)} == {"trained", "fault"}
