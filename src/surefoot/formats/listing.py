"""How one tool is written to the policy: short, on one or two lines, several layouts.

In the `about_first` layouts what a thing means stands before what it is called, for tools and for
arguments alike; in the `name_first` layouts the other way round. A listing is read by the policy
alone, never parsed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from surefoot.formats.arguments import ALL_TYPES, Schema, choices, types_of
from surefoot.formats.scan import quoted
from surefoot.records import Tool

Layout = Callable[[Tool], str]


def flat(text: str) -> str:
    """A description on one line, without its capital and its final stop: few kinds of token."""
    line = re.sub(r"\s+", " ", text).strip().removesuffix(".")
    return line[:1].lower() + line[1:] if line[1:2].islower() else line


def about_argument(tool: Tool, argument: str) -> str:
    """What an argument is, in a few words: its description, its type where that is not plain
    text, and whether it may be left out."""
    schema = tool.arguments[argument]
    kind = kind_of(schema)
    described = flat(str(schema.get("description", "")))
    words = [kind] if kind != "string" or not described else []
    words += [described] if described else []
    words += [] if argument in tool.parameters.get("required", ()) else ["(optional)"]
    return " ".join(words)


def kind_of(schema: Schema) -> str:
    """The type in words: `string`, `integer`, `one of a, b`, `array of integer`, ..."""
    if "enum" in schema:
        return choices(schema["enum"])
    types = types_of(schema)
    if types == ALL_TYPES:
        return "any"
    inner: Mapping[str, Any] = schema.get("properties", {})
    if types == frozenset(("object",)) and inner:
        return f"object {quoted({name: kind_of(each) for name, each in inner.items()})}"
    if types == frozenset(("array",)) and "items" in schema:
        return f"array of {kind_of(schema['items'])}"
    named = types - {"null"} - ({"integer"} if "number" in types else set[str]())
    return " or ".join(sorted(named))


def arguments_about(tool: Tool) -> dict[str, str]:
    """Argument name -> what it is, in listed order."""
    return {argument: about_argument(tool, argument) for argument in tool.arguments}


def _json_about_first(tool: Tool) -> str:
    arguments = [{"about": about, "name": name} for name, about in arguments_about(tool).items()]
    return quoted({"about": flat(tool.description), "name": tool.name, "arguments": arguments})


def _json_name_first(tool: Tool) -> str:
    about = flat(tool.description)
    return quoted({"name": tool.name, "about": about, "arguments": arguments_about(tool)})


def _xml_about_first(tool: Tool) -> str:
    inner = "".join(
        f"<arg about={quoted(about)} name={quoted(name)}/>"
        for name, about in arguments_about(tool).items()
    )
    return f"<tool about={quoted(flat(tool.description))} name={quoted(tool.name)}>{inner}</tool>"


def _xml_name_first(tool: Tool) -> str:
    inner = "".join(
        f"<arg name={quoted(name)}>{about}</arg>" for name, about in arguments_about(tool).items()
    )
    return f"<tool name={quoted(tool.name)} about={quoted(flat(tool.description))}>{inner}</tool>"


def _signature(tool: Tool) -> str:
    inner = ", ".join(f"{name}: {about}" for name, about in arguments_about(tool).items())
    return f"def {tool.name}({inner})"


def _def_about_first(tool: Tool) -> str:
    return f"# {flat(tool.description)}\n{_signature(tool)}"


def _def_name_first(tool: Tool) -> str:
    return f"{_signature(tool)}: {flat(tool.description)}"


def _bullet_about_first(tool: Tool) -> str:
    inner = "".join(f", {about} in {name}" for name, about in arguments_about(tool).items())
    return f"- {flat(tool.description)}: {tool.name}{inner}"


def _bullet_name_first(tool: Tool) -> str:
    inner = ", ".join(f"{name} = {about}" for name, about in arguments_about(tool).items())
    return f"- {tool.name}({inner}): {flat(tool.description)}"


LAYOUTS: Mapping[str, Layout] = {
    "json_about_first": _json_about_first,
    "json_name_first": _json_name_first,
    "xml_about_first": _xml_about_first,
    "xml_name_first": _xml_name_first,
    "def_about_first": _def_about_first,
    "def_name_first": _def_name_first,
    "bullet_about_first": _bullet_about_first,
    "bullet_name_first": _bullet_name_first,
}
"""The layouts from which the grammar draws, by name."""
