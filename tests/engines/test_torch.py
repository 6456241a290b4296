"""The in-process engine's front: endings, refusals, faults."""

import asyncio
import time

import pytest
import torch

from engines import tiny
from surefoot.engines.config import EngineConfig
from surefoot.engines.model import load_model
from surefoot.engines.torch import TorchEngine
from surefoot.records import PolicyVersion, Sampling
from surefoot.records.errors import EngineFault, PolicyError


@pytest.fixture
async def engine(tmp_path):
    engine = tiny.engine(tiny.policy("qwen3", tmp_path / "policy"))
    yield engine
    await engine.close()


async def test_a_stop_token_ends_the_message_and_belongs_to_it(engine):
    free = await engine.generate([1, 2, 3], Sampling(max_tokens=30))
    stop = free.tokens[7]
    first = free.tokens.index(stop)
    ended = await engine.generate([1, 2, 3], Sampling(max_tokens=30, stop=(stop,)))
    assert (free.finish, ended.finish) == ("length", "stop")
    assert ended.tokens == free.tokens[: first + 1]
    assert len(ended.logprobs) == len(ended.versions) == first + 1


async def test_a_prompt_as_long_as_the_context_says_nothing(engine):
    full = await engine.generate(tiny.prompt(0, 512), Sampling(max_tokens=9))
    beyond = await engine.generate(tiny.prompt(0, 2000), Sampling(max_tokens=9))
    assert full.tokens == beyond.tokens == ()
    assert full.finish == beyond.finish == "length"


async def test_a_message_ends_where_the_context_ends(engine):
    sampled = await engine.generate(tiny.prompt(0, 505), Sampling(max_tokens=100))
    assert len(sampled.tokens) == 7
    assert sampled.finish == "length"


@pytest.mark.parametrize("tokens", [[], [-1], [1, tiny.VOCABULARY]])
async def test_tokens_that_the_policy_does_not_know_fault_alone(engine, tokens):
    good = asyncio.create_task(engine.generate([1, 2], Sampling(max_tokens=5)))
    with pytest.raises(EngineFault, match="vocabulary"):
        await engine.generate(tokens, Sampling(max_tokens=5))
    assert len((await good).tokens) == 5


async def test_a_failing_step_fails_all_in_flight_and_the_next_message_lives(engine):
    head = engine.model.lm_head.weight.data
    engine.model.lm_head.weight.data = torch.zeros(3, 3)
    messages = (engine.generate([1, 2, n], Sampling(max_tokens=5)) for n in range(3))
    faults = await asyncio.gather(*messages, return_exceptions=True)
    assert all(isinstance(fault, EngineFault) for fault in faults)
    assert all(isinstance(fault.__cause__, RuntimeError) for fault in faults)
    engine.model.lm_head.weight.data = head
    assert len((await engine.generate([1, 2], Sampling(max_tokens=5))).tokens) == 5


async def test_weights_that_are_not_finite_fault_and_leave_nothing_behind(engine, tmp_path):
    good = PolicyVersion(number=2, directory=str(engine.model.source))
    before = await engine.generate([1, 2, 3], Sampling(max_tokens=9))
    broken = load_model(engine.model.source, device="cpu")
    for parameter in broken.parameters():
        parameter.data.fill_(torch.nan)
    await engine.adopt(broken, 1)
    with pytest.raises(EngineFault, match="version 1 gives logits that are not finite"):
        await engine.generate([1, 2, 3], Sampling(max_tokens=9))
    await engine.load(good)
    after = await asyncio.gather(
        *(
            engine.generate([1, 2, 3, n][:length], Sampling(max_tokens=9))
            for n, length in ((0, 3), (1, 4), (2, 4))
        )
    )
    assert after[0].tokens == before.tokens


async def test_closing_fails_what_is_in_flight_and_what_comes_after(tmp_path):
    engine = tiny.engine(tiny.policy("gpt2", tmp_path / "policy"))
    message = asyncio.create_task(engine.generate([1, 2], Sampling(max_tokens=400)))
    await asyncio.sleep(0.01)
    await engine.close()
    with pytest.raises(EngineFault, match="closed"):
        await message
    with pytest.raises(EngineFault, match="closed"):
        await engine.generate([1, 2], Sampling(max_tokens=4))


async def test_a_version_that_cannot_be_loaded_leaves_the_old_one(engine, tmp_path):
    before = await engine.generate([1, 2, 3], Sampling(max_tokens=9))
    other = tiny.policy("llama", tmp_path / "other")
    for directory in (tmp_path / "nothing", other):
        with pytest.raises(PolicyError):
            await engine.load(PolicyVersion(number=1, directory=str(directory)))
    after = await engine.generate([1, 2, 3], Sampling(max_tokens=9))
    assert (after.tokens, after.versions) == (before.tokens, before.versions)


async def test_the_event_loop_keeps_turning_while_the_engine_computes(engine):
    beats = 0
    message = asyncio.create_task(engine.generate([1], Sampling(max_tokens=100)))
    began = time.monotonic()
    while not message.done() and time.monotonic() - began < 30:
        await asyncio.sleep(0.001)
        beats += 1
    assert len((await message).tokens) == 100
    assert beats > 10


async def test_a_long_prompt_takes_several_steps(tmp_path):
    sizes = {**tiny.SIZES, "max_position_embeddings": 8192}
    config = tiny.LlamaConfig(**sizes, num_key_value_heads=1)
    directory = tiny.save(config, tmp_path / "policy")
    engine = tiny.engine(directory)
    tokens = tiny.prompt(0, 3000)
    sampled = await engine.generate(tokens, Sampling(max_tokens=10))
    await engine.close()
    trained = tiny.logprobs(load_model(directory, device="cpu"), tokens, sampled.tokens)
    assert torch.allclose(trained, torch.tensor(sampled.logprobs), atol=1e-4)


async def test_bfloat16_weights_give_float32_logprobs(tmp_path):
    directory = tiny.policy("qwen3", tmp_path / "policy")
    version = PolicyVersion(number=4, directory=str(directory))
    engine = TorchEngine.open(version, EngineConfig(dtype="bfloat16", device="cpu", kv_cache_mb=8))
    tokens = tiny.prompt(0, 30)
    sampled = await engine.generate(tokens, Sampling(max_tokens=20))
    await engine.close()
    assert sampled.versions == (4,) * 20
    trainer = load_model(directory, device="cpu", dtype="bfloat16")
    trained = tiny.logprobs(trainer, tokens, sampled.tokens)
    assert trained.dtype == torch.float32
    assert (trained - torch.tensor(sampled.logprobs)).abs().mean() < 0.1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; none found here")
async def test_half_a_billion_parameters_on_cuda(tmp_path):
    """One generation in bfloat16, checked against the trainer's pass and its gradient."""
    config = tiny.Qwen3Config(
        vocab_size=151_936,
        hidden_size=1024,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=64,
        intermediate_size=3072,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
    )
    directory = tiny.save(config, tmp_path / "policy")
    trainer = load_model(directory, device="cuda", dtype="bfloat16")
    assert sum(p.numel() for p in trainer.parameters()) >= 500_000_000
    version = PolicyVersion(number=0, directory=str(directory))
    engine = TorchEngine.open(version, EngineConfig(dtype="bfloat16", device="cuda"))
    prompts = [tiny.prompt(number, 100 + number) for number in range(16)]
    said = await asyncio.gather(
        *(engine.generate(p, Sampling(max_tokens=32, noise=n)) for n, p in enumerate(prompts))
    )
    await engine.close()
    row = torch.tensor([*prompts[3], *said[3].tokens], device="cuda")
    select = torch.arange(len(prompts[3]) - 1, len(row) - 1, device="cuda")
    positions = torch.arange(len(row), device="cuda")
    logits = trainer.logits(row, positions, [len(row)], select)
    trained = torch.log_softmax(logits, -1).gather(1, row[select + 1, None])[:, 0]
    difference = (trained.detach().cpu() - torch.tensor(said[3].logprobs)).abs()
    assert difference.mean() < 0.05
    trained.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in trainer.parameters())
