from typing import Any, Literal, Optional

import pytest

from surefoot.environments.tool import ToolError, checked, tool_from_function
from surefoot.joints import Sandbox


async def mix(
    sandbox: Sandbox,
    text: str,
    count: int,
    share: float = 0.5,
    loud: bool = False,
    names: list[str] | None = None,
    order: Literal["up", "down"] = "up",
    old: Optional[int] = None,  # noqa: UP045 (the old spelling is a law too)
) -> str:
    """mix things

    Some more that only people read.

    Args:
        text: what
            is mixed
        count (int): how often
    Returns:
        nothing: at all
    """
    return text * count


def test_schema_is_derived_from_signature_and_docstring() -> None:
    tool = tool_from_function(mix)
    assert (tool.name, tool.description) == ("mix", "mix things")
    assert tool.parameters["required"] == ["text", "count"]
    assert tool.arguments == {
        "text": {"type": "string", "description": "what is mixed"},
        "count": {"type": "integer", "description": "how often"},
        "share": {"type": "number", "default": 0.5},
        "loud": {"type": "boolean", "default": False},
        "names": {"type": "array", "items": {"type": "string"}, "default": None},
        "order": {"type": "string", "enum": ["up", "down"], "default": "up"},
        "old": {"type": "integer", "default": None},
    }


async def no_docstring(sandbox: Sandbox) -> str:
    return ""


async def no_annotation(sandbox: Sandbox, path) -> str:  # type: ignore[no-untyped-def]
    """a tool"""
    return ""


async def odd_annotation(sandbox: Sandbox, path: dict[str, int]) -> str:
    """a tool"""
    return ""


async def odd_union(sandbox: Sandbox, path: int | str) -> str:
    """a tool"""
    return ""


async def no_default(sandbox: Sandbox, path: str | None) -> str:
    """a tool"""
    return ""


async def star(sandbox: Sandbox, *paths: str) -> str:
    """a tool"""
    return ""


async def describes_another(sandbox: Sandbox, path: str) -> str:
    """a tool

    Args:
        file: file
    """
    return ""


async def no_sandbox() -> str:
    """a tool"""
    return ""


def not_async(sandbox: Sandbox) -> str:
    """a tool"""
    return ""


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (no_docstring, "needs a docstring"),
        (no_annotation, "needs a type annotation"),
        (odd_annotation, r"unsupported annotation dict\[str, int\]"),
        (odd_union, "union with None"),
        (no_default, "union with None"),
        (star, "ordinary named parameter"),
        (describes_another, "describes file"),
        (no_sandbox, "sandbox as its first parameter"),
        (not_async, "must be an async function"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_with_its_cause(function: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named):
        tool_from_function(function)


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ({"count": 1}, "missing argument text"),
        ({"text": "a", "count": 1, "more": 1}, "unknown argument more"),
        ({"text": 1, "count": 1}, "text must be text"),
        ({"text": None, "count": 1}, "text must be text"),
        ({"text": "a", "count": "1"}, "count must be a whole number"),
        ({"text": "a", "count": True}, "count must be a whole number"),
        ({"text": "a", "count": 1.0}, "count must be a whole number"),
        ({"text": "a", "count": 1, "share": float("nan")}, "share must be a number"),
        ({"text": "a", "count": 1, "loud": 1}, "loud must be true or false"),
        ({"text": "a", "count": 1, "names": "a"}, "names must be a list"),
        ({"text": "a", "count": 1, "names": ["a", 1]}, "names must be a list"),
        ({"text": "a", "count": 1, "order": "left"}, "order must be one of up, down"),
    ],
)
def test_arguments_are_checked_against_the_schema(arguments: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ToolError, match=mistake):
        checked(tool_from_function(mix), arguments)


def test_right_arguments_pass_as_they_are() -> None:
    given = {"text": "a", "count": 2, "share": 1, "names": ["b"], "order": "down", "old": None}
    assert checked(tool_from_function(mix), given) == given
