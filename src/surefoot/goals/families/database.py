"""database: copy values from row to row of a SQLite table. Two to four calls.

query(select size from items where name = 'kovu') -> 42
query(update items set port = '42' where name = 'lemi') -> ok      done
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from surefoot.goals.draw import Pool, world
from surefoot.goals.family import Draft, Family, ask
from surefoot.goals.verify import untouched, verdict
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace

TABLE = "items"
_COLUMNS = ("port", "mode", "host", "size", "color", "level", "theme", "zone")
_ONE = (
    "in the table {table} of {path}, set the {column} of {row} to the {source} of {origin}.",
    "the {column} of {row} must be the {source} of {origin} in the table {table} of {path}.",
)
_BOTH = (
    "in the table {table} of {path}, set the {column} of {row} and of {row2} to the {source} of "
    "{origin}.",
    "the {column} of {row} and of {row2} must be the {source} of {origin} in the table {table} of "
    "{path}.",
)
_THEN = (
    "in the table {table} of {path}, set the {column} of {row} to the {source} of {origin}, then "
    "set the {column2} of {row2} to the {source2} of {origin2}.",
    "the {column} of {row} must be the {source} of {origin} and the {column2} of {row2} must be "
    "the {source2} of {origin2} in the table {table} of {path}.",
)
_NEEDED = ("list_files", "read_file", "query")
# The agent's database is opened in the clean sandbox alone, and only read.
_ROWS = """
import json, sqlite3, sys
base = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(json.dumps(base.execute("select * from " + sys.argv[2] + " order by name").fetchall()))
"""
_SECONDS = 10.0


class Change(NamedTuple):
    """The cells `column` of `rows` get the value of the cell `source` of the row `origin`."""

    table: str
    path: str
    column: str
    rows: tuple[str, ...]
    source: str
    origin: str


def make(random: Random) -> Draft:
    """Four or five rows of two or three columns; one or two cells get another row's value."""
    pool = Pool(random)
    columns = random.sample(_COLUMNS, random.randint(2, 3))
    rows = {pool.word(): {c: pool.value() for c in columns} for _ in range(random.randint(4, 5))}
    path = f"{pool.word()}.db"
    script = _script(columns, rows)
    row, origin, row2, origin2 = random.sample(list(rows), 4)
    request = {"path": path, "table": TABLE, "row": row, "origin": origin}
    request |= {"column": random.choice(columns), "source": random.choice(columns)}
    kind = random.choice((_ONE, _BOTH, _THEN))
    if kind is not _ONE:
        request["row2"] = row2
    if kind is _THEN:
        request |= {"origin2": origin2, "column2": random.choice(columns)}
        request["source2"] = random.choice(columns)
    for change in _changes(request):
        for name in change.rows:
            rows[name][change.column] = rows[change.origin][change.source]
    expected = sorted([name, *cells.values()] for name, cells in rows.items())
    return Draft(
        prompt=random.choice(kind).format(**request),
        request=request,
        expected={"rows": expected},
        world=world(random, _NEEDED, {}, {path: script}),
        judged=(path,),
        horizon=sum(1 + len(change.rows) for change in _changes(request)),
    )


def _script(columns: Sequence[str], rows: Mapping[str, Mapping[str, str]]) -> str:
    named = ", ".join(f"{column} text" for column in columns)
    lines = [f"create table {TABLE} (name text primary key, {named});"]
    for name, cells in rows.items():
        values = ", ".join(f"'{value}'" for value in [name, *cells.values()])
        lines.append(f"insert into {TABLE} values ({values});")
    return "\n".join(lines)


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """The table holds exactly the wanted rows, and no file but the database was changed."""
    (path,) = goal.judged
    words = " ".join(shlex.quote(one) for one in (_ROWS, path, TABLE))
    command = f"PATH=/usr/bin:/bin:$PATH python3 -I -S -c {words}"
    ran = await sandbox.exec(command, seconds=_SECONDS)
    output = ran.output.strip()
    right = ran.status == 0 and output == json.dumps(goal.expected["rows"])
    return verdict({"rows": right, "untouched": untouched(trace, {path})})


def _changes(request: Mapping[str, str]) -> list[Change]:
    table, path = request["table"], request["path"]
    first = Change(
        table, path, request["column"], (request["row"],), request["source"], request["origin"]
    )
    if "row2" not in request:
        return [first]
    if "origin2" not in request:
        return [first._replace(rows=(request["row"], request["row2"]))]
    second = first._replace(
        column=request["column2"],
        rows=(request["row2"],),
        source=request["source2"],
        origin=request["origin2"],
    )
    return [first, second]


def _look_up(change: Change, origin: str) -> Program:
    sql = f"select {change.source} from {change.table} where name = '{origin}'"
    return (yield from ask("query", path=change.path, sql=sql))


def _update(change: Change, row: str, value: str) -> Program:
    sql = f"update {change.table} set {change.column} = '{value}' where name = '{row}'"
    return (yield from ask("query", path=change.path, sql=sql))


def reference(request: Mapping[str, str]) -> Program:
    """For each change: looks the value up, writes it into the rows."""
    for change in _changes(request):
        value = yield from _look_up(change, change.origin)
        for row in change.rows:
            yield from _update(change, row, value)
    return "done"


def own(request: Mapping[str, str]) -> Program:
    """A mistake: looks the value up in the row that is to be changed."""
    for change in _changes(request):
        value = yield from _look_up(change, change.rows[0])
        for row in change.rows:
            yield from _update(change, row, value)
    return "done"


def skip(request: Mapping[str, str]) -> Program:
    """A mistake: leaves the last update out."""
    changes = _changes(request)
    for change in changes:
        value = yield from _look_up(change, change.origin)
        for row in change.rows[:-1] if change == changes[-1] else change.rows:
            yield from _update(change, row, value)
    return "done"


def all_rows(request: Mapping[str, str]) -> Program:
    """A cheat: changes every row, so that the right ones are among them."""
    for change in _changes(request):
        value = yield from _look_up(change, change.origin)
        sql = f"update {change.table} set {change.column} = '{value}'"
        yield from ask("query", path=change.path, sql=sql)
    return "done"


DATABASE = Family(
    name="database",
    make=make,
    check=check,
    reference=reference,
    wrong={"own": own, "skip": skip, "all_rows": all_rows},
)
