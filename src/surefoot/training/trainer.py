# pyright: basic
"""The one trainer: a batch of rows becomes one step of the policy, whatever the loss.

    Batch -> minibatches -> weigh -> pack -> micro-batches -> forward, loss, backward (summed)
                                                           -> clip -> update -> metrics

Reinforcement and supervised warm start take this same path; only the loss is another function. It
does not decide what is trained (`batch`), when, or on which goals. Invariant: how rows are split
and packed never changes the gradient. A step draws nothing but from (seed, steps taken).
Shapes: N packed tokens, M trained tokens, V vocabulary.
"""

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from surefoot.engines.model import LoraConfig, load_model
from surefoot.records import PolicyVersion
from surefoot.records.errors import ConfigError, PolicyError
from surefoot.training import checkpoint
from surefoot.training.attend import attend_rows
from surefoot.training.batch import Batch, Row, minibatches, pack, supervised_batch, weigh
from surefoot.training.config import TrainingConfig
from surefoot.training.losses import LOSSES, Clip, Terms
from surefoot.training.metrics import Seen, Tally, batch_metrics
from surefoot.training.optimizer import Optimizer, rate_factor


class Trainer:
    """Holds the weights in training, their optimizer, and the number of steps taken.

    Args:
        directory: a Hugging Face causal LM directory; under LoRA the base of the adapters.

    Raises:
        PolicyError: the directory is missing, foreign or corrupt.
    """

    def __init__(self, directory: Path, config: TrainingConfig) -> None:
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        lora = None
        if config.lora_rank:
            lora = LoraConfig(rank=config.lora_rank, alpha=2 * config.lora_rank)
        weights = "float64" if config.dtype == "float64" else "float32"
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # LoRA's first matrices are drawn
            self.model = load_model(
                Path(directory), device=config.device or "auto", dtype=weights, lora=lora
            )
        self.optimizer = Optimizer(self.model, config)
        self.steps = 0
        self.loss = LOSSES[config.loss]
        self.clip = Clip(
            self.loss.clip.low if config.eps_low is None else config.eps_low,
            self.loss.clip.high if config.eps_high is None else config.eps_high,
        )

    @classmethod
    def resume(cls, directory: Path, config: TrainingConfig, version: Path) -> "Trainer":
        """Goes on exactly from the checkpoint `version` of a run that started from `directory`.

        Raises:
            PolicyError: the checkpoint is missing, damaged, or of another policy or optimizer.
        """
        saved = checkpoint.read(Path(version))
        trainer = cls(directory, config)
        trainer.model.load_weights(Path(version))
        try:
            trainer.optimizer.take(saved.optimizer)
        except (ValueError, KeyError, IndexError, RuntimeError) as error:
            raise PolicyError(
                f"The checkpoint {version} was made with another optimizer or other trained "
                f"weights ({error}); resume with the run's own configuration."
            ) from error
        trainer.steps = saved.steps
        return trainer

    def save(self, run: Path, number: int) -> PolicyVersion:
        """Writes policy version `number` into the run's folder, atomically.

        Raises:
            StoppedError: the disk is full or refuses to be written.
        """
        state = checkpoint.Checkpoint(self.steps, self.optimizer.state())
        return checkpoint.write(Path(run), number, self.model, state)

    def step(self, batch: Batch, version: int = 0) -> dict[str, float]:
        """Takes one step on `batch`.

        Args:
            version: number of the policy version in training: tokens sampled by it are on-policy.

        Returns:
            Metrics by name, see docs/training.md.

        Raises:
            PolicyError: a row is longer than the policy's context.
        """
        started = time.perf_counter()
        self._fits(batch)
        tally = Tally(version)
        norms: list[float] = []
        for epoch in range(self.config.epochs):
            seed = (self.config.seed * 1_000_003 + self.steps) * 1009 + epoch
            for part in minibatches(batch.rows, self.config.minibatches, seed=seed):
                loss = self.accumulate(part, temperature=batch.temperature, tally=tally)
                norms.append(self.optimizer.update(self.steps))
                tally.updated(loss)
        factor = rate_factor(self.config, self.steps)
        self.steps += 1
        skipped = sum(not math.isfinite(norm) for norm in norms) + (not norms)
        return {
            **batch_metrics(batch),
            **tally.metrics(supervised=self.config.loss == "sft"),
            "gradient_norm": sum(norms) / len(norms) if norms else 0.0,
            "learning_rate": self.config.learning_rate * factor,
            "updates_skipped": float(skipped),
            "update_seconds": time.perf_counter() - started,
        }

    def sft_step(self, rows: Iterable[Row]) -> dict[str, float]:
        """Takes one step on demonstrations (`Row.supervised`), with the loss `sft`."""
        if self.config.loss != "sft":
            raise ConfigError("Supervised steps need loss = 'sft' in the training configuration.")
        return self.step(supervised_batch(rows))

    def accumulate(
        self, rows: Sequence[Row], *, temperature: float = 1.0, tally: Tally | None = None
    ) -> float:
        """Adds the gradient of the loss over `rows` to the weights' gradients; returns the loss."""
        weighted = weigh(rows, self.loss.unit)
        whole = self.loss.whole_episodes
        total = 0.0
        for micro in pack(weighted, self.config.micro_batch_tokens, whole_episodes=whole):
            seen = self._forward(micro, temperature)
            value = self.loss.value(seen.terms, self.clip)
            value.loss.backward()
            total += float(value.loss.detach())
            if tally is not None:
                tally.add(seen, value.clipped_M)
        return total

    def _forward(self, rows: Sequence[Row], temperature: float) -> Seen:
        """Runs rows packed end to end; logits are made only where a token trains.

        The LM head stays out of autocast: it is float32 in the engine, and so it is here.
        """
        device = self.model.device
        lengths = [len(row) for row in rows]
        tokens_N = _joined([row.tokens_T for row in rows], device)
        positions_N = _joined([np.arange(length) for length in lengths], device)
        at_M = np.flatnonzero(np.concatenate([row.weights_T for row in rows]))
        targets_M = torch.from_numpy(at_M).to(device)
        half = self.config.dtype == "bfloat16"
        attend = attend_rows(lengths, device, self.config.dtype)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            hidden_NE = self.model.run(tokens_N, positions_N, attend)
        # What is trained at i was predicted at i - 1; a row's first token never trains.
        logits_MV = self.model.head(hidden_NE[targets_M - 1]) / temperature
        logprobs_M = -cross_entropy(logits_MV, tokens_N[targets_M], reduction="none")
        numbers = {name: at for at, name in enumerate(dict.fromkeys(row.episode for row in rows))}
        episodes_N = np.concatenate(
            [np.full(len(row), numbers[row.episode], np.int64) for row in rows]
        )
        picked = [
            torch.from_numpy(np.concatenate(part)[at_M]).to(device, logprobs_M.dtype)
            for part in (
                [row.logprobs_T for row in rows],
                [row.advantages_T for row in rows],
                [row.weights_T for row in rows],
            )
        ]
        episodes_M = torch.from_numpy(episodes_N[at_M]).to(device)
        terms = Terms(logprobs_M, picked[0], picked[1], picked[2], episodes_M)
        versions_M = np.concatenate([row.versions_T for row in rows])[at_M]
        correct_M = logits_MV.detach().argmax(-1) == tokens_N[targets_M]
        return Seen(terms, versions_M, correct_M, sum(lengths))

    def _fits(self, batch: Batch) -> None:
        longest = max((len(row) for row in batch.rows), default=0)
        if longest > self.model.context:
            raise PolicyError(
                f"A row of {longest} tokens is longer than the policy's context of "
                f"{self.model.context}; lower the token limit of an episode."
            )


def _joined(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays)).to(device)
