"""A run that needs no luck: goals that want the answer yes, and an engine that says it by noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from surefoot.engines.scripted import ScriptedEngine
from surefoot.gateway.tokenizer import HuggingFaceTokenizer
from surefoot.goals import Draft, Family
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Sampling, Trace, World
from surefoot.run import RunConfig, policy_directory


def make(random: Random) -> Draft:
    return Draft(
        prompt=f"say yes. {random.randint(10, 10**9)}",
        request={},
        world=World(tools=("read_file",)),
        horizon=0,
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    return Reward(value=float(trace.answer == "yes"))


def say(answer: str):
    def program(request: Mapping[str, str]) -> Program:
        yield from ()
        return answer

    return program


YES = Family(
    name="yes",
    make=make,
    check=check,
    reference=say("yes"),
    wrong={"no": say("no"), "both": say("yes no")},
)


def engine(policy: Path) -> ScriptedEngine:
    """Says yes in one of two turns, by the turn's noise."""
    tokenizer = HuggingFaceTokenizer(policy)
    (end,) = tokenizer.stop
    words = [[*tokenizer.encode(word, special=False), end] for word in ("yes", "no")]

    def script(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
        return words[sampling.noise % 2]

    return ScriptedEngine(script)


def config(**changes: object) -> RunConfig:
    values: dict[str, object] = {
        "steps": 6,
        "rollout": {"groups": 3, "group_size": 4, "concurrency": 4},
        "sandbox": {"driver": "local"},
        "evals": {"suite": "none"},
        "training": {"threads": 1},
    }
    return RunConfig.model_validate(values | changes)


POLICY = policy_directory("embedded")
