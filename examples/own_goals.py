"""Goals and a tool of your own: python examples/own_goals.py RUN"""

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
    name = {"name": random.choice(WORDS)}
    world = World(tools=("read_file", "greet"))
    asked = {"prompt": f"greet {name['name']}.", "request": name, "expected": name}
    return Draft(**asked, world=world, judged=("greeted.txt",), horizon=1)


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    try:
        greeted = (await sandbox.read("greeted.txt")).decode()
    except FileNotFoundError:
        return Reward(value=0.0, evidence="nobody was greeted")
    return Reward(value=float(greeted == goal.expected["name"]), evidence=f"greeted {greeted}")


def reference(request: Mapping[str, str]) -> Program:
    return (yield from ask("greet", name=request["name"]))


def stranger(request: Mapping[str, str]) -> Program:
    return (yield from ask("greet", name="nobody"))


def only_words(request: Mapping[str, str]) -> Program:
    yield from ()
    return f"hello {request['name']}"


SOLUTIONS = {"reference": reference, "wrong": {"stranger": stranger, "only_words": only_words}}
GREET = Family(name="greet", make=make, check=check, **SOLUTIONS, environment="hall")
SETTINGS = {"steps": 3, "rollout": {"groups": 4}, "evals": {"suite": "none"}}
if __name__ == "__main__":
    halls = {"hall": Workspace(tools=[*BUILTIN, greet])}
    surefoot.train(SETTINGS, run=sys.argv[1], goals=[GREET], environments=halls)
