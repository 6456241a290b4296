"""The tables of `store.db`, the transition table, and the triggers that keep the ledger honest.

    goals <-- dispatches <-- outcomes --> steps
                   ^-- traces, verdicts      ^-- events          judged, starts

This is the one place where outcomes are enforced, and it lies in the file itself: whatever program
opens it, an outcome is inserted only along a row of `transitions` (terminal states have no row out,
so a second outcome is impossible), a step only when no episode sent out for it or before it is
still open, and nothing is ever updated or deleted. Times (`at`) are seconds since 1970, UTC.
"""

APPLICATION = 0x5F007
"""SQLite's `application_id` of a Surefoot store."""

SCHEMA = 1
"""Version of the tables, SQLite's `user_version`. Other versions are refused, never migrated."""

CHECK = "check"
"""The judge whose verdict is an episode's reward; at most one for each episode."""

TRANSITIONS = tuple(
    ("dispatched", end) for end in ("trained", "judged", "filtered", "stale", "fault", "cancelled")
)
"""Every way from one outcome to another. What stands on no left side is terminal."""

STEP_ONLY = ("trained", "filtered", "stale")
"""Outcomes that only a committed step can give."""

_TABLES = {
    "transitions": "source TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (source, target)",
    "starts": "at REAL NOT NULL, seed INTEGER NOT NULL, body TEXT NOT NULL",
    "goals": """digest TEXT PRIMARY KEY, key TEXT NOT NULL, family TEXT NOT NULL,
        split TEXT NOT NULL, body BLOB NOT NULL""",
    "dispatches": """id TEXT PRIMARY KEY, at REAL NOT NULL, step INTEGER NOT NULL,
        group_index INTEGER NOT NULL, attempt INTEGER NOT NULL, number INTEGER NOT NULL,
        version INTEGER NOT NULL, goal TEXT NOT NULL REFERENCES goals(digest),
        variation TEXT NOT NULL, UNIQUE (step, group_index, attempt, number)""",
    "steps": """step INTEGER PRIMARY KEY, at REAL NOT NULL, version INTEGER NOT NULL,
        directory TEXT NOT NULL, body TEXT NOT NULL""",
    "outcomes": f"""episode TEXT PRIMARY KEY REFERENCES dispatches(id), at REAL NOT NULL,
        kind TEXT NOT NULL, reason TEXT NOT NULL, seconds REAL NOT NULL,
        step INTEGER REFERENCES steps(step) DEFERRABLE INITIALLY DEFERRED,
        CHECK (step IS NOT NULL OR kind NOT IN {STEP_ONLY})""",
    "traces": "episode TEXT PRIMARY KEY REFERENCES dispatches(id), body BLOB NOT NULL",
    "verdicts": """episode TEXT NOT NULL REFERENCES dispatches(id), at REAL NOT NULL,
        judge TEXT NOT NULL, value REAL NOT NULL, body TEXT NOT NULL""",
    "judged": """at REAL NOT NULL, policy TEXT NOT NULL, goal TEXT NOT NULL, family TEXT NOT NULL,
        variation TEXT NOT NULL, format TEXT NOT NULL, sample INTEGER NOT NULL, reward REAL,
        outcome TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (policy, goal, variation, sample)""",
    "events": """at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
        step INTEGER REFERENCES steps(step) DEFERRABLE INITIALLY DEFERRED, body TEXT NOT NULL""",
}

_REST = f"""
CREATE INDEX outcomes_by_step ON outcomes(step);
CREATE INDEX verdicts_by_episode ON verdicts(episode);
CREATE UNIQUE INDEX one_reward ON verdicts(episode) WHERE judge = '{CHECK}';

CREATE VIEW episodes AS
SELECT d.id, d.step, d.group_index, d.attempt, d.number, d.version, g.key AS goal, g.family,
       json_extract(d.variation, '$.name') AS variation, d.at AS dispatched_at,
       coalesce(o.kind, 'dispatched') AS outcome, o.reason, o.step AS ended_step,
       o.at AS ended_at, o.seconds, v.value AS reward
FROM dispatches d JOIN goals g ON g.digest = d.goal
LEFT JOIN outcomes o ON o.episode = d.id
LEFT JOIN verdicts v ON v.episode = d.id AND v.judge = '{CHECK}';

-- Nothing that was sent out for a committed step is open, so a commit need not look at them again.
CREATE VIEW unended AS
SELECT d.id, d.step FROM dispatches d LEFT JOIN outcomes o ON o.episode = d.id
WHERE o.episode IS NULL AND d.step > coalesce((SELECT max(step) FROM steps), -1);

CREATE TRIGGER one_outcome BEFORE INSERT ON outcomes
WHEN NOT EXISTS (SELECT 1 FROM dispatches WHERE id = NEW.episode)
  OR NOT EXISTS (
    SELECT 1 FROM transitions WHERE target = NEW.kind AND source = coalesce(
      (SELECT kind FROM outcomes WHERE episode = NEW.episode), 'dispatched'))
BEGIN SELECT RAISE(ABORT, 'no such transition'); END;

CREATE TRIGGER outcomes_of_an_open_step BEFORE INSERT ON outcomes
WHEN NEW.step IS NOT NULL AND EXISTS (SELECT 1 FROM steps WHERE step >= NEW.step)
BEGIN SELECT RAISE(ABORT, 'the step is committed'); END;

CREATE TRIGGER dispatched_for_an_open_step BEFORE INSERT ON dispatches
WHEN NEW.step < 0 OR EXISTS (SELECT 1 FROM steps WHERE step >= NEW.step)
BEGIN SELECT RAISE(ABORT, 'the step is committed'); END;

CREATE TRIGGER steps_balance BEFORE INSERT ON steps
WHEN EXISTS (SELECT 1 FROM unended WHERE step <= NEW.step)
BEGIN SELECT RAISE(ABORT, 'the step does not balance'); END;

CREATE TRIGGER steps_in_order BEFORE INSERT ON steps
WHEN NEW.step <> coalesce((SELECT max(step) FROM steps), 0) + 1
BEGIN SELECT RAISE(ABORT, 'steps count up by one from 1'); END;
"""


def _append_only(table: str) -> str:
    return "".join(
        f"CREATE TRIGGER no_{verb.lower()}_of_{table} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'a store only grows'); END;\n"
        for verb in ("UPDATE", "DELETE")
    )


def script() -> str:
    """The SQL that builds an empty store in one transaction."""
    rows = ", ".join(str(pair) for pair in TRANSITIONS)
    sealed = (
        "CREATE TRIGGER no_insert_into_transitions BEFORE INSERT ON transitions "
        "BEGIN SELECT RAISE(ABORT, 'the transition table is fixed'); END;\n"
    )
    return "".join(
        [
            "BEGIN IMMEDIATE;\n",
            f"PRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {SCHEMA};\n",
            *(f"CREATE TABLE {name} ({columns});\n" for name, columns in _TABLES.items()),
            _REST,
            f"INSERT INTO transitions VALUES {rows};\n",
            sealed,
            *(_append_only(name) for name in _TABLES),
            "COMMIT;\n",
        ]
    )
