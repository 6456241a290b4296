"""Surefoot trains and evaluates LLM agents with reinforcement learning so that they hold up in any
environment, and finds out why when they do not.

    import surefoot
    surefoot.train("config.toml", goals=[my_family], environments={"mine": my_environments})

The verbs of the command line are functions of the same names; these are the two that take code.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.version import VERSION as __version__

if TYPE_CHECKING:
    from surefoot.environments import EnvironmentFactory
    from surefoot.evals.summary import Summary
    from surefoot.goals import Family
    from surefoot.joints import Engine
    from surefoot.run import RunConfig

__all__ = ["__version__", "evaluate", "train"]


def train(
    config: "str | Path | Mapping[str, Any] | RunConfig | None" = None,
    *,
    goals: "Sequence[Family]" = (),
    environments: "Mapping[str, EnvironmentFactory] | None" = None,
    engine: "Engine | None" = None,
    run: str | Path | None = None,
) -> "Summary | None":
    """Trains a policy and writes a report.

    Args:
        config: a TOML file, or its settings; None: the defaults.
        goals: families of goals of your own; they take the place of those that ship, unless
            `goals.families` in the settings names some of both.
        environments: makers of environments of your own, by the name that the families give.
        engine: takes the place of the torch engine, as `ScriptedEngine` does in tests.
        run: the new run's folder; None: a dated one under `runs/`.

    Returns:
        The report, or None where `evals.suite` is `none`.

    Raises:
        UserError: unusable input; the sentence names the fault and the remedy.
        StoppedError: the disk is full; `surefoot train --resume RUN` goes on.
    """
    import asyncio

    from surefoot import loop
    from surefoot.progress import Watch
    from surefoot.run import fresh_folder, settings

    folder = Path(run) if run is not None else fresh_folder("run")
    return asyncio.run(
        loop.train(
            settings(config),
            folder,
            goals=goals,
            environments=environments,
            engine=engine,
            watch=Watch(),
        )
    )


def evaluate(
    config: "str | Path | Mapping[str, Any] | RunConfig | None" = None,
    *,
    goals: "Sequence[Family]" = (),
    environments: "Mapping[str, EnvironmentFactory] | None" = None,
    run: str | Path | None = None,
) -> "Summary":
    """Evaluates the configured policy on test goals, with the floors beside it.

    Arguments and errors are those of `train`.
    """
    import asyncio

    from surefoot import loop
    from surefoot.progress import Watch
    from surefoot.run import fresh_folder, settings

    folder = Path(run) if run is not None else fresh_folder("eval")
    return asyncio.run(
        loop.evaluate_only(
            settings(config), folder, goals=goals, environments=environments, watch=Watch()
        )
    )
