"""Law: what is sampled depends on tokens, weights and noise, not on who shares the batch; and it is
distributed as the log-probabilities say."""

import asyncio

import pytest
import torch
from scipy.stats import chisquare

from engines import tiny
from surefoot.engines.torch_sample import draw, uniforms
from surefoot.records import Sampling


@pytest.fixture
def policy(tmp_path):
    return tiny.policy("qwen3", tmp_path / "policy")


async def test_batch_composition_does_not_change_what_is_sampled(policy):
    prompts = [tiny.prompt(number, 17 + 5 * number) for number in range(20)]

    async def said(max_batch: int, order: list[int]) -> dict[int, tuple[int, ...]]:
        engine = tiny.engine(policy, max_batch=max_batch)

        async def one(number: int) -> tuple[int, tuple[int, ...]]:
            sampling = Sampling(max_tokens=10 + number, noise=number, stop=(5,))
            return number, (await engine.generate(prompts[number], sampling)).tokens

        found = dict(await asyncio.gather(*map(one, order)))
        await engine.close()
        return found

    numbers = list(range(20))
    alone = await said(1, numbers)
    assert alone == await said(64, numbers)
    assert alone == await said(7, numbers[::-1])


async def test_the_same_noise_says_the_same_and_other_noise_something_else(policy):
    engine = tiny.engine(policy)
    tokens = tiny.prompt(0, 30)
    first, again, other = [
        (await engine.generate(tokens, Sampling(max_tokens=20, noise=noise))).tokens
        for noise in (2**63 + 1, 2**63 + 1, 2**63 + 2)
    ]
    await engine.close()
    assert first == again != other


def test_uniforms_are_keyed_by_position():
    """A longer message draws the same first numbers."""
    assert uniforms(7, 5) == uniforms(7, 9)[:5]
    assert uniforms(7, 5) != uniforms(8, 5)
    assert uniforms(-1, 3) == uniforms(2**128 - 1, 3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_probabilities(temperature):
    count = 20_000
    logits = torch.tensor([0.5, -1.0, 2.0, -torch.inf, 0.0])
    tokens, logprobs = draw(logits.repeat(count, 1), [temperature] * count, uniforms(3, count))
    expected = torch.softmax(logits / temperature, -1)
    seen = torch.bincount(torch.tensor(tokens), minlength=5)
    assert seen[3] == 0
    kept = expected > 0
    assert chisquare(seen[kept], expected[kept].double() * count, sum_check=False).pvalue > 1e-3
    assert torch.allclose(torch.tensor(logprobs), expected.log()[tokens])


def test_a_token_without_probability_is_never_drawn():
    """Also where the number falls on the very edge of the distribution."""
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]]).repeat(4, 1)
    tokens, _ = draw(logits, [1.0] * 4, [0.0, 0.5 - 2**-54, 0.5, 1 - 2**-53])
    assert tokens == [1, 1, 3, 3]
