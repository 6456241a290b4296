"""What the checks of the families see through, beyond the wrong solutions that they ship with."""

from collections.abc import Mapping

import pytest

from surefoot.environments import Workspace
from surefoot.goals import FAMILIES, Family, FamilySource, ask, reach
from surefoot.goals.families.repair import COMMAND, SCRIPT, Named, Place, named
from surefoot.goals.judge import judge
from surefoot.joints import Program, Solution
from surefoot.records import Call, Goal, Result, Reward
from surefoot.sandbox import Sandboxes


async def earned(family: Family, solution: Solution, sandboxes: Sandboxes) -> Reward:
    workspace = Workspace()
    goal: Goal = next(FamilySource([family], seed=3).goals("train"))
    # Every tool: these attempts use what the goal does not offer.
    world = goal.world.model_copy(update={"tools": ()})
    goal = goal.model_copy(update={"world": world})

    async def run(one: Solution):  # type: ignore[no-untyped-def]
        return await reach(goal, one, workspace(), sandboxes.create())

    end = await run(solution)
    reward = await judge(goal, family.check, end, sandboxes.create, lambda: run(family.reference))
    workspace.close()
    return reward


def then(family: Family, *after: tuple[str, Mapping[str, str]]) -> Solution:
    """The reference, then some calls more."""

    def solution(request: Mapping[str, str]) -> Program:
        answer = yield from family.reference(request)
        for tool, arguments in after:
            yield from ask(tool, **arguments)
        return answer

    return solution


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_changed_bystander_costs_the_reward(name: str, sandboxes: Sandboxes) -> None:
    family = FAMILIES[name]
    extra = ("write_file", {"path": "extra.txt", "text": "x"})
    reward = await earned(family, then(family, extra), sandboxes)
    assert (reward.value, reward.parts["untouched"]) == (0.0, 0.0)
    reward = await earned(family, then(family, ("run", {"command": "ls"})), sandboxes)
    assert reward.value == 1.0


async def test_repair_is_judged_by_the_goals_own_script(sandboxes: Sandboxes) -> None:
    def tamper(request: Mapping[str, str]) -> Program:
        command = f"sh() {{ echo pass; }}; rm -f {SCRIPT}; ln -s /dev/null {SCRIPT}"
        yield from ask("run", command=command)
        return "done"

    assert (await earned(FAMILIES["repair"], tamper, sandboxes)).value == 0.0


async def test_an_end_state_that_breaks_the_database_earns_nothing(sandboxes: Sandboxes) -> None:
    def smash(request: Mapping[str, str]) -> Program:
        yield from ask("write_file", path=request["path"], text="no database")
        return "done"

    def drop(request: Mapping[str, str]) -> Program:
        yield from ask("query", path=request["path"], sql="drop table items")
        return "done"

    assert (await earned(FAMILIES["database"], smash, sandboxes)).value == 0.0
    assert (await earned(FAMILIES["database"], drop, sandboxes)).value == 0.0


def test_the_scripts_output_is_read() -> None:
    assert named("pass") is None
    assert named("a/b.ini: port must be 80\nexit 1") == Named(Place("a/b.ini", "port"), "80", None)
    other = Place("c.cfg", "size")
    found = named("a.ini: port must be the size of c.cfg")
    assert found == Named(Place("a.ini", "port"), "", other)


def test_a_call_is_repeated_where_the_failure_is_transient_alone() -> None:
    program = ask("run", command=COMMAND)
    call = next(program)
    assert call == Call(name="run", arguments={"command": COMMAND})
    assert program.send(Result(name="run", text="error: try again", failed=True)) == call
    with pytest.raises(StopIteration) as end:
        program.send(Result(name="run", text="error: no such file", failed=True))
    assert end.value.value == "error: no such file"
