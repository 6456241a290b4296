"""The books over any store: do they balance, and where does a killed run go on?

Only `query`, `stream` and `write` of the Protocol are used, so these serve every store.

    dispatched == trained + judged + filtered + stale + fault + cancelled + in flight
"""

from collections.abc import Mapping
from typing import NamedTuple

from surefoot.joints import Store
from surefoot.records import Dispatch, Episode, Outcome, PolicyVersion

Attempt = tuple[int, int, int]
"""Step, group and attempt: an episode but for the number of its dispatch."""


class Balance(NamedTuple):
    """Counts of episodes. `outcomes` holds the kinds that occur; they are counted apart from
    `in_flight`, so that `balanced` can fail."""

    dispatched: int
    outcomes: Mapping[str, int]
    in_flight: int

    @property
    def balanced(self) -> bool:
        """True where every dispatched episode is in flight or ended exactly once."""
        return self.dispatched == sum(self.outcomes.values()) + self.in_flight


class Resume(NamedTuple):
    """Where a run goes on.

    `step` is the first step that is not committed; `version` the last committed policy version
    (None before the first step). `numbers` has the next dispatch number of every attempt that was
    sent out for `step` or later. `ended` are those of them that need no new dispatch. `cancelled`
    counts the episodes that were in flight when the run died.
    """

    step: int
    version: PolicyVersion | None
    numbers: Mapping[Attempt, int]
    ended: frozenset[Attempt]
    cancelled: int

    def number(self, step: int, group: int, attempt: int) -> int:
        """The number under which to dispatch an attempt."""
        return self.numbers.get((step, group, attempt), 0)


def balance(store: Store, step: int | None = None) -> Balance:
    """Counts the episodes sent out for `step` (None: for the whole run) by outcome."""
    only = "" if step is None else f" WHERE d.step = {int(step)}"
    ((dispatched,),) = store.query(f"SELECT count(*) FROM dispatches d{only}")
    outcomes = dict[str, int](
        store.query(
            "SELECT o.kind, count(*) FROM outcomes o JOIN dispatches d ON d.id = o.episode"
            f"{only} GROUP BY o.kind ORDER BY o.kind"
        )
    )
    ((in_flight,),) = store.query(
        f"SELECT count(*) FROM (SELECT d.id FROM dispatches d{only} "
        "EXCEPT SELECT episode FROM outcomes)"
    )
    return Balance(dispatched, outcomes, in_flight)


def resume(store: Store) -> Resume:
    """Ends what was in flight as `cancelled` and says where the run goes on. To be called once,
    before anything is dispatched; on a new run it changes nothing and says step 1."""
    rows = store.query("SELECT id FROM unended ORDER BY id")
    open_now = [sent for (name,) in rows for sent in store.stream(Dispatch, episode=name)]
    store.write(*(_cancelled(sent) for sent in open_now))
    ((last,),) = store.query("SELECT coalesce(max(step), 0) FROM steps")
    sent = store.query(
        "SELECT step, group_index, attempt, max(number) + 1, "
        "max(outcome <> 'cancelled') FROM episodes WHERE step > ? GROUP BY 1, 2, 3",
        last,
    )
    return Resume(
        step=last + 1,
        version=next(store.stream(PolicyVersion, step=last), None),
        numbers={(step, group, attempt): number for step, group, attempt, number, _ in sent},
        ended=frozenset((step, group, attempt) for step, group, attempt, _, done in sent if done),
        cancelled=len(open_now),
    )


def _cancelled(sent: Dispatch) -> Episode:
    outcome = Outcome(kind="cancelled", reason="in flight when the run ended")
    return Episode(dispatch=sent, trace=None, reward=None, outcome=outcome)
