"""Law: nothing computed under old weights is used again; the cache's memory is bounded and given
back; what does not fit waits in order."""

import asyncio

import pytest
import torch

from engines import tiny
from surefoot.engines.model import Geometry, load_model
from surefoot.engines.torch_cache import BLOCK, Prefixes, Slots
from surefoot.records import PolicyVersion, Sampling


@pytest.fixture
def policy(tmp_path):
    return tiny.policy("qwen3", tmp_path / "policy")


async def test_no_prefix_survives_a_load(policy, tmp_path):
    other = tiny.policy("qwen3", tmp_path / "other", seed=1)
    engine = tiny.engine(policy)
    tokens = tiny.prompt(0, 100)
    await engine.generate(tokens, Sampling(max_tokens=5))
    assert engine._batch.prefixes.table
    await engine.load(PolicyVersion(number=1, directory=str(other)))
    assert not engine._batch.prefixes.table
    sampled = await engine.generate(tokens, Sampling(max_tokens=30))
    await engine.close()
    trained = tiny.logprobs(load_model(other, device="cpu"), tokens, sampled.tokens)
    assert sampled.versions == (1,) * 30
    assert torch.allclose(trained, torch.tensor(sampled.logprobs), atol=1e-5)


async def test_a_shared_prefix_is_computed_once(policy):
    engine = tiny.engine(policy)
    run, computed = engine.model.run, []

    def counted(tokens_N, positions_N, attend):
        computed.append(len(tokens_N))
        return run(tokens_N, positions_N, attend)

    engine.model.run = counted
    tokens = tiny.prompt(0, 200)
    group = (engine.generate(tokens, Sampling(max_tokens=1, noise=n)) for n in range(8))
    first, *_ = await asyncio.gather(*group)
    assert sum(computed) <= 200 + 7 * BLOCK
    computed.clear()
    await engine.generate([*tokens, *first.tokens, *tiny.prompt(1, 10)], Sampling(max_tokens=1))
    assert sum(computed) <= 10 + 1 + BLOCK
    await engine.close()


async def test_slots_are_free_and_memory_is_gone_at_the_end(policy):
    engine = tiny.engine(policy, max_batch=4)
    batch = engine._batch
    await asyncio.gather(
        *(engine.generate(tiny.prompt(n, 40), Sampling(max_tokens=9, noise=n)) for n in range(10))
    )
    assert not batch.busy
    assert sorted(batch.slots.free) == list(range(4))
    used = {block for _, block in batch.prefixes.table.values()}
    assert used.isdisjoint(batch.prefixes.free)
    assert len(used) + len(batch.prefixes.free) == batch.prefixes.pool.shape[3]
    await engine.close()
    assert batch.slots.kv.numel() == batch.prefixes.pool.numel() == 0


async def test_a_cancelled_message_gives_its_slot_back(policy):
    engine = tiny.engine(policy, max_batch=1)
    message = asyncio.create_task(engine.generate([1, 2, 3], Sampling(max_tokens=400)))
    await asyncio.sleep(0.02)
    message.cancel()
    await engine.generate([4, 5, 6], Sampling(max_tokens=3))
    assert message.cancelled()
    assert engine._batch.slots.free == [0]
    await engine.close()


async def test_what_does_not_fit_waits_in_order(policy):
    """Two slots only: messages end in the order in which they came."""
    engine = tiny.engine(policy, max_batch=2)
    ended: list[int] = []

    async def one(number: int) -> None:
        await engine.generate(tiny.prompt(number, 20 + number), Sampling(max_tokens=5))
        ended.append(number)

    await asyncio.gather(*map(one, range(8)))
    await engine.close()
    assert [n // 2 for n in ended] == [n // 2 for n in range(8)]


async def test_slots_grow_under_messages_in_flight(policy):
    """A long message joins short ones that decode; all say what they say alone."""
    engine = tiny.engine(policy)
    short = asyncio.create_task(engine.generate(tiny.prompt(0, 20), Sampling(max_tokens=90)))
    await asyncio.sleep(0.02)
    long = await engine.generate(tiny.prompt(1, 300), Sampling(max_tokens=90, noise=1))
    model = load_model(policy, device="cpu")
    for tokens, sampled in ((tiny.prompt(0, 20), await short), (tiny.prompt(1, 300), long)):
        trained = tiny.logprobs(model, tokens, sampled.tokens)
        assert torch.allclose(trained, torch.tensor(sampled.logprobs), atol=1e-5)
    assert engine._batch.slots.capacity == 512
    await engine.close()


def test_memory_that_holds_no_tokens_yet_is_never_felt():
    """A short row beside a long one reads zeros where it has nothing, whatever memory held."""
    slots = Slots(Geometry(1, 1, 2), 2, 256, torch.empty(0))
    assert not slots.kv.any()
    slots.kv.fill_(torch.nan)
    slots.resize(128, [])
    assert not slots.kv.any()
    slots.kv.fill_(torch.nan)
    slots.wipe()
    assert not slots.kv.any()


def test_prefixes_give_back_what_they_were_given_and_drop_the_oldest():
    prefixes = Prefixes(Geometry(1, 1, 2), 4, torch.empty(0))
    slot = torch.arange(2 * 24 * 2, dtype=torch.float32).view(1, 2, 1, 24, 2)
    prefixes.keep(list(range(24)), slot)
    found = prefixes.find(list(range(24)))
    assert len(found.blocks) == 2, "the last token is always computed"
    copied = torch.zeros_like(slot)
    prefixes.copy_to(copied, found.blocks)
    assert torch.equal(copied[:, :, :, :16], slot[:, :, :, :16])
    prefixes.keep(list(range(50, 66)), slot)
    assert len(prefixes.find(list(range(50, 70))).blocks) == 2
    assert len(prefixes.table) == 4
    assert not prefixes.find([7, *range(1, 24)]).blocks
