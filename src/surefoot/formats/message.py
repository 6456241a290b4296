"""What all formats share: where text ends and calls begin, and how results read.

    text, a new line, call, a new line, call ...          nothing may follow the last call

Kept: text and calls come back exactly wherever the text holds no opener of a call itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from surefoot.formats.arguments import fit
from surefoot.formats.scan import Scanner, Unreadable
from surefoot.records import Call, ParseFault, Reply, Result, Tool

EXAMPLE = Call(name="name", arguments={"first": "one", "next": "two"})
"""The call with which every presentation ends, in neutral names."""


class Spoken(NamedTuple):
    """A call as it stands in a message, before it is held against the tools on offer."""

    name: str
    arguments: Mapping[str, Any]


def presentation(listing: str, example: str) -> str:
    """The system prompt's text: the tools, and one call to read the syntax off."""
    return f"{listing}\nto call:\n{example}"


def write_message(text: str, calls: Sequence[str]) -> str:
    """Text, then calls, each on a line of its own."""
    return "\n".join([text, *calls] if text or not calls else calls)


def read_message(
    message: str,
    opener: re.Pattern[str],
    read_call: Callable[[Scanner], Spoken],
    tools: Sequence[Tool],
) -> Reply | ParseFault:
    """Splits a message at the first `opener` and reads calls from there to the end. A message
    without an opener is text alone. Any text gives an answer; nothing is raised."""
    found = opener.search(message)
    if found is None:
        return Reply(text=message)
    scanner = Scanner(message, found.start())
    calls: list[Call] = []
    try:
        while not scanner.done:
            calls.append(fit(*read_call(scanner), tools))
            scanner.space()
    except Unreadable as unreadable:
        return unreadable.fault
    return Reply(text=message[: found.start()].removesuffix("\n"), calls=tuple(calls))


def result_text(result: Result) -> str:
    """A result as the policy reads it; a failed one says so first."""
    if result.failed and not result.text.startswith("error: "):
        return f"error: {result.text}"
    return result.text
