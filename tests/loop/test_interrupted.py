"""What stops in the middle says so with its status, and goes on when it is told to."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loop.console import require_boxes, surefoot
from loop.yes import POLICY, YES, config
from surefoot.loop import evaluate_only, train
from surefoot.records import Judged
from surefoot.records.errors import StoppedError
from surefoot.run import RunConfig, new_run
from surefoot.store import balance, open_store
from surefoot.store.sqlite import SqliteStore

STEPS = 4
SMALL = RunConfig.model_validate(
    {
        "steps": STEPS,
        "goals": {"families": ["find"]},
        "rollout": {"groups": 2, "group_size": 2},
        "budget": {"turns": 2, "message_tokens": 8},
        "evals": {"suite": "none"},
        "training": {"threads": 1},
    }
)


def committed(run: Path) -> int:
    with open_store(run, read_only=True) as store:
        ((steps,),) = store.query("SELECT count(*) FROM steps")
    return steps


def resuming(run: Path, first: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Starts `surefoot train --resume` in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("surefoot"), "train", "--resume", run],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=first,
    )


def test_ctrl_c_ends_with_130_and_the_resumed_run_finishes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole process group is interrupted, as a terminal does it: launcher and boxes too."""
    require_boxes()
    run = tmp_path / "run"
    new_run(SMALL, run)
    with resuming(run) as running:
        deadline = time.monotonic() + 60
        while committed(run) == 0 and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGINT)
        _, error = running.communicate(timeout=30)
    assert running.returncode == 130, error
    assert "interrupted; what was committed is kept, and the run can be resumed" in error
    assert "Traceback" not in error
    assert committed(run) < STEPS
    again = surefoot(capsys, "train", "--resume", run, "--json")
    assert (again.status, again.out) == (0, "null\n")
    assert committed(run) == STEPS
    with open_store(run, read_only=True) as store:
        assert balance(store).balanced
        assert balance(store).in_flight == 0


def test_a_file_that_may_not_grow_stops_the_run_with_3_and_it_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checkpoint is larger than the limit allows: the nearest to a full disk without one."""
    require_boxes()
    run = tmp_path / "run"
    new_run(SMALL.model_copy(update={"steps": 1}), run)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    with resuming(run, limit) as running:
        _, error = running.communicate(timeout=60)
    assert running.returncode == 3, error
    assert "stopped: The checkpoint" in error
    assert "then resume the run" in error
    assert "Traceback" not in error
    assert committed(run) == 0
    assert surefoot(capsys, "train", "--resume", run).status == 0
    assert committed(run) == 1


async def test_a_store_that_is_full_stops_the_evaluation_which_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    settings = config(steps=0, evals={"suite": "quick"}, goals={"test": 1})
    write = SqliteStore.write
    rows = 0

    def full(self: SqliteStore, *records: object) -> None:
        nonlocal rows
        rows += any(isinstance(record, Judged) for record in records)
        if rows > 5:
            raise StoppedError("the disk is full")
        write(self, *records)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "write", full)
        with pytest.raises(StoppedError):
            await evaluate_only(settings.model_copy(update={"policy": str(POLICY)}), run,
                                goals=[YES])  # fmt: skip
    with open_store(run, read_only=True) as store:
        kept = list(store.stream(Judged))
    assert len(kept) == 5
    summary = await evaluate_only(
        settings.model_copy(update={"policy": str(POLICY)}), run, goals=[YES]
    )
    with open_store(run, read_only=True) as store:
        rows_now = list(store.stream(Judged))
        assert balance(store).balanced
        assert balance(store).in_flight == 0
    assert rows_now[:5] == kept
    attempts = [(row.policy, row.goal, row.variation, row.sample) for row in rows_now]
    assert len(set(attempts)) == len(attempts) > 5
    assert summary.title == "run"


async def test_a_step_of_faults_alone_stops_the_run_with_its_cause(tmp_path: Path) -> None:
    from surefoot.engines.scripted import ScriptedEngine
    from surefoot.records.errors import EngineFault

    def broken(tokens: object, sampling: object) -> list[int]:
        raise EngineFault("the accelerator is gone")

    run = tmp_path / "run"
    with pytest.raises(StoppedError, match=r"all 12 episodes of step 1 ended in a fault \(engine"):
        await train(config(), run, goals=[YES], engine=ScriptedEngine(broken))
    assert "the accelerator is gone" in (run / "log.txt").read_text()
    assert committed(run) == 0
