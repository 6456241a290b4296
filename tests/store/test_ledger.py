"""Balances and resumption."""

from pathlib import Path

from store.made import dispatch, ended, metrics, version
from surefoot.records import Dispatch, Episode
from surefoot.store import balance, memory_store, open_store, resume


def test_a_new_run_begins_at_step_one() -> None:
    with memory_store() as store:
        found = resume(store)
        assert (found.step, found.version, found.cancelled) == (1, None, 0)
        assert found.number(1, 0, 0) == 0


def test_balances_count_every_way_to_end() -> None:
    with memory_store() as store:
        sent = [dispatch(1, 0, attempt) for attempt in range(5)]
        store.write(*sent, dispatch(2, 1))
        store.write(ended(sent[4], "judged"))
        kinds = ("trained", "filtered", "stale", "fault")
        store.commit(
            metrics(1),
            version(),
            [ended(one, kind) for one, kind in zip(sent, kinds, strict=False)],
        )
        first = balance(store, 1)
        assert first.outcomes == dict.fromkeys((*kinds, "judged"), 1)
        assert (first.dispatched, first.in_flight) == (5, 0)
        assert balance(store, 2) == (1, {}, 1)
        whole = balance(store)
        assert (whole.dispatched, whole.in_flight, whole.balanced) == (6, 1, True)


def test_a_balance_can_fail() -> None:
    with memory_store() as store:
        store.write(sent := dispatch(1, 0), dispatch(1, 1))
        store.write(ended(sent, "fault", "engine"))
        store._db.execute("PRAGMA foreign_keys = OFF")
        store._db.execute("DROP TRIGGER no_delete_of_dispatches")
        store._db.execute("DROP TRIGGER no_update_of_outcomes")
        store._db.execute("UPDATE outcomes SET episode = '1.1.0.0'")
        assert balance(store).balanced
        store._db.execute("DELETE FROM dispatches WHERE id = '1.1.0.0'")
        assert balance(store) == (1, {}, 1)


def test_what_was_in_flight_is_cancelled_and_gets_the_next_number(tmp_path: Path) -> None:
    with open_store(tmp_path, create=True) as store:
        sent = [dispatch(1, 0), dispatch(2, 1), dispatch(3, 2)]
        store.write(*sent)
        where = version(1, str(tmp_path / "versions/1"))
        store.commit(metrics(1), where, [ended(sent[0]), ended(sent[2], "fault", "engine")])
    for times in (1, 2):
        with open_store(tmp_path) as store:
            found = resume(store)
            assert (found.step, found.version, found.cancelled) == (2, where, 1)
            assert found.number(2, 1, 0) == times
            assert found.ended == {(3, 2, 0)}
            store.write(dispatch(2, 1, 0, times))
            assert balance(store).outcomes == {"cancelled": times, "fault": 1, "trained": 1}


def test_resuming_twice_changes_nothing_more() -> None:
    with memory_store() as store:
        store.write(dispatch(1, 0), dispatch(1, 1))
        assert resume(store).cancelled == 2
        again = resume(store)
        assert again.cancelled == 0
        assert again.numbers == {(1, 0, 0): 1, (1, 1, 0): 1}
        assert [one.outcome.kind for one in store.stream(Episode)] == ["cancelled"] * 2
        assert len(list(store.stream(Dispatch))) == 2
