"""What is said between policy, agent and environment: tools, calls, results, messages."""

from collections.abc import Mapping
from typing import Any, Literal

from surefoot.records.base import Record

Role = Literal["system", "user", "assistant", "tool"]


class Tool(Record):
    """A tool as it is presented: a name, what it does, and a JSON Schema of its arguments.

    `parameters` is an object schema; the order of its `properties` is the order in which arguments
    are listed to the policy, and `required` names those that a call must have.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def arguments(self) -> Mapping[str, Mapping[str, Any]]:
        """The schema of each argument by name, in listed order."""
        return self.parameters.get("properties", {})


class Call(Record):
    """A call of a tool. Arguments are JSON values, typed as the tool's schema says."""

    name: str
    arguments: Mapping[str, Any] = {}


class Result(Record):
    """What a tool gave back. `failed` marks a tool error; the policy reads it like any result."""

    name: str
    text: str
    failed: bool = False


class Message(Record):
    """One message of a conversation, as text."""

    role: Role
    content: str


class Reply(Record):
    """A policy's message read back: free text, and the calls that it holds in order."""

    text: str
    calls: tuple[Call, ...] = ()


class ParseFault(Record):
    """A message that tried to call a tool and could not be read. It goes back as a tool error."""

    kind: Literal["unclosed", "malformed", "unknown_tool", "bad_arguments"]
    detail: str


class Opening(Record):
    """How an episode begins: the tools on offer and the first messages."""

    tools: tuple[Tool, ...]
    messages: tuple[Message, ...]
