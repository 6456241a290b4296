"""The verbs. Each reads its input, calls one function below, and prints.

    0 done   1 ran and found something wrong   2 unusable input   3 stopped, resumable
    130 interrupted, resumable

Results go to standard output (`--json`: one JSON document and nothing else there), progress and
errors to standard error. Heavy imports stand inside the verbs, so that --help never waits.
"""

import asyncio
import errno
import json
import os
import platform
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from surefoot.records import Split
from surefoot.records.errors import Fault, StoppedError, UserError
from surefoot.version import VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import RenderableType

    from surefoot.run import RunConfig
    from surefoot.sandbox import SandboxConfig

T = TypeVar("T")
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Trains and evaluates LLM agents so that they hold up in any environment.",
)
goals_app = typer.Typer(no_args_is_help=True, help="What is asked: list, show, check.")
sandbox_app = typer.Typer(no_args_is_help=True, help="The box: how tight it is; one command in it.")
app.add_typer(goals_app, name="goals")
app.add_typer(sandbox_app, name="sandbox")

INTERRUPTED = 130

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="A setting: rollout.groups=8")
]
ConfigPath = Annotated[Path | None, typer.Argument(help="A TOML file; defaults without one.")]
Sandboxed = Annotated[
    str, typer.Option("--sandbox", help="auto, or local: isolates nothing, for machines without.")
]


def main() -> None:
    """Runs the command line; every known error is one sentence and a status."""
    try:
        app()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _say("interrupted; what was committed is kept, and the run can be resumed")
        raise
    except UserError as error:
        _say(f"error: {error}")
        sys.exit(2)
    except StoppedError as error:
        _say(f"stopped: {error}")
        sys.exit(3)
    except Fault as fault:
        _say(f"stopped: {fault}; try again, and see `surefoot machine` if it stays")
        sys.exit(3)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _say(f"stopped: {error.strerror} ({error.filename}); make room, then resume the run")
        sys.exit(3)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Trains and evaluates LLM agents so that they hold up in any environment."""
    if version:
        print(f"surefoot {VERSION}")
        raise typer.Exit


@app.command()
def train(  # noqa: PLR0913 (one parameter an option)
    config: ConfigPath = None,
    settings: Settings = None,
    policy: Annotated[str | None, typer.Option(help="A model directory, or embedded.")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of the new run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run.")] = None,
    sandbox: Sandboxed = "auto",
    dry_run: Annotated[bool, typer.Option(help="Print the resolved settings and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Train a policy: goals -> episodes -> verdicts -> steps -> a better policy, and a report."""
    from surefoot.run import fresh_folder, new_run, run_config

    if resume is not None:
        if config or settings or policy or run:
            raise typer.BadParameter("--resume goes on with the run's own settings; give it alone")
        folder = resume
        run_config(folder)
    else:
        chosen = _config(config, settings, policy, sandbox)
        if dry_run:
            _write(chosen.model_dump_json(indent=1) + "\n")
            return
        folder = run or fresh_folder(config.stem if config else "run")
        new_run(chosen, folder)
    _train(folder, as_json)


def _train(folder: Path, as_json: bool) -> None:
    from surefoot.loop import go_on
    from surefoot.progress import Watch

    _say(f"run {folder} (after an interruption: surefoot train --resume {folder})")
    summary = _await(go_on(folder, watch=Watch()))
    if summary is None:
        _print("no report: evals.suite is none", None, as_json)
        return
    _report(summary, as_json)
    _say(f"report: {folder / 'report.html'}")


@app.command(name="eval")
def evaluate(  # noqa: PLR0913 (one parameter an option)
    policy: Annotated[str, typer.Argument(help="A run, a model directory, or embedded.")],
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.")] = None,
    settings: Settings = None,
    suite: Annotated[str | None, typer.Option(help="quick, full")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of the evaluation.")] = None,
    sandbox: Sandboxed = "auto",
    as_json: Json = False,
) -> None:
    """Measure success by goal family x format x perturbation, with intervals and floors."""
    from surefoot.loop import evaluate_only
    from surefoot.progress import Watch
    from surefoot.run import fresh_folder, policy_of_run

    chosen = [*(settings or []), *([f'evals.suite="{suite}"'] if suite else [])]
    resolved = _config(config, chosen, policy_of_run(policy), sandbox)
    folder = run or fresh_folder("eval")
    _say(f"evaluation {folder} (after an interruption, give --run {folder} and the same settings)")
    summary = _await(evaluate_only(resolved, folder, watch=Watch()))
    _report(summary, as_json)
    _say(f"report: {folder / 'report.html'}")


@app.command()
def report(run: Path, as_json: Json = False) -> None:
    """Write and print a run's report again, from its store alone."""
    from surefoot.run import finish, run_config

    summary = finish(run, run_config(run))
    if summary is None:
        raise UserError(f"{run} has no evaluation: its suite is none")
    _report(summary, as_json)
    _say(f"report: {run / 'report.html'}")


@app.command()
def look(
    run: Path,
    episode: Annotated[str | None, typer.Argument(help="Without it: the last episodes.")] = None,
    tokens: Annotated[bool, typer.Option(help="Print the tokens too.")] = False,
    last: Annotated[int, typer.Option(help="How many episodes to list.")] = 20,
    as_json: Json = False,
) -> None:
    """Print a transcript: turns, calls, results, rewards, what was trained."""
    from surefoot.records import Episode, Verdict
    from surefoot.screens import episode_table, transcript
    from surefoot.store import open_store

    with open_store(run, read_only=True) as store:
        if episode is None:
            rows = store.query(
                "SELECT id, goal, variation, outcome, reason, reward FROM episodes "
                "ORDER BY dispatched_at DESC, id DESC LIMIT ?",
                last,
            )
            _print(episode_table(rows), [list(row) for row in rows], as_json)
            return
        found = next(store.stream(Episode, episode=episode), None)
        if found is None:
            raise UserError(f"{run} has no ended episode {episode}; surefoot look {run} lists some")
        verdicts = list(store.stream(Verdict, episode=episode))
    _print(transcript(found, verdicts, tokens=tokens), found, as_json)


@app.command()
def machine(sandbox: Sandboxed = "auto", as_json: Json = False) -> None:
    """Print what was found here, and what it allows."""
    from importlib.metadata import PackageNotFoundError, version

    from surefoot.sandbox import probe_sandbox
    from surefoot.sandbox.escape import scorecard
    from surefoot.screens import pairs

    wanted = _box(sandbox)
    box = probe_sandbox(wanted)
    score = "none"
    if box.driver is not None:
        card = _await(scorecard(wanted))
        score = f"{card.closed} of {len(card.scores)} ways out closed"
    versions: dict[str, str] = {"surefoot": VERSION}
    for name in ("torch", "transformers", "pydantic", "peft"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": _gpu(),
        "sandbox": box.driver or f"refused: {box.refusal}",
        "sandbox_score": score,
        "workspace": box.workspace,
        "bubblewrap": box.bubblewrap,
        **versions,
    }
    _print(pairs("this machine", found), found, as_json)


@goals_app.command("list")
def goals_list(
    config: ConfigPath = None,
    split: Annotated[Split, typer.Option(help="Of these goals.")] = "test",
    count: Annotated[int, typer.Option(help="How many.")] = 24,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """List goals of a split, with their stable keys."""
    from surefoot.run import list_goals
    from surefoot.screens import goal_table

    found = list_goals(_config(config, settings, None, "auto"), split, count)
    _print(goal_table(found), [goal.model_dump(mode="json") for goal in found], as_json)


@goals_app.command("show")
def goals_show(
    key: str, config: Annotated[Path | None, typer.Option()] = None, as_json: Json = False
) -> None:
    """Show one goal whole: what is asked, its world, what its check expects."""
    from surefoot.run import goal_source
    from surefoot.screens import pairs

    goal = goal_source(_config(config, None, None, "auto")).goal(key)
    shown = {
        "prompt": goal.prompt,
        "calls": goal.horizon,
        "tools": ", ".join(goal.world.tools),
        "expected": json.dumps(goal.expected, indent=1),
        "judged": ", ".join(goal.judged),
        **{f"file {path}": text for path, text in goal.world.files.items()},
        **{f"database {path}": text for path, text in goal.world.databases.items()},
    }
    _print(pairs(goal.key, shown), goal, as_json)


@goals_app.command("check")
def goals_check(  # noqa: PLR0913 (one parameter an option)
    config: ConfigPath = None,
    count: Annotated[int, typer.Option(help="Goals of each family.")] = 5,
    split: Annotated[Split, typer.Option(help="Of these goals.")] = "train",
    crossed: Annotated[bool, typer.Option(help="Also under formats and perturbations.")] = False,
    sandbox: Sandboxed = "auto",
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Prove goals: the reference earns 1, nothing earns 0, wrong solutions earn less than 1."""
    from surefoot.run import prove_goals
    from surefoot.screens import proof_table

    resolved = _config(config, settings, None, sandbox)
    proofs = _await(prove_goals(resolved, split, count, crossed=crossed))
    _print(proof_table(proofs), [proof.model_dump(mode="json") for proof in proofs], as_json)
    if any(proof.problem for proof in proofs):
        raise typer.Exit(1)


@sandbox_app.command("check")
def sandbox_check(sandbox: Sandboxed = "auto", as_json: Json = False) -> None:
    """Try every known way out of the box and print the scorecard."""
    from surefoot.sandbox.escape import scorecard
    from surefoot.screens import score_table

    card = _await(scorecard(_box(sandbox)))
    _print(score_table(card), card, as_json)
    if card.open:
        raise typer.Exit(1)


@sandbox_app.command("run", context_settings={"ignore_unknown_options": True})
def sandbox_run(
    command: Annotated[list[str], typer.Argument(help="The command, after --.")],
    workspace: Annotated[Path | None, typer.Option(help="Start in a copy of this folder.")] = None,
    sandbox: Sandboxed = "auto",
) -> None:
    """Run one command as an agent would; its status is passed through, 125 if the box failed."""
    from surefoot.sandbox import run_command

    raise typer.Exit(run_command(command, workspace, _box(sandbox)))


def _config(
    path: Path | None, settings: list[str] | None, policy: str | None, sandbox: str
) -> "RunConfig":
    from surefoot.config import read_config
    from surefoot.run import RunConfig

    overrides = list(settings or [])
    if policy is not None:
        overrides.append(f"policy={json.dumps(policy)}")
    if sandbox != "auto":
        overrides.append(f'sandbox.driver="{sandbox}"')
    return read_config(RunConfig, path, overrides)


def _box(sandbox: str) -> "SandboxConfig":
    from surefoot.config import resolve
    from surefoot.sandbox import SandboxConfig

    return resolve(SandboxConfig, {"driver": sandbox}, "--sandbox")


def _await(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` to its end; Ctrl-C lets it close what it opened."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _report(summary: "BaseModel", as_json: bool) -> None:
    from surefoot.evals.summary import Summary
    from surefoot.evals.terminal import terminal

    assert isinstance(summary, Summary)
    _print(terminal(summary), summary, as_json)


def _print(screen: "RenderableType", value: "BaseModel | object", as_json: bool) -> None:
    if as_json:
        from pydantic import BaseModel

        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        _write(json.dumps(plain, indent=1) + "\n")
        return
    from rich.console import Console

    console = Console()
    with console.capture() as captured:
        console.print(screen)
    _write(captured.get())


def _write(text: str) -> None:
    """Results, to standard output; a reader that has left is no fault."""
    coding = sys.stdout.encoding
    try:
        sys.stdout.write(text.encode(coding, "backslashreplace").decode(coding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _gpu() -> str:
    try:
        import torch
    except ImportError:
        return "unknown: torch is not installed"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
