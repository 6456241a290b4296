"""Reading along a message from left to right, and the one way in which reading fails.

`Unreadable` never leaves this room: `read_message` turns it into a ParseFault. Not here: what the
values mean (arguments.py).
"""

import json
import re
from typing import Any

from surefoot.records import ParseFault

_NAME = re.compile(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*")
_LONGEST_DETAIL = 80


class Unreadable(Exception):
    """A message that tries to call and cannot be read."""

    def __init__(self, fault: ParseFault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def unclosed(detail: str) -> Unreadable:
    """The message ends inside a call."""
    return Unreadable(ParseFault(kind="unclosed", detail=_short(detail)))


def malformed(detail: str) -> Unreadable:
    """The message holds something else than the format asks for."""
    return Unreadable(ParseFault(kind="malformed", detail=_short(detail)))


def unknown_tool(name: str) -> Unreadable:
    """The call names a tool that is not on offer."""
    return Unreadable(ParseFault(kind="unknown_tool", detail=_short(f"no tool {name}")))


def bad_arguments(detail: str) -> Unreadable:
    """The call lacks an argument, has one too many, or one of the wrong type."""
    return Unreadable(ParseFault(kind="bad_arguments", detail=_short(detail)))


def _short(detail: str) -> str:
    flat = " ".join(detail.encode("utf-8", "replace").decode().split())
    return flat if len(flat) <= _LONGEST_DETAIL else flat[: _LONGEST_DETAIL - 3] + "..."


def quoted(value: Any) -> str:
    """JSON as every format writes it: one line, unicode kept. ValueError where not a number."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def name_text(name: str) -> str:
    """A name of a tool or an argument: bare where it is a plain word, else JSON-quoted."""
    return name if _NAME.fullmatch(name) else quoted(name)


def json_at(text: str, at: int) -> tuple[Any, int] | None:
    """The JSON value that starts at `at`, and where it ends; None where there is none."""
    try:
        value, end = _DECODER.raw_decode(text, at)
        if "\\u" in text[at:end]:
            quoted(value).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    return value, end


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class Scanner:
    """A position in a message. Each verb moves past what it read, or raises `Unreadable`."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at

    @property
    def done(self) -> bool:
        """True at the end of the message."""
        return self.at >= len(self.text)

    def space(self) -> None:
        """Skips white space."""
        while not self.done and self.text[self.at].isspace():
            self.at += 1

    def accept(self, literal: str) -> bool:
        """Moves past `literal` where it stands here."""
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def expect(self, literal: str, after: str) -> None:
        """Moves past `literal`, which must stand here."""
        if self.accept(literal):
            return
        detail = f"{literal.strip() or 'new line'} expected after {after}"
        rest = self.text[self.at :]
        raise unclosed(detail) if literal.startswith(rest.rstrip()) else malformed(detail)

    def name(self, of: str) -> str:
        """Reads a name, bare or quoted."""
        found = _NAME.match(self.text, self.at)
        if found:
            self.at = found.end()
            return found.group()
        value = self.json(f"the name of {of}")
        if not isinstance(value, str):
            raise malformed(f"the name of {of} must be a word")
        return value

    def json(self, what: str) -> Any:
        """Reads a JSON value."""
        found = json_at(self.text, self.at)
        if found is None:
            raise unclosed(f"{what} is missing") if self.done else malformed(f"{what} is not JSON")
        value, self.at = found
        return value

    def value(self, stops: tuple[str, ...], of: str) -> str:
        """Reads the source of a value: JSON that a stop follows, else all up to the first stop.
        The stop itself is left standing."""
        start = self.at
        if self.text[start : start + 1] in ('"', "{", "["):
            found = json_at(self.text, start)
            if found and any(self.text.startswith(stop, found[1]) for stop in stops):
                self.at = found[1]
                return self.text[start : self.at]
        ends = [end for stop in stops if (end := self.text.find(stop, start)) >= 0]
        if not ends:
            raise unclosed(f"{of} does not end")
        self.at = min(ends)
        return self.text[start : self.at]
