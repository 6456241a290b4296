"""ReAct-like text (Yao et al. 2023): an action, its input as JSON, and an observation.

    Action: read
    Action Input: {"path": "a.txt"}
    Observation: ...

This hand-written format is held out of all training, the warm start included (`HELD_OUT_FORMATS`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from surefoot.formats.listing import arguments_about, flat
from surefoot.formats.message import (
    EXAMPLE,
    Spoken,
    presentation,
    read_message,
    result_text,
    write_message,
)
from surefoot.formats.scan import Scanner, malformed, name_text, quoted
from surefoot.records import Call, Message, ParseFault, Reply, Result, Tool

_OPENER = re.compile(r"^Action:", re.MULTILINE)


class React:
    """The format `react`. The same for every seed."""

    def __init__(self, *, seed: int = 0, held_out: bool = False) -> None:
        self.name = "react"

    def present(self, tools: Sequence[Tool]) -> str:
        """One line a tool: name, description, input."""
        lines = [
            f"{tool.name}: {flat(tool.description)}. Input: {quoted(arguments_about(tool))}"
            for tool in tools
        ]
        return presentation("\n".join(["Tools:", *lines]), _call_text(EXAMPLE))

    def write(self, text: str, calls: Sequence[Call]) -> str:
        """Text (a thought), then an action and its input a call."""
        return write_message(text, [_call_text(call) for call in calls])

    def parse(self, message: str, tools: Sequence[Tool]) -> Reply | ParseFault:
        """Reads text and calls back; an action begins at the start of a line."""
        return read_message(message, _OPENER, _read_call, tools)

    def render(self, results: Sequence[Result]) -> Message:
        """One observation a result."""
        lines = [f"Observation: {result_text(each)}" for each in results]
        return Message(role="user", content="\n".join(lines))


def _call_text(call: Call) -> str:
    return f"Action: {name_text(call.name)}\nAction Input: {quoted(dict(call.arguments))}"


def _read_call(scanner: Scanner) -> Spoken:
    if not scanner.accept("Action:"):
        raise malformed("nothing but actions may follow an action")
    scanner.space()
    name = scanner.name("the tool")
    scanner.space()
    scanner.expect("Action Input:", "the action")
    scanner.space()
    arguments = scanner.json("the action's input")
    if not isinstance(arguments, dict):
        raise malformed("the action's input must be a JSON object")
    return Spoken(name, cast(Mapping[str, Any], arguments))
