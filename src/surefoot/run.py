"""A run: its configuration, its folder, and its parts opened and closed in order.

    RUN/config.json     the resolved configuration
        store.db        everything that happened
        policies/NNNN   policy versions, each a Hugging Face directory
        report.html     how sure we are; report.json for machines

Wires rooms together and decides nothing: what a step is stands in loop.py.
"""

import datetime
import importlib.metadata
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from surefoot.config import read_config, resolve
from surefoot.engines.config import EngineConfig
from surefoot.environments import ENVIRONMENTS, EnvironmentFactory, make_factory
from surefoot.evals.crossings import crossings
from surefoot.evals.play import EvalConfig
from surefoot.evals.proof import Proof, Yard, prove
from surefoot.evals.report import report, write_report
from surefoot.evals.suites import Planned, suite
from surefoot.evals.summary import Summary
from surefoot.gateway import Budget, Renderer, Voice
from surefoot.gateway.tokenizer import HuggingFaceTokenizer
from surefoot.goals import Family, FamilySource, GoalsConfig, make_source
from surefoot.goals.judge import judge
from surefoot.goals.solution import PLAIN, EndState, reach
from surefoot.joints import Engine
from surefoot.records import Goal, Judged, PolicyVersion, Reward, Split, Start
from surefoot.records.errors import GoalError, PolicyError, StoreError
from surefoot.rollout import Judge, LimitsConfig, RolloutConfig, Stage
from surefoot.sandbox import SandboxConfig, Sandboxes
from surefoot.store import SqliteStore, open_store
from surefoot.training.config import TrainingConfig
from surefoot.version import VERSION

EMBEDDED = "embedded"
"""The name of the small policy that ships in the package."""
CONFIG = "config.json"
STORE = "store.db"


class RunConfig(BaseModel):
    """All settings of a run. Each part's class stands beside what it turns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str = EMBEDDED
    """A Hugging Face causal LM directory, or `embedded`: the small policy in the package."""
    seed: int = 0
    """Draws the training goals' order, the surroundings and the sampling noise."""
    steps: int = Field(default=100, ge=0)
    """Training steps."""
    minutes: float | None = Field(default=None, gt=0)
    """Ends training after the step in which so many minutes of it have passed."""
    keep: int = Field(default=2, ge=1)
    """Policy versions that stay on disk, besides the latest."""
    goals: GoalsConfig = GoalsConfig()
    rollout: RolloutConfig = RolloutConfig()
    budget: Budget = Budget()
    limits: LimitsConfig = LimitsConfig()
    sandbox: SandboxConfig = SandboxConfig()
    engine: EngineConfig = EngineConfig()
    training: TrainingConfig = TrainingConfig()
    evals: EvalConfig = EvalConfig()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A run's parts, opened."""

    config: RunConfig
    run: Path
    store: SqliteStore
    source: FamilySource
    stage: Stage
    engine: Engine | None = None

    def voice(self, temperature: float, seed: int) -> Stage:
        """The stage with the policy's voice at a temperature."""
        old = self.stage.voice
        assert old is not None, "the parts were opened without an engine"
        return replace(self.stage, voice=replace(old, temperature=temperature, seed=seed))

    @property
    def yard(self) -> Yard:
        """Where the goals' solutions are tried."""
        return Yard(environments=self.stage.environments, sandboxes=self.stage.make_sandbox)

    def one_of_each(self) -> list[Goal]:
        """One train goal of every family."""
        return list(islice(self.source.goals("train"), len(self.source.families)))

    def planned(self) -> list[Planned]:
        """The attempts of the evaluation suite, on test goals."""
        if self.config.evals.suite == "none":
            return []
        chosen = suite(self.config.evals.suite)
        goals = islice(self.source.goals("test"), self.config.goals.test)
        return list(chosen.plan(goals, self.config.evals.seed))


@asynccontextmanager
async def open_parts(
    config: RunConfig,
    run: Path,
    *,
    families: Sequence[Family] = (),
    environments: Mapping[str, EnvironmentFactory] | None = None,
    engine: Engine | None = None,
    version: PolicyVersion | None = None,
) -> AsyncGenerator[Parts]:
    """Opens everything that a run needs, and closes it in reverse order.

    Args:
        families: goal families of the user's own; where given, they are the goals.
        environments: makers of environments of the user's own, by name.
        engine: takes the place of the torch engine (a scripted one, say).
        version: the policy version to begin with; None: the configured policy.
    """
    async with AsyncExitStack() as stack:
        store = stack.enter_context(open_store(run))
        source = goal_source(config, families)
        makers = dict(environments or {})
        for name in {family.environment for family in source.families.values()} - set(makers):
            makers[name] = make_factory(name) if name in ENVIRONMENTS else _missing(name)
        for maker in makers.values():
            stack.callback(maker.close)
        sandboxes = await stack.enter_async_context(Sandboxes(config.sandbox))
        at = version or PolicyVersion(number=0, directory=str(policy_directory(config.policy)))
        renderer = Renderer(HuggingFaceTokenizer(Path(at.directory)))
        if engine is None:
            from surefoot.engines.torch import TorchEngine

            engine = TorchEngine.open(at, config.engine)
            stack.push_async_callback(engine.close)
        else:
            await engine.load(at)
        stage = Stage(
            source=source,
            environments=makers,
            make_sandbox=sandboxes.create,
            judge=_judge_of(source, makers, sandboxes),
            limits=config.limits,
            voice=Voice(
                engine=engine,
                renderer=renderer,
                temperature=config.rollout.temperature,
                seed=config.seed,
                budget=config.budget,
            ),
            log=lambda text: _log(run, text),
        )
        yield Parts(config=config, run=run, store=store, source=source, stage=stage, engine=engine)


def settings(config: "str | Path | Mapping[str, Any] | RunConfig | None") -> RunConfig:
    """The configuration that a caller means: a file, settings, or the defaults.

    Raises:
        ConfigError: the file or a setting cannot be used.
    """
    if isinstance(config, RunConfig):
        return config
    if isinstance(config, Mapping):
        return resolve(RunConfig, config, "the settings given")
    return read_config(RunConfig, Path(config) if config is not None else None)


def goal_source(config: RunConfig, families: Sequence[Family] = ()) -> FamilySource:
    """The goals of a run. A user's families replace those that ship unless `goals.families` names
    some of both."""
    if families and config.goals.families == GoalsConfig().families:
        chosen = tuple(family.name for family in families)
        settings = config.goals.model_copy(update={"families": chosen})
        return make_source(settings, families)
    return make_source(config.goals, families)


def policy_directory(policy: str) -> Path:
    """Where a policy's files lie.

    Raises:
        PolicyError: there is no such directory.
    """
    own = Path(str(files("surefoot") / "embedded"))
    directory = own if policy == EMBEDDED else Path(policy)
    if not (directory / "config.json").is_file():
        raise PolicyError(
            f"{directory} is no Hugging Face model directory: it has no config.json; "
            f"give such a directory, or {EMBEDDED}"
        )
    return directory


def new_run(config: RunConfig, run: Path, families: Sequence[Family] = ()) -> None:
    """Founds a run's folder, once its settings are known to name things that exist.

    A folder in which a run was founded and never played anything may be founded again.

    Raises:
        StoreError: the folder holds a run already, or cannot be made.
        UserError: the policy, the suite or a goal family does not exist.
    """
    config = _settled(config, families)
    if (run / CONFIG).exists() and not _is_unplayed(run):
        raise StoreError(
            f"{run} holds a run already; go on with surefoot train --resume {run}, or give another "
            "folder"
        )
    try:
        run.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise StoreError(
            f"the folder {run} cannot be made ({error.strerror}); give another one with --run"
        ) from error
    with open_store(run, create=True) as store:
        store.write(
            Start(config=config.model_dump(mode="json"), seed=config.seed, versions=_versions())
        )
    (run / CONFIG).write_text(config.model_dump_json(indent=1), encoding="utf-8")


def begin_evaluation(config: RunConfig, run: Path, families: Sequence[Family] = ()) -> None:
    """Founds an evaluation's folder; one that was stopped in it goes on under the same settings.

    Raises:
        UserError: as `new_run`.
    """
    stopped = (run / CONFIG).is_file() and (run / STORE).is_file()
    if not stopped or run_config(run) != _settled(config, families):
        new_run(config, run, families)


def run_config(run: Path) -> RunConfig:
    """The configuration of a run.

    Raises:
        StoreError: the folder holds no run.
        ConfigError: its configuration is of another version.
    """
    for name in (CONFIG, STORE):
        if not (run / name).is_file():
            raise StoreError(f"{run} holds no run: it has no {name}; give a run's folder")
    return read_config(RunConfig, run / CONFIG)


def _settled(config: RunConfig, families: Sequence[Family]) -> RunConfig:
    """The settings with the policy's whole path; names that do not exist are refused."""
    if config.evals.suite != "none":
        suite(config.evals.suite)
    goal_source(config, families)
    directory = policy_directory(config.policy)
    if config.policy == EMBEDDED:
        return config
    return config.model_copy(update={"policy": str(directory.resolve())})


def _is_unplayed(run: Path) -> bool:
    if not (run / STORE).is_file():
        return False
    with open_store(run, read_only=True) as store:
        ((sent,),) = store.query("SELECT count(*) FROM dispatches")
    return sent == 0


def finish(run: Path, config: RunConfig) -> Summary | None:
    """Writes the report from the store alone; None where nothing is evaluated.

    Raises:
        StoreError: nothing was judged yet, or the store cannot be read.
    """
    if config.evals.suite == "none":
        return None
    with open_store(run, read_only=True) as store:
        if next(store.stream(Judged), None) is None:
            raise StoreError(f"nothing was judged in {run} yet; resume it first")
        summary = report(store, run.name, suite(config.evals.suite))
    write_report(summary, run)
    return summary


def fresh_folder(stem: str, root: Path = Path("runs")) -> Path:
    """A new folder's name for a run."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return root / f"{stem}-{now}"


def list_goals(config: RunConfig, split: Split, count: int) -> list[Goal]:
    """The first goals of a split."""
    return list(islice(goal_source(config).goals(split), count))


def policy_of_run(policy: str) -> str:
    """The newest policy version where `policy` is a run's folder; else `policy` itself."""
    run = Path(policy)
    if not (run / STORE).is_file():
        return policy
    with open_store(run, read_only=True) as store:
        versions = list(store.stream(PolicyVersion))
    return versions[-1].directory if versions else run_config(run).policy


async def prove_goals(config: RunConfig, split: Split, count: int, *, crossed: bool) -> list[Proof]:
    """Proves `count` goals of each family, plain or under formats and perturbations too."""
    source = goal_source(config)
    taken: Counter[str] = Counter()
    goals: list[Goal] = []
    for goal in source.goals(split):
        if taken[goal.family] < count:
            taken[goal.family] += 1
            goals.append(goal)
        if len(goals) == count * len(source.families):
            break
    async with Sandboxes(config.sandbox) as sandboxes:
        names = {family.environment for family in source.families.values()}
        makers = {name: make_factory(name) for name in names}
        try:
            yard = Yard(environments=makers, sandboxes=sandboxes.create)
            return await prove(source, yard, goals, crossings() if crossed else (PLAIN,))
        finally:
            for maker in makers.values():
                maker.close()


def _judge_of(
    source: FamilySource, makers: Mapping[str, EnvironmentFactory], sandboxes: Sandboxes
) -> Judge:
    async def run(goal: Goal, end: EndState) -> Reward:
        async def reference() -> EndState:
            environment = makers[goal.environment]()
            return await reach(goal, source.reference(goal), environment, sandboxes.create())

        return await judge(goal, source.check(goal), end, sandboxes.create, reference)

    return run


def _missing(name: str) -> EnvironmentFactory:
    known = ", ".join(sorted(ENVIRONMENTS))
    raise GoalError(f"no environment is called {name}; known are {known}, or hand one to train()")


def _log(run: Path, text: str) -> None:
    with (run / "log.txt").open("a", encoding="utf-8") as file:
        file.write(text.rstrip() + "\n")


def _versions() -> dict[str, str]:
    found = {"surefoot": VERSION}
    for name in ("torch", "transformers"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
