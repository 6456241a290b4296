"""Reads a configuration file into the frozen classes that stand beside what they turn.

    config.toml (by hand) + overrides --> resolved configuration --> RUN/config.json (by machine)

Knows no key of its own. Invariant: no setting is silently ignored; an unknown key is an error that
offers the nearest name.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from surefoot.records.errors import ConfigError

C = TypeVar("C", bound=BaseModel)


def read_config(kind: type[C], path: Path | None, overrides: Sequence[str] = ()) -> C:
    """The configuration in `path` (TOML, or the JSON of a run), changed by `key.key=value`.

    Raises:
        ConfigError: the file is missing or unreadable, a key is unknown, a value does not fit.
    """
    values = _read(path) if path is not None else {}
    for override in overrides:
        _apply(values, override)
    return resolve(kind, values, str(path or "the settings given"))


def resolve(kind: type[C], values: Mapping[str, Any], where: str) -> C:
    """Validates `values`.

    Raises:
        ConfigError: a key is unknown or a value does not fit; the message names all of them.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = [_sentence(kind, fault["loc"], fault["type"], fault["msg"])
                  for fault in error.errors()]  # fmt: skip
        raise ConfigError(f"{where}: " + "; ".join(faults)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path} is no readable configuration: {error}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override!r} is no setting; write it as key.key=value")
    *path, name = key.strip().split(".")
    at = values
    for part in path:
        below = at.setdefault(part, {})
        if not isinstance(below, dict):
            raise ConfigError(f"{key}: {part} is a value and has no settings below it")
        at = cast("dict[str, Any]", below)
    try:
        at[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        at[name] = text  # a bare word is a string


def _sentence(kind: type[BaseModel], where: tuple[int | str, ...], what: str, text: str) -> str:
    key = ".".join(str(part) for part in where)
    if what != "extra_forbidden":
        return f"{key}: {text}"
    near = difflib.get_close_matches(str(where[-1]), _names(kind, where[:-1]), n=1, cutoff=0.4)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"there is no setting {key}{hint}"


def _names(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The settings that stand below `path`."""
    for part in path:
        field = kind.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        kind = inner
    return list(kind.model_fields)
