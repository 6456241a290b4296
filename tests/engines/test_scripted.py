"""The scripted engine keeps what every engine keeps."""

import pytest

from surefoot.engines.scripted import SCRIPTED_LOGPROB, ScriptedEngine
from surefoot.records import PolicyVersion, Sampling
from surefoot.records.errors import EngineFault


def script(tokens, sampling):
    return [*reversed(tokens), 9, 1]


async def test_it_says_its_script_up_to_the_stop_token():
    said = await ScriptedEngine(script).generate([3, 4], Sampling(max_tokens=10, stop=(9,)))
    assert said.tokens == (4, 3, 9)
    assert said.logprobs == (SCRIPTED_LOGPROB,) * 3
    assert said.finish == "stop"


@pytest.mark.parametrize(("most", "finish"), [(3, "length"), (4, "length"), (5, "stop")])
async def test_it_ends_at_the_limit(most, finish):
    said = await ScriptedEngine(script).generate([3, 4], Sampling(max_tokens=most))
    assert said.tokens == (4, 3, 9, 1)[:most]
    assert said.finish == finish


async def test_its_tokens_carry_the_version_that_was_loaded():
    engine = ScriptedEngine(script)
    await engine.load(PolicyVersion(number=3, directory="nowhere"))
    assert (await engine.generate([3], Sampling(max_tokens=2))).versions == (3, 3)


async def test_it_refuses_when_closed():
    engine = ScriptedEngine(script)
    await engine.close()
    with pytest.raises(EngineFault, match="closed"):
        await engine.generate([3], Sampling(max_tokens=2))
