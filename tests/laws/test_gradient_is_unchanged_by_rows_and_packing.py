"""The episode is the unit: rows, packing and micro-batches are only how the work is laid out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surefoot.training.batch import Row, make_batch
from surefoot.training.losses import LOSSES
from surefoot.training.trainer import Trainer
from training import tiny


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.policy(tmp_path_factory.mktemp("policy"))


def rows_of(trainer: Trainer) -> list[Row]:
    return list(make_batch(tiny.groups(), trainer.config).rows)


def gradient(trainer: Trainer, rows: Sequence[Row]) -> tuple[float, np.ndarray]:
    loss = trainer.accumulate(rows)
    found = tiny.gradient(trainer)
    trainer.model.network.zero_grad()
    return loss, found


def one_token_a_row(rows: Sequence[Row]) -> list[Row]:
    """The finest split there is: each trained token in a row of its own, after its full context."""
    split: list[Row] = []
    for row in rows:
        for at in np.flatnonzero(row.weights_T):
            only = np.zeros(len(row))
            only[at] = 1.0
            cut = slice(0, int(at) + 1)
            split.append(
                replace(
                    row,
                    tokens_T=row.tokens_T[cut],
                    weights_T=(row.weights_T * only)[cut],
                    logprobs_T=row.logprobs_T[cut],
                    advantages_T=row.advantages_T[cut],
                    versions_T=row.versions_T[cut],
                )
            )
    return split


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_gradient_is_unchanged_by_splitting_repacking_and_microbatches(
    loss: str, directory: Path
) -> None:
    whole = tiny.trainer(directory, loss=loss, micro_batch_tokens=100_000)
    rows = rows_of(whole)
    expected_loss, expected = gradient(whole, rows)
    assert np.abs(expected).max() > 1e-6

    shuffled = [rows[at] for at in np.random.default_rng(1).permutation(len(rows))]
    for tokens in (1, 37, 90, 100_000):
        other = tiny.trainer(directory, loss=loss, micro_batch_tokens=tokens)
        for laid_out in (rows, shuffled, one_token_a_row(rows)):
            found_loss, found = gradient(other, laid_out)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
            assert found_loss == pytest.approx(expected_loss, abs=1e-13)


@pytest.mark.parametrize("loss", ["cispo", "grpo", "gspo"])
def test_gradient_counts_episodes_not_rows(loss: str, directory: Path) -> None:
    """The law can fail: were each row weighed for itself, splitting would change the gradient."""
    trainer = tiny.trainer(directory, loss=loss)
    rows = rows_of(trainer)
    _, expected = gradient(trainer, rows)
    split = one_token_a_row(rows)
    as_episodes = [replace(row, episode=str(at), group=at) for at, row in enumerate(split)]
    _, found = gradient(trainer, as_episodes)
    assert np.abs(found - expected).max() > 1e-4 * np.abs(expected).max()
