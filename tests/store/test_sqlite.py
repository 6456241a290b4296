"""What the embedded store keeps, refuses and says."""

import sqlite3
from pathlib import Path

import pytest

from store.made import dispatch, ended, judged, metrics, trace, version
from surefoot.records import (
    Dispatch,
    Episode,
    Event,
    Goal,
    Judged,
    PolicyVersion,
    Reward,
    Start,
    StepMetrics,
    Trace,
    Verdict,
)
from surefoot.records.errors import StoppedError, StoreError
from surefoot.store import memory_store, open_store
from surefoot.store.codec import pack
from surefoot.store.schema import SCHEMA

PAGE_BYTES = 4096
"""SQLite's own page, as the stores of these tests have it."""


def _committed(run: Path) -> None:
    with open_store(run, create=True) as store:
        sent = [dispatch(1, 0, attempt) for attempt in range(4)]
        store.write(*sent)
        store.commit(metrics(1, loss=0.25), version(), [ended(one) for one in sent])


def test_a_committed_step_is_there_after_a_reopening(tmp_path: Path) -> None:
    _committed(tmp_path)
    with open_store(tmp_path) as store:
        assert [one.dispatch.attempt for one in store.stream(Episode, step=1)] == [0, 1, 2, 3]
        assert list(store.stream(StepMetrics)) == [metrics(1, loss=0.25)]
        assert store.query("SELECT count(*) FROM goals") == [(1,)]


def test_a_closed_store_is_one_file(tmp_path: Path) -> None:
    _committed(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["store.db", "store.lock"]


def test_a_checkpoint_inside_the_run_moves_with_the_folder(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with open_store(old, create=True) as store:
        store.commit(metrics(1), version(1, str(old / "versions" / "1")), [])
        store.commit(metrics(2), version(2, "/elsewhere/2"), [])
    old.rename(new)
    with open_store(new) as store:
        found = [each.directory for each in store.stream(PolicyVersion)]
    assert found == [str(new / "versions" / "1"), "/elsewhere/2"]


def test_a_refused_write_keeps_nothing() -> None:
    with memory_store() as store:
        with pytest.raises(StoreError, match="cannot be dispatched"):
            store.write(dispatch(1, 0, 0), dispatch(1, 0, 1), dispatch(1, 0, 0))
        assert list(store.stream(Dispatch)) == []


def test_a_refused_commit_keeps_nothing() -> None:
    with memory_store() as store:
        first, second = dispatch(1, 0, 0), dispatch(1, 0, 1)
        store.write(first, second)
        with pytest.raises(StoreError, match=r"Step 1 does not balance: 1 .* \(1\.0\.1\.0\)"):
            store.commit(metrics(1), version(), [ended(first)])
        assert list(store.stream(Episode)) == list(store.stream(Trace)) == []
        assert list(store.stream(StepMetrics)) == []
        store.commit(metrics(1), version(), [ended(first), ended(second, "filtered", "flat")])
        assert [one.outcome.kind for one in store.stream(Episode)] == ["trained", "filtered"]


def test_groups_of_later_steps_stay_in_flight_over_a_commit() -> None:
    with memory_store() as store:
        now, later, early = dispatch(1, 0), dispatch(2, 1), dispatch(3, 2)
        store.write(now, later, early)
        store.commit(metrics(1), version(), [ended(now), ended(early, "stale")])
        assert store.query("SELECT id FROM episodes WHERE outcome = 'dispatched'") == [("2.1.0.0",)]
        with pytest.raises(StoreError, match="does not balance"):
            store.commit(metrics(2), version(2), [])


@pytest.mark.parametrize("step", [0, 2, -1])
def test_steps_count_up_by_one_from_one(step: int) -> None:
    with memory_store() as store, pytest.raises(StoreError, match="count up by one"):
        store.commit(metrics(step), version(), [])


def test_nothing_joins_a_committed_step() -> None:
    with memory_store() as store:
        store.write(late := dispatch(2, 7))
        store.commit(metrics(1), version(), [])
        with pytest.raises(StoreError, match="step is committed"):
            store.write(dispatch(1, 1))
        with pytest.raises(StoreError, match="count up by one"):
            store.commit(metrics(1), version(), [])
        with pytest.raises(StoreError, match="step that is committed"):
            store.commit(metrics(1), version(), [ended(late)])


@pytest.mark.parametrize("kind", ["trained", "filtered", "stale"])
def test_only_a_step_can_say_that_an_episode_trained(kind: str) -> None:
    with memory_store() as store:
        store.write(sent := dispatch())
        with pytest.raises(StoreError, match="only a step's commit"):
            store.write(ended(sent, kind))  # type: ignore[arg-type]


def test_evaluation_episodes_end_without_a_step() -> None:
    with memory_store() as store:
        store.write(one := dispatch(1, 5), two := dispatch(1, 6))
        store.write(ended(one, "judged"), ended(two, "fault", "sandbox"))
        store.commit(metrics(1), version(), [])
        rows = store.query("SELECT outcome, reason, ended_step, reward FROM episodes ORDER BY id")
        assert rows == [("judged", "", None, 0.5), ("fault", "sandbox", None, None)]


def test_an_episode_never_dispatched_cannot_end() -> None:
    with memory_store() as store, pytest.raises(StoreError, match="never dispatched"):
        store.commit(metrics(1), version(), [ended(dispatch())])


def test_a_trace_of_another_episode_is_refused() -> None:
    with memory_store() as store:
        store.write(sent := dispatch())
        wrong = ended(sent).model_copy(update={"trace": trace(dispatch(9))})
        with pytest.raises(StoreError, match=r"brings the trace of 9\.0\.0\.0"):
            store.commit(metrics(1), version(), [wrong])


def test_an_episode_has_one_reward_and_any_number_of_other_verdicts() -> None:
    with memory_store() as store:
        store.write(sent := dispatch())
        store.commit(metrics(1), version(), [ended(sent)])
        other = Verdict(episode=sent.id, judge="expert", reward=Reward(value=0.0))
        store.write(other, other)
        with pytest.raises(StoreError, match="UNIQUE"):
            store.write(Verdict(episode=sent.id, judge="check", reward=Reward(value=1.0)))
        (episode,) = store.stream(Episode)
        assert episode.reward is not None
        assert episode.reward.value == 0.5
        assert len(list(store.stream(Verdict, episode=sent.id))) == 3


def test_a_judged_row_is_written_once() -> None:
    with memory_store() as store:
        store.write(judged(0), judged(1), judged(0, "after"))
        with pytest.raises(StoreError, match="UNIQUE"):
            store.write(judged(1))
        assert len(list(store.stream(Judged))) == 3


def test_an_event_of_a_step_becomes_true_with_it() -> None:
    event = Event(kind="filtered", text="Group 4 was flat.", step=1, values={"group": 4})
    with memory_store() as store:
        with pytest.raises(StoreError, match="becomes true with its step"):
            store.write(event)
        store.commit(metrics(1), version(), [], event)
        store.write(Event(kind="resumed", text="Resumed at step 2."))
        assert [each.kind for each in store.stream(Event)] == ["filtered", "resumed"]
        assert list(store.stream(Event, step=1)) == [event]


def test_every_start_is_kept() -> None:
    with memory_store() as store:
        starts = [Start(config={"a": {"b": 1}}, seed=seed, versions={}) for seed in (1, 2)]
        store.write(starts[0])
        store.write(starts[1])
        assert list(store.stream(Start)) == starts


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM dispatches",
        "INSERT INTO transitions VALUES ('trained', 'judged')",
        "PRAGMA query_only = OFF",
        "DROP TABLE outcomes",
        "COMMIT",
        "ATTACH ':memory:' AS other",
    ],
)
def test_a_query_only_reads(sql: str) -> None:
    with memory_store() as store:
        with pytest.raises(StoreError, match="only reads"):
            store.query(sql)
        store.write(dispatch())


def test_a_query_that_cannot_be_read_says_why() -> None:
    with memory_store() as store, pytest.raises(StoreError, match="no such table: nowhere"):
        store.query("SELECT * FROM nowhere")


def test_what_is_not_stored_is_refused_by_name() -> None:
    with memory_store() as store:
        goal = dispatch().goal
        with pytest.raises(StoreError, match="takes no Goal records"):
            store.write(goal)
        with pytest.raises(StoreError, match="holds no Goal records"):
            store.stream(Goal)
        with pytest.raises(StoreError, match="Judged records cannot be filtered"):
            store.stream(Judged, step=1)


def test_a_viewer_reads_while_the_run_writes(tmp_path: Path) -> None:
    with open_store(tmp_path, create=True) as writer:
        writer.write(dispatch(1, 0))
        with open_store(tmp_path, read_only=True) as viewer:
            assert len(list(viewer.stream(Dispatch))) == 1
            writer.write(dispatch(1, 1))
            assert len(list(viewer.stream(Dispatch))) == 2
            with pytest.raises(StoreError, match="reading only"):
                viewer.write(dispatch(1, 2))


def test_a_paused_reader_does_not_stop_the_writer(tmp_path: Path) -> None:
    with open_store(tmp_path, create=True) as writer:
        writer.write(*(dispatch(1, group) for group in range(100)))
        with open_store(tmp_path, read_only=True) as viewer:
            reading = viewer.stream(Dispatch)
            next(reading)
            writer.write(dispatch(1, 100))
            assert writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            assert sum(1 for _ in reading) == 100


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"There is no run in .*nowhere"):
            open_store(tmp_path / "nowhere", read_only=read_only)
    assert not (tmp_path / "nowhere").exists()


def test_a_run_killed_while_it_was_created_is_created_again(tmp_path: Path) -> None:
    half = sqlite3.connect(tmp_path / "store.db")
    half.execute("PRAGMA journal_mode = WAL")
    half.close()
    with pytest.raises(StoreError, match="There is no run"):
        open_store(tmp_path)
    _committed(tmp_path)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db")
    other.execute("CREATE TABLE mine (a)")
    other.close()
    with pytest.raises(StoreError, match="is not Surefoot's"):
        open_store(tmp_path, create=True)


def test_another_version_is_refused(tmp_path: Path) -> None:
    _committed(tmp_path)
    raw = sqlite3.connect(tmp_path / "store.db")
    raw.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    raw.close()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=f"store version {SCHEMA + 1}"):
            open_store(tmp_path, read_only=read_only)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreError, match="is not a store"):
        open_store(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "overwritten", "one page"])
def test_a_damaged_store_is_refused(tmp_path: Path, damage: str) -> None:
    _committed(tmp_path)
    file = tmp_path / "store.db"
    content = bytearray(file.read_bytes())
    begin = len(content) // 2
    if damage == "cut":
        del content[begin:]
    elif damage == "overwritten":
        content[begin:] = b"\xa5" * (len(content) - begin)
    else:  # the page of the traces: the tables can be read, their content cannot
        begin = content.index(pack(trace(dispatch(1, 0, 3)))) // PAGE_BYTES * PAGE_BYTES
        content[begin : begin + PAGE_BYTES] = b"\xa5" * PAGE_BYTES
    file.write_bytes(content)
    for _ in range(2):  # the folder is free again after the refusal
        with pytest.raises(StoreError, match="corrupt"):
            open_store(tmp_path)


def test_a_damaged_record_is_named() -> None:
    with memory_store() as store:
        store.write(sent := dispatch())
        store.write(ended(sent, "judged"))
        store._db.execute("DROP TRIGGER no_update_of_traces")
        store._db.execute("UPDATE traces SET body = x'00'")
        with pytest.raises(StoreError, match="A stored Trace cannot be read back"):
            list(store.stream(Trace))


def test_a_reason_that_is_not_unicode_does_not_stop_the_run() -> None:
    with memory_store() as store:
        store.write(sent := dispatch())
        store.write(ended(sent, "fault", "no file \udcff.txt"))
        assert store.query("SELECT reason FROM outcomes") == [("no file ?.txt",)]


def test_a_full_disk_stops_the_run_and_keeps_the_last_step(tmp_path: Path) -> None:
    _committed(tmp_path)
    with open_store(tmp_path) as store:
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages + 1}")
        sent = [dispatch(2, group) for group in range(200)]
        with pytest.raises(StoppedError, match="is full; free some space"):
            store.write(*sent)
        store._db.execute("PRAGMA max_page_count = 100000")
        assert list(store.stream(Dispatch, step=2)) == []
        store.write(*sent)


def test_a_run_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(tmp_path / "run", create=True)
