"""The trainer: it learns, it goes on exactly, and it refuses what it cannot use."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from surefoot.records import Group
from surefoot.records.errors import ConfigError, PolicyError, StoppedError
from surefoot.training import checkpoint
from surefoot.training.batch import Batch, Row, make_batch
from surefoot.training.config import TrainingConfig
from surefoot.training.optimizer import rate_factor
from surefoot.training.trainer import Trainer
from training import tiny


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.policy(tmp_path_factory.mktemp("policy"))


def config(**changes: object) -> TrainingConfig:
    base: dict[str, object] = {"device": "cpu", "threads": 1, "learning_rate": 1e-2, **changes}
    return TrainingConfig.model_validate(base)


def batch(step: int, settings: TrainingConfig) -> Batch:
    return make_batch(tiny.groups(step), settings)


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "minibatches": 2, "epochs": 2},
        {"optimizer": "muon", "schedule": "cosine", "decay_to": 5, "warmup_steps": 2},
        {"dtype": "bfloat16", "weight_decay": 0.1},
        {"lora_rank": 2},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_resume_is_exact(changes: dict[str, object], directory: Path, tmp_path: Path) -> None:
    settings = config(**changes)
    straight = Trainer(directory, settings)
    metrics = [straight.step(batch(step, settings), step) for step in range(4)]

    first = Trainer(directory, settings)
    for step in range(2):
        first.step(batch(step, settings), step)
    saved = first.save(tmp_path, 2)
    second = Trainer.resume(directory, settings, Path(saved.directory))
    again = [second.step(batch(step, settings), step) for step in (2, 3)]

    assert torch.equal(weights(second), weights(straight))
    assert not torch.equal(weights(straight), weights(Trainer(directory, settings)))
    for name, value in metrics[3].items():
        if name != "update_seconds":
            assert again[1][name] == value, name


def test_supervised_steps_learn_a_sequence(directory: Path) -> None:
    trainer = Trainer(directory, config(loss="sft"))
    tokens = [3, 1, 4, 1, 5, 9, 2, 6]
    row = Row.supervised(tokens, [0.0] + [1.0] * 7)
    first = trainer.sft_step([row])
    assert first["loss"] == pytest.approx(math.log(tiny.VOCABULARY), rel=0.2)
    for _ in range(60):
        last = trainer.sft_step([row])
    assert last["accuracy"] == 1.0
    assert last["loss"] < 0.1


def test_reinforcement_raises_the_probability_of_what_earned_more(directory: Path) -> None:
    trainer = Trainer(directory, config())
    made = batch(0, trainer.config)
    scores: list[float] = []
    for _ in range(2):
        rows = [row for row in made.rows if row.advantages_T.max() > 0]
        with torch.no_grad():
            scores.append(float(trainer._forward(rows, 1.0).terms.logprobs_M.mean()))
        trainer.step(made)
    assert scores[1] > scores[0] + 0.01


def on_policy(trainer: Trainer, temperature: float, version: int) -> Batch:
    """Groups whose recorded log-probabilities are those of the trainer's own weights."""
    made: list[Group] = []
    for group in tiny.groups():
        members = []
        for episode in group.episodes:
            assert episode.trace is not None
            nodes = list(episode.trace.nodes)
            for at, node in enumerate(nodes):
                if not node.sampled:
                    continue
                path = [t for step in episode.trace.path(at) for t in nodes[step].tokens]
                with torch.no_grad():
                    logits = trainer.model.network(
                        torch.tensor([path]), attend=_rows(len(path))
                    ).logits[0]
                logprobs = torch.log_softmax(logits.float() / temperature, -1)
                start = len(path) - len(node.tokens)
                nodes[at] = node.model_copy(
                    update={
                        "logprobs": tuple(
                            float(logprobs[start + i - 1, t]) for i, t in enumerate(node.tokens)
                        ),
                        "versions": (version,) * len(node.tokens),
                    }
                )
            trace = episode.trace.model_copy(update={"nodes": tuple(nodes)})
            members.append(episode.model_copy(update={"trace": trace}))
        made.append(Group(index=group.index, episodes=tuple(members)))
    return make_batch(made, trainer.config, temperature=temperature)


def _rows(length: int) -> object:
    from surefoot.engines.torch_attention import PackedRows

    return PackedRows([length])


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_on_policy_ratio_is_one_at_the_temperature_of_sampling(
    temperature: float, directory: Path
) -> None:
    trainer = Trainer(directory, config(minibatches=2))
    metrics = trainer.step(on_policy(trainer, temperature, 3), 3)
    assert metrics["parity_max"] < 1e-5
    assert metrics["ratio_mean"] == pytest.approx(1.0, abs=1e-5)
    assert metrics["lag_mean"] == 0.0
    other = Trainer(directory, config())
    wrong = on_policy(other, 0.5, 3)
    shifted = Batch(
        rows=wrong.rows, outcomes=wrong.outcomes, ledger=wrong.ledger, groups=3, temperature=1.0
    )
    assert other.step(shifted, 5)["parity_max"] == 0.0  # sampled by another version: no parity
    assert Trainer(directory, config()).step(shifted, 3)["parity_max"] > 0.01


def test_grpo_is_leave_one_out_reinforce_on_policy(directory: Path) -> None:
    """With episodes of equal length L in groups of G: RLOO = L x G / (G - 1) x GRPO."""
    gradients: dict[str, np.ndarray] = {}
    for loss in ("grpo", "reinforce"):
        trainer = tiny.trainer(directory, loss=loss)
        draw = np.random.default_rng(4)
        members = tuple(
            tiny.episode(tiny.nodes(draw, tiny.STRAIGHT), reward=r, attempt=at)
            for at, r in enumerate([1.0, 0.0, 0.0, 0.5])
        )
        rows = make_batch([Group(index=0, episodes=members)], trainer.config).rows
        with torch.no_grad():
            seen = [trainer._forward([row], 1.0).terms.logprobs_M.numpy() for row in rows]
        for row, logprobs in zip(rows, seen, strict=True):
            row.logprobs_T[np.flatnonzero(row.weights_T)] = logprobs
        trainer.accumulate(rows)
        gradients[loss] = tiny.gradient(trainer)
    factor = 10 * 4 / 3
    np.testing.assert_allclose(gradients["reinforce"], factor * gradients["grpo"], atol=1e-12)


def test_a_step_without_rows_changes_nothing(directory: Path) -> None:
    trainer = Trainer(directory, config())
    before = weights(trainer).clone()
    metrics = trainer.step(make_batch([], trainer.config))
    assert metrics["updates_skipped"] == 1.0 and metrics["tokens_trained"] == 0.0
    assert torch.equal(weights(trainer), before)
    assert trainer.steps == 1


def test_a_gradient_that_is_not_finite_changes_nothing(directory: Path) -> None:
    trainer = Trainer(directory, config(loss="grpo"))
    before = weights(trainer).clone()
    made = batch(0, trainer.config)
    for row in made.rows:
        row.logprobs_T[:] = -2000.0  # the ratio overflows
    metrics = trainer.step(made)
    assert metrics["updates_skipped"] == 1.0
    assert torch.equal(weights(trainer), before)


def test_metrics_conserve_tokens(directory: Path) -> None:
    trainer = Trainer(directory, config())
    metrics = trainer.step(batch(0, trainer.config))
    given_up = sum(v for name, v in metrics.items() if name.startswith("tokens_given_up/"))
    assert metrics["tokens_sampled"] == metrics["tokens_trained"] + given_up
    assert all(math.isfinite(value) for value in metrics.values())


def test_a_row_longer_than_the_context_is_refused(directory: Path) -> None:
    trainer = Trainer(directory, config(loss="sft"))
    with pytest.raises(PolicyError, match="context"):
        trainer.sft_step([Row.supervised([1] * 300, [0.0] + [1.0] * 299)])
    with pytest.raises(ConfigError, match="sft"):
        Trainer(directory, config()).sft_step([])


def test_schedule() -> None:
    linear = config(schedule="linear", warmup_steps=4, decay_from=10, decay_to=20)
    found = [rate_factor(linear, step) for step in (0, 3, 10, 15, 20, 99)]
    assert found == pytest.approx([0.25, 1.0, 1.0, 0.55, 0.1, 0.1])
    cosine = config(schedule="cosine", decay_to=10, final_fraction=0.0)
    assert rate_factor(cosine, 5) == pytest.approx(0.5)
    assert rate_factor(config(), 1000) == 1.0


def test_a_damaged_checkpoint_is_refused(directory: Path, tmp_path: Path) -> None:
    settings = config()
    trainer = Trainer(directory, settings)
    trainer.step(batch(0, settings))
    for name in ("model.safetensors", checkpoint.OPTIMIZER, "config.json"):
        saved = Path(trainer.save(tmp_path, 1).directory)
        broken = bytearray((saved / name).read_bytes())
        broken[-5] ^= 1
        (saved / name).write_bytes(broken)
        with pytest.raises(PolicyError, match=f"damaged: {name}"):
            Trainer.resume(directory, settings, saved)
    saved = Path(trainer.save(tmp_path, 1).directory)
    (saved / checkpoint.STATE).write_text("{")
    with pytest.raises(PolicyError, match="no checkpoint"):
        Trainer.resume(directory, settings, saved)
    with pytest.raises(PolicyError, match="no checkpoint"):
        Trainer.resume(directory, settings, directory)


def test_a_checkpoint_of_another_optimizer_is_refused(directory: Path, tmp_path: Path) -> None:
    trainer = Trainer(directory, config(optimizer="muon"))
    trainer.step(batch(0, trainer.config))
    saved = Path(trainer.save(tmp_path, 1).directory)
    with pytest.raises(PolicyError, match="another optimizer"):
        Trainer.resume(directory, config(), saved)


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(
    directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "policies").write_text("a file where the folder should be")
    with pytest.raises(StoppedError, match="could not be written"):
        Trainer(directory, config()).save(tmp_path, 1)


def test_prune_keeps_the_newest_and_the_named(directory: Path, tmp_path: Path) -> None:
    trainer = Trainer(directory, config())
    for number in range(5):
        trainer.save(tmp_path, number)
    removed = checkpoint.prune(tmp_path, keep=2, named={0})
    assert [version.number for version in removed] == [1, 2]
    assert [version.number for version in checkpoint.versions(tmp_path)] == [0, 3, 4]
    assert sorted(path.name for path in (tmp_path / "policies").iterdir()) == [
        "000000",
        "000003",
        "000004",
    ]


def test_a_saved_version_is_an_ordinary_model_directory(directory: Path, tmp_path: Path) -> None:
    trainer = Trainer(directory, config())
    trainer.step(batch(0, trainer.config))
    saved = Path(trainer.save(tmp_path, 7).directory)
    assert json.loads((saved / checkpoint.STATE).read_text())["steps"] == 1
    assert torch.equal(weights(Trainer(saved, config())), weights(trainer))
