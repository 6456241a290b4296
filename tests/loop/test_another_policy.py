"""Any causal LM directory trains, with its own tokenizer and template; so do adapters to it."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPTNeoXConfig,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

import surefoot
from loop.yes import YES, config, say
from surefoot.joints import Sandbox
from surefoot.records import Episode, Goal, Reward, StepMetrics, Trace
from surefoot.store import open_store

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}[{{ m.role }}]{{ m.content | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


async def odd(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """What a random policy earns now and then, so that there is something to learn from."""
    return Reward(value=float(sum(trace.answer.encode()) % 2))


ODD = dataclasses.replace(YES, name="odd", check=odd, reference=say("a"))


def foreign(directory: Path, kind: type[PretrainedConfig]) -> Path:
    """A random policy with a byte-level tokenizer and a template that knows no system role."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    settings = kind(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.2,
        eos_token_id=tokenizer.eos_token_id,
    )
    AutoModelForCausalLM.from_config(settings).save_pretrained(directory)
    return directory


@pytest.mark.parametrize(
    ("kind", "training"),
    [(GPTNeoXConfig, {}), (LlamaConfig, {"lora_rank": 2})],
    ids=["gpt_neox", "llama_lora"],
)
def test_another_architecture_trains_with_its_own_tokenizer(
    kind: type[PretrainedConfig], training: dict[str, int], tmp_path: Path
) -> None:
    policy = foreign(tmp_path / "policy", kind)
    settings = config(
        policy=str(policy),
        steps=2,
        rollout={"groups": 2, "group_size": 4},
        budget={"turns": 1, "message_tokens": 6, "context_tokens": 2000},
        training={"threads": 1, **training},
    )
    run = tmp_path / "run"
    surefoot.train(settings, goals=[ODD], run=run)
    with open_store(run, read_only=True) as store:
        steps = list(store.stream(StepMetrics))
        episodes = list(store.stream(Episode))
    assert [step.version for step in steps] == [1, 2]
    assert sum(step.values["outcome_trained"] for step in steps) > 0
    assert all(episode.reward is not None for episode in episodes)
    sampled = [node for e in episodes if e.trace for node in e.trace.nodes if node.sampled]
    assert {version for node in sampled for version in node.versions or ()} == {0, 1}
    before = load_file(policy / "model.safetensors")
    after = load_file(run / "policies" / "000002" / "model.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
