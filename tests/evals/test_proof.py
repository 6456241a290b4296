"""A proof names what is wrong with a goal: each of these families is broken in one way."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest

from surefoot.environments import Workspace
from surefoot.evals.proof import Proof, Yard, prove
from surefoot.goals import Draft, Family, FamilySource, ask
from surefoot.joints import Program, Sandbox, Solution
from surefoot.records import Goal, Reward, Trace, Variation, World
from surefoot.records.errors import ConfigError, SandboxFault
from surefoot.sandbox import ScriptedSandbox


def make(random: Random) -> Draft:
    number = str(random.randint(10, 99))
    return Draft(
        prompt=f"read {number}.txt and answer.",
        request={"path": f"{number}.txt"},
        expected={"answer": "right"},
        world=World(files={f"{number}.txt": "right"}, tools=("read_file", "write_file")),
        horizon=1,
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    return Reward(value=float(trace.answer == goal.expected["answer"]))


def reference(request: Mapping[str, str]) -> Program:
    return (yield from ask("read_file", path=request["path"]))


def says(answer: str) -> Solution:
    def solution(request: Mapping[str, str]) -> Program:
        yield from ()
        return answer

    return solution


def endless(request: Mapping[str, str]) -> Program:
    while True:
        yield from ask("read_file", path=request["path"])


SOUND = Family(
    name="sound",
    make=make,
    check=check,
    reference=reference,
    wrong={"left": says("left"), "both": says("left right")},
)


async def proofs(family: Family, *variations: Variation) -> list[Proof]:
    workspace = Workspace()
    source = FamilySource([family])
    yard = Yard(environments={"workspace": workspace}, sandboxes=ScriptedSandbox)
    heard: list[Proof] = []
    chosen = variations or (Variation(name="plain", format="hermes"),)
    found = await prove(source, yard, [next(source.goals("train"))], chosen, told=heard.append)
    workspace.close()
    assert sorted(map(str, heard)) == sorted(map(str, found))
    return found


async def test_a_sound_family_has_no_problem() -> None:
    crowd = Variation(name="v", format="xml", perturbations=("names", "distractors"), seed=1)
    found = await proofs(SOUND, Variation(name="plain", format="react"), crowd)
    assert [proof.solution for proof in found] == ["reference", "nothing", "left", "both"] * 2
    assert [proof.reward for proof in found] == [1.0, 0.0, 0.0, 0.0] * 2
    assert {proof.variation for proof in found} == {"react", "xml+names+distractors"}
    assert not any(proof.problem for proof in found)


async def generous(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    return Reward(value=1.0 if trace.answer in ("right", "left right") else 0.5)


async def silent(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    return None  # type: ignore[return-value]


def fickle():  # type: ignore[no-untyped-def]
    calls = itertools.count()

    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        return Reward(value=next(calls) % 2)

    return check


@pytest.mark.parametrize(
    ("family", "solution", "problem"),
    [
        (replace(SOUND, reference=says("left")), "reference", "earns 0.0 and must earn 1"),
        (replace(SOUND, reference=says("right")), "reference", "the horizon is 1"),
        (replace(SOUND, reference=endless), "reference", "does not end within"),
        (replace(SOUND, check=generous), "nothing", "doing nothing earns 0.5"),
        (replace(SOUND, check=generous), "both", "the wrong solution both earns 1.0"),
        (replace(SOUND, check=silent), "reference", "returned None"),
        (replace(SOUND, check=fickle()), "left", "two runs disagree"),
        (replace(SOUND, wrong={"left": says("left")}), "reference", "at least two wrong"),
        (replace(SOUND, environment="desert"), "reference", "wants the environment desert"),
    ],
)
async def test_each_way_to_be_broken_is_named(family: Family, solution: str, problem: str) -> None:
    found = {proof.solution: proof.problem for proof in await proofs(family)}
    assert problem in found[solution]


async def test_a_format_that_does_not_exist_is_the_users_error() -> None:
    with pytest.raises(ConfigError, match="morse"):
        await proofs(SOUND, Variation(name="v", format="morse"))


async def test_a_dead_sandbox_rises() -> None:
    async def dead(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        raise SandboxFault("gone")

    with pytest.raises(SandboxFault, match="gone"):
        await proofs(replace(SOUND, check=dead))
