import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from surefoot.goals import EndState, collect
from surefoot.goals.clean import CleanSandbox
from surefoot.goals.judge import judge
from surefoot.joints import Ran, Sandbox
from surefoot.records import Goal, Reward, Trace, Variation
from surefoot.records.errors import CheckFault, SandboxFault
from surefoot.sandbox import Sandboxes, ScriptedSandbox

GOAL = Goal(family="f", split="train", index=0, prompt="p", horizon=1, judged=("a.txt", "b.txt"))
TRACE = Trace(
    episode="e",
    goal=GOAL.key,
    variation=Variation(name="plain", format="hermes"),
    nodes=(),
    stop="finished",
)
POLICY = EndState(TRACE, {"a.txt": b"policy"})
REFERENCE = EndState(TRACE, {"a.txt": b"reference"})


async def refuse() -> EndState:
    raise AssertionError("the reference must not be run")


async def reference() -> EndState:
    return REFERENCE


async def judged(check: Any, reach: Callable[[], Any] = reference) -> Reward:
    return await judge(GOAL, check, POLICY, ScriptedSandbox, reach)


async def test_the_check_reads_the_judged_files_and_the_reference_is_left_alone() -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        assert trace is TRACE
        with pytest.raises(FileNotFoundError):
            await sandbox.read("b.txt")
        return Reward(value=0.25, evidence=(await sandbox.read("a.txt")).decode())

    assert await judged(check, refuse) == Reward(value=0.25, evidence="policy")


@pytest.mark.parametrize("value", [None, "1", math.nan, math.inf, -0.5, 1.5, Reward(value=2.0)])
async def test_a_check_that_gives_no_number_is_a_fault(value: object) -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> object:
        return value

    with pytest.raises(CheckFault, match="returned"):
        await judged(check, refuse)


async def test_a_reward_that_cannot_be_made_is_a_fault() -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        return Reward(value=math.nan)

    with pytest.raises(CheckFault, match="no finite number"):
        await judged(check, refuse)


async def test_a_plain_number_is_a_reward() -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> float:
        return 0.5

    assert await judged(check, refuse) == Reward(value=0.5)


async def test_crashing_the_check_earns_nothing() -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        if await sandbox.read("a.txt") == b"policy":
            raise ZeroDivisionError("policy made it")
        return Reward(value=1.0)

    reward = await judged(check)
    assert reward == Reward(value=0.0, evidence="the check died: ZeroDivisionError: policy made it")


async def test_a_check_that_dies_on_the_reference_too_is_a_fault() -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        raise ValueError("broken")

    with pytest.raises(CheckFault, match="dies on the reference solution too"):
        await judged(check)


async def test_a_check_that_never_ends_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surefoot.goals.judge.CHECK_SECONDS", 0.01)

    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        if await sandbox.read("a.txt") == b"policy":
            await asyncio.sleep(60)
        return Reward(value=1.0)

    assert (await judged(check)).evidence.startswith("the check died: TimeoutError")


async def test_a_dead_sandbox_is_the_infrastructures_fault() -> None:
    async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
        raise SandboxFault("gone")

    with pytest.raises(SandboxFault):
        await judged(check, refuse)


async def test_what_is_no_small_file_is_missing_from_the_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("surefoot.goals.solution.FILE_LIMIT", 3)
    sandbox = ScriptedSandbox({"a.txt": b"1234", "b.txt": b"123"})
    await sandbox.start()
    assert await collect(GOAL, sandbox) == {"b.txt": b"123"}


async def test_links_are_missing_from_the_judged(sandboxes: Sandboxes) -> None:
    sandbox = sandboxes.create()
    await sandbox.start()
    await sandbox.exec("ln -s /etc/hostname a.txt; mkdir b.txt")
    assert await collect(GOAL, sandbox) == {}
    await sandbox.close()


async def test_the_clean_sandbox_starts_a_box_for_a_command_alone() -> None:
    made: list[ScriptedSandbox] = []

    def create() -> Sandbox:
        made.append(ScriptedSandbox(answer=lambda command, files: Ran(0, f"{sorted(files)}")))
        return made[-1]

    clean = CleanSandbox({"a.txt": b"1"}, create)
    await clean.start()
    await clean.write("b/c.txt", b"2")
    assert await clean.read("a.txt") == b"1"
    with pytest.raises(PermissionError):
        await clean.read("../a.txt")
    assert not made
    assert (await clean.exec("look")).output == "['a.txt', 'b/c.txt']"
    await clean.write("d.txt", b"3")
    assert (await clean.exec("look")).output == "['a.txt', 'b/c.txt', 'd.txt']"
    assert await clean.read("d.txt") == b"3"
    await clean.close()
    assert len(made) == 1
