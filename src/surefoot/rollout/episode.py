"""One episode, from an open world to a verdict.

    sandbox --> environment --> surroundings --> agent <--> turn <--> engine
                     |                             |
               judged files, effects            trace --> judge (a second, clean sandbox) --> reward

Whatever fails through us ends here as a `fault` with its kind, and never as a reward of 0; what the
policy did wrong ends as the reward that its state earns. Every wait below stands under the one
deadline of the episode. This is one of the few places where a broad except is allowed: an error
that nobody foresaw is recorded as `fault(internal)` and the run goes on.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from surefoot.environments import EnvironmentFactory
from surefoot.gateway import Session, Voice
from surefoot.goals.solution import EndState, collect
from surefoot.joints import Environment, GoalSource, Sandbox
from surefoot.records import (
    Dispatch,
    Effect,
    Episode,
    Goal,
    Message,
    Node,
    Outcome,
    Reward,
    Stop,
    Trace,
)
from surefoot.records.errors import DeadlineFault, Fault, SurefootError
from surefoot.rollout.agents import FLOORS, Loop, make_floor
from surefoot.rollout.surroundings import Surroundings, surround

Log = Callable[[str], None]
Judge = Callable[[Goal, EndState], Awaitable[Reward]]


class LimitsConfig(BaseModel):
    """What bounds one episode besides the policy's own budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=120.0, gt=0)
    """Wall clock of one episode, checks included. Past it the episode is a fault of ours."""
    floor_calls: int = Field(default=8, ge=1)
    """Most calls of the random caller."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """All that episodes share. `voice` is None where only the floors play."""

    source: GoalSource
    environments: Mapping[str, EnvironmentFactory]
    make_sandbox: Callable[[], Sandbox]
    judge: Judge
    limits: LimitsConfig
    voice: Voice | None = None
    log: Log = print


async def play(dispatch: Dispatch, stage: Stage) -> Episode:
    """Plays one episode to its verdict. Raises nothing but user errors and cancellation."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(stage.limits.seconds):
            trace, reward = await _play(dispatch, stage)
        outcome = Outcome(kind="judged")
    except TimeoutError:
        trace, reward, outcome = None, None, Outcome(kind="fault", reason=DeadlineFault.kind)
        stage.log(f"episode {dispatch.id} took longer than {stage.limits.seconds:g} s")
    except Fault as fault:
        trace, reward, outcome = None, None, Outcome(kind="fault", reason=fault.kind)
        stage.log(f"episode {dispatch.id}: {fault}")
    except SurefootError:
        raise
    except Exception:  # noqa: BLE001 (one episode: see the module's docstring)
        trace, reward, outcome = None, None, Outcome(kind="fault", reason="internal")
        stage.log(f"episode {dispatch.id} failed:\n{traceback.format_exc()}")
    return Episode(
        dispatch=dispatch,
        trace=trace,
        reward=reward,
        outcome=outcome,
        seconds=time.monotonic() - started,
    )


async def _play(dispatch: Dispatch, stage: Stage) -> tuple[Trace, Reward]:
    if dispatch.variation.agent in FLOORS:
        ending = await _episode(dispatch, stage, _floor)
    else:
        ending = await _episode(dispatch, stage, _loop)
    reward = await stage.judge(dispatch.goal, ending)
    return ending.trace, reward


Closing = Callable[[Sequence[Effect]], Trace]
Part = Callable[[Dispatch, Stage, Surroundings, Sandbox], Awaitable[Closing]]


async def _episode(dispatch: Dispatch, stage: Stage, part: Part) -> EndState:
    """Opens the world, lets `part` play in it, and closes it whatever happens."""
    environment: Environment = stage.environments[dispatch.goal.environment]()
    surroundings = surround(dispatch.variation, environment)
    sandbox = stage.make_sandbox()
    closed = False
    try:
        closing = await part(dispatch, stage, surroundings, sandbox)
        files = await collect(dispatch.goal, sandbox)
        closed = True
        effects = await environment.close()
    finally:
        if not closed:
            await environment.close()
    return EndState(closing(effects), files)


async def _loop(
    dispatch: Dispatch, stage: Stage, surroundings: Surroundings, sandbox: Sandbox
) -> Closing:
    if stage.voice is None:
        raise RuntimeError("an episode of a policy needs a voice")
    opening = await surroundings.environment.open(dispatch.goal, sandbox)
    session = Session(stage.voice, dispatch, surroundings.form, opening.tools)
    agent = Loop(surroundings.form, stage.voice.budget.turns)
    stop = await agent.run(opening, session.turn, surroundings.environment)
    return lambda effects: session.trace(stop, effects)


async def _floor(
    dispatch: Dispatch, stage: Stage, surroundings: Surroundings, sandbox: Sandbox
) -> Closing:
    opening = await surroundings.environment.open(dispatch.goal, sandbox)
    agent = make_floor(dispatch.variation.agent, dispatch.variation.seed, stage.limits.floor_calls)
    answer = await agent.run(opening, surroundings.environment)
    said = Node(
        parent=None,
        tokens=(),
        sampled=True,
        logprobs=(),
        versions=(),
        messages=(Message(role="assistant", content=answer),),
    )
    stop: Stop = "finished"
    return lambda effects: Trace(
        episode=dispatch.id,
        goal=dispatch.goal.key,
        variation=dispatch.variation,
        nodes=(said,),
        stop=stop,
        effects=tuple(effects),
    )
