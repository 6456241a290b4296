"""Law: a run that is killed at any moment and resumed ends as if nothing had happened."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest

from loop.yes import POLICY, YES, config, engine
from surefoot.loop import go_on, train
from surefoot.run import new_run
from surefoot.store import balance, canonical_rows, open_store

KILLS = 10


def in_child(run: Path) -> int:
    """Starts the run in a child process; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(go_on(run, goals=[YES], engine=engine(POLICY)))
            os._exit(0)
        finally:
            os._exit(1)
    return pid


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_kills_leave_the_store_of_the_uninterrupted_run(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    began = time.monotonic()
    new_run(config(), whole)
    assert os.waitstatus_to_exitcode(os.waitpid(in_child(whole), 0)[1]) == 0
    seconds = time.monotonic() - began
    new_run(config(), killed)
    draw = random.Random(3)
    deaths = 0
    for _ in range(KILLS):
        pid = in_child(killed)
        time.sleep(draw.uniform(0.1, 0.5 * seconds))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        deaths += os.WIFSIGNALED(status)
    assert deaths > KILLS // 2
    assert os.waitstatus_to_exitcode(os.waitpid(in_child(killed), 0)[1]) == 0
    with open_store(whole, read_only=True) as one, open_store(killed, read_only=True) as other:
        assert list(canonical_rows(one)) == list(canonical_rows(other))
        books = balance(other)
        assert books.balanced
        assert books.in_flight == 0
        assert books.outcomes.get("cancelled", 0) > 0
        twice = other.query(
            "SELECT step, group_index, attempt, sum(outcome <> 'cancelled') AS ended "
            "FROM episodes GROUP BY 1, 2, 3 HAVING ended <> 1"
        )
        assert twice == []


async def test_rollouts_may_run_ahead_as_far_as_the_bound_and_no_further(tmp_path: Path) -> None:
    run = tmp_path / "ahead"
    settings = config(rollout={"groups": 2, "group_size": 4, "staleness": 2})
    await train(settings, run, goals=[YES], engine=engine(POLICY))
    with open_store(run, read_only=True) as store:
        lags = {step - 1 - version for step, version in
                store.query("SELECT step, version FROM episodes")}  # fmt: skip
        assert max(lags) == 2
        assert balance(store).balanced
        assert balance(store).in_flight == 0
