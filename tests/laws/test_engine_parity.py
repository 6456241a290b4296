"""Law: the engine's log-probabilities are the trainer's, to 1e-5 in float32, whatever was cached,
whoever shared the batch, and whichever weights came in between."""

import asyncio

import pytest
import torch

from engines import tiny
from surefoot.engines.model import LoraConfig, load_model
from surefoot.engines.torch import TorchEngine
from surefoot.records import PolicyVersion, Sampled, Sampling

Said = list[tuple[list[int], Sampled]]


async def episode(engine: TorchEngine, number: int, said: Said) -> None:
    """Four turns after a prompt that three episodes share; each turn appends given tokens."""
    tokens = tiny.prompt(number // 3, 40 + 13 * (number // 3))
    await asyncio.sleep(0.002 * (number % 4))
    for turn in range(4):
        sampling = Sampling(max_tokens=5 + (number + turn) % 9, noise=100 * number + turn)
        sampled = await engine.generate(tokens, sampling)
        said.append((tokens, sampled))
        tokens = [*tokens, *sampled.tokens, *tiny.prompt(turn, 3 + number % 11)]


def assert_parity(said: Said, models: dict, temperature: float = 1.0) -> None:
    for tokens, sampled in said:
        for version in set(sampled.versions):
            mine = torch.tensor([v == version for v in sampled.versions])
            trained = tiny.logprobs(models[version], tokens, sampled.tokens, temperature)
            difference = (trained - torch.tensor(sampled.logprobs))[mine].abs().max()
            assert difference < 1e-5


@pytest.mark.parametrize(
    ("name", "max_batch"), [("qwen3", 1), ("qwen3", 64), *((name, 5) for name in tiny.CONFIGS)]
)
async def test_engine_and_trainer_agree_through_turns_joins_and_leaves(name, max_batch, tmp_path):
    directory = tiny.policy(name, tmp_path / "policy")
    engine = tiny.engine(directory, max_batch=max_batch)
    said: Said = []
    await asyncio.gather(*(episode(engine, number, said) for number in range(9)))
    await engine.close()
    assert len(said) == 36
    assert_parity(said, {0: load_model(directory, device="cpu")})


@pytest.mark.parametrize("name", ["qwen3", "gpt2"])
async def test_each_token_is_of_the_weights_whose_version_it_carries(name, tmp_path):
    """Swaps fall into messages: the tokens before are the old weights', those after the new."""
    directories = [tiny.policy(name, tmp_path / str(seed), seed) for seed in range(3)]
    engine = tiny.engine(directories[0])
    said: Said = []

    async def long_message(number: int) -> None:
        tokens = tiny.prompt(number, 30)
        said.append((tokens, await engine.generate(tokens, Sampling(max_tokens=90, noise=number))))

    async def swaps() -> None:
        for number in (1, 2):
            await asyncio.sleep(0.03)
            await engine.load(PolicyVersion(number=number, directory=str(directories[number])))

    await asyncio.gather(
        swaps(), *map(long_message, range(6)), *(episode(engine, n, said) for n in range(6))
    )
    await engine.close()
    assert {v for _, sampled in said for v in sampled.versions} == {0, 1, 2}
    assert any(len(set(sampled.versions)) > 1 for _, sampled in said)
    assert_parity(said, dict(enumerate(load_model(d, device="cpu") for d in directories)))


async def test_the_logprob_is_of_the_tempered_distribution(tmp_path):
    directory = tiny.policy("llama", tmp_path / "policy")
    engine = tiny.engine(directory)
    model = load_model(directory, device="cpu")
    tokens = tiny.prompt(0, 20)
    cool, warm, greedy = await asyncio.gather(
        engine.generate(tokens, Sampling(max_tokens=30, noise=1, temperature=0.5)),
        engine.generate(tokens, Sampling(max_tokens=30, noise=1, temperature=1.7)),
        engine.generate(tokens, Sampling(max_tokens=30, noise=1, temperature=0.0)),
    )
    await engine.close()
    assert_parity([(tokens, cool)], {0: model}, 0.5)
    assert_parity([(tokens, warm)], {0: model}, 1.7)
    assert_parity([(tokens, greedy)], {0: model})


async def test_a_greedy_token_is_the_likeliest(tmp_path):
    directory = tiny.policy("qwen3", tmp_path / "policy")
    engine = tiny.engine(directory)
    tokens = tiny.prompt(0, 20)
    sampled = await engine.generate(tokens, Sampling(max_tokens=20, temperature=0.0))
    await engine.close()
    row = torch.tensor([*tokens, *sampled.tokens])
    logits = load_model(directory, device="cpu").logits(
        row, torch.arange(40), [40], torch.arange(19, 39)
    )
    assert tuple(logits.argmax(-1).tolist()) == sampled.tokens


async def test_merged_lora_in_the_engine_is_lora_in_the_trainer(tmp_path):
    directory = tiny.policy("qwen3", tmp_path / "policy")
    trainer = load_model(directory, device="cpu", lora=LoraConfig(rank=4))
    for parameter in trainer.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    engine = tiny.engine(directory)
    await engine.adopt(trainer, 1)
    tokens = tiny.prompt(0, 30)
    sampled = await engine.generate(tokens, Sampling(max_tokens=30))
    await engine.close()
    assert set(sampled.versions) == {1}
    assert_parity([(tokens, sampled)], {1: trainer})
