"""A run's report: gathered from its store, written as a page and as JSON.

    store --gather--> Material --summarise--> Summary --write--> report.html, report.json

Reads only. Not here: what is counted (`summarise.py`) and how it looks (`page.py`, `terminal.py`).
"""

from pathlib import Path
from typing import NamedTuple

from surefoot.evals.compare import SOLVED
from surefoot.evals.page import page
from surefoot.evals.suites import Suite
from surefoot.evals.summarise import summarise
from surefoot.evals.summary import Ended, Material, Summary
from surefoot.joints import Store
from surefoot.records import Judged, StepMetrics


class Written(NamedTuple):
    """Where a report lies."""

    page: Path
    summary: Path


def gather(store: Store, title: str) -> Material:
    """Everything that a report needs from a run's store. What ended under evaluation (its goals are
    not of the split `train`) is told by the judged rows alone.

    Raises:
        StoreError: the store cannot be read.
    """
    ended = store.query(
        "SELECT e.step, e.outcome, coalesce(e.reason, ''), count(*), count(e.reward), "
        "count(CASE WHEN e.reward >= ? THEN 1 END), coalesce(sum(e.reward), 0) "
        "FROM episodes e JOIN dispatches d ON d.id = e.id JOIN goals g ON g.digest = d.goal "
        "WHERE g.split = 'train' AND e.outcome NOT IN ('dispatched', 'judged') "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        SOLVED,
    )
    names = ("step", "kind", "reason", "episodes", "rewarded", "solved", "reward")
    return Material(
        title=title,
        rows=tuple(store.stream(Judged)),
        steps=tuple(store.stream(StepMetrics)),
        ended=tuple(Ended(**dict(zip(names, row, strict=True))) for row in ended),
    )


def report(store: Store, title: str, suite: Suite) -> Summary:
    """The summary of a run, from its store.

    Raises:
        StoreError: the store cannot be read.
        ValueError: nothing was judged under the suite's headline cell.
    """
    return summarise(gather(store, title), suite)


def write_report(summary: Summary, directory: Path) -> Written:
    """Writes `report.html` and `report.json` into `directory`, over older ones."""
    directory.mkdir(parents=True, exist_ok=True)
    written = Written(directory / "report.html", directory / "report.json")
    written.page.write_text(page(summary), encoding="utf-8")
    written.summary.write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return written
