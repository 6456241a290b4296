"""What can be turned in training, without torch.

Stands apart from `trainer.py`, which it configures, so that reading a configuration never waits for
torch. It is not the loop's configuration: groups, goals and steps are counted there.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LossName = Literal["cispo", "grpo", "dapo", "gspo", "reinforce", "sft"]


class TrainingConfig(BaseModel):
    """Everything that decides how a batch of rows becomes an update."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: LossName = "cispo"
    """The objective; `reinforce` takes the leave-one-out baseline, the others the group's mean."""
    normalise: bool = False
    """Divide advantages by the group's standard deviation, as GRPO was published."""
    eps_low: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Lower clip of the ratio, 1 - eps_low (grpo, dapo, gspo). None: the loss's published value."""
    eps_high: float | None = Field(default=None, gt=0.0)
    """Upper clip of the ratio, 1 + eps_high. None: the loss's published value (cispo: 1.0)."""

    optimizer: Literal["adamw", "muon"] = "adamw"
    """`muon`: Muon on the hidden matrices, AdamW on embeddings and vectors."""
    learning_rate: float = Field(default=3e-4, gt=0.0)
    """AdamW's peak rate. Raise for small policies, lower (1e-6) for billions of parameters."""
    muon_learning_rate: float = Field(default=0.02, gt=0.0)
    """Muon's peak rate; it follows the same schedule."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates (MiniMax-M1 report, section on stability)."""
    eps: float = Field(default=1e-15, gt=0.0)
    """AdamW's epsilon: gradients of a policy can lie far below the usual 1e-8 (same report)."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """Decoupled decay of matrices, a rate a step; vectors (norms, biases) are never decayed."""
    clip: float = Field(default=1.0, gt=0.0)
    """Largest norm of the gradient; a larger one is scaled down to it."""

    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which the rate rises linearly from zero."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls between `decay_from` and `decay_to`."""
    decay_from: int = Field(default=0, ge=0)
    """Step at which the rate begins to fall."""
    decay_to: int = Field(default=0, ge=0)
    """Step at which the rate has reached `final_fraction` of its peak, and stays there."""
    final_fraction: float = Field(default=0.1, ge=0.0, le=1.0)
    """Share of the peak rate that is left at the end."""

    epochs: int = Field(default=1, ge=1)
    """Passes over one step's rows."""
    minibatches: int = Field(default=1, ge=1)
    """Updates a pass; each takes its share of the groups, whole."""
    micro_batch_tokens: int = Field(default=4096, ge=1)
    """Tokens that go through the policy at once: bounds memory, never changes the gradient."""

    dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    """Arithmetic of the forward pass: bfloat16 keeps float32 weights, float64 is for proofs."""
    device: str | None = None
    """None: a CUDA device where one is found, else the CPU."""
    lora_rank: int = Field(default=0, ge=0)
    """Rank of LoRA adapters; 0 trains all weights."""
    threads: int | None = Field(default=None, ge=1)
    """Torch threads of this process; None leaves them. For a policy of a million parameters 1."""
    seed: int = 0
    """Draws which groups share a minibatch."""
