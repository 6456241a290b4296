"""What counts as the same run."""

from collections.abc import Callable

import pytest

from store.made import dispatch, ended, judged, metrics, trace, version
from surefoot.records import Episode, Event, Reward, Start, Verdict
from surefoot.store import SqliteStore, canonical_rows, memory_store, resume
from surefoot.store.canonical import is_time

Change = Callable[[Episode], Episode]


def _run(*, killed: bool = False, change: Change = lambda one: one) -> list[object]:
    """Two steps of two episodes; `killed` loses the second step once and ends in other orders."""
    with memory_store() as store:
        store.write(Start(config={"killed": killed}, seed=1))
        _step(store, 1, 0, change, backwards=killed)
        if killed:
            store.write(dispatch(2, 0), dispatch(2, 1))
            resume(store)
            store.write(Event(kind="resumed", text="Resumed."))
        _step(store, 2, int(killed), change, backwards=killed)
        rows = [judged(0), judged(1)]
        store.write(*(rows[::-1] if killed else rows))
        return list(canonical_rows(store))


def _step(store: SqliteStore, step: int, number: int, change: Change, *, backwards: bool) -> None:
    sent = [dispatch(step, group, 0, number) for group in (0, 1)]
    store.write(*sent)
    done = [
        change(ended(one).model_copy(update={"seconds": 9.0 if backwards else 1.0}))
        for one in (sent[::-1] if backwards else sent)
    ]
    seconds = 3.5 if backwards else 1.0
    store.commit(
        metrics(step, loss=0.5, step_seconds=seconds, tokens_per_second=seconds),
        version(step, f"versions/{step}"),
        done,
        Event(kind="note", text="A step.", step=step),
    )
    store.write(Verdict(episode=sent[0].id, judge="expert", reward=Reward(value=1.0)))


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one() -> None:
    assert _run(killed=True) == _run()


def _other_reward(one: Episode) -> Episode:
    return one.model_copy(update={"reward": Reward(value=0.25)})


def _other_logprob(one: Episode) -> Episode:
    assert one.trace is not None
    node = one.trace.nodes[1]
    assert node.logprobs is not None
    first = node.logprobs[0] * (1 + 2**-52)
    node = node.model_copy(update={"logprobs": (first, *node.logprobs[1:])})
    nodes = (one.trace.nodes[0], node)
    return one.model_copy(update={"trace": one.trace.model_copy(update={"nodes": nodes})})


def _other_tokens(one: Episode) -> Episode:
    return one.model_copy(update={"trace": trace(one.dispatch, 5)})


def _other_outcome(one: Episode) -> Episode:
    return ended(one.dispatch, "filtered", "flat")


@pytest.mark.parametrize("change", [_other_reward, _other_logprob, _other_tokens, _other_outcome])
def test_a_difference_that_matters_shows(change: Change) -> None:
    assert _run(change=change) != _run()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("step_seconds", True),
        ("tokens_per_second", True),
        ("time/rollout", True),
        ("idle_share", True),
        ("loss", False),
        ("sometimes", False),
        ("secondary_loss", False),
    ],
)
def test_metrics_of_time_are_told_by_their_names(name: str, expected: bool) -> None:
    assert is_time(name) is expected
