"""An episode ends in a verdict, or in a fault that names whose; a fault is never a reward of 0."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from rollout.stages import BUDGET, GOAL, dispatch, rewarded, said, stage, yes
from surefoot.environments import Workspace
from surefoot.goals.solution import EndState
from surefoot.records import Goal, Reward, Sampling
from surefoot.records.errors import CheckFault, EngineFault, GoalError, SandboxFault
from surefoot.rollout import LimitsConfig, play
from surefoot.sandbox.scripted import ScriptedSandbox

CALL = '<tool_call>{"name": "read_file", "arguments": {"path": "none"}}</tool_call>'


class Dying(ScriptedSandbox):
    async def start(self, base: Path | None = None) -> None:
        raise SandboxFault("the box died")


def faulty(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
    raise EngineFault("the engine died")


def buggy(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
    raise ZeroDivisionError


async def unjudgeable(goal: Goal, end: EndState) -> Reward:
    raise CheckFault("the check is broken")


async def slow(goal: Goal, end: EndState) -> Reward:
    await asyncio.sleep(30)
    return Reward(value=1.0)


FAULTS = {
    "sandbox": {"make_sandbox": Dying},
    "engine": {"script": faulty},
    "check": {"judge": unjudgeable},
    "deadline": {"judge": slow, "limits": LimitsConfig(seconds=0.05)},
    "internal": {"script": buggy},
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_of_ours_is_an_outcome_and_no_reward(kind: str) -> None:
    log: list[str] = []
    episode = await play(dispatch(), stage(log=log, **FAULTS[kind]))
    assert (episode.outcome.kind, episode.outcome.reason) == ("fault", kind)
    assert episode.reward is None
    assert dispatch().id in log[0]


async def test_a_fault_of_one_episode_leaves_the_others_alone() -> None:
    async def judged(goal: Goal, end: EndState) -> Reward:
        if end.trace.episode.endswith("1.0"):
            raise CheckFault("the check is broken")
        return await rewarded(goal, end)

    shared = stage(judge=judged)
    episodes = await asyncio.gather(*(play(dispatch(attempt), shared) for attempt in range(4)))
    assert [episode.outcome.kind for episode in episodes] == ["judged", "fault", "judged", "judged"]
    assert [e.reward and e.reward.value for e in episodes] == [1.0, None, 1.0, 1.0]


async def test_what_the_user_must_mend_ends_the_run() -> None:
    goal = GOAL.model_copy(update={"world": GOAL.world.model_copy(update={"tools": ("fly",)})})
    with pytest.raises(GoalError, match="fly"):
        await play(dispatch(goal=goal), stage())


STOPS = {
    "finished": ("yes", BUDGET),
    "turns": (CALL, BUDGET.model_copy(update={"turns": 2})),
    "tokens": ("yes and more of it", BUDGET.model_copy(update={"message_tokens": 3})),
}


@pytest.mark.parametrize("stop", STOPS)
async def test_a_policy_that_runs_out_stops_by_name_and_earns_what_its_state_earns(
    stop: str,
) -> None:
    """The message that is cut says exactly yes, so it earns 1: running out is no verdict."""
    words, budget = STOPS[stop]
    episode = await play(dispatch(), stage(lambda tokens, sampling: said(words), budget=budget))
    assert episode.trace is not None
    assert episode.trace.stop == stop
    assert episode.outcome.kind == "judged"
    assert episode.reward is not None
    assert episode.reward.value == (0.0 if stop == "turns" else 1.0)
    assert episode.trace.calls == (2 if stop == "turns" else 0)


async def test_a_small_context_ends_a_conversation_by_name() -> None:
    budget = BUDGET.model_copy(update={"context_tokens": 1000, "turns": 100})
    episode = await play(dispatch(), stage(lambda tokens, sampling: said(CALL), budget=budget))
    assert episode.trace is not None
    assert episode.trace.stop == "tokens"
    assert episode.reward is not None


async def test_a_message_that_cannot_be_read_goes_back_as_a_tool_error() -> None:
    seen: list[str] = []

    def script(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
        seen.append("".join(chr(token - 10) for token in tokens if token >= 10))
        return said('<tool_call>{"name": ' if len(seen) == 1 else "yes")

    episode = await play(dispatch(), stage(script))
    assert episode.trace is not None
    assert episode.trace.faults == 1
    assert "malformed" in seen[1] or "unclosed" in seen[1]
    assert episode.reward == Reward(value=1.0)


@pytest.mark.parametrize("floor", ["nothing", "random"])
async def test_the_floors_ask_no_policy_and_are_judged_as_policies_are(floor: str) -> None:
    episode = await play(dispatch(agent=floor), stage(voice=None))
    assert episode.outcome.kind == "judged"
    assert episode.trace is not None
    assert episode.reward == Reward(value=float(episode.trace.answer == "yes"))
    again = await play(dispatch(agent=floor), stage(voice=None))
    assert again.trace == episode.trace


async def test_every_world_is_closed_whatever_happens() -> None:
    class Counted(ScriptedSandbox):
        opened = closed = 0

        async def start(self, base: Path | None = None) -> None:
            Counted.opened += 1
            await super().start(base)

        async def close(self):
            Counted.closed += self._state == "open"
            return await super().close()

    workspace = Workspace()
    for script in (yes, faulty, buggy):
        shared = stage(script, make_sandbox=Counted, environments={"workspace": workspace})
        await play(dispatch(), shared)
    late = stage(judge=slow, limits=LimitsConfig(seconds=0.05), make_sandbox=Counted)
    await play(dispatch(), late)
    assert Counted.opened == Counted.closed == 4
