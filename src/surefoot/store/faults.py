"""SQLite's and the system's errors, told as Surefoot's: whose fault it was, and the remedy.

    disk full, I/O error  -> StoppedError   nothing of the transaction was kept; resumable
    everything else       -> StoreError     one sentence that names the fault

A full disk shows itself in more than one code: writing gives SQLITE_FULL, and the shared-memory
file of the write-ahead log gives an I/O error.
"""

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from surefoot.records.errors import StoppedError, StoreError, SurefootError

_PRIMARY = 0xFF
"""SQLite's extended result codes carry the primary code in their low byte."""

_SENTENCES = {
    sqlite3.SQLITE_CORRUPT: "{where} is corrupt ({error}); restore it from a copy or start anew.",
    sqlite3.SQLITE_NOTADB: "{where} is not a store ({error}); restore it or start a new run.",
    sqlite3.SQLITE_READONLY: "{where} is open for reading only; nothing can be written to it.",
    sqlite3.SQLITE_BUSY: "{where} is being written by another program; close it and try again.",
    sqlite3.SQLITE_LOCKED: "{where} is being written by another program; close it and try again.",
    sqlite3.SQLITE_CANTOPEN: "{where} cannot be opened; check that it exists and may be read.",
    sqlite3.SQLITE_PERM: "{where} cannot be opened; check who may read and write it.",
    sqlite3.SQLITE_AUTH: "A query only reads: write one SELECT ({error}).",
    sqlite3.SQLITE_CONSTRAINT: "{where} refused a record: {error}.",
}


@contextmanager
def told(where: object) -> Generator[None, None, None]:
    """Turns errors of SQLite and of the system inside the block into Surefoot's."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(error, where) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoppedError(_full(where)) from error
        raise StoreError(f"{where} cannot be used: {error.strerror}.") from error


def _translated(error: sqlite3.Error, where: object) -> SurefootError:
    code = error.sqlite_errorcode & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return StoppedError(_full(where))
    if code == sqlite3.SQLITE_IOERR:
        return StoppedError(
            f"{where} could not be read or written ({error}); check that its disk is present and "
            "not full, then start the same command again: it resumes."
        )
    sentence = _SENTENCES.get(code, "{where} could not do what was asked: {error}.")
    return StoreError(sentence.format(where=where, error=error))


def _full(where: object) -> str:
    return (
        f"The disk of {where} is full; free some space and start the same command again: "
        "it resumes after the last committed step."
    )
