"""How each kind of record is read back: the SELECT, and the row's way to a record.

    kind --> Source(select, key, filters, build) --> pages of 64 rows --> records, one at a time

Pages are fetched by key, so that no read stays open between two of them: a reader that pauses
neither blocks the writer nor keeps the write-ahead log from being folded back. Rows that are
appended while a stream is read are met by it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from surefoot.records import (
    Dispatch,
    Episode,
    Event,
    Goal,
    Judged,
    Outcome,
    PolicyVersion,
    Record,
    Reward,
    Start,
    StepMetrics,
    Trace,
    Variation,
    Verdict,
)
from surefoot.records.errors import StoreError
from surefoot.store.codec import unpack
from surefoot.store.schema import CHECK

PAGE = 64
"""Rows fetched at once."""

Row = tuple[Any, ...]
Fetch = Callable[[str, tuple[object, ...]], list[Row]]


Build = Callable[[Row, Path | None], Record]
"""Makes a record of a row; the path is the run's folder, for directories kept relative to it."""


class Source(NamedTuple):
    """Where a kind comes from. Column 0 of `select` is `key`; `build` takes the columns after it.
    `step` and `episode` are the columns to filter by, empty where the kind has none."""

    select: str
    key: str
    build: Build
    step: str = ""
    episode: str = ""


def _body(kind: type[Record]) -> Build:
    def build(row: Row, _: Path | None) -> Record:
        return unpack(kind, row[0])

    return build


def _dispatch(row: Row, _: Path | None = None) -> Dispatch:
    step, group, attempt, number, version, variation, goal = row
    return Dispatch(
        step=step,
        group=group,
        attempt=attempt,
        number=number,
        goal=unpack(Goal, goal),
        variation=unpack(Variation, variation),
        version=version,
    )


def _episode(row: Row, _: Path | None) -> Episode:
    *sent, kind, reason, seconds, trace, reward = row
    return Episode(
        dispatch=_dispatch(tuple(sent)),
        trace=None if trace is None else unpack(Trace, trace),
        reward=None if reward is None else unpack(Reward, reward),
        outcome=Outcome(kind=kind, reason=reason),
        seconds=seconds,
    )


def _verdict(row: Row, _: Path | None) -> Verdict:
    episode, judge, reward = row
    return Verdict(episode=episode, judge=judge, reward=unpack(Reward, reward))


def _version(row: Row, run: Path | None) -> PolicyVersion:
    number, directory = row
    return PolicyVersion(
        number=number, directory=directory if run is None else str(run / directory)
    )


_SENT = "d.step, d.group_index, d.attempt, d.number, d.version, d.variation, g.body"

SOURCES: dict[type[Record], Source] = {
    Dispatch: Source(
        f"SELECT d.rowid, {_SENT} FROM dispatches d JOIN goals g ON g.digest = d.goal",
        "d.rowid",
        _dispatch,
        step="d.step",
        episode="d.id",
    ),
    Episode: Source(
        f"SELECT o.rowid, {_SENT}, o.kind, o.reason, o.seconds, t.body, v.body FROM outcomes o "
        "JOIN dispatches d ON d.id = o.episode JOIN goals g ON g.digest = d.goal "
        "LEFT JOIN traces t ON t.episode = o.episode "
        f"LEFT JOIN verdicts v ON v.episode = o.episode AND v.judge = '{CHECK}'",
        "o.rowid",
        _episode,
        step="o.step",
        episode="o.episode",
    ),
    Trace: Source(
        "SELECT t.rowid, t.body FROM traces t JOIN outcomes o ON o.episode = t.episode",
        "t.rowid",
        _body(Trace),
        step="o.step",
        episode="t.episode",
    ),
    Verdict: Source(
        "SELECT v.rowid, v.episode, v.judge, v.body FROM verdicts v "
        "JOIN dispatches d ON d.id = v.episode",
        "v.rowid",
        _verdict,
        step="d.step",
        episode="v.episode",
    ),
    StepMetrics: Source("SELECT step, body FROM steps", "step", _body(StepMetrics), step="step"),
    PolicyVersion: Source(
        "SELECT step, version, directory FROM steps", "step", _version, step="step"
    ),
    Judged: Source("SELECT rowid, body FROM judged", "rowid", _body(Judged)),
    Event: Source("SELECT rowid, body FROM events", "rowid", _body(Event), step="step"),
    Start: Source("SELECT rowid, body FROM starts", "rowid", _body(Start)),
}


def read(
    fetch: Fetch, kind: type[Record], run: Path | None, step: int | None, episode: str | None
) -> Iterator[Record]:
    """Yields the records of `kind`, page by page.

    Raises:
        StoreError: the kind is not stored, cannot be filtered so, or a row is damaged.
    """
    source = SOURCES.get(kind)
    if source is None:
        known = ", ".join(sorted(each.__name__ for each in SOURCES))
        raise StoreError(f"A store holds no {kind.__name__} records; it holds {known}.")
    wanted = [(source.step, step), (source.episode, episode)]
    chosen = [(column, value) for column, value in wanted if value is not None]
    if not all(column for column, _ in chosen):
        raise StoreError(f"{kind.__name__} records cannot be filtered so; filter what is streamed.")
    where = "".join(f" AND {column} = ?" for column, _ in chosen)
    sql = f"{source.select} WHERE {source.key} > ?{where} ORDER BY {source.key} LIMIT {PAGE}"
    values = tuple(value for _, value in chosen)
    return _pages(fetch, source, (sql, values), run)


def _pages(
    fetch: Fetch, source: Source, asked: tuple[str, tuple[object, ...]], run: Path | None
) -> Iterator[Record]:
    sql, values = asked
    last: int = 0
    while rows := fetch(sql, (last, *values)):
        for row in rows:
            last = row[0]
            yield source.build(row[1:], run)
