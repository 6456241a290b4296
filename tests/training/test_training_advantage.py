"""Advantages by hand, and filters that name what they take."""

import pytest

from surefoot.records import Group, Outcome
from surefoot.training.advantage import centred, filter_groups, leave_one_out
from training import tiny

TRACE = tiny.nodes(tiny.np.random.default_rng(0), tiny.STRAIGHT)


def group(*rewards: float | None) -> Group:
    members = tuple(
        tiny.episode(TRACE, reward=reward, attempt=at) for at, reward in enumerate(rewards)
    )
    return Group(index=0, episodes=members)


def test_centred_by_hand() -> None:
    assert centred([1.0, 0.0, 0.0, 1.0]) == [0.5, -0.5, -0.5, 0.5]
    assert centred([1.0, 0.0], normalise=True) == pytest.approx([1.0, -1.0], rel=1e-5)


def test_leave_one_out_is_the_reward_minus_the_mean_of_the_others() -> None:
    rewards = [1.0, 0.0, 0.25, 0.5]
    by_hand = [r - (sum(rewards) - r) / 3 for r in rewards]
    assert leave_one_out(rewards) == pytest.approx(by_hand)
    assert leave_one_out([1.0]) == [0.0]


def test_zero_variance_groups_are_named() -> None:
    kept, outcomes = filter_groups([group(1.0, 1.0, None)])
    assert kept == ()
    assert outcomes["0.0.0.0"] == Outcome(kind="filtered", reason="zero_variance")
    assert outcomes["0.0.1.0"] == Outcome(kind="filtered", reason="zero_variance")
    assert outcomes["0.0.2.0"] == Outcome(kind="fault", reason="sandbox")


def test_the_only_episode_left_of_a_group_is_named() -> None:
    kept, outcomes = filter_groups([group(1.0, None)])
    assert kept == ()
    assert outcomes["0.0.0.0"] == Outcome(kind="filtered", reason="alone")


def test_stale_and_silent_episodes_leave_the_group() -> None:
    silent = tiny.episode(TRACE[:1], reward=0.0, attempt=7)
    kept, outcomes = filter_groups(
        [Group(index=0, episodes=(*group(1.0, 0.0).episodes, silent))], oldest=0
    )
    assert len(kept[0].episodes) == 2
    assert outcomes == {"0.0.7.0": Outcome(kind="filtered", reason="silent")}
    kept, outcomes = filter_groups([group(1.0, 0.0)], oldest=1)
    assert kept == ()
    assert {outcome.kind for outcome in outcomes.values()} == {"stale"}
