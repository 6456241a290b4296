"""The policy meets the surroundings, the environment its own tools."""

from collections.abc import Sequence

import pytest

from surefoot.formats import make_format
from surefoot.joints import Sandbox
from surefoot.perturbations import PERTURBATIONS, compose
from surefoot.records import Call, Goal, Message, Opening, Result, Tool, Variation
from surefoot.rollout.agents import RandomCaller
from surefoot.rollout.surroundings import Perturbed, presented
from surefoot.sandbox.scripted import ScriptedSandbox

NAMES = {"read_file": ("path",), "move": ("source", "target"), "list_files": ()}
TOOLS = tuple(
    Tool(
        name=name,
        description=f"{name} a thing",
        parameters={
            "type": "object",
            "properties": {key: {"type": "string", "description": key} for key in keys},
            "required": list(keys),
        },
    )
    for name, keys in {
        "read_file": ("path",),
        "move": ("source", "target"),
        "list_files": (),
    }.items()
)
GOAL = Goal(family="f", split="train", index=0, prompt="go", horizon=1)


class Told:
    """An environment that keeps the calls it is told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def open(self, goal: Goal, sandbox: Sandbox) -> Opening:
        return Opening(tools=TOOLS, messages=(Message(role="user", content="go at once"),))

    async def step(self, calls: Sequence[Call]) -> list[Result]:
        self.calls += calls
        return [Result(name=call.name, text="done") for call in calls]

    async def close(self) -> tuple[()]:
        return ()


CALLS = [
    Call(name="read_file", arguments={"path": "a.txt"}),
    Call(name="move", arguments={"source": "a", "target": "b"}),
    Call(name="list_files"),
]


@pytest.mark.parametrize("names", [*((name,) for name in PERTURBATIONS), tuple(PERTURBATIONS)])
@pytest.mark.parametrize("held_out", [False, True])
async def test_the_environment_gets_its_own_calls_whatever_the_policy_sees(
    names: tuple[str, ...], held_out: bool
) -> None:
    for seed in range(5):
        variation = Variation(name="v", format="hermes", perturbations=names,
                              held_out_names=held_out, seed=seed)  # fmt: skip
        told = Told()
        perturbed = Perturbed(told, variation)
        seen = await perturbed.open(GOAL, ScriptedSandbox())
        plain = await Told().open(GOAL, ScriptedSandbox())
        wrapped = compose(names, plain, seed=seed, held_out=held_out)
        assert seen == wrapped.opening
        results = await perturbed.step([wrapped.transport(call) for call in CALLS])
        assert told.calls == CALLS
        assert [result.text for result in results] == ["done"] * len(CALLS)


async def test_a_call_that_cannot_be_meant_goes_back_and_reaches_nothing() -> None:
    told = Told()
    perturbed = Perturbed(told, Variation(name="v", format="hermes", perturbations=("names",)))
    await perturbed.open(GOAL, ScriptedSandbox())
    (result,) = await perturbed.step([Call(name="no such tool")])
    assert result.failed
    assert told.calls == []


async def test_a_world_that_was_not_opened_says_so() -> None:
    with pytest.raises(RuntimeError, match="Open the environment"):
        await Perturbed(Told(), Variation(name="v", format="hermes")).step(CALLS)


def test_the_tools_stand_in_the_one_system_message() -> None:
    form = make_format("hermes")
    for first in ((), (Message(role="system", content="be good"),)):
        opening = Opening(tools=TOOLS, messages=(*first, Message(role="user", content="go")))
        system, user = presented(opening, form)
        assert (system.role, user.role) == ("system", "user")
        assert form.present(TOOLS) in system.content
        assert system.content.startswith("be good") == bool(first)


async def test_the_random_caller_says_words_that_it_has_read() -> None:
    told = Told()
    opening = await told.open(GOAL, ScriptedSandbox())
    answers = {await RandomCaller(seed, 4).run(opening, told) for seed in range(30)}
    heard = {"go", "at", "once", "done"}
    assert answers <= heard
    assert {value for call in told.calls for value in call.arguments.values()} <= heard
    assert {call.name for call in told.calls} == {tool.name for tool in TOOLS}
