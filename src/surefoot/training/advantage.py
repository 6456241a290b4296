"""From a group's rewards to its advantages, and which groups teach nothing.

Pure functions over numbers and records; no torch. A fault has no reward: it leaves the baseline as
well as the loss. What is left out is named, never dropped: every episode that does not train gets
an outcome that says why.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from surefoot.records import Episode, Group, Outcome

# Guards the division only; a group whose rewards do not differ never reaches it.
STD_FLOOR = 1e-6


class Filtered(NamedTuple):
    """`kept` holds the groups that train, without the episodes that do not; `outcomes` says of
    every other episode, by its id, how it ended."""

    kept: tuple[Group, ...]
    outcomes: Mapping[str, Outcome]


def centred(rewards: Sequence[float], *, normalise: bool = False) -> list[float]:
    """Reward minus the group's mean; `normalise` divides by the group's standard deviation.

    With `normalise` it is the advantage of GRPO (Shao et al. 2024, arXiv 2402.03300, section 4.1),
    without it that of Dr. GRPO (Liu et al. 2025, arXiv 2503.20783), whose scale does not favour
    groups that are nearly always or nearly never solved.

    Returns:
        One advantage a reward; they sum to zero.
    """
    mean = sum(rewards) / len(rewards)
    differences = [reward - mean for reward in rewards]
    if not normalise:
        return differences
    std = (sum(difference**2 for difference in differences) / len(rewards)) ** 0.5
    return [difference / (std + STD_FLOOR) for difference in differences]


def leave_one_out(rewards: Sequence[float]) -> list[float]:
    """Reward minus the mean of the *other* rewards (Kool et al. 2019; Ahmadian et al. 2024, arXiv
    2402.14740): an unbiased baseline, G / (G - 1) times the centred advantage."""
    if len(rewards) < 2:
        return [0.0] * len(rewards)
    scale = len(rewards) / (len(rewards) - 1)
    return [scale * difference for difference in centred(rewards)]


def filter_groups(groups: Sequence[Group], *, oldest: int = 0) -> Filtered:
    """Takes out what cannot train.

    Args:
        groups: finished groups of this step.
        oldest: oldest policy version that may still train (newest minus the staleness bound).

    Episodes leave with their own outcome where they ended in a fault or were already put aside,
    as `stale` where a token is older than `oldest`, and as `filtered` where they hold no sampled
    token (`silent`), are the only one left of their group (`alone`), or belong to a group whose
    rewards do not differ (`zero_variance`).
    """
    kept: list[Group] = []
    outcomes: dict[str, Outcome] = {}
    for group in groups:
        fit: list[Episode] = []
        for episode in group.episodes:
            reason = _unfit(episode, oldest)
            if reason is None:
                fit.append(episode)
            else:
                outcomes[episode.dispatch.id] = reason
        rule = _useless(fit)
        if rule is None:
            kept.append(Group(index=group.index, episodes=tuple(fit)))
        else:
            outcome = Outcome(kind="filtered", reason=rule)
            outcomes.update({episode.dispatch.id: outcome for episode in fit})
    return Filtered(tuple(kept), outcomes)


def _unfit(episode: Episode, oldest: int) -> Outcome | None:
    """Why one episode cannot train whatever its group did; None where it can."""
    if episode.outcome.kind in ("fault", "filtered", "stale", "cancelled"):
        return episode.outcome
    if episode.reward is None or episode.trace is None:
        return Outcome(kind="fault", reason="unjudged")
    sampled = [node.versions for node in episode.trace.nodes if node.sampled and node.versions]
    if not sampled:
        return Outcome(kind="filtered", reason="silent")
    if min(min(versions) for versions in sampled) < oldest:
        return Outcome(kind="stale", reason="too_old")
    return None


def _useless(episodes: Sequence[Episode]) -> str | None:
    """The rule by which a whole group leaves; None where its rewards tell its episodes apart."""
    rewards = [episode.reward.value for episode in episodes if episode.reward is not None]
    if len(rewards) == 1:
        return "alone"
    if rewards and max(rewards) == min(rewards):
        return "zero_variance"
    return None if rewards else "empty"
