"""Tiny random policies of several architectures, and the trainer's view of what an engine said."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen3Config,
)

from surefoot.engines.config import EngineConfig
from surefoot.engines.model import Model, load_model
from surefoot.engines.torch import TorchEngine

VOCABULARY = 61
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "qwen3": Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=16, tie_word_embeddings=True),
    "llama": LlamaConfig(**SIZES, num_key_value_heads=1),
    "mistral": MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=400),
    "gpt_neox": GPTNeoXConfig(**SIZES),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=512,
        initializer_range=0.2,
        bos_token_id=1,
        eos_token_id=2,
        scale_attn_by_inverse_layer_idx=True,
    ),
}


def save(config: PretrainedConfig, directory: Path, seed: int = 0) -> Path:
    """Saves a random policy; large weights, so that its distributions are far from uniform."""
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    return directory


def policy(name: str, directory: Path, seed: int = 0) -> Path:
    """Saves a random policy of a named architecture."""
    return save(CONFIGS[name], directory, seed)


def engine(directory: Path, **settings: object) -> TorchEngine:
    """An engine over a policy, with little memory."""
    config = EngineConfig.model_validate({"kv_cache_mb": 8, "device": "cpu", **settings})
    return TorchEngine(load_model(directory, device="cpu"), config)


def logprobs(model: Model, prompt: Sequence[int], said: Sequence[int], temperature: float = 1.0):
    """What the trainer computes for the tokens `said` after `prompt`, alone in its pass."""
    row = torch.tensor([*prompt, *said])
    select = torch.arange(len(prompt) - 1, len(row) - 1)
    with torch.no_grad():
        logits = model.logits(row, torch.arange(len(row)), [len(row)], select)
    return torch.log_softmax(logits / temperature, -1).gather(1, row[select + 1, None])[:, 0]


def prompt(seed: int, length: int) -> list[int]:
    """Random tokens."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCABULARY, (length,), generator=generator).tolist()
