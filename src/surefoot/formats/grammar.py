"""Formats drawn by seed: a call syntax from a grammar of six parts, and a layout of the tools.

    <call>  name   (  first = one  ,  next = two  )
    open           middle  key_value  separator   close      and whether strings are quoted

Every presentation ends with one call in the drawn syntax, so that a syntax never seen can be read
off the prompt. `records.words.is_held_out` of a combination's fingerprint decides whether training
may show it. Kept: a call is read from left to right with one reading only, in every combination; no
separator and closing is a part of the other (a test holds every pair).
"""

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from surefoot.formats.arguments import Source, source_text
from surefoot.formats.listing import LAYOUTS
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
from surefoot.records.words import is_held_out

OPEN = ("<call>", "[[", "{{", "call: ", "@", "run ")
MIDDLE = ("(", " | ", ": ", " -> ", " {", "\n")
KEY_VALUE = ("=", ": ", " = ", "->", " is ", ":=")
SEPARATOR = (", ", "; ", " | ", "\n", " and ", " / ")
CLOSE = (")", "</call>", "]]", "}}", " end", ";;")
QUOTING = ("bare", "quoted")


class Combination(NamedTuple):
    """One call syntax. `quoting` says whether every string is quoted, or only where it must be."""

    open: str
    middle: str
    key_value: str
    separator: str
    close: str
    quoting: str

    @property
    def fingerprint(self) -> str:
        """Stable text that names the combination."""
        return quoted(list(self))

    @property
    def held_out(self) -> bool:
        """True where training never shows the combination."""
        return is_held_out(self.fingerprint)


class Counts(NamedTuple):
    """How many combinations training may show, and how many it never does."""

    seen: int
    held_out: int


def combinations() -> Iterator[Combination]:
    """Every call syntax of the grammar."""
    parts = itertools.product(OPEN, MIDDLE, KEY_VALUE, SEPARATOR, CLOSE, QUOTING)
    return itertools.starmap(Combination, parts)


def counts() -> Counts:
    """The size of the grammar."""
    held_out = [each.held_out for each in combinations()]
    return Counts(seen=held_out.count(False), held_out=held_out.count(True))


def draw(random_: random.Random, *, held_out: bool) -> Combination:
    """A combination from the held-out share, or from the rest."""
    parts = (OPEN, MIDDLE, KEY_VALUE, SEPARATOR, CLOSE, QUOTING)
    while True:
        combination = Combination(*(random_.choice(part) for part in parts))
        if combination.held_out == held_out:
            return combination


class Grammar:
    """The format `grammar`: one combination and one layout, drawn by `seed`."""

    def __init__(self, *, seed: int = 0, held_out: bool = False) -> None:
        random_ = random.Random(f"grammar {seed}")
        self.name = "grammar"
        self.combination = draw(random_, held_out=held_out)
        self.layout = random_.choice(list(LAYOUTS))
        self._opener = re.compile("^" + re.escape(self.combination.open), re.MULTILINE)

    def present(self, tools: Sequence[Tool]) -> str:
        """The tools in the drawn layout, then one call in the drawn syntax."""
        lines = [LAYOUTS[self.layout](tool) for tool in tools]
        return presentation("\n".join(lines), call_text(self.combination, EXAMPLE))

    def write(self, text: str, calls: Sequence[Call]) -> str:
        """Text, then a call a line."""
        return write_message(text, [call_text(self.combination, call) for call in calls])

    def parse(self, message: str, tools: Sequence[Tool]) -> Reply | ParseFault:
        """Reads text and calls back; a call begins at the start of a line."""
        return read_message(message, self._opener, self._read_call, tools)

    def render(self, results: Sequence[Result]) -> Message:
        """The bare results, a line break between them."""
        return Message(role="tool", content="\n".join(result_text(each) for each in results))

    def _read_call(self, scanner: Scanner) -> Spoken:
        return read_call(self.combination, scanner)


def call_text(syntax: Combination, call: Call) -> str:
    """A call in a combination's syntax."""
    stops = (syntax.separator, syntax.close)
    always_quoted = syntax.quoting == "quoted"
    inner = syntax.separator.join(
        name_text(name) + syntax.key_value + source_text(value, stops, always_quoted=always_quoted)
        for name, value in call.arguments.items()
    )
    return syntax.open + name_text(call.name) + syntax.middle + inner + syntax.close


def read_call(syntax: Combination, scanner: Scanner) -> Spoken:
    """The call that stands at the scanner's position.

    Raises:
        Unreadable: something else stands there.
    """
    if not scanner.accept(syntax.open):
        raise malformed("nothing but calls may follow a call")
    name = scanner.name("the tool")
    scanner.expect(syntax.middle, name)
    arguments: dict[str, Source] = {}
    if scanner.accept(syntax.close):
        return Spoken(name, arguments)
    while True:
        argument = scanner.name("an argument")
        scanner.expect(syntax.key_value, argument)
        if argument in arguments:
            raise malformed(f"{argument} stands twice")
        arguments[argument] = Source(scanner.value((syntax.separator, syntax.close), argument))
        if not scanner.accept(syntax.separator):
            scanner.expect(syntax.close, argument)
            return Spoken(name, arguments)
