"""The one place where argument values become text and text becomes values.

    value --source_text--> source --fit--> value of the type that the schema names

Text formats write a value bare where that is safe and as JSON where it is not: a string is quoted
where it would end early, starts like JSON, spells null, is empty or has white space at an end.
A bare source is a string wherever the schema allows a string (so the string 62 stays a string);
else it is read as JSON. Kept: every value comes back exactly, but for one case that text cannot
tell apart: a number or boolean under a schema that also allows strings comes back as a string.
JSON formats carry types themselves and are exact there too.

Not here: deep validation of nested values, which is the tool's own business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from surefoot.formats.scan import Scanner, Unreadable, bad_arguments, json_at, quoted, unknown_tool
from surefoot.records import Call, Tool

Schema = Mapping[str, Any]
_KINDS: Mapping[type[Any], str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}
ALL_TYPES = frozenset(_KINDS.values())


@dataclass(frozen=True)
class Source:
    """A value as it stands in a message of a text format."""

    text: str


def source_text(value: Any, stops: tuple[str, ...], *, always_quoted: bool = False) -> str:
    """How a text format writes `value` before any of `stops`."""
    if not isinstance(value, str):
        return quoted(value)
    safe = value != "" and value == value.strip() and value != "null" and value[0] not in '"{['
    if always_quoted or not safe or any(_ends_early(value, stop, stops) for stop in stops):
        return quoted(value)
    return value


def _ends_early(value: str, stop: str, stops: tuple[str, ...]) -> bool:
    return Scanner(value + stop).value(stops, "value") != value


def types_of(schema: Schema) -> frozenset[str]:
    """The JSON types that a schema allows; all where it does not say. A default of null counts."""
    types = _named_types(schema)
    return types | {"null"} if "default" in schema and schema["default"] is None else types


def _named_types(schema: Schema) -> frozenset[str]:
    if "enum" in schema:
        return frozenset(_kind(value) for value in schema["enum"])
    if "const" in schema:
        return frozenset((_kind(schema["const"]),))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return frozenset[str]().union(*(types_of(each) for each in schema[union]))
    named = schema.get("type")
    if named is None:
        return ALL_TYPES
    types = frozenset((named,) if isinstance(named, str) else cast(Sequence[str], named))
    return types | {"integer"} if "number" in types else types


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "object")


def fit(name: str, arguments: Mapping[str, Any], tools: Sequence[Tool]) -> Call:
    """The call of a tool on offer, with its arguments checked and typed as the schema says.

    Raises:
        Unreadable: unknown tool; argument missing, unknown, or of the wrong type.
    """
    tool = next((each for each in tools if each.name == name), None)
    if tool is None:
        raise unknown_tool(name)
    known = tool.arguments
    open_ended = bool(tool.parameters.get("additionalProperties"))
    for argument in arguments:
        if argument not in known and not open_ended:
            raise bad_arguments(f"{name} has no argument {argument}")
    for argument in tool.parameters.get("required", ()):
        if argument not in arguments:
            raise bad_arguments(f"{name} needs {argument}")
    typed = {
        argument: _typed(argument, value, known.get(argument, {}))
        for argument, value in arguments.items()
    }
    return Call(name=name, arguments=typed)


def _typed(argument: str, value: Any, schema: Schema) -> Any:
    types = types_of(schema)
    if isinstance(value, Source):
        read = _from_text(argument, value.text, types)
    else:
        read = _from_json(argument, value, types)
    if "enum" in schema and read not in schema["enum"]:
        raise bad_arguments(f"{argument} must be {choices(schema['enum'])}")
    return read


def choices(values: Sequence[Any]) -> str:
    """`one of a, b`: an enumeration as a policy reads it."""
    return "one of " + ", ".join(each if isinstance(each, str) else quoted(each) for each in values)


def _from_text(argument: str, text: str, types: frozenset[str]) -> Any:
    if text[:1] == '"' and "string" in types:
        found = json_at(text, 0)
        return found[0] if found and found[1] == len(text) else text
    if text == "null" and "null" in types:
        return None
    if "string" in types and (text[:1] not in ("{", "[") or types.isdisjoint(("array", "object"))):
        return text
    bare = text.strip()
    found = json_at(bare.lower() if bare in ("True", "False") else bare, 0)
    if found and found[1] == len(bare) and _allowed(found[0], types):
        return _narrow(found[0], types)
    if "string" in types:
        return text
    raise _wrong_type(argument, types)


def _from_json(argument: str, value: Any, types: frozenset[str]) -> Any:
    if _allowed(value, types):
        return _narrow(value, types)
    if isinstance(value, str):
        return _from_text(argument, value, types)
    if isinstance(value, (bool, int, float)) and "string" in types:
        return quoted(value)
    raise _wrong_type(argument, types)


def _allowed(value: object, types: frozenset[str]) -> bool:
    whole = isinstance(value, float) and value.is_integer() and "integer" in types
    return whole or _kind(value) in types


def _narrow(value: Any, types: frozenset[str]) -> Any:
    """A whole float where only an integer is asked for becomes one."""
    return int(value) if isinstance(value, float) and "number" not in types else value


def _wrong_type(argument: str, types: frozenset[str]) -> Unreadable:
    named = sorted(types - {"null"} - ({"integer"} if "number" in types else set[str]()))
    return bad_arguments(f"{argument} must be {' or '.join(named)}")
