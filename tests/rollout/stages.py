"""A stage without machinery: goals that want yes, sandboxes in memory, an engine by script."""

from collections.abc import Sequence

from gateway.letters import Letters
from loop.yes import YES
from surefoot.engines.scripted import Script, ScriptedEngine
from surefoot.environments import Workspace
from surefoot.gateway import Budget, Renderer, Voice
from surefoot.goals import FamilySource
from surefoot.goals.judge import judge
from surefoot.goals.solution import EndState
from surefoot.records import Dispatch, Goal, Reward, Sampling, Variation
from surefoot.rollout import LimitsConfig, Stage
from surefoot.sandbox.scripted import ScriptedSandbox

SOURCE = FamilySource([YES], sizes={"test": 4})
GOAL = next(SOURCE.goals("train"))
LETTERS = Letters()


def said(text: str) -> list[int]:
    return [*LETTERS.encode(text, special=False), 1]


def yes(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
    return said("yes")


async def rewarded(goal: Goal, end: EndState) -> Reward:
    async def reference() -> EndState:
        return end

    return await judge(goal, SOURCE.check(goal), end, ScriptedSandbox, reference)


BUDGET = Budget(turns=3, message_tokens=80, context_tokens=4000)


def stage(script: Script = yes, log: list[str] | None = None, **changes: object) -> Stage:
    """`changes` replace parts of the stage; `budget` replaces the voice's."""
    budget = changes.pop("budget", BUDGET)
    assert isinstance(budget, Budget)
    engine = ScriptedEngine(script)
    renderer = Renderer(LETTERS)
    voice = Voice(engine=engine, renderer=renderer, temperature=1.0, seed=0, budget=budget)
    lines: list[str] = [] if log is None else log
    parts: dict[str, object] = {
        "source": SOURCE,
        "environments": {"workspace": Workspace()},
        "make_sandbox": ScriptedSandbox,
        "judge": rewarded,
        "limits": LimitsConfig(),
        "voice": voice,
        "log": lines.append,
    }
    return Stage(**(parts | changes))


def dispatch(attempt: int = 0, goal: Goal = GOAL, **changes: object) -> Dispatch:
    variation = Variation.model_validate({"name": "v", "format": "hermes", **changes})
    return Dispatch(step=1, group=0, attempt=attempt, goal=goal, variation=variation, version=0)
