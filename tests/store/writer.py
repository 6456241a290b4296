"""A program that trains nothing, writes a run for ever, and is killed at it; run by the crash law.

    writer.py RUN inside       dies inside of a commit, after 1, 2, 3 ... slices of SQLite's work
    writer.py RUN anywhere     dies so many steps and milliseconds after its start as each line of
                               standard input says

It forks one child for each death and prints what the child left behind, one JSON line each.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from store.made import dispatch, ended, metrics, version
from surefoot.records import Event
from surefoot.store import SqliteStore, open_store, resume

SIZE = 6
SLICE = 40
"""Instructions of SQLite's machine between two chances to die."""


def one_step(store: SqliteStore, *, slices: int | None = None) -> None:
    """Sends out a step and one group of the next, and commits the step."""
    at = resume(store)
    sent = [
        dispatch(at.step + ahead, ahead, attempt, at.number(at.step + ahead, ahead, attempt))
        for ahead in (0, 1)
        for attempt in range(SIZE)
    ]
    store.write(*sent)
    if slices is not None:
        die_after(store, slices)
    done = [ended(one) for one in sent[:SIZE]]
    event = Event(kind="note", text="A step.", step=at.step)
    store.commit(metrics(at.step, loss=1.0), version(at.step), done, event)


def die_after(store: SqliteStore, slices: int) -> None:
    left = [slices]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store._db.set_progress_handler(count, SLICE)


def child(run: Path, slices: int | None = None, told: int | None = None) -> int:
    """Forks the one that writes: one step with a death inside, or steps for ever, each told."""
    pid = os.fork()
    if pid == 0:
        with open_store(run, create=True) as store:
            one_step(store, slices=slices)
            while told is not None:
                os.write(told, b".")
                one_step(store)
        os._exit(0)
    return pid


def left_behind(run: Path, status: int) -> dict[str, object]:
    """Counts by step, as the next owner of the folder finds them."""
    with open_store(run, create=True) as store:
        by_step = "SELECT step, count(*) FROM {} GROUP BY step ORDER BY step"
        ended_in = "(SELECT o.step FROM {} x JOIN outcomes o ON o.episode = x.episode)"
        return {
            "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            "failed": os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0,
            "steps": [step for (step,) in store.query("SELECT step FROM steps ORDER BY step")],
            "outcomes": store.query(
                "SELECT step, count(*) FROM outcomes WHERE kind = 'trained' GROUP BY step"
            ),
            "traces": store.query(by_step.format(ended_in.format("traces"))),
            "verdicts": store.query(by_step.format(ended_in.format("verdicts"))),
            "events": store.query(by_step.format("events")),
            "double": store.query(
                "SELECT episode FROM outcomes GROUP BY episode HAVING count(*) > 1"
            ),
            "open": len(store.query("SELECT id FROM episodes WHERE outcome = 'dispatched'")),
            "after_resume": resume(store).cancelled,
        }


def main(run: Path, where: str) -> None:
    if where == "inside":
        killed, slices = True, 0
        while killed:
            slices += 1
            fresh = run / str(slices)
            _, status = os.waitpid(child(fresh, slices), 0)
            print(json.dumps(found := left_behind(fresh, status)))
            killed = bool(found["killed"])
        return
    for line in sys.stdin:
        steps, milliseconds = line.split()
        heard, told = os.pipe()
        pid = child(run, told=told)
        for _ in range(int(steps)):
            os.read(heard, 1)
        time.sleep(float(milliseconds) / 1000)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(heard)
        os.close(told)
        print(json.dumps(left_behind(run, status)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
