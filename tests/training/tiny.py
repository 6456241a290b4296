"""Tiny policies, traces and groups for the laws and tests of training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from surefoot.records import (
    Dispatch,
    Episode,
    Goal,
    Group,
    Node,
    Outcome,
    Reward,
    Trace,
    Variation,
)
from surefoot.training.config import TrainingConfig
from surefoot.training.trainer import Trainer

VOCABULARY = 40
VARIATION = Variation(name="seen", format="hermes")


def policy(directory: Path) -> Path:
    """Saves a random two-layer policy of about 10,000 parameters.

    GPT-2, because its layers compute in the type of the weights; the RMS norms of newer
    architectures go through float32, where no law can be held to the digits of float64.
    """
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=256,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(directory)
    return directory


def trainer(directory: Path, **changes: object) -> Trainer:
    """A float64 trainer on one thread; `changes` go to its configuration."""
    settings: dict[str, object] = {"dtype": "float64", "device": "cpu", "threads": 1, **changes}
    return Trainer(directory, TrainingConfig.model_validate(settings))


def gradient(trainer: Trainer) -> np.ndarray:
    """All gradients as one vector."""
    return torch.cat([p.grad.flatten() for p in trainer.model.parameters()]).numpy()  # type: ignore[union-attr]


def nodes(draw: np.random.Generator, shape: Sequence[tuple[int | None, int]]) -> tuple[Node, ...]:
    """Nodes of (parent, size); those at odd depth are sampled, the root never."""
    made: list[Node] = []
    for parent, size in shape:
        tokens = tuple(int(token) for token in draw.integers(0, VOCABULARY, size))
        sampled = parent is not None and not made[parent].sampled
        made.append(
            Node(
                parent=parent,
                tokens=tokens,
                sampled=sampled,
                logprobs=tuple(float(x) for x in -draw.uniform(2.5, 4.5, size))
                if sampled
                else None,
                versions=(0,) * size if sampled else None,
            )
        )
    return tuple(made)


def episode(
    made: tuple[Node, ...],
    *,
    reward: float | None,
    group: int = 0,
    attempt: int = 0,
    outcome: Outcome | None = None,
) -> Episode:
    """A finished episode; without a reward it ended in a fault unless `outcome` says otherwise."""
    goal = Goal(family="find", split="train", index=group, prompt="Find it.", horizon=2)
    sent = Dispatch(step=0, group=group, attempt=attempt, goal=goal, variation=VARIATION, version=0)
    if outcome is None:
        kind = "judged" if reward is not None else "fault"
        outcome = Outcome(kind=kind, reason="" if reward is not None else "sandbox")
    return Episode(
        dispatch=sent,
        trace=Trace(
            episode=sent.id, goal=goal.key, variation=VARIATION, nodes=made, stop="finished"
        ),
        reward=None if reward is None else Reward(value=reward),
        outcome=outcome,
    )


STRAIGHT = ((None, 5), (0, 4), (1, 3), (2, 6))
FORKED = ((None, 5), (0, 4), (1, 3), (2, 6), (1, 2), (4, 5), (4, 3))
"""Nodes 1, 3, 5, 6 are sampled; node 1 is shared by three leaves, node 4 by two."""


def groups(seed: int = 0) -> list[Group]:
    """Three groups of four episodes with straight and forked traces and mixed rewards."""
    draw = np.random.default_rng(seed)
    made: list[Group] = []
    for group in range(3):
        members = [
            episode(
                nodes(draw, FORKED if attempt <= group else STRAIGHT),
                reward=float(attempt > group),
                group=group,
                attempt=attempt,
            )
            for attempt in range(4)
        ]
        made.append(Group(index=group, episodes=tuple(members)))
    return made
