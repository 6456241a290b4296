"""Goals, tools and an environment of your own: train the embedded policy to greet people.

python examples/own_goals.py RUN
"""

import sys
from collections.abc import Mapping
from random import Random

import surefoot
from surefoot.environments import Workspace
from surefoot.environments.builtin import BUILTIN
from surefoot.goals import Draft, Family, ask
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace, World
from surefoot.records.words import WORDS


async def greet(sandbox: Sandbox, name: str) -> str:
    """greet a person

    Args:
        name: name
    """
    await sandbox.write("greeted.txt", name.encode())
    return f"hello {name}"


def make(random: Random) -> Draft:
    name = random.choice(WORDS)
    return Draft(prompt=f"greet {name}.", request={"name": name}, expected={"name": name},
                 world=World(tools=("read_file", "greet")), judged=("greeted.txt",), horizon=1)  # fmt: skip


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    try:
        greeted = (await sandbox.read("greeted.txt")).decode()
    except FileNotFoundError:
        return Reward(value=0.0, evidence="nobody was greeted")
    return Reward(value=float(greeted == goal.expected["name"]), evidence=f"greeted {greeted}")


def reference(request: Mapping[str, str]) -> Program:
    return (yield from ask("greet", name=request["name"]))


def a_stranger(request: Mapping[str, str]) -> Program:
    return (yield from ask("greet", name="nobody"))


def only_words(request: Mapping[str, str]) -> Program:
    yield from ()
    return f"hello {request['name']}"


GREET = Family(name="greet", make=make, check=check, reference=reference,
               wrong={"a_stranger": a_stranger, "only_words": only_words}, environment="hall")  # fmt: skip

if __name__ == "__main__":
    surefoot.train({"steps": 3, "rollout": {"groups": 4}, "evals": {"suite": "none"}}, run=sys.argv[1],
                   goals=[GREET], environments={"hall": Workspace(tools=[*BUILTIN, greet])})  # fmt: skip
