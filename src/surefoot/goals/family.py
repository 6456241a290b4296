"""A family of goals: how one is drawn, judged, solved, and solved wrongly.

    Random --make--> Draft --FamilySource--> Goal --reference--> 1.0
                                                  --wrong------> less than 1

Not a goal: a family is code, a goal is a record. Invariant: the solutions see the request and the
results alone, so what they reach a policy can reach.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from surefoot.joints import Check, Solution
from surefoot.records import Call, Result, World

TRIES = 4
TRANSIENT = "try again"
"""A failed result that says so is no answer: the same call may succeed, up to `TRIES` times."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The fields of a `Goal` that a family decides; see there."""

    prompt: str
    request: Mapping[str, str]
    world: World
    horizon: int
    expected: Mapping[str, Any] = field(default_factory=dict[str, Any])
    judged: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of goal.

    `make` draws a goal from random numbers alone. `reference` earns 1.0 in `Goal.horizon` calls.
    `wrong` holds at least two solutions that earn less than 1: a plausible mistake and an attempt
    to cheat the check; each goal must be made such that none of them is right by luck.
    """

    name: str
    make: Callable[[Random], Draft]
    check: Check
    reference: Solution
    wrong: Mapping[str, Solution]
    environment: str = "workspace"


def ask(tool: str, **arguments: str) -> Generator[Call, Result, str]:
    """Makes one call, again where the failure is transient; use as `yield from ask(...)`.

    Returns the result's text.
    """
    text = ""
    for _ in range(TRIES):
        result = yield Call(name=tool, arguments=arguments)
        text = result.text
        if not (result.failed and TRANSIENT in text):
            break
    return text


def first_path(found: str) -> str:
    """The path in the first line of a search's result (`path: line`)."""
    return found.partition("\n")[0].partition(": ")[0]


def settings(text: str) -> dict[str, str]:
    """The `key=value` lines of a file."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
