"""Hermes and Qwen style: JSON in tags.

    <tools>{...}</tools>  ->  <tool_call>{"name": ..., "arguments": {...}}</tool_call>
                          ->  <tool_response>...</tool_response>

Results come as a user message, which is what Qwen's own template makes of a tool message.
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
from surefoot.formats.scan import Scanner, malformed, quoted, unclosed
from surefoot.records import Call, Message, ParseFault, Reply, Result, Tool

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_OPENER = re.compile(re.escape(_OPEN))


class Hermes:
    """The format `hermes`. The same for every seed."""

    def __init__(self, *, seed: int = 0, held_out: bool = False) -> None:
        self.name = "hermes"

    def present(self, tools: Sequence[Tool]) -> str:
        """One JSON object a tool, description first, inside <tools>."""
        lines = [_definition(tool) for tool in tools]
        return presentation("\n".join(["<tools>", *lines, "</tools>"]), _call_text(EXAMPLE))

    def write(self, text: str, calls: Sequence[Call]) -> str:
        """Text, then one tagged JSON object a call."""
        return write_message(text, [_call_text(call) for call in calls])

    def parse(self, message: str, tools: Sequence[Tool]) -> Reply | ParseFault:
        """Reads text and calls back; a tag inside a JSON string ends nothing."""
        return read_message(message, _OPENER, _read_call, tools)

    def render(self, results: Sequence[Result]) -> Message:
        """One <tool_response> a result."""
        blocks = [f"<tool_response>{result_text(each)}</tool_response>" for each in results]
        return Message(role="user", content="\n".join(blocks))


def _definition(tool: Tool) -> str:
    about = flat(tool.description)
    return quoted({"description": about, "name": tool.name, "parameters": arguments_about(tool)})


def _call_text(call: Call) -> str:
    return f"{_OPEN}{quoted({'name': call.name, 'arguments': dict(call.arguments)})}{_CLOSE}"


def _read_call(scanner: Scanner) -> Spoken:
    if not scanner.accept(_OPEN):
        raise malformed("nothing but calls may follow a call")
    scanner.space()
    if scanner.text.find(_CLOSE, scanner.at) < 0:
        raise unclosed(f"{_CLOSE} is missing")
    body = scanner.json("the call")
    scanner.space()
    scanner.expect(_CLOSE, "the JSON object")
    if not isinstance(body, dict):
        raise malformed("the call must be a JSON object")
    fields = cast(dict[str, Any], body)
    name, arguments = fields.get("name"), fields.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise malformed('the call needs a "name" and an object "arguments"')
    return Spoken(name, cast(Mapping[str, Any], arguments))
