"""What one episode may spend, and how it stops when that is spent."""

from collections.abc import Sequence

import pytest

from gateway.letters import Letters
from surefoot.engines.scripted import ScriptedEngine
from surefoot.formats import make_format
from surefoot.gateway import Budget, Renderer, Session, Voice
from surefoot.gateway.turn import noise_key
from surefoot.records import Dispatch, Goal, Message, ParseFault, Reply, Sampling, Tool, Variation

GOAL = Goal(family="f", split="train", index=0, prompt="go", horizon=1)
TOOL = Tool(name="read", description="read", parameters={"type": "object", "properties": {}})
DISPATCH = Dispatch(
    step=1, group=0, attempt=0, goal=GOAL, variation=Variation(name="v", format="hermes"), version=0
)
END = 1


def session(
    said: str, budget: Budget, seen: list[Sampling] | None = None, *, ends: bool = True
) -> Session:
    letters = Letters()

    def script(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
        if seen is not None:
            seen.append(sampling)
        return [*letters.encode(said, special=False), *([END] if ends else [])]

    voice = Voice(engine=ScriptedEngine(script), renderer=Renderer(letters), temperature=1.0,
                  seed=0, budget=budget)  # fmt: skip
    return Session(voice, DISPATCH, make_format("hermes"), [TOOL])


USER = [Message(role="user", content="go")]


async def test_a_message_that_is_cut_ends_the_policys_tokens_and_is_recorded() -> None:
    cut = session("yes indeed", Budget(message_tokens=4))
    assert await cut.turn(USER) is None
    given, sampled = cut.trace("tokens", ()).nodes
    assert not given.sampled
    assert (len(sampled.tokens), sampled.finish) == (4, "length")
    assert cut.trace("tokens", ()).answer == "yes "


async def test_the_context_is_never_overrun() -> None:
    budget = Budget(message_tokens=50, context_tokens=60)
    seen: list[Sampling] = []
    talk = session("ok", budget, seen)
    replies = 0
    while await talk.turn(USER) is not None:
        replies += 1
    nodes = talk.trace("tokens", ()).nodes
    spoken = max(at for at, node in enumerate(nodes) if node.sampled)
    assert replies >= 1
    assert sum(len(node.tokens) for node in nodes[: spoken + 1]) <= budget.context_tokens
    assert all(sampling.max_tokens <= 50 for sampling in seen)


async def test_a_prompt_without_room_samples_nothing() -> None:
    talk = session("ok", Budget(context_tokens=3))
    assert await talk.turn(USER) is None
    assert [node.sampled for node in talk.trace("tokens", ()).nodes] == [False]
    assert talk.trace("tokens", ()).answer == ""


async def test_calls_and_unreadable_messages_are_counted() -> None:
    calls = session('<tool_call>{"name": "read", "arguments": {}}</tool_call>', Budget())
    read = await calls.turn(USER)
    assert isinstance(read, Reply)
    assert [call.name for call in read.calls] == ["read"]
    broken = session('<tool_call>{"name": ', Budget())
    assert isinstance(await broken.turn(USER), ParseFault)
    assert (calls.trace("finished", ()).calls, calls.trace("finished", ()).faults) == (1, 0)
    assert (broken.trace("finished", ()).calls, broken.trace("finished", ()).faults) == (0, 1)


async def test_noise_is_keyed_by_what_is_attempted_and_not_by_when() -> None:
    seen: list[Sampling] = []
    talk = session("ok", Budget(), seen)
    await talk.turn(USER)
    await talk.turn(USER)
    again = DISPATCH.model_copy(update={"step": 7, "number": 3, "version": 5})
    assert [each.noise for each in seen] == [noise_key(0, again, turn) for turn in (0, 1)]
    other = DISPATCH.model_copy(update={"attempt": 1})
    keys = {noise_key(seed, sent, turn) for seed in (0, 1) for sent in (DISPATCH, other)
            for turn in (0, 1)}  # fmt: skip
    assert len(keys) == 8


@pytest.mark.parametrize("ends", [True, False])
async def test_every_node_hangs_on_the_one_before(ends: bool) -> None:
    talk = session("ok", Budget(message_tokens=20), ends=ends)
    await talk.turn(USER)
    await talk.turn([Message(role="tool", content="3")])
    nodes = talk.trace("finished", ()).nodes
    assert [node.parent for node in nodes] == [None, 0, 1, 2]
    assert [node.sampled for node in nodes] == [False, True, False, True]
