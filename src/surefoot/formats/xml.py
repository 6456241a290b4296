"""XML invoke blocks, values as plain text between tags.

    <invoke name="read"><parameter name="path">a.txt</parameter></invoke>
    <result>...</result>

Not XML proper: nothing is escaped. A value that would end early is written as a JSON string.
"""

import re
from collections.abc import Sequence

from surefoot.formats.arguments import Source, source_text
from surefoot.formats.listing import arguments_about, flat
from surefoot.formats.message import (
    EXAMPLE,
    Spoken,
    presentation,
    read_message,
    result_text,
    write_message,
)
from surefoot.formats.scan import Scanner, malformed, quoted
from surefoot.records import Call, Message, ParseFault, Reply, Result, Tool

_OPENER = re.compile("<invoke ")
_STOPS = ("</parameter>",)


class Xml:
    """The format `xml`. The same for every seed."""

    def __init__(self, *, seed: int = 0, held_out: bool = False) -> None:
        self.name = "xml"

    def present(self, tools: Sequence[Tool]) -> str:
        """One <tool> a line, description first, inside <tools>."""
        lines = [_definition(tool) for tool in tools]
        return presentation("\n".join(["<tools>", *lines, "</tools>"]), _call_text(EXAMPLE))

    def write(self, text: str, calls: Sequence[Call]) -> str:
        """Text, then one invoke block a call."""
        return write_message(text, [_call_text(call) for call in calls])

    def parse(self, message: str, tools: Sequence[Tool]) -> Reply | ParseFault:
        """Reads text and calls back; white space between tags is of no account."""
        return read_message(message, _OPENER, _read_call, tools)

    def render(self, results: Sequence[Result]) -> Message:
        """One <result> a result."""
        blocks = [f"<result>{result_text(each)}</result>" for each in results]
        return Message(role="user", content="\n".join(blocks))


def _definition(tool: Tool) -> str:
    inner = "".join(
        f"<parameter name={quoted(name)}>{about}</parameter>"
        for name, about in arguments_about(tool).items()
    )
    about = quoted(flat(tool.description))
    return f"<tool description={about} name={quoted(tool.name)}>{inner}</tool>"


def _call_text(call: Call) -> str:
    inner = "".join(
        f"<parameter name={quoted(name)}>{source_text(value, _STOPS)}</parameter>"
        for name, value in call.arguments.items()
    )
    return f"<invoke name={quoted(call.name)}>{inner}</invoke>"


def _read_call(scanner: Scanner) -> Spoken:
    if not scanner.accept("<invoke name="):
        raise malformed("<invoke name= expected where a call begins")
    name = scanner.name("the tool")
    scanner.expect(">", "the name")
    arguments: dict[str, Source] = {}
    scanner.space()
    while scanner.accept("<parameter name="):
        argument = scanner.name("an argument")
        scanner.expect(">", argument)
        if argument in arguments:
            raise malformed(f"{argument} stands twice")
        arguments[argument] = Source(scanner.value(_STOPS, argument))
        scanner.expect("</parameter>", argument)
        scanner.space()
    scanner.expect("</invoke>", "the arguments")
    return Spoken(name, arguments)
