import pytest

from surefoot.environments import ToolError, Workspace, WorkspaceConfig, make_factory
from surefoot.environments.bases import Bases
from surefoot.joints import Environment, Sandbox
from surefoot.records import Call, Goal, Result, World
from surefoot.records.errors import ConfigError, GoalError, SandboxFault
from surefoot.sandbox import Sandboxes, ScriptedSandbox

FILES = {"kovu.ini": "port=80\nmode=rata\n", "lemi/zuda.cfg": "port=81\nsize=rata\n"}
TABLE = "create table items (name text, size text); insert into items values ('kovu', '42');"


def goal_in(**world: object) -> Goal:
    return Goal(
        family="f",
        split="train",
        index=0,
        prompt="do it.",
        horizon=1,
        world=World.model_validate({"files": FILES, "databases": {"some.db": TABLE}} | world),
    )


async def say(environment: Environment, tool: str, **arguments: object) -> Result:
    (result,) = await environment.step([Call(name=tool, arguments=arguments)])
    return result


async def test_each_tool_does_what_it_says(sandboxes: Sandboxes) -> None:
    workspace = Workspace()
    environment = workspace()
    opening = await environment.open(goal_in(), sandboxes.create())
    assert [message.role for message in opening.messages] == ["system", "user"]
    assert opening.messages[1].content == "do it."
    assert opening.tools == workspace.tools

    async def text(tool: str, **arguments: object) -> str:
        result = await say(environment, tool, **arguments)
        assert not result.failed, result
        return result.text

    assert await text("list_files") == "kovu.ini\nlemi/zuda.cfg\nsome.db"
    assert await text("list_files", folder="lemi") == "lemi/zuda.cfg"
    assert await text("read_file", path="kovu.ini") == "port=80\nmode=rata"
    assert await text("search", text="rata") == "kovu.ini: mode=rata\nlemi/zuda.cfg: size=rata"
    assert await text("search", text="-e") == "none"
    assert await text("set_value", path="kovu.ini", key="port", value="99") == "ok"
    assert await text("read_file", path="kovu.ini") == "port=99\nmode=rata"
    assert await text("replace", path="kovu.ini", old="mode=rata", new="mode=42") == "ok"
    assert await text("move_file", path="kovu.ini", to="new/deep/mipa.ini") == "ok"
    assert await text("read_file", path="new/deep/mipa.ini") == "port=99\nmode=42"
    assert await text("write_file", path="note.txt", text="hello") == "ok"
    assert await text("run", command="cd lemi; x=5; cat ../note.txt") == "hello"
    assert await text("run", command="echo $x; false") == "5\nexit 1"
    assert await text("list_files", folder="new") == "new/deep/mipa.ini"
    select = "select size from items where name = 'kovu'"
    update = "update items set size = '43' where name = '{}'"
    assert await text("query", path="some.db", sql=select) == "42"
    assert await text("query", path="some.db", sql=update.format("kovu")) == "ok"
    assert await text("query", path="some.db", sql=update.format("mipa")) == "no row changed"
    assert await text("query", path="some.db", sql="select * from items") == "kovu 43"
    assert await text("move_file", path="some.db", to="it's? 5%.db") == "ok"
    assert await text("query", path="it's? 5%.db", sql="select size from items") == "43"
    assert await text("search", text="hello") == "note.txt: hello"
    changed = [(effect.path, effect.kind) for effect in await environment.close()]
    assert changed == [
        ("it's? 5%.db", "created"),
        ("kovu.ini", "deleted"),
        ("new/deep/mipa.ini", "created"),
        ("note.txt", "created"),
        ("some.db", "deleted"),
    ]
    workspace.close()


MISTAKES = [
    (Call(name="nothing"), "no tool nothing"),
    (Call(name="read_file", arguments={}), "missing argument path"),
    (Call(name="read_file", arguments={"path": "no.ini"}), "no such file"),
    (Call(name="read_file", arguments={"path": "lemi"}), "it is a folder"),
    (Call(name="read_file", arguments={"path": "../etc/passwd"}), "not allowed"),
    (Call(name="read_file", arguments={"path": "some.db"}), "not a text file"),
    (Call(name="write_file", arguments={"path": "/x", "text": ""}), "not allowed"),
    (Call(name="list_files", arguments={"folder": "no"}), "no such folder"),
    (Call(name="list_files", arguments={"folder": "/"}), "not allowed"),
    (Call(name="query", arguments={"path": "/dev/null", "sql": "select 1"}), "not allowed"),
    (Call(name="search", arguments={"text": "a\nb"}), "text must be one line"),
    (
        Call(name="set_value", arguments={"path": "kovu.ini", "key": "no", "value": "1"}),
        "no such key",
    ),
    (
        Call(name="set_value", arguments={"path": "kovu.ini", "key": "port", "value": "1\n2"}),
        "value must be one line",
    ),
    (
        Call(name="replace", arguments={"path": "kovu.ini", "old": "no", "new": "1"}),
        "old text not found",
    ),
    (Call(name="move_file", arguments={"path": "no.ini", "to": "a.ini"}), "no such file"),
    (
        Call(name="move_file", arguments={"path": "kovu.ini", "to": "lemi/zuda.cfg"}),
        "new path exists",
    ),
    (Call(name="query", arguments={"path": "no.db", "sql": "select 1"}), "no such file"),
    (
        Call(name="query", arguments={"path": "some.db", "sql": "select x from items"}),
        "no such column: x",
    ),
    (
        Call(name="query", arguments={"path": "kovu.ini", "sql": "select * from items"}),
        "file is not a database",
    ),
]


async def test_a_policys_mistake_is_a_failed_result(sandboxes: Sandboxes) -> None:
    workspace = Workspace()
    environment = workspace()
    await environment.open(goal_in(), sandboxes.create())
    results = await environment.step([call for call, _ in MISTAKES])
    assert [result.text for result in results] == [f"error: {text}" for _, text in MISTAKES]
    assert all(result.failed for result in results)
    assert await environment.close() == ()
    workspace.close()


async def test_a_command_with_open_quotes_does_not_hang_the_shell(sandboxes: Sandboxes) -> None:
    workspace = Workspace()
    environment = workspace()
    await environment.open(goal_in(), sandboxes.create())
    assert "exit" in (await say(environment, "run", command="echo 'abc")).text
    assert (await say(environment, "run", command="echo abc")).text == "abc"
    await environment.close()
    workspace.close()


async def test_a_goal_gets_the_tools_that_its_world_names_in_that_order() -> None:
    workspace = Workspace()
    opening = await workspace().open(goal_in(tools=("run", "search")), ScriptedSandbox())
    assert [tool.name for tool in opening.tools] == ["run", "search"]
    with pytest.raises(GoalError, match="wants the tool fly"):
        await workspace().open(goal_in(tools=("fly",)), ScriptedSandbox())
    workspace.close()


async def test_a_tool_that_a_goal_does_not_offer_cannot_be_called() -> None:
    workspace = Workspace()
    environment = workspace()
    await environment.open(goal_in(tools=("search",)), ScriptedSandbox())
    result = await say(environment, "read_file", path="kovu.ini")
    assert (result.failed, result.text) == (True, "error: no tool read_file")
    workspace.close()


async def shout(sandbox: Sandbox, path: str, times: int = 1) -> str:
    """shout a file"""
    if times > 3:
        raise ToolError("too loud")
    return (await sandbox.read(path)).decode().upper() * times


async def break_down(sandbox: Sandbox) -> str:
    """break the sandbox"""
    raise SandboxFault("the box died")


async def test_functions_of_ones_own_are_tools_and_faults_rise() -> None:
    workspace = Workspace(tools=[shout, break_down], config=WorkspaceConfig(system=""))
    environment = workspace()
    opening = await environment.open(goal_in(), ScriptedSandbox())
    assert [message.role for message in opening.messages] == ["user"]
    assert (await say(environment, "shout", path="kovu.ini")).text == "PORT=80\nMODE=RATA\n"
    assert (await say(environment, "shout", path="kovu.ini", times=4)).text == "error: too loud"
    with pytest.raises(SandboxFault):
        await say(environment, "break_down")
    workspace.close()


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="share a name"):
        Workspace(tools=[shout, shout])


async def test_long_results_are_cut_and_say_so() -> None:
    workspace = Workspace(tools=[shout], config=WorkspaceConfig(result_limit=20))
    environment = workspace()
    await environment.open(goal_in(), ScriptedSandbox())
    result = await say(environment, "shout", path="kovu.ini", times=3)
    assert result.text == "PORT=80\nMODE=RATA\nPO\nthe rest is cut"
    workspace.close()


def test_a_world_is_built_once_kept_while_lent_and_removed_at_the_end() -> None:
    bases = Bases(keep=1)
    first, second = World(files=FILES), World(files={"a/b.txt": "x"})
    lent = bases.lend(first)
    assert bases.lend(first) == lent
    assert (lent / "lemi/zuda.cfg").read_text() == FILES["lemi/zuda.cfg"]
    bases.give_back(lent)
    other = bases.lend(second)
    assert lent.exists(), "still lent once"
    bases.give_back(lent)
    bases.give_back(other)
    bases.lend(second)
    assert not lent.exists()
    assert other.exists()
    bases.close()
    assert not other.parent.exists()


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "."])
def test_a_world_cannot_write_outside_its_directory(path: str) -> None:
    bases = Bases(keep=1)
    with pytest.raises(GoalError, match="stay in the workspace"):
        bases.lend(World(files={path: "x"}))
    with pytest.raises(GoalError, match="stay in the workspace"):
        bases.lend(World(files={path: "x"}))
    bases.close()


def test_a_script_that_fails_is_named() -> None:
    bases = Bases(keep=1)
    with pytest.raises(GoalError, match=r"database a\.db fails"):
        bases.lend(World(databases={"a.db": "create nonsense"}))
    bases.close()


def test_factories_are_made_by_name() -> None:
    factory = make_factory("workspace")
    assert factory() is not factory()
    factory.close()
    with pytest.raises(ConfigError, match="known are: workspace"):
        make_factory("desert")
