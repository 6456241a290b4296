"""From a Python function to a tool: its schema, and the check of a call's arguments against it.

    async def read_file(sandbox: Sandbox, path: str) -> str:      name         read_file
        '''read a file                                    --->    description  read a file
                                                                  parameters   path: string, "path"
        Args:
            path: path
        '''

Not a JSON Schema library: it knows the types that a tool's signature may use (str, int, float,
bool, list, Literal, Optional) and refuses the others by name. Invariant: what `checked` lets
through has exactly the types that the signature names.
"""

import inspect
import math
import re
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple, Union, cast

from surefoot.records import Tool

ToolFunction = Callable[..., Awaitable[str]]
"""`async def tool(sandbox: Sandbox, ...) -> str`."""

_PLAIN: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_HEADINGS = ("args:", "arguments:", "parameters:")
_ENDINGS = ("returns:", "raises:", "yields:", "examples:", "example:", "notes:", "note:")


class ToolError(Exception):
    """A policy's mistake, said in a short sentence that the policy reads as a failed result."""


class Described(NamedTuple):
    """What a docstring says: of the tool, and of each argument by name."""

    tool: str
    arguments: Mapping[str, str]


def tool_from_function(function: ToolFunction) -> Tool:
    """The tool that `function` is to a policy.

    The first parameter (the sandbox) is left out. The description is the docstring's first
    paragraph; the arguments' descriptions come from its `Args:` section.

    Raises:
        TypeError: the function is not async, has no docstring, or has an argument whose annotation
            is missing or unsupported.
    """
    name = function.__name__
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"The tool {name} must be an async function: write `async def {name}`.")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise TypeError(f"The tool {name} needs the sandbox as its first parameter.")
    described = _described(name, inspect.getdoc(function) or "")
    hints = typing.get_type_hints(function)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in parameters[1:]:
        properties[parameter.name] = _property(name, parameter, hints, described.arguments)
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
    unknown = sorted(set(described.arguments) - set(properties))
    if unknown:
        raise TypeError(f"The docstring of the tool {name} describes {unknown[0]}, no argument.")
    schema = {"type": "object", "properties": properties, "required": required}
    return Tool(name=name, description=described.tool, parameters=schema)


def checked(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call as the function wants them.

    Raises:
        ToolError: an argument is missing, unknown or of another type.
    """
    for name in tool.arguments:
        if name in tool.parameters.get("required", ()) and name not in arguments:
            raise ToolError(f"missing argument {name}")
    values: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in tool.arguments:
            raise ToolError(f"unknown argument {name}")
        schema = tool.arguments[name]
        if value is None and "default" in schema and schema["default"] is None:
            values[name] = None
        elif not _fits(value, schema):
            raise ToolError(f"{name} must be {_wanted(schema)}")
        else:
            values[name] = value
    return values


def _property(
    tool: str, parameter: inspect.Parameter, hints: Mapping[str, Any], described: Mapping[str, str]
) -> dict[str, Any]:
    where = f"The argument {parameter.name} of the tool {tool}"
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TypeError(f"{where} must be an ordinary named parameter.")
    if parameter.name not in hints:
        raise TypeError(f"{where} needs a type annotation.")
    schema = _schema(where, hints[parameter.name], parameter.default)
    if parameter.name in described:
        schema["description"] = described[parameter.name]
    if parameter.default is not inspect.Parameter.empty:
        schema["default"] = parameter.default
    return schema


def _schema(
    where: str, annotation: Any, default: object = inspect.Parameter.empty
) -> dict[str, Any]:
    if annotation in _PLAIN:
        return {"type": _PLAIN[annotation]}
    origin: object = typing.get_origin(annotation)
    inner: tuple[object, ...] = typing.get_args(annotation)
    if annotation is list:
        return {"type": "array"}
    if origin is list:
        return {"type": "array", "items": _schema(where, inner[0])}
    if origin is Literal:
        kinds = {_PLAIN.get(type(choice), "") for choice in inner}
        if len(kinds) == 1 and "" not in kinds:
            return {"type": kinds.pop(), "enum": list(inner)}
    if origin in (Union, types.UnionType):
        others = [one for one in inner if one is not type(None)]
        if len(others) == 1 and len(inner) == 2 and default is None:
            return _schema(where, others[0])
        raise TypeError(f"{where} may only be a union with None, and then None is its default.")
    shown = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    raise TypeError(
        f"{where} has the unsupported annotation {shown}: use str, int, float, bool, list[...], "
        "Literal[...] or one of these | None = None."
    )


def _described(name: str, docstring: str) -> Described:
    lines = [line.strip() for line in docstring.splitlines()]
    if not lines or not lines[0]:
        raise TypeError(f"The tool {name} needs a docstring: its first line tells what it does.")
    first = lines.index("") if "" in lines else len(lines)
    heads = [n for n, line in enumerate(lines) if line.lower() in _HEADINGS]
    if heads:
        first = min(first, heads[0])
    arguments: dict[str, str] = {}
    last = ""
    for line in lines[heads[0] + 1 :] if heads else []:
        if line.lower() in _ENDINGS:
            break
        start = re.match(r"(\w+)(?: \([^)]*\))?:\s*(.*)", line)
        if start:
            last = start[1]
            arguments[last] = start[2]
        elif last and line:
            arguments[last] += f" {line}"
    return Described(" ".join(lines[:first]), arguments)


def _fits(value: object, schema: Mapping[str, Any]) -> bool:
    if "enum" in schema:
        return any(value == one and type(value) is type(one) for one in schema["enum"])
    if isinstance(value, bool):
        return schema["type"] == "boolean"
    if schema["type"] == "array":
        items = schema.get("items")
        return isinstance(value, list) and all(
            items is None or _fits(one, items) for one in cast("list[object]", value)
        )
    if schema["type"] == "number":
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, {"string": str, "integer": int}.get(schema["type"], ()))


def _wanted(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(one) for one in schema["enum"])
    return {"string": "text", "array": "a list", "boolean": "true or false"}.get(
        schema["type"], "a number" if schema["type"] == "number" else "a whole number"
    )
