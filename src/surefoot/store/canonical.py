"""What two runs of the same seed share, as rows to compare: everything but the accidents.

Left out: times, cancelled episodes, numbers of dispatches, starts and events without a step (they
tell the story of the processes). The rest is in an order that does not depend on which episode
finished first. Equal rows mean equal runs, token for token and log-probability for log-probability.
"""

import re
from collections.abc import Iterator, Mapping

from surefoot.joints import Store
from surefoot.records import Dispatch, Episode, Event, Judged, StepMetrics, Verdict
from surefoot.store.codec import dump

_TIME = re.compile(r"(?<![a-z])(seconds?|time|idle)(?![a-z])")
"""A metric is a time, and is left out, where one of these words stands in its name."""

Row = tuple[object, ...]


def canonical_rows(store: Store) -> Iterator[Row]:
    """Yields (what, key ..., content) rows of a store, in canonical order. Content is JSON text."""
    yield from _episodes(store)
    yield from _verdicts(store)
    yield from _steps(store)
    judged = (row.model_copy(update={"seconds": 0.0}) for row in store.stream(Judged))
    yield from sorted(
        ("judged", row.policy, row.goal, row.variation, row.sample, dump(row)) for row in judged
    )
    events = (event for event in store.stream(Event) if event.step is not None)
    yield from sorted(("event", event.step, dump(event)) for event in events)


def is_time(metric: str) -> bool:
    """True for the names of metrics that measure time (`step_seconds`, `tokens_per_second`)."""
    return _TIME.search(metric.lower()) is not None


def _episodes(store: Store) -> Iterator[Row]:
    rows = store.query(
        "SELECT id, ended_step FROM episodes WHERE outcome <> 'cancelled' "
        "ORDER BY step, group_index, attempt, number"
    )
    for name, ended in rows:
        for sent in store.stream(Dispatch, episode=name):
            yield "dispatch", _attempt(name), dump(_bare(sent))
        for episode in store.stream(Episode, episode=name):
            yield "episode", _attempt(name), ended, dump(_timeless(episode))


def _verdicts(store: Store) -> Iterator[Row]:
    cancelled = {
        name for (name,) in store.query("SELECT episode FROM outcomes WHERE kind = 'cancelled'")
    }
    yield from sorted(
        ("verdict", _attempt(each.episode), each.judge, dump(each.reward))
        for each in store.stream(Verdict)
        if each.episode not in cancelled
    )


def _steps(store: Store) -> Iterator[Row]:
    places = store.query("SELECT step, version, directory FROM steps ORDER BY step")
    for (step, version, directory), metrics in zip(places, store.stream(StepMetrics), strict=True):
        yield "step", step, version, directory, _untimed(metrics.values)


def _untimed(values: Mapping[str, float]) -> str:
    return repr(sorted((name, value) for name, value in values.items() if not is_time(name)))


def _attempt(episode: str) -> str:
    return episode.rpartition(".")[0]


def _bare(sent: Dispatch) -> Dispatch:
    return sent.model_copy(update={"number": 0})


def _timeless(episode: Episode) -> Episode:
    """The episode as its attempt: dispatch number and seconds taken off."""
    sent = _bare(episode.dispatch)
    trace = episode.trace and episode.trace.model_copy(update={"episode": sent.id})
    return episode.model_copy(update={"dispatch": sent, "trace": trace, "seconds": 0.0})
