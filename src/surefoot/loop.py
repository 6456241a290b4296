"""The page: from goals to a better policy, step by step.

    before --> [ rollout -> batch -> step -> checkpoint -> commit -> load ] x steps --> after

One step is one transaction: the outcomes of its episodes, its metrics and its checkpoint become
true together, so a run that dies at any moment goes on where its last step ended. There is one
loop; synchronous is its case with `rollout.staleness` 0. Waits: for a step's episodes, each of
which has a deadline (rollout/episode.py).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from surefoot.environments import EnvironmentFactory
from surefoot.evals.play import Contestant, evaluate
from surefoot.evals.proof import vouch
from surefoot.evals.summary import AFTER, BEFORE, Summary
from surefoot.goals import Family
from surefoot.joints import Engine, Store
from surefoot.progress import Watch
from surefoot.records import Event, Group, PolicyVersion, StepMetrics
from surefoot.records.errors import ConfigError
from surefoot.rollout import Curriculum, Scheduler, play
from surefoot.rollout.agents import FLOORS
from surefoot.rollout.metrics import Clock, ended, left_out, rollout_metrics
from surefoot.run import (
    Parts,
    RunConfig,
    begin_evaluation,
    finish,
    new_run,
    open_parts,
    policy_directory,
    run_config,
)
from surefoot.store import Resume, open_store, resume
from surefoot.training import checkpoint
from surefoot.training.batch import make_batch
from surefoot.training.trainer import Trainer

Referee = Callable[[Sequence[Group]], Sequence[Group]]
"""Looks at a step's finished groups before they train and may judge their episodes otherwise."""


async def train(  # noqa: PLR0913 (what a user may bring, each by name)
    config: RunConfig,
    run: Path,
    *,
    goals: Sequence[Family] = (),
    environments: Mapping[str, EnvironmentFactory] | None = None,
    engine: Engine | None = None,
    referee: Referee = list,
    watch: Watch | None = None,
) -> Summary | None:
    """Trains a policy in the new folder `run`; returns the report (None without evaluation)."""
    new_run(config, run, goals)
    return await go_on(
        run, goals=goals, environments=environments, engine=engine, referee=referee, watch=watch
    )


async def go_on(
    run: Path,
    *,
    goals: Sequence[Family] = (),
    environments: Mapping[str, EnvironmentFactory] | None = None,
    engine: Engine | None = None,
    referee: Referee = list,
    watch: Watch | None = None,
) -> Summary | None:
    """Takes a run from where it stands to its end."""
    config = run_config(run)
    with open_store(run) as store:
        books = resume(store)
    first = PolicyVersion(number=0, directory=str(policy_directory(config.policy)))
    version = books.version or first
    if version.number > 0:
        checkpoint.verify(Path(version.directory))
    async with open_parts(
        config, run, families=goals, environments=environments, engine=engine, version=version
    ) as parts:
        with watch or Watch(quiet=True) as shown:
            if version.number == 0:
                await vouch(parts.source, parts.yard, parts.one_of_each())
                await judge_policy(parts, (*FLOORS, BEFORE), version, shown)
            version = await improve(parts, books, version, shown, referee)
            await judge_policy(parts, (AFTER,), version, shown)
    return finish(run, config)


async def evaluate_only(
    config: RunConfig,
    run: Path,
    *,
    goals: Sequence[Family] = (),
    environments: Mapping[str, EnvironmentFactory] | None = None,
    watch: Watch | None = None,
) -> Summary:
    """Evaluates a policy in the folder `run`, with the floors beside it; goes on with one that was
    stopped there."""
    if config.evals.suite == "none":
        raise ConfigError("an evaluation needs a suite: set evals.suite to quick or full")
    chosen = config.model_copy(update={"steps": 0})
    begin_evaluation(chosen, run, goals)
    with open_store(run) as store:
        resume(store)
    async with open_parts(chosen, run, families=goals, environments=environments) as parts:
        with watch or Watch(quiet=True) as shown:
            first = PolicyVersion(number=0, directory=config.policy)
            await judge_policy(parts, (*FLOORS, BEFORE), first, shown)
    summary = finish(run, chosen)
    assert summary is not None
    return summary


async def judge_policy(
    parts: Parts, names: Sequence[str], version: PolicyVersion, watch: Watch
) -> None:
    """Plays the evaluation suite under each of `names`: the policy, or a floor."""
    planned = parts.planned()
    stage = parts.voice(parts.config.evals.temperature, parts.config.evals.seed)
    for name in names if planned else ():
        watch.begin(f"evaluating {name}", len(planned))
        await evaluate(
            Contestant(name, version.number, _last_step(parts.store) + 1 if name == AFTER else 0),
            planned,
            lambda dispatch: play(dispatch, stage),
            parts.store,
            parts.config.evals.concurrency,
            lambda row: watch.advance(),
        )


async def improve(
    parts: Parts, books: Resume, version: PolicyVersion, watch: Watch, referee: Referee = list
) -> PolicyVersion:
    """Runs the training steps that are left; returns the newest policy version."""
    config, store = parts.config, parts.store
    engine, temperature = parts.engine, config.rollout.temperature
    assert engine is not None
    if books.step > config.steps or _time_is_over(store):
        return version
    trainer = await asyncio.to_thread(_trainer, config, version)
    scheduler = Scheduler(
        config.rollout,
        Curriculum(parts.source, seed=config.seed, groups=config.rollout.groups).plan,
        lambda dispatch: play(dispatch, parts.stage),
        store,
        books.number,
    )
    started = time.monotonic()
    watch.begin("training", config.steps, done=books.step - 1)
    try:
        for step in range(books.step, config.steps + 1):
            clock = Clock()
            groups = referee(await scheduler.step(step, version.number, config.steps))
            clock.lap("rollout_seconds")
            oldest = version.number - config.rollout.staleness
            batch = make_batch(groups, config.training, oldest=oldest, temperature=temperature)
            learned = await asyncio.to_thread(trainer.step, batch, version.number)
            clock.lap("step_seconds")
            version = await asyncio.to_thread(trainer.save, parts.run, step)
            clock.lap("checkpoint_seconds")
            metrics = {**rollout_metrics(groups, batch.outcomes), **learned, **clock.laps}
            store.commit(
                StepMetrics(step=step, version=version.number, values=metrics),
                version,
                ended(groups, batch.outcomes),
                *left_out(step, batch.outcomes),
            )
            await engine.load(version)
            checkpoint.prune(parts.run, keep=config.keep, named={version.number})
            watch.advance(f"reward {metrics['reward']:.2f}  signal {metrics['signal']:.2f}")
            if config.minutes and time.monotonic() - started > config.minutes * 60:
                store.write(Event(kind="time", text=f"The {config.minutes:g} minutes are over."))
                break
    finally:
        await scheduler.close()
        resume(store)  # what was in flight is cancelled, so the books balance
    return version


def _last_step(store: Store) -> int:
    ((last,),) = store.query("SELECT coalesce(max(step), 0) FROM steps")
    return last


def _time_is_over(store: Store) -> bool:
    return any(event.kind == "time" for event in store.stream(Event))


def _trainer(config: RunConfig, version: PolicyVersion) -> Trainer:
    base = policy_directory(config.policy)
    if version.number == 0:
        return Trainer(base, config.training)
    return Trainer.resume(base, config.training, Path(version.directory))
