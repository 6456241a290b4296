"""What can be turned in the in-process engine, without torch.

Stands apart from `torch.py`, which it configures, so that reading a configuration never waits for
torch.
"""

from pydantic import BaseModel, ConfigDict, Field


class EngineConfig(BaseModel):
    """How the in-process engine runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_batch: int = Field(default=128, ge=1)
    """Messages that are sampled together at most; more wait in order."""
    kv_cache_mb: int = Field(default=512, ge=1)
    """Memory for keys and values in MiB: half for messages in flight, half for prefixes. A message
    that the first half could not hold alone ends early, with finish `length`."""
    dtype: str = "float32"
    """Type of the weights: `float32` or `bfloat16`."""
    device: str = "auto"
    """A torch device, or `auto`: CUDA where found."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of the worker; more than one pays only for models of some hundred million
    parameters."""
