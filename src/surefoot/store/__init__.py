"""The append-only record of a run: write, commit, stream, query.

    loop -- write, commit --> store.db (SQLite, WAL) -- stream, query --> evals, report, look
                                 |
                                 `-- ledger: resume, balance      canonical: what two runs share

Not a queue and not a cache: nothing that is in flight lives here but the fact that it was sent out.
Invariant: every dispatched episode ends in exactly one outcome, and none is open once its step is
committed. One step is one transaction.
"""

from surefoot.store.canonical import canonical_rows
from surefoot.store.ledger import Balance, Resume, balance, resume
from surefoot.store.sqlite import SqliteStore, memory_store, open_store

__all__ = [
    "Balance",
    "Resume",
    "SqliteStore",
    "balance",
    "canonical_rows",
    "memory_store",
    "open_store",
    "resume",
]
