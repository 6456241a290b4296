# pyright: basic
"""AdamW, or Muon beside it, behind one object: rates by schedule, clipped gradients, exact state.

It never sees a loss. Muon is torch's own: for a policy of a million parameters it takes 13 ms a
step on one core, half of what batched float32 Newton-Schulz steps take, because it iterates in
bfloat16. Frozen parameters have no state.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from surefoot.engines.model import Model
from surefoot.training.config import TrainingConfig


def rate_factor(config: TrainingConfig, step: int) -> float:
    """The share of the peak learning rate that step `step` (from 0) takes."""
    rising = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.schedule == "constant":
        return rising
    span = max(1, config.decay_to - config.decay_from)
    progress = min(1.0, max(0.0, (step - config.decay_from) / span))
    left = 1.0 - progress
    if config.schedule == "cosine":
        left = 0.5 * (1.0 + math.cos(math.pi * progress))
    return rising * (config.final_fraction + (1.0 - config.final_fraction) * left)


class Optimizer:
    """Turns accumulated gradients into one update of the policy's trainable weights."""

    def __init__(self, model: Model, config: TrainingConfig) -> None:
        self.config = config
        self.parameters = model.parameters()
        hidden = _hidden_matrices(model) if config.optimizer == "muon" else []
        taken = {id(parameter) for parameter in hidden}
        rest = [parameter for parameter in self.parameters if id(parameter) not in taken]
        self.parts: list[torch.optim.Optimizer] = [_adamw(rest, config)] if rest else []
        self.peaks = [config.learning_rate] * len(self.parts)
        if hidden:
            muon = torch.optim.Muon(
                hidden, lr=config.muon_learning_rate, weight_decay=config.weight_decay
            )
            self.parts.append(muon)
            self.peaks.append(config.muon_learning_rate)

    def update(self, step: int) -> float:
        """Clips, updates and clears the gradients, at the rates of step `step`.

        Returns:
            The norm of the gradient before clipping. Where it is not finite nothing is updated.
        """
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.config.clip))
        if math.isfinite(norm):
            factor = rate_factor(self.config, step)
            for part, peak in zip(self.parts, self.peaks, strict=True):
                for group in part.param_groups:
                    group["lr"] = peak * factor
                part.step()
        for part in self.parts:
            part.zero_grad(set_to_none=True)
        return norm

    def state(self) -> dict[str, Tensor]:
        """Every state tensor by `part.parameter.name`."""
        found: dict[str, Tensor] = {}
        for number, part in enumerate(self.parts):
            for index, entries in part.state_dict()["state"].items():
                for name, value in entries.items():
                    found[f"{number}.{index}.{name}"] = value.contiguous()
        return found

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Takes over what `state` of an optimizer over the same parameters gave.

        Raises:
            ValueError, KeyError: the state belongs to other parameters or another optimizer.
        """
        for number, part in enumerate(self.parts):
            entries: dict[int, dict[str, Tensor]] = {}
            for key, value in state.items():
                owner, index, name = key.split(".", 2)
                if int(owner) == number:
                    entries.setdefault(int(index), {})[name] = value
            _fits(part, entries)
            part.load_state_dict(
                {"state": entries, "param_groups": part.state_dict()["param_groups"]}
            )


def _adamw(parameters: list[nn.Parameter], config: TrainingConfig) -> torch.optim.AdamW:
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.eps,
        fused=True,
    )


def _hidden_matrices(model: Model) -> list[nn.Parameter]:
    """Trainable matrices that are neither the embedding nor the LM head."""
    outer = {id(model.network.get_input_embeddings().weight), id(model.lm_head.weight)}
    return [p for p in model.parameters() if p.dim() == 2 and id(p) not in outer]


def _fits(part: torch.optim.Optimizer, entries: Mapping[int, Mapping[str, Tensor]]) -> None:
    """load_state_dict does not look at shapes; a state of other weights must not slip through."""
    parameters = [parameter for group in part.param_groups for parameter in group["params"]]
    for index, values in entries.items():
        for value in values.values():
            if value.dim() and value.shape != parameters[index].shape:
                raise ValueError(f"state {index} has another shape than its parameter")
