"""Rows, units and packing."""

import numpy as np
import pytest

from surefoot.records import Group
from surefoot.records.errors import ConfigError
from surefoot.training.batch import Row, make_batch, minibatches, pack, weigh
from surefoot.training.config import TrainingConfig
from training import tiny


def test_a_forked_trace_becomes_one_row_a_path_cut_after_its_last_trained_token() -> None:
    draw = np.random.default_rng(0)
    members = (
        tiny.episode(tiny.nodes(draw, tiny.FORKED), reward=1.0),
        tiny.episode(tiny.nodes(draw, (*tiny.STRAIGHT, (3, 7))), reward=0.0, attempt=1),
    )
    batch = make_batch([Group(index=0, episodes=members)], TrainingConfig())
    assert [len(row) for row in batch.rows] == [18, 16, 14, 18]
    assert [int(row.weights_T.sum()) for row in batch.rows] == [10, 5, 3, 10]
    assert {float(a) for a in batch.rows[0].advantages_T} == {0.0, 0.5}
    assert batch.outcomes["0.0.0.0"].kind == "trained"


@pytest.mark.parametrize("unit", ["tokens", "group_tokens", "episode_tokens"])
def test_weights_of_a_mean_add_up_to_one(unit: str) -> None:
    rows = make_batch(tiny.groups(), TrainingConfig()).rows
    weighted = weigh(rows, unit)  # type: ignore[arg-type]
    assert sum(row.weights_T.sum() for row in weighted) == pytest.approx(1.0)


def test_every_group_has_the_same_weight_in_a_group_token_mean() -> None:
    weighted = weigh(make_batch(tiny.groups(), TrainingConfig()).rows, "group_tokens")
    for group in range(3):
        own = sum(row.weights_T.sum() for row in weighted if row.group == group)
        assert own == pytest.approx(1 / 3)


def test_packing_keeps_every_row_and_the_limit() -> None:
    rows = make_batch(tiny.groups(), TrainingConfig()).rows
    packed = pack(rows, 40)
    assert sorted(map(id, (row for part in packed for row in part))) == sorted(map(id, rows))
    assert all(sum(map(len, part)) <= 40 for part in packed)
    for part in pack(rows, 1, whole_episodes=True):
        assert len({row.episode for row in part}) == 1


def test_minibatches_keep_groups_whole_and_are_drawn_by_seed() -> None:
    rows = make_batch(tiny.groups(), TrainingConfig()).rows
    dealt = minibatches(rows, 2, seed=5)
    owners = [{row.group for row in part} for part in dealt]
    assert len(dealt) == 2 and not owners[0] & owners[1]
    assert dealt == minibatches(rows, 2, seed=5)


def test_greedy_episodes_and_ragged_demonstrations_are_refused() -> None:
    with pytest.raises(ConfigError, match="temperature"):
        make_batch(tiny.groups(), TrainingConfig(), temperature=0.0)
    with pytest.raises(ValueError, match="one weight"):
        Row.supervised([1, 2, 3], [0.0, 1.0])
