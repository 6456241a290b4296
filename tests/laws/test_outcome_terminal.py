"""Law: no way leads out of a terminal outcome, not even past Surefoot: the file itself refuses."""

import itertools
import sqlite3
from collections.abc import Iterator
from typing import get_args

import pytest

from store.made import dispatch, ended
from surefoot.records.verdict import OutcomeKind
from surefoot.store import memory_store
from surefoot.store.schema import STEP_ONLY, TRANSITIONS

KINDS = get_args(OutcomeKind)
TERMINAL = [kind for kind in KINDS if kind not in {source for source, _ in TRANSITIONS}]


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    """A plain connection, as any program would open it, to a store with one open episode."""
    with memory_store() as store:
        store.write(dispatch())
        store._db.execute("PRAGMA foreign_keys = OFF")
        yield store._db


def _end(raw: sqlite3.Connection, kind: str, verb: str = "INSERT", who: str = "1.0.0.0") -> None:
    step = 1 if kind in STEP_ONLY else None
    raw.execute(f"{verb} INTO outcomes VALUES (?, 0, ?, '', 0, ?)", (who, kind, step))


def test_every_outcome_but_dispatched_is_terminal() -> None:
    assert sorted(TERMINAL) == sorted(set(KINDS) - {"dispatched"})


@pytest.mark.parametrize(("first", "second"), [*itertools.product(TERMINAL, KINDS)])
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE"])
def test_a_second_outcome_is_refused_by_the_file(
    raw: sqlite3.Connection, first: str, second: str, verb: str
) -> None:
    _end(raw, first)
    with pytest.raises(sqlite3.IntegrityError, match="no such transition"):
        _end(raw, second, verb)
    assert raw.execute("SELECT kind FROM outcomes").fetchall() == [(first,)]


@pytest.mark.parametrize("kind", ["dispatched", "won"])
def test_only_the_transition_tables_outcomes_exist(raw: sqlite3.Connection, kind: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="no such transition"):
        _end(raw, kind)


def test_what_was_never_dispatched_cannot_end(raw: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="no such transition"):
        _end(raw, "trained", who="1.0.0.1")


def test_a_step_with_an_open_episode_is_refused_by_the_file(raw: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="does not balance"):
        raw.execute("INSERT INTO steps VALUES (1, 0, 1, '', '{}')")


def test_nothing_is_changed_or_deleted() -> None:
    with memory_store() as store:
        store.write(sent := dispatch())
        store.write(ended(sent, "judged"))
        raw = store._db
        for table in ("transitions", "goals", "dispatches", "outcomes", "traces", "verdicts"):
            (column,) = raw.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                raw.execute(f"UPDATE {table} SET {column} = {column}")
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                raw.execute(f"DELETE FROM {table}")
        with pytest.raises(sqlite3.IntegrityError, match="is fixed"):
            raw.execute("INSERT INTO transitions VALUES ('trained', 'judged')")
        sealed = raw.execute("SELECT tbl_name FROM sqlite_master WHERE name LIKE 'no_delete_of_%'")
        tables = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert sorted(sealed) == sorted(tables)
