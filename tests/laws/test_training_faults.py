"""A fault of ours is never a reward of 0: it leaves the loss and the baseline."""

from pathlib import Path

import numpy as np
import pytest

from surefoot.records import Group, Outcome
from surefoot.training.batch import make_batch
from surefoot.training.config import TrainingConfig
from training import tiny


def with_faults(groups: list[Group]) -> list[Group]:
    """Each group with two more episodes that died: one with a trace, one as a zero would look."""
    draw = np.random.default_rng(9)
    grown: list[Group] = []
    for group in groups:
        died = Outcome(kind="fault", reason="engine")
        more = (
            tiny.episode(
                tiny.nodes(draw, tiny.STRAIGHT), reward=None, group=group.index, attempt=8
            ),
            tiny.episode(
                tiny.nodes(draw, tiny.STRAIGHT),
                reward=0.0,
                group=group.index,
                attempt=9,
                outcome=died,
            ),
        )
        grown.append(Group(index=group.index, episodes=group.episodes + more))
    return grown


@pytest.mark.parametrize("loss", ["cispo", "grpo", "gspo", "reinforce"])
def test_fault_episodes_leave_loss_and_baseline(loss: str, tmp_path: Path) -> None:
    trainer = tiny.trainer(tiny.policy(tmp_path), loss=loss)
    gradients: list[np.ndarray] = []
    for groups in (tiny.groups(), with_faults(tiny.groups())):
        trainer.accumulate(make_batch(groups, trainer.config).rows)
        gradients.append(tiny.gradient(trainer))
        trainer.model.network.zero_grad()
    np.testing.assert_array_equal(gradients[0], gradients[1])


def test_faults_keep_their_outcome_and_their_tokens_are_given_up_by_name() -> None:
    batch = make_batch(with_faults(tiny.groups()), TrainingConfig())
    assert batch.outcomes["0.0.8.0"] == Outcome(kind="fault", reason="sandbox")
    assert batch.outcomes["0.0.9.0"] == Outcome(kind="fault", reason="engine")
    assert batch.ledger.given_up == {"engine": 30, "sandbox": 30}
