"""Who makes environments: a callable, and the registry of those that ship.

A world is single use, so rooms pass its maker around. A maker may own things that many episodes
share (built workspaces); `close` gives them back.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from surefoot.joints import Environment
from surefoot.records.errors import ConfigError

ENVIRONMENTS: Mapping[str, str] = {"workspace": "surefoot.environments.workspace:Workspace"}
"""Name -> dotted path of what makes the maker."""


class EnvironmentFactory(Protocol):
    """Makes one single-use environment a call."""

    def __call__(self) -> Environment: ...

    def close(self) -> None:
        """Gives back what the environments shared. Making another one afterwards is an error."""
        ...


def make_factory(name: str) -> EnvironmentFactory:
    """The maker registered under `name`, with its defaults.

    Raises:
        ConfigError: no environment has this name.
    """
    if name not in ENVIRONMENTS:
        known = ", ".join(sorted(ENVIRONMENTS))
        raise ConfigError(f"There is no environment named {name!r}; known are: {known}.")
    module, _, attribute = ENVIRONMENTS[name].partition(":")
    made = cast(
        "Callable[[], EnvironmentFactory]", vars(importlib.import_module(module))[attribute]
    )
    return made()
