"""The embedded store: one SQLite file in the run's folder, one connection, no thread.

    run/store.db        tables and triggers of schema.py; store.db-wal beside it while it is open
    run/store.lock      held by the one process that writes

Calls are synchronous on purpose, though the program around is asyncio: a write is some hundred
microseconds and is batched into one transaction, less than a hand-over to a thread costs, and
nothing can run between a transaction's begin and its end, so no other coroutine ever sees half a
step. Readers open a second connection with `read_only=True` and never wait for the writer (WAL).
A transaction survives the death of the process at once; after a power cut the last ones may be
missing, whole (synchronous=NORMAL).
"""

import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from surefoot.records import (
    Dispatch,
    Episode,
    Event,
    Judged,
    PolicyVersion,
    Record,
    Start,
    StepMetrics,
    Verdict,
)
from surefoot.records.errors import StoreError
from surefoot.store.codec import digest, dump, pack, plain
from surefoot.store.faults import told
from surefoot.store.lock import RunLock
from surefoot.store.reading import Row, read
from surefoot.store.schema import APPLICATION, CHECK, SCHEMA, STEP_ONLY, script

R = TypeVar("R", bound=Record)

_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


def open_store(run: Path, *, create: bool = False, read_only: bool = False) -> "SqliteStore":
    """Opens the store of the run in folder `run`.

    Args:
        create: make folder and store where missing; an existing store is opened as it is.
        read_only: a viewer's connection, without a lock; works while a run writes.

    Raises:
        StoreError: missing, corrupt, of another version, or written by another live process.
        StoppedError: the disk is full.
    """
    file = run / "store.db"
    with told(file):
        if create and not read_only:
            run.mkdir(parents=True, exist_ok=True)
        elif not file.is_file():
            raise _missing(run)
        lock = None if read_only else RunLock(run)
        try:
            connection = _connect(file, read_only=read_only)
        except sqlite3.Error:
            _free(lock)
            raise
        store = SqliteStore(connection, run=run, lock=lock)
        try:
            _prepare(connection, run, create=create and not read_only)
            if not read_only:
                _check(connection, file)
        except (sqlite3.Error, StoreError):
            store.close()
            raise
        return store


def memory_store() -> "SqliteStore":
    """A store that lives in memory and dies with its owner; for tests and demonstrations."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _prepare(connection, None, create=True)
    return SqliteStore(connection, run=None, lock=None)


class SqliteStore:
    """The `Store` of joints.py on SQLite. Made by `open_store` or `memory_store`."""

    def __init__(
        self, connection: sqlite3.Connection, *, run: Path | None, lock: RunLock | None
    ) -> None:
        self.run = run
        self._db = connection
        self._lock = lock
        self._where = "The store in memory" if run is None else str(run / "store.db")

    def write(self, *records: Record) -> None:
        """Appends records in one transaction: Dispatch, Verdict, Judged, Event, Start, and Episodes
        that end outside of a training step (`judged`, `fault`, `cancelled`).

        Raises:
            StoreError: a record is refused; nothing of the call is kept.
            StoppedError: the disk is full; nothing of the call is kept.
        """
        with self._transaction():
            for record in records:
                self._insert(record, None)

    def commit(
        self,
        metrics: StepMetrics,
        version: PolicyVersion,
        episodes: Sequence[Episode],
        *also: Record,
    ) -> None:
        """Ends step `metrics.step` in one transaction; steps count up by one from 1.

        `version` is the newest policy version after the step (a directory inside the run's folder
        is kept relative to it, so that the folder can be moved). `episodes` are all that the step
        considered, whichever step they were sent out for.

        Raises:
            StoreError: an episode already ended or was never sent out, or one that was sent out for
                this step or before it would stay open. Nothing of the step is kept.
            StoppedError: the disk is full. Nothing of the step is kept.
        """
        step = metrics.step
        with self._transaction():
            for record in (*episodes, *also):
                self._insert(record, step)
            self._refuse_open(step)
            self._put(
                "steps", step, time.time(), version.number, self._relative(version),
                dump(metrics),
            )  # fmt: skip

    def stream(
        self, kind: type[R], *, step: int | None = None, episode: str | None = None
    ) -> Iterator[R]:
        """Yields records lazily, in the order in which they were written.

        `step`: for Dispatch and Verdict the step that the episode was sent out for, for Episode and
        Trace the step in which it ended. `episode`: the episode's id. An Episode appears once it
        has ended. Kinds: Dispatch, Episode, Trace, Verdict, StepMetrics, PolicyVersion (one a
        step), Judged, Event, Start.

        Raises:
            StoreError: the kind is not stored or not filtered so, or a row is damaged.
        """
        return cast(Iterator[R], read(self._fetch, kind, self.run, step, episode))

    def query(self, sql: str, *parameters: object) -> list[Row]:
        """Answers one SELECT; the tables and views are those of docs/store.md.

        Raises:
            StoreError: the statement is not a SELECT, or SQLite cannot read it.
        """
        self._db.set_authorizer(_authorize)
        try:
            return self._fetch(sql, parameters)
        finally:
            self._db.set_authorizer(None)

    def close(self) -> None:
        """Closes the file and frees the run's folder."""
        self._db.close()
        _free(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _fetch(self, sql: str, parameters: tuple[object, ...]) -> list[Row]:
        with told(self._where):
            return self._db.execute(sql, cast(Any, parameters)).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        with told(self._where):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _put(self, table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT INTO {table} VALUES ({marks})", [plain(each) for each in values])

    def _insert(self, record: Record, step: int | None) -> None:
        now = time.time()
        match record:
            case Dispatch():
                self._dispatch(record, now)
            case Episode():
                self._end(record, step, now)
            case Verdict(episode=episode, judge=judge, reward=reward):
                self._put("verdicts", episode, now, judge, reward.value, dump(reward))
            case Judged() as row:
                self._put(
                    "judged", now, row.policy, row.goal, row.family, row.variation, row.format,
                    row.sample, row.reward, row.outcome, dump(row),
                )  # fmt: skip
            case Event():
                self._note(record, step, now)
            case Start():
                self._put("starts", now, record.seed, dump(record))
            case _:
                raise StoreError(f"A store takes no {type(record).__name__} records by themselves.")

    def _dispatch(self, sent: Dispatch, now: float) -> None:
        goal, name = sent.goal, digest(sent.goal)
        if not self._db.execute("SELECT 1 FROM goals WHERE digest = ?", (name,)).fetchone():
            self._put("goals", name, goal.key, goal.family, goal.split, pack(goal))
        try:
            self._put(
                "dispatches", sent.id, now, sent.step, sent.group, sent.attempt, sent.number,
                sent.version, name, dump(sent.variation),
            )  # fmt: skip
        except sqlite3.IntegrityError as error:
            raise StoreError(
                f"Episode {sent.id} cannot be dispatched: its step is committed or below 0, or its "
                "number was used before; take step and number from `resume`."
            ) from error

    def _end(self, episode: Episode, step: int | None, now: float) -> None:
        name, kind = episode.dispatch.id, episode.outcome.kind
        if step is None and kind in STEP_ONLY:
            raise StoreError(f"Episode {name} is {kind}, which only a step's commit can say.")
        try:
            self._put("outcomes", name, now, kind, episode.outcome.reason, episode.seconds, step)
        except sqlite3.IntegrityError as error:
            raise StoreError(self._refusal(name, kind)) from error
        if episode.trace is not None:
            if episode.trace.episode != name:
                raise StoreError(f"Episode {name} brings the trace of {episode.trace.episode}.")
            self._put("traces", name, pack(episode.trace))
        if episode.reward is not None:
            self._insert(Verdict(episode=name, judge=CHECK, reward=episode.reward), None)

    def _note(self, event: Event, step: int | None, now: float) -> None:
        if event.step not in (None, step):
            found = self._db.execute("SELECT 1 FROM steps WHERE step = ?", (event.step,))
            if not found.fetchone():
                raise StoreError(
                    f"An event of step {event.step} becomes true with its step: give it to that "
                    "step's commit, or write it without a step."
                )
        self._put("events", now, event.kind, event.text, event.step, dump(event))

    def _refusal(self, name: str, kind: str) -> str:
        found = self._db.execute("SELECT kind FROM outcomes WHERE episode = ?", (name,)).fetchone()
        if found:
            return f"Episode {name} ended as {found[0]} and cannot end again as {kind}."
        known = self._db.execute("SELECT 1 FROM dispatches WHERE id = ?", (name,)).fetchone()
        if not known:
            return f"Episode {name} was never dispatched, so it cannot end as {kind}."
        return f"Episode {name} cannot end as {kind} in a step that is committed."

    def _refuse_open(self, step: int) -> None:
        rows = self._db.execute(
            "SELECT id FROM unended WHERE step <= ? ORDER BY id", (step,)
        ).fetchall()
        if rows:
            raise StoreError(
                f"Step {step} does not balance: {len(rows)} of its episodes have no outcome "
                f"({', '.join(row[0] for row in rows[:3])}); end every one before the commit."
            )

    def _relative(self, version: PolicyVersion) -> str:
        if self.run is None:
            return version.directory
        given, run = Path(version.directory).absolute(), self.run.absolute()
        return str(given.relative_to(run) if given.is_relative_to(run) else given)


def _connect(file: Path, *, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        return sqlite3.connect(file, isolation_level=None)
    uri = f"{file.absolute().as_uri()}?mode=ro"
    # WAL needs files beside the store; in a folder that is not ours to write, a finished run can
    # still be read as an unchanging file.
    if not os.access(file.parent, os.W_OK) and not file.with_name("store.db-wal").exists():
        uri += "&immutable=1"
    return sqlite3.connect(uri, isolation_level=None, uri=True)


def _prepare(db: sqlite3.Connection, run: Path | None, *, create: bool) -> None:
    """Builds an empty store, or sees that an existing one is ours and of this version."""
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (empty,) = db.execute("SELECT count(*) = 0 FROM sqlite_master").fetchone()
    if empty and not create:
        raise _missing(run)
    if empty:
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.executescript(script())
    elif application != APPLICATION:
        raise StoreError(f"The store.db in {run} is not Surefoot's; name the folder of a run.")
    (schema,) = db.execute("PRAGMA user_version").fetchone()
    if schema != SCHEMA:
        raise StoreError(
            f"The run in {run} has store version {schema} and this Surefoot reads {SCHEMA}; use "
            "the version of Surefoot that wrote it."
        )


def _check(db: sqlite3.Connection, file: Path) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreError(f"{file} is corrupt ({found}); restore it from a copy or start anew.")


def _authorize(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _missing(run: Path | None) -> StoreError:
    return StoreError(f"There is no run in {run}: name a run's folder, or start one.")


def _free(lock: RunLock | None) -> None:
    if lock is not None:
        lock.close()
