"""The workspace: real files, a real shell and real databases in a sandbox, behind plain functions.

    Workspace(tools) --call--> OpenWorkspace --open(goal, sandbox)--> Opening
                                    | step(calls): checked against the schema, then the function
                                    ` close(): the effects of the episode

Not a sandbox: what may be done is the box's business. Invariant: a policy's mistake is a failed
`Result`; only a failure of ours rises, as a `Fault`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from surefoot.environments.bases import Bases
from surefoot.environments.builtin import BUILTIN
from surefoot.environments.tool import ToolError, ToolFunction, checked, tool_from_function
from surefoot.joints import Sandbox
from surefoot.records import Call, Effect, Goal, Message, Opening, Result, Tool
from surefoot.records.errors import GoalError

SYSTEM = "you are an agent. use the tools."


class WorkspaceConfig(BaseModel):
    """How a workspace presents itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str = SYSTEM
    """The first message of every episode; the format adds the tools to it. Empty: no such message.
    """
    result_limit: int = Field(default=2000, ge=20)
    """Longest result that the policy reads, in characters; the rest is cut and said so."""
    kept_worlds: int = Field(default=256, ge=1)
    """Built worlds that are kept on disk for further episodes."""


class Workspace:
    """Makes workspaces. `Workspace(tools=[my_tool, ...])` offers functions of your own.

    A goal whose world names tools gets these, in that order; another one gets all.

    Raises:
        TypeError: a function cannot be a tool (see `tool_from_function`), or two share a name.
    """

    def __init__(
        self,
        tools: Sequence[ToolFunction] = BUILTIN,
        config: WorkspaceConfig | None = None,
    ) -> None:
        self._config = config or WorkspaceConfig()
        self._tools = {
            tool.name: (tool, one) for one in tools for tool in [tool_from_function(one)]
        }
        if len(self._tools) < len(tools):
            raise TypeError("Two tools of the workspace share a name: rename one of the functions.")
        self._bases = Bases(self._config.kept_worlds)

    def __call__(self) -> "OpenWorkspace":
        """A new workspace for one episode."""
        return OpenWorkspace(self._tools, self._config, self._bases)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All tools in canonical order."""
        return tuple(tool for tool, _ in self._tools.values())

    def close(self) -> None:
        """Removes the worlds that were built."""
        self._bases.close()


class OpenWorkspace:
    """One episode's workspace; implements `Environment`."""

    def __init__(
        self,
        tools: Mapping[str, tuple[Tool, ToolFunction]],
        config: WorkspaceConfig,
        bases: Bases,
    ) -> None:
        self._tools = tools
        self._config = config
        self._bases = bases
        self._sandbox: Sandbox | None = None
        self._base: Path | None = None

    async def open(self, goal: Goal, sandbox: Sandbox) -> Opening:
        """Starts the sandbox in the goal's world; the prompt is the first user message.

        Raises:
            GoalError: the goal names a tool that this workspace lacks, or has an unusable world.
        """
        self._tools = {name: self._known(name) for name in goal.world.tools} or self._tools
        self._base = self._bases.lend(goal.world)
        self._sandbox = sandbox
        await sandbox.start(self._base)
        system = [Message(role="system", content=self._config.system)]
        messages = [one for one in system if one.content]
        messages.append(Message(role="user", content=goal.prompt))
        offered = tuple(tool for tool, _ in self._tools.values())
        return Opening(tools=offered, messages=tuple(messages))

    async def step(self, calls: Sequence[Call]) -> list[Result]:
        """Answers the calls one after another."""
        return [await self._answer(call) for call in calls]

    async def close(self) -> tuple[Effect, ...]:
        """Closes the sandbox; what the episode changed in its workspace."""
        try:
            return () if self._sandbox is None else await self._sandbox.close()
        finally:
            # Only now: the sandbox stood on this directory until it was closed.
            if self._base is not None:
                self._bases.give_back(self._base)
                self._base = None

    def _known(self, name: str) -> tuple[Tool, ToolFunction]:
        if name not in self._tools:
            known = ", ".join(self._tools)
            raise GoalError(f"The goal wants the tool {name}, but the workspace has: {known}.")
        return self._tools[name]

    async def _answer(self, call: Call) -> Result:
        if self._sandbox is None:
            raise RuntimeError("Open the workspace before you step in it.")
        try:
            if call.name not in self._tools:
                raise ToolError(f"no tool {call.name}")  # noqa: TRY301 (one way out for mistakes)
            tool, function = self._tools[call.name]
            text = await function(self._sandbox, **checked(tool, call.arguments))
        except ToolError as error:
            return self._failed(call, str(error))
        except OSError as error:
            return self._failed(call, _mistake(error))
        return Result(name=call.name, text=self._cut(text))

    def _failed(self, call: Call, mistake: str) -> Result:
        return Result(name=call.name, text=self._cut(f"error: {mistake}"), failed=True)

    def _cut(self, text: str) -> str:
        limit = self._config.result_limit
        return text if len(text) <= limit else text[:limit].rstrip() + "\nthe rest is cut"


def _mistake(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "no such file"
        case IsADirectoryError():
            return "it is a folder"
        case NotADirectoryError():
            return "not a folder"
        case PermissionError():
            return "not allowed"
        case _:
            return (error.strerror or "failed").lower()
