"""Law: every dispatched episode ends in exactly one outcome, and the books balance at all times,
over any sequence of dispatches, endings, commits, refused commits, kills and resumptions."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store.made import dispatch, ended, metrics, version
from surefoot.records import Dispatch, Episode, StepMetrics
from surefoot.records.errors import StoreError
from surefoot.store import balance, open_store, resume

STEP_KINDS = st.sampled_from(["trained", "filtered", "stale", "fault", "cancelled", "judged"])
FREE_KINDS = st.sampled_from(["judged", "fault", "cancelled"])
Attempt = tuple[int, int, int]


class Ledger(RuleBasedStateMachine):
    """The store beside a model of it: the open episodes, and the endings of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.run = Path(self.folder.name)
        self.store = open_store(self.run, create=True)
        self.step = 1
        self.open: dict[str, Dispatch] = {}
        self.ended: dict[str, tuple[Dispatch, str]] = {}
        self.numbers: dict[Attempt, int] = {}

    @rule(ahead=st.integers(0, 2), group=st.integers(0, 2), size=st.integers(1, 3))
    def send(self, ahead: int, group: int, size: int) -> None:
        step = self.step + ahead
        keys = [(step, group, attempt) for attempt in range(size)]
        sent = [dispatch(*key, self.numbers.get(key, 0)) for key in keys]
        self.store.write(*sent)
        self.open |= {one.id: one for one in sent}
        self.numbers |= {key: self.numbers.get(key, 0) + 1 for key in keys}

    @precondition(lambda self: self.open)
    @rule(data=st.data(), kind=FREE_KINDS)
    def end_one(self, data: st.DataObject, kind: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.store.write(ended(self.open[name], kind))  # type: ignore[arg-type]
        self.ended[name] = (self.open.pop(name), kind)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), kind=STEP_KINDS, by_commit=st.booleans())
    def end_again(self, data: st.DataObject, kind: str, by_commit: bool) -> None:
        sent, first = self.ended[data.draw(st.sampled_from(sorted(self.ended)))]
        again = ended(sent, kind)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match=f"ended as {first}|only a step's commit"):
            if by_commit:
                self.store.commit(metrics(self.step), version(), [again])
            else:
                self.store.write(again)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        due = [name for name, sent in self.open.items() if sent.step <= self.step]
        early = [name for name, sent in self.open.items() if sent.step > self.step]
        names = due + [name for name in early if data.draw(st.booleans())]
        kinds = {name: data.draw(STEP_KINDS) for name in names}
        done = [ended(self.open[name], kind) for name, kind in kinds.items()]
        self.store.commit(metrics(self.step), version(self.step), done)
        self.ended |= {name: (self.open.pop(name), kind) for name, kind in kinds.items()}
        self.step += 1

    @precondition(lambda self: any(sent.step <= self.step for sent in self.open.values()))
    @rule(data=st.data())
    def commit_with_one_left_open(self, data: st.DataObject) -> None:
        due = sorted(name for name, sent in self.open.items() if sent.step <= self.step)
        left = data.draw(st.sampled_from(due))
        done = [ended(self.open[name]) for name in due if name != left]
        with pytest.raises(StoreError, match="does not balance"):
            self.store.commit(metrics(self.step), version(), done)

    @rule()
    def die_and_resume(self) -> None:
        self.store.close()
        self.store = open_store(self.run)
        found = resume(self.store)
        assert found.step == self.step
        assert found.cancelled == len(self.open)
        assert (found.version is None) == (self.step == 1)
        self.ended |= {name: (sent, "cancelled") for name, sent in self.open.items()}
        self.open = {}
        later = {key: number for key, number in self.numbers.items() if key[0] >= self.step}
        assert found.numbers == later
        for key in found.ended:
            kinds = [kind for sent, kind in self.ended.values() if _key(sent) == key]
            assert any(kind != "cancelled" for kind in kinds)

    @invariant()
    def one_outcome_each(self) -> None:
        found = {one.dispatch.id: one.outcome.kind for one in self.store.stream(Episode)}
        assert found == {name: kind for name, (_, kind) in self.ended.items()}
        assert self.store.query("SELECT count(*) FROM outcomes") == [(len(self.ended),)]

    @invariant()
    def books_balance(self) -> None:
        whole = balance(self.store)
        assert whole.balanced
        assert whole.in_flight == len(self.open)
        for committed in self.store.stream(StepMetrics):
            assert balance(self.store, committed.step).in_flight == 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


def _key(sent: Dispatch) -> Attempt:
    return sent.step, sent.group, sent.attempt


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
