"""What a step's rollouts measured: rewards, signal, outcomes, tokens, turns, and its time by part.

Counting over finished groups; decides nothing. Names are documented in docs/training.md.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from surefoot.records import Episode, Event, Group, Outcome


class Clock:
    """Seconds of the parts of a step, by name, from one `lap` to the next."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends the part called `name`."""
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now


def rollout_metrics(groups: Sequence[Group], outcomes: Mapping[str, Outcome]) -> dict[str, float]:
    """Counts of one step. `signal` is the share of groups whose rewards differ."""
    episodes = [episode for group in groups for episode in group.episodes]
    rewards = [episode.reward.value for episode in episodes if episode.reward is not None]
    traces = [episode.trace for episode in episodes if episode.trace is not None]
    ends = Counter(outcome.kind for outcome in outcomes.values())
    return {
        "reward": _mean(rewards),
        "solved": _mean([float(reward >= 1.0) for reward in rewards]),
        "signal": _mean([float(_differs(group.episodes)) for group in groups]),
        "calls": _mean([float(trace.calls) for trace in traces]),
        "parse_faults": _mean([float(trace.faults) for trace in traces]),
        "episode_seconds": _mean([episode.seconds for episode in episodes]),
        **{f"outcome_{kind}": float(count) for kind, count in sorted(ends.items())},
    }


def ended(groups: Iterable[Group], outcomes: Mapping[str, Outcome]) -> list[Episode]:
    """The episodes of a step with the outcomes that the step gave them."""
    return [
        episode.model_copy(update={"outcome": outcomes[episode.dispatch.id]})
        for group in groups
        for episode in group.episodes
    ]


def left_out(step: int, outcomes: Mapping[str, Outcome]) -> list[Event]:
    """One event for each rule that took episodes out of a step."""
    rules = Counter(
        f"{outcome.kind}({outcome.reason})"
        for outcome in outcomes.values()
        if outcome.kind in ("filtered", "stale", "fault")
    )
    return [
        Event(kind="left_out", text=f"{count} episodes: {rule}.", step=step, values={rule: count})
        for rule, count in sorted(rules.items())
    ]


def _differs(episodes: Iterable[Episode]) -> bool:
    return len({each.reward.value for each in episodes if each.reward is not None}) > 1


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
