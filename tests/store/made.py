"""Small records for the store's tests, all made from a few numbers."""

from surefoot.records import (
    Dispatch,
    Episode,
    Goal,
    Judged,
    Message,
    Node,
    Outcome,
    PolicyVersion,
    Reward,
    StepMetrics,
    Trace,
    Variation,
    World,
)
from surefoot.records.verdict import OutcomeKind

SEEN = Variation(name="seen", format="hermes", perturbations=("names",), seed=3)


def dispatch(step: int = 1, group: int = 0, attempt: int = 0, number: int = 0) -> Dispatch:
    goal = Goal(
        family="find",
        split="train",
        index=group,
        prompt=f"Find the file of group {group}.",
        request={"name": "bato"},
        expected={"answer": group},
        world=World(files={"bato.txt": "a\nb\n"}),
        judged=("bato.txt",),
        horizon=2,
    )
    return Dispatch(
        step=step,
        group=group,
        attempt=attempt,
        number=number,
        goal=goal,
        variation=SEEN,
        version=step - 1,
    )


def trace(sent: Dispatch, tokens: int = 4) -> Trace:
    said = tuple(range(tokens))
    return Trace(
        episode=sent.id,
        goal=sent.goal.key,
        variation=sent.variation,
        nodes=(
            Node(parent=None, tokens=(1, 2, 3), messages=(Message(role="user", content="Find."),)),
            Node(
                parent=0,
                tokens=said,
                sampled=True,
                logprobs=tuple(-0.1 / (n + 3) for n in said),
                versions=tuple(sent.version for _ in said),
                finish="stop",
                match="exact",
                messages=(Message(role="assistant", content="found"),),
            ),
        ),
        stop="finished",
        calls=1,
    )


def ended(sent: Dispatch, kind: OutcomeKind = "trained", reason: str = "") -> Episode:
    """The episode of `sent`; a fault or a cancelled one earned nothing and left no trace."""
    lost = kind in ("fault", "cancelled")
    return Episode(
        dispatch=sent,
        trace=None if lost else trace(sent),
        reward=None if lost else Reward(value=0.5, parts={"outcome": 0.5}, evidence="half"),
        outcome=Outcome(kind=kind, reason=reason),
        seconds=1.5,
    )


def metrics(step: int = 1, **values: float) -> StepMetrics:
    return StepMetrics(step=step, version=step, values=values)


def version(number: int = 1, directory: str = "versions/1") -> PolicyVersion:
    return PolicyVersion(number=number, directory=directory)


def judged(sample: int = 0, policy: str = "before") -> Judged:
    return Judged(
        policy=policy,
        goal="find/test/1",
        family="find",
        variation="both",
        format="xml",
        perturbations=("names", "order"),
        sample=sample,
        reward=1.0,
        outcome="judged",
        seconds=2.0,
    )
